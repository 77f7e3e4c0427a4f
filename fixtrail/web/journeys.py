"""The read model of the pages: the newest fact of every order, read from the compacted topic `journeys`.

What other parts of the web application use of it:

    journeys.get(OrderKey("east-01", "R-1"))       the order's JourneyFact, or None
    journeys.open_at("east-01")      facts of a center's open orders; open_orders() for all centers
    journeys.cases()                 complaints and bad scores, by order
    journeys.numbered("R-1")         the orders with this number: centers number for themselves
    with journeys.subscribe(order) as changes:     (or subscribe_all())
        async for fact in changes: ...             the newest fact each time; a slow reader skips what is outdated

Facts are decoded when somebody asks for them.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Self

import orjson

from fixtrail.estimates.bay_queue import PastBayWaits
from fixtrail.estimates.past import PastVisits
from fixtrail.voices.cases import VoiceCase, cases_of
from fixtrail.web.freshness import HeartbeatTimes
from runtime.kafka.journey_table import JourneyTable
from schemas.events import VEHICLE_CORRECTED
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from schemas.times import DAY_MS
from streams.journey.ready_setting import CheckHistory

# How long a closed order's page is there: time for the survey, and to look something up.
KEPT_CLOSED_MS = 30 * DAY_MS


class _Row:
    """One order: its newest fact as bytes, what is looked for often, and the decoded fact once it was asked for."""

    __slots__ = (
        "cases",
        "events",
        "fact",
        "is_moved",
        "is_open",
        "last_event_at",
        "order",
        "raw",
        "vehicle_id",
        "version",
    )

    def __init__(self, raw: bytes, checks: CheckHistory, visits: PastVisits, bay_waits: PastBayWaits) -> None:
        fact = orjson.loads(raw)
        checks.add(fact)
        visits.add(fact)
        bay_waits.add(fact)
        self.raw = raw
        self.version = int(fact["version"])
        self.events = int(fact["event_count"])
        self.order = OrderKey.of(fact)
        self.vehicle_id: str = fact["vehicle_id"]
        self.is_open: bool = fact["status"] == "open"
        self.last_event_at: int = fact["last_event_at"]
        self.is_moved = VEHICLE_CORRECTED in fact.get("anomalies", ())
        self.cases = () if self.is_moved else tuple(cases_of(fact))
        self.fact: JourneyFact | None = None

    def decoded(self) -> JourneyFact:
        fact = JourneyFact.model_validate_json(self.raw) if self.fact is None else self.fact
        if self.is_open:
            # Boards ask for these again and again; closed ones are many and seldom looked at.
            self.fact = fact
        return fact


class Changes:
    """What changed since a reader last looked, each order once: an async iterator of facts, newest state only."""

    __slots__ = ("_changed", "_closed", "_journeys", "_leave", "_waker")

    def __init__(self, journeys: "Journeys", leave: Callable[["Changes"], None]) -> None:
        self._journeys = journeys
        self._leave = leave
        self._changed: dict[OrderKey, None] = {}
        self._waker: asyncio.Future[None] | None = None
        self._closed = False

    def note(self, order: OrderKey) -> None:
        self._changed[order] = None
        self.wake()

    def wake(self) -> None:
        """Let a reader that waits look around, although nothing may have changed."""
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    def close(self) -> None:
        """End the iteration; a reader that waits goes on at once."""
        self._closed = True
        self._leave(self)
        self.wake()

    @property
    def closed(self) -> bool:
        return self._closed

    def pop_facts(self) -> list[JourneyFact]:
        """The newest facts of the orders that changed, now."""
        changed, self._changed = self._changed, {}
        return [fact for order in changed if (fact := self._journeys.get(order)) is not None]

    def clear(self) -> None:
        """Forget all changes so far."""
        self._changed.clear()

    async def wait(self, limit_s: float) -> bool:
        """Whether something has changed, as soon as it has; False at the end of the time, when closed or woken."""
        if not self._changed and not self._closed:
            loop = asyncio.get_running_loop()
            self._waker = loop.create_future()
            timer = loop.call_later(limit_s, self.wake)
            try:
                await self._waker
            finally:
                timer.cancel()
                self._waker = None
        return bool(self._changed) and not self._closed

    async def __aiter__(self) -> AsyncIterator[JourneyFact]:
        while not self._closed:
            await self.wait(60.0)
            for fact in self.pop_facts():
                yield fact

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()


class _LiveTable(JourneyTable[_Row]):
    """The table that also notes the heartbeats that came through the workers."""

    def __init__(self, parse: Callable[[bytes], _Row], is_expired: Callable[[_Row, int], bool]) -> None:
        super().__init__(parse, is_expired)
        self.heartbeats = HeartbeatTimes()

    def apply(self, records: Iterable[Any]) -> None:
        batch = list(records)
        self.heartbeats.note(batch)
        super().apply(batch)


class Journeys:
    """The newest fact of every open order, and of those closed within 30 days."""

    def __init__(self) -> None:
        self.checks = CheckHistory()
        self.visits = PastVisits()
        self.bay_waits = PastBayWaits()
        self.table = _LiveTable(self._row, _is_old)
        self.table.on_order_change(self._note)
        # Set once all that was in the topic at the start has been read.
        self.read = self.table.read
        self._open: defaultdict[str, dict[OrderKey, None]] = defaultdict(dict)
        self._with_cases: dict[OrderKey, None] = {}
        self._of_order: dict[OrderKey, set[Changes]] = {}
        self._of_all: set[Changes] = set()

    def _row(self, raw: bytes) -> _Row:
        return _Row(raw, self.checks, self.visits, self.bay_waits)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def open_count(self) -> int:
        return sum(map(len, self._open.values()))

    def get(self, order: OrderKey, vehicle_id: str | None = None) -> JourneyFact | None:
        """The order's newest fact; of two vehicles the one with the newer events, or the one that is asked for."""
        row = self.table.order(order, vehicle_id)
        return None if row is None else row.decoded()

    def version(self, order: OrderKey, vehicle_id: str | None = None) -> int | None:
        """The version of the order's newest fact, without decoding it."""
        row = self.table.order(order, vehicle_id)
        return None if row is None else row.version

    def event_count(self, order: OrderKey, vehicle_id: str | None = None) -> int | None:
        """How many events of its own the order's newest fact is of, without decoding it."""
        row = self.table.order(order, vehicle_id)
        return None if row is None else row.events

    def vehicles(self, order: OrderKey) -> list[JourneyFact]:
        """The newest fact of each vehicle that the order's events name."""
        return [row.decoded() for row in self.table.vehicles(order)]

    def numbered(self, order_id: str) -> list[OrderKey]:
        """The orders with this number, one for each center that has one."""
        return self.table.numbered(order_id)

    def open_at(self, center_id: str) -> list[JourneyFact]:
        """The open orders of a center, in no particular order."""
        return self._decoded(self._open.get(center_id, ()))

    def open_orders(self) -> list[JourneyFact]:
        return [fact for orders in self._open.values() for fact in self._decoded(orders)]

    def cases(self) -> list[tuple[OrderKey, tuple[VoiceCase, ...]]]:
        """The orders with complaints or a bad score, and these; of orders without any event for 30 days none."""
        rows = [row for order in self._with_cases if (row := self.table.order(order)) is not None]
        return [(row.order, row.cases) for row in rows]

    def cases_of(self, order: OrderKey) -> tuple[VoiceCase, ...]:
        """The complaints and the bad score of one order."""
        row = self.table.order(order)
        return () if row is None else row.cases

    def _decoded(self, orders: Iterable[OrderKey]) -> list[JourneyFact]:
        return [row.decoded() for order in orders if (row := self.table.order(order)) is not None]

    def subscribe(self, order: OrderKey) -> Changes:
        """A subscription to the changes of one order from now on; a context manager."""
        changes = Changes(self, lambda left_changes: self._leave(order, left_changes))
        self._of_order.setdefault(order, set()).add(changes)
        return changes

    def subscribe_all(self) -> Changes:
        """A subscription to the changes of all orders from now on."""
        changes = Changes(self, self._of_all.discard)
        self._of_all.add(changes)
        return changes

    def wake(self, order: OrderKey) -> None:
        """Let those who wait for this order look whether they still may."""
        for changes in list(self._of_order.get(order, ())):
            changes.wake()

    def close(self) -> None:
        """End all subscriptions."""
        for changes in [
            *self._of_all,
            *(subscription for readers in self._of_order.values() for subscription in readers),
        ]:
            changes.close()

    def _leave(self, order: OrderKey, changes: Changes) -> None:
        readers = self._of_order.get(order, set())
        readers.discard(changes)
        if not readers:
            self._of_order.pop(order, None)

    def _note(self, order: OrderKey, before: _Row | None, after: _Row | None) -> None:
        if before is not None:
            self._open[order.center_id].pop(order, None)
        if after is None:
            self._with_cases.pop(order, None)
            self.wake(order)
            return
        if after.cases:
            self._with_cases[order] = None
        else:
            self._with_cases.pop(order, None)
        if after.is_open:
            self._open[order.center_id][order] = None
        for changes in (*self._of_order.get(order, ()), *self._of_all):
            changes.note(order)


def _is_old(row: _Row, now: int) -> bool:
    return not row.is_open and row.last_event_at < now - KEPT_CLOSED_MS
