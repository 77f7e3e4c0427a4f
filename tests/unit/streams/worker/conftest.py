"""The end of a worker's process, as its parts see it."""

import pytest

from runtime.failure import BUG
from streams.worker import lease, outbox


class StoppedError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit codes with which the process would have ended."""
    codes: list[int] = []

    def fail_stop(reason: str, code: int = BUG) -> None:
        codes.append(code)
        raise StoppedError(reason)

    for module in (lease, outbox):
        monkeypatch.setattr(module, "fail_stop", fail_stop)
    return codes
