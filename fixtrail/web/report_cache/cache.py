"""Reports computed in the background: each at most once at a time, two at once in all, the last one shown meanwhile."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from fixtrail.settings import NoEndpointError
from runtime.failure import USAGE, ExitError
from schemas.times import DAY_S

if TYPE_CHECKING:
    from fixtrail.reports.report import Report

log = logging.getLogger(__name__)

# A report younger than that is shown as it is; an older one is shown with its time while a new one is computed.
FRESH_S = 300.0
OLDEST_S = DAY_S
# What nobody waits for, such as a badge, is computed so often at most.
UNHURRIED_S = 1800.0
PATIENCE_S = 2.0
# The dashboard does not ask again for what was refused so lately.
AGAIN_AFTER_S = 60.0
MOST_RUNNING = 2
MOST_KEPT = 50
RETRY_AFTER_S = (2.0, 10.0, 30.0)
# ClickHouse's own numbers of errors.
_CODE = re.compile(r"Code: (\d+)")
_REASONS = {"159": "too_long", "160": "too_long", "241": "too_much_memory", "60": "no_views", "81": "no_views"}
# Another try may help: somebody else's query, a server that starts.
_PASSING = frozenset({"unreachable", "too_long", "too_much_memory", "failed"})


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Which report: its name, the days of close, both included, and what it is cut by; of `data` center and source."""

    name: str
    since: date | None = None
    until: date | None = None
    by: str | None = None
    center: str = ""
    source: str = ""
    # Of `parts`: with the next 30 days.
    forecast: bool = False


@dataclass(frozen=True, slots=True)
class ReportRefusal:
    """Why a report could not be computed: a word of the catalogue, [analysis.why], for both languages."""

    reason: str


@dataclass(frozen=True, slots=True)
class Computing:
    """How far a report is: since when it is computed, questions answered, and the try that this is."""

    since: datetime
    answered: int = 0
    attempt: int = 1
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """A report with the time of its data; `newer` is the computation of one that will replace it."""

    report: "Report"
    at: datetime
    newer: Computing | None = None


Answered = Callable[[], None]
Compute = Callable[[ReportRequest, Answered], "Report"]
Outcome = Computed | ReportRefusal | Computing


class Reports:
    """Computes reports on threads, tries again where that may help, and keeps the last one of each."""

    def __init__(
        self,
        compute: Compute,
        *,
        fresh_s: float = FRESH_S,
        patience_s: float = PATIENCE_S,
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
    ) -> None:
        self._compute = compute
        self._fresh_s, self._patience_s, self._retry_after_s = fresh_s, patience_s, retry_after_s
        self._cached: dict[ReportRequest, tuple[float, Computed]] = {}
        self._running: dict[ReportRequest, asyncio.Task[Outcome]] = {}
        self._progress: dict[ReportRequest, Computing] = {}
        self._unhurried_at: dict[ReportRequest, float] = {}
        self._refused: dict[ReportRequest, tuple[float, ReportRefusal]] = {}
        self._turn = asyncio.Semaphore(MOST_RUNNING)

    async def get(self, request: ReportRequest, patience_s: float | None = None) -> Outcome:
        """The report with its time, why there is none, or how far it is; returns after some patience, whatever."""
        age, last = self._last(request)
        if last is not None and age < self._fresh_s:
            return last
        running = self._start(request)
        if running is None:
            return last or ReportRefusal("too_many")
        patience_s = self._patience_s if patience_s is None else patience_s
        done, _ = await asyncio.wait([running], timeout=0 if last else patience_s)
        if done and not (last is not None and isinstance(running.result(), ReportRefusal)):
            return running.result()
        return replace(last, newer=self._progress.get(request)) if last else self._progress[request]

    def last(self, request: ReportRequest) -> Computed | None:
        """The last report, at once; a newer one is computed unless that was begun in the last half hour."""
        age, last = self._last(request)
        begun_at = self._unhurried_at.get(request)
        is_recent = begun_at is not None and time.monotonic() - begun_at < UNHURRIED_S
        if (last is None or age > UNHURRIED_S) and not is_recent:
            self._unhurried_at = {request: time.monotonic()}
            self._start(request)
        return last

    async def glance(self, request: ReportRequest) -> Outcome:
        """The same at once; where there was none and it was refused lately, that refusal, and nothing is begun."""
        _, last = self._last(request)
        refused_at, refusal = self._refused.get(request, (-AGAIN_AFTER_S, None))
        if last is None and refusal is not None and time.monotonic() - refused_at < AGAIN_AFTER_S:
            return refusal
        return await self.get(request, patience_s=0.0)

    def _last(self, request: ReportRequest) -> tuple[float, Computed | None]:
        at, last = self._cached.get(request, (0.0, None))
        age = time.monotonic() - at
        return (age, last) if last is not None and age < OLDEST_S else (age, None)

    def _start(self, request: ReportRequest) -> asyncio.Task[Outcome] | None:
        """The computation that goes on, or a new one; None where too many go on."""
        if request not in self._running:
            if len(self._running) >= MOST_KEPT:
                return None
            self._progress[request] = Computing(datetime.now(UTC))
            self._running[request] = asyncio.create_task(self._run(request))
        return self._running[request]

    async def _run(self, request: ReportRequest) -> Outcome:
        try:
            outcome = await self._attempt(request)
            for pause_s in self._retry_after_s:
                if not isinstance(outcome, ReportRefusal) or outcome.reason not in _PASSING:
                    break
                computing = self._progress[request]
                self._progress[request] = replace(
                    computing, answered=0, attempt=computing.attempt + 1, trouble=outcome.reason
                )
                await asyncio.sleep(pause_s)
                outcome = await self._attempt(request)
            self._refused.pop(request, None)
            if isinstance(outcome, Computed):
                self._keep(request, outcome)
            elif isinstance(outcome, ReportRefusal):
                self._refused[request] = (time.monotonic(), outcome)
            return outcome
        finally:
            self._running.pop(request, None)

    def _keep(self, request: ReportRequest, computed: Computed) -> None:
        if len(self._cached) >= MOST_KEPT:
            del self._cached[min(self._cached, key=lambda key: self._cached[key][0])]
        self._cached[request] = (time.monotonic(), computed)

    async def _attempt(self, request: ReportRequest) -> Outcome:
        async with self._turn:
            at = datetime.now(UTC)
            outcome = await asyncio.to_thread(self._outcome, request)
        return outcome if isinstance(outcome, ReportRefusal) else Computed(outcome, at)

    def _outcome(self, request: ReportRequest) -> "Report | ReportRefusal":
        def answered() -> None:
            computing = self._progress[request]
            self._progress[request] = replace(computing, answered=computing.answered + 1)

        try:
            return self._compute(request, answered)
        except (ExitError, NoEndpointError) as error:
            # What the database says may hold names and values: it is for the log, not for a page.
            log.warning("report %s: %s", request.name, str(error).splitlines()[0])
            return ReportRefusal(reason_of(error))


def reason_of(error: Exception) -> str:
    """A word of the catalogue for what went wrong."""
    if isinstance(error, NoEndpointError):
        return "unreachable"
    if isinstance(error, ExitError) and error.exit_code == USAGE:
        return "settings"
    if "cannot be reached" in str(error):
        return "unreachable"
    code = _CODE.search(str(error))
    return _REASONS.get(code[1], "failed") if code else "failed"
