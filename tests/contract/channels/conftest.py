from collections.abc import Iterator

import pytest

from tests.contract.channels.setups import SETUPS, Ready

ALL = [pytest.param(setup, id=f"{kind}-{number}") for kind, each in SETUPS.items() for number, setup in enumerate(each)]
OVER_A_NETWORK = [each for each in ALL if not str(each.id).startswith("console")]


@pytest.fixture(params=ALL)
def ready(request: pytest.FixtureRequest) -> Iterator[Ready]:
    """Each channel in turn, with its provider."""
    with request.param() as found:
        yield found


@pytest.fixture(params=OVER_A_NETWORK)
def remote(request: pytest.FixtureRequest) -> Iterator[Ready]:
    """Each channel in turn that talks to somebody over a network."""
    with request.param() as found:
        yield found
