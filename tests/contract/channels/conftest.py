from collections.abc import Iterator

import pytest

from tests.contract.channels.setups import SETUPS, Ready

ALL = [
    pytest.param(setup, id=f"{kind}-{number}") for kind, setups in SETUPS.items() for number, setup in enumerate(setups)
]
OVER_A_NETWORK = [param for param in ALL if not str(param.id).startswith("console")]


@pytest.fixture(params=ALL)
def ready(request: pytest.FixtureRequest) -> Iterator[Ready]:
    """Each channel in turn, with its provider."""
    with request.param() as setup:
        yield setup


@pytest.fixture(params=OVER_A_NETWORK)
def remote(request: pytest.FixtureRequest) -> Iterator[Ready]:
    """Each channel in turn that talks to somebody over a network."""
    with request.param() as setup:
        yield setup
