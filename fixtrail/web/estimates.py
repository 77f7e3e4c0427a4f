"""The estimates that pages, board and API show: the table learned anew each day, and the record of what was shown."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from fixtrail.configuration import CenterFile
from fixtrail.estimates.cells import EstimateTable
from fixtrail.estimates.clock import OpeningClocks
from fixtrail.estimates.estimate import (
    ArrivalEstimate,
    Estimate,
    NoEstimateReason,
    OrderToEstimate,
    at_arrival,
    estimate,
)
from fixtrail.estimates.past import LEAST_VISITS, PastVisits, VisitKey, learn
from fixtrail.web.events import NotAcknowledgedError
from runtime.clock import now_ms
from schemas.centers import Center
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from schemas.shown_estimate import ShownEstimate
from schemas.times import DAY_MS, MINUTE_MS, to_ms
from schemas.topics import ESTIMATES

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
# A table as of the same midnight is learned again once so many more visits are known.
MORE_VISITS = 1.1
MOST_UNSENT = 10_000
MOST_SHOWN = 50_000

Write = Callable[[bytes, bytes, str], Awaitable[None]]
Shown = tuple[int, int, int]


class Estimates:
    """`visits` is filled with every fact that is read; `run` keeps the table new."""

    def __init__(self, visits: PastVisits, centers: CenterFile) -> None:
        self._visits, self._centers = visits, centers
        self._clocks = OpeningClocks({})
        self._clocks_of: Mapping[str, Center] = {}
        self._changed_at: dict[str, int] = {}
        self._learned_from = 0
        self._shown: OrderedDict[OrderKey, Shown] = OrderedDict()
        self._current: OrderedDict[VisitKey, tuple[tuple[int, int, int], Estimate | NoEstimateReason]] = OrderedDict()
        self._unsent: OrderedDict[tuple[OrderKey, Shown], bytes] = OrderedDict()
        self.table = EstimateTable(0)

    def of(self, fact: JourneyFact, now: int) -> Estimate | NoEstimateReason:
        """The estimate of an order at `now` (ms), or why none is shown."""
        visit = self._visits.get(fact.order, fact.vehicle_id)
        # Where work is done or the car is ready by the center's setting, nothing is left to estimate.
        if visit is None or fact.status != "open" or fact.activity in (None, "pickup", "finishing"):
            return "ready"
        parts = [part.expected_at for part in fact.parts if part.fulfilled_at is None and part.cancelled_at is None]
        expected_at = max((at for at in parts if at is not None), default=None)
        clocks = self._current_clocks()
        order = OrderToEstimate(visit, fact.last_event_at, expected_at)
        return estimate(order, self.table, clocks.of(fact.center_id), now, self._changed_at.get(fact.center_id))

    def current(self, fact: JourneyFact, now: int) -> Estimate | None:
        """The estimate of an order, as it is sorted by: of one version worked out once a minute."""
        key, minute = (fact.order, fact.vehicle_id), now // MINUTE_MS
        cached = self._current.get(key)
        if cached is None or cached[0] != (fact.version, minute, self.table.as_of):
            answer = self.of(fact, now)
            cached = self._current[key] = (fact.version, minute, self.table.as_of), answer
            if len(self._current) > MOST_SHOWN:
                self._current.popitem(last=False)
        return cached[1] if isinstance(cached[1], Estimate) else None

    def shown(self, fact: JourneyFact, now: int) -> Estimate | None:
        """The estimate that is shown to somebody now, which goes into the record; None where none is."""
        current = self.of(fact, now)
        if isinstance(current, str):
            return None
        limits = current.point_at, current.low, current.high
        if self._shown.get(fact.order) != limits:
            self._shown[fact.order] = limits
            self._unsent[fact.order, limits] = shown_estimate(fact, current, now).model_dump_json().encode()
            for cache, most in ((self._shown, MOST_SHOWN), (self._unsent, MOST_UNSENT)):
                if len(cache) > most:
                    cache.popitem(last=False)
        return current

    def at_arrival(self, center_id: str, lane: str, fault_group: str | None) -> ArrivalEstimate | NoEstimateReason:
        """What a car that arrives now may take, in opening time; or why that is not shown."""
        record = self.table.record(center_id)
        if record is None or not record.is_good:
            return "record"
        return at_arrival(self.table, lane, fault_group) or "few"

    def instant(self, center_id: str, now: int, span: float) -> int:
        """When a center has been open for a span since `now` (ms)."""
        clock = self._current_clocks().of(center_id)
        return clock.instant(clock.position(now) + round(span))

    def _current_clocks(self) -> OpeningClocks:
        """The clocks of the centers as the reference file has them now."""
        centers = self._centers.all()
        if centers is not self._clocks_of:
            self._clocks, self._clocks_of = OpeningClocks(centers), centers
            self._changed_at = {center_id: at for center_id, c in centers.items() if (at := change_over(c)) is not None}
        return self._clocks

    async def run(self, is_read: asyncio.Event, write: Write) -> None:
        """Keep the table new and send what was shown, until cancelled."""
        await is_read.wait()
        while True:
            await self._learn(now_ms())
            await self._send(write)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _learn(self, now: int) -> None:
        day, number = now // DAY_MS * DAY_MS, len(self._visits)
        if number < LEAST_VISITS or (day == self.table.as_of and number < self._learned_from * MORE_VISITS):
            return
        visits, clocks = self._visits.recent(now), OpeningClocks(self._centers.all())
        self._current_clocks()
        try:
            # On a thread: it takes a while, and pages are served meanwhile.
            self.table = await asyncio.to_thread(learn, visits, day, clocks, dict(self._changed_at))
        except (ValueError, OverflowError, TypeError):
            log.exception("no estimates can be learned")
        self._learned_from = number

    async def _send(self, write: Write) -> None:
        while self._unsent:
            key, value = next(iter(self._unsent.items()))
            try:
                await write(value, key[0].encode(), ESTIMATES)
            except NotAcknowledgedError:
                return
            self._unsent.pop(key, None)


def change_over(center: Center) -> int | None:
    """When a center changed over (ms): midnight on its clocks."""
    if center.wave_start is None:
        return None
    return to_ms(datetime.combine(center.wave_start, time_of_day(), ZoneInfo(center.time_zone)))


def shown_estimate(fact: JourneyFact, current: Estimate, now: int) -> ShownEstimate:
    """What stands in topic `estimates` of an estimate that somebody is shown at `now` (ms)."""
    assert fact.activity is not None
    return ShownEstimate(
        center_id=fact.center_id,
        order_id=fact.order_id,
        shown_at=now,
        point_at=current.point_at,
        activity=fact.activity,
        promised_at=fact.promised_at,
        low=current.low,
        middle=current.middle,
        high=current.high,
        late_probability=current.late_probability,
        as_of=current.as_of,
    )
