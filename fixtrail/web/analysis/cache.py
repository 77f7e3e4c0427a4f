"""Reports that were computed a short while ago: each at most once at a time, two at once in all."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from fixtrail.settings import NoEndpointError
from runtime.failure import Failure

if TYPE_CHECKING:
    from fixtrail.reports.report import Report

log = logging.getLogger(__name__)

KEPT_S = 300.0
PATIENCE_S = 20.0
AT_ONCE = 2
MOST_KEPT = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report: its name, the days of handoff, both included, and what it is cut by."""

    name: str
    since: date | None = None
    until: date | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a report could not be computed."""

    reason: str


Compute = Callable[[Asked], "Report"]


class Reports:
    """Computes reports on threads and keeps them for some minutes."""

    def __init__(self, compute: Compute, *, kept_s: float = KEPT_S, patience_s: float = PATIENCE_S) -> None:
        self._compute = compute
        self._kept_s, self._patience_s = kept_s, patience_s
        self._done: dict[Asked, tuple[float, Report | Refused]] = {}
        self._running: dict[Asked, asyncio.Task[Report | Refused]] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def get(self, asked: Asked) -> "Report | Refused | None":
        """The report, or why there is none; None while it is still being computed after some patience."""
        kept = self._done.get(asked)
        if kept and time.monotonic() - kept[0] < self._kept_s:
            return kept[1]
        if asked not in self._running:
            if len(self._running) >= MOST_KEPT:
                return Refused("too many reports are being computed")
            self._running[asked] = asyncio.create_task(self._run(asked))
        running = self._running[asked]
        done, _ = await asyncio.wait([running], timeout=self._patience_s)
        return running.result() if done else None

    async def _run(self, asked: Asked) -> "Report | Refused":
        try:
            async with self._turn:
                outcome = await asyncio.to_thread(self._outcome, asked)
            if len(self._done) >= MOST_KEPT:
                del self._done[min(self._done, key=lambda each: self._done[each][0])]
            if not isinstance(outcome, Refused):
                self._done[asked] = (time.monotonic(), outcome)
            return outcome
        finally:
            self._running.pop(asked, None)

    def _outcome(self, asked: Asked) -> "Report | Refused":
        try:
            return self._compute(asked)
        except (Failure, NoEndpointError) as error:
            log.warning("report %s: %s", asked.name, str(error).splitlines()[0])
            return Refused(str(error).splitlines()[0])
