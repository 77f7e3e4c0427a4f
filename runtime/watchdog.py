"""The watchdog: ends a process whose event loop or work stands still."""

import asyncio
import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

from runtime.failure import STALLED


class Watchdog:
    """Ends the process (exit code 75, all stacks dumped) when it stands still; whoever supervises starts it again.

    Standing still is: the event loop has not turned for `limit_s`, or there is work and none of it moved for as long.
    `work` says how far the work has come (any number that grows) and whether some is waiting; it is called from a
    thread of its own and must not block.
    """

    def __init__(
        self,
        limit_s: float,
        work: Callable[[], tuple[int, bool]] = lambda: (0, False),
        end: Callable[[str], object] | None = None,
    ) -> None:
        self._limit_s = limit_s
        self._work = work
        self._end = end or _end_process
        self._beat_at: float | None = None
        self._moved_at = time.monotonic()
        self._moved = 0
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch this event loop from now on; call it on the loop's own thread."""
        self._beat_at = time.monotonic()
        if not self._stopped.is_set():
            loop.call_later(min(1.0, self._limit_s / 10), self.follow, loop)

    def stalled(self) -> str | None:
        """Why the process is held to stand still, or None while it moves."""
        now = time.monotonic()
        moved, waiting = self._work()
        if moved != self._moved or not waiting:
            self._moved, self._moved_at = moved, now
        if self._beat_at is not None and now - self._beat_at > self._limit_s:
            return f"the event loop has not turned for {now - self._beat_at:.0f} s"
        if now - self._moved_at > self._limit_s:
            return f"there is work and none of it moved for {now - self._moved_at:.0f} s"
        return None

    def _watch(self) -> None:
        while not self._stopped.wait(self._limit_s / 10):
            if reason := self.stalled():
                self._end(reason)
                return


def _end_process(reason: str) -> None:
    logging.getLogger("fixtrail.watchdog").critical("stands still, ending with exit code %d: %s", STALLED, reason)
    faulthandler.dump_traceback(all_threads=True)
    sys.stderr.flush()
    os._exit(STALLED)
