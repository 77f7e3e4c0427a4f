"""The one back-off of all boxes: from 0.5 s to 30 s between two attempts, ended by a stop."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from runtime.progress import Progress

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
TICK_S = 5.0

T = TypeVar("T")


class StopRequestedError(RuntimeError):
    """The process was asked to stop before something could be done; trying again is the next start's."""


def pauses() -> Iterator[float]:
    """The seconds to wait before each next attempt: 0.5, 1, 2 … 30, 30."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


class Retry:
    """Repeats an attempt until it succeeds or the process is asked to stop.

    A box that tries again is not ready. Waiting for another system is progress: the watchdog is for our own stalls.
    """

    def __init__(self, stop: asyncio.Event, progress: Progress) -> None:
        self._stop, self._progress = stop, progress

    async def until_done(
        self, attempt: Callable[[], Awaitable[T]], errors: tuple[type[Exception], ...], failure_text: str
    ) -> T:
        """The result of the first attempt that raises none of the errors; `failure_text` goes wrong stands in the log.

        Raises StopRequestedError where an attempt fails after the stop; there always is one attempt.
        """
        failures = 0
        next_pause = pauses()
        try:
            while True:
                try:
                    return await attempt()
                except errors as error:
                    self._progress.outages += not failures
                    self._progress.ready = False
                    failures += 1
                    text = f"{failure_text}: {error or type(error).__name__}"
                    self._progress.waits[next_pause] = text
                    if self._stop.is_set():
                        raise StopRequestedError(failure_text) from error
                    await self._wait(next(next_pause), text)
        finally:
            self._progress.waits.pop(next_pause, None)
            self._progress.outages -= bool(failures)

    async def _wait(self, seconds: float, reason: str) -> None:
        """Sleep, or until asked to stop."""
        log.warning("%s; next attempt in %.1f s", reason, seconds)
        deadline = time.monotonic() + seconds
        while not self._stop.is_set() and (remaining_s := deadline - time.monotonic()) > 0:
            self._progress.moved += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(remaining_s, TICK_S))
