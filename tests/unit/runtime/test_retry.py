"""Trying again: how often, what the box shows meanwhile, and that a stop is heard."""

import asyncio
from itertools import islice

import pytest

from runtime import retry as retries
from runtime.progress import Progress
from runtime.retry import Retry, StopRequestedError, pauses


class Target:
    """Refuses the first `failures` attempts; what it finds in the progress at each attempt is remembered."""

    def __init__(self, failures: int, progress: Progress) -> None:
        self.failures, self.progress = failures, progress
        self.shown: list[tuple[int, bool]] = []
        self.reasons: list[str] = []

    async def attempt(self) -> str:
        self.shown.append((self.progress.outages, self.progress.ready))
        self.reasons += self.progress.reasons
        if len(self.shown) <= self.failures:
            raise OSError("away")
        return "done"


def test_pauses_grow_from_half_a_second_to_half_a_minute() -> None:
    assert [*islice(pauses(), 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_who_tries_again_is_not_ready_and_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.01)
    progress = Progress()
    progress.ready = True
    target = Target(2, progress)

    assert await Retry(asyncio.Event(), progress).until_done(target.attempt, (OSError,), "the target is away") == "done"
    assert target.shown == [(0, True), (1, False), (1, False)]
    assert (progress.outages, progress.ready) == (0, False), "the box says itself when it is ready again"
    assert target.reasons == ["the target is away: away"] * 2
    assert progress.reasons == []
    assert progress.moved == 2


async def test_a_stop_ends_the_waiting_at_once() -> None:
    stop, progress = asyncio.Event(), Progress()
    target = Target(99, progress)
    trying = asyncio.create_task(Retry(stop, progress).until_done(target.attempt, (OSError,), "the target is away"))
    await asyncio.sleep(0.05)
    stop.set()

    with pytest.raises(StopRequestedError, match="the target is away"):
        await asyncio.wait_for(trying, 0.4)
    assert progress.outages == 0
    assert len(target.shown) == 2, "once more after the stop"


async def test_other_errors_are_not_tried_again() -> None:
    async def attempt() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await Retry(asyncio.Event(), Progress()).until_done(attempt, (OSError,), "the target is away")
