"""The newest fact of every journey that may still have a notice, read from the compacted topic `journeys`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from runtime.kafka.journey_table import JourneyTable
from runtime.kafka.table import follow_tables
from schemas.order_key import OrderKey
from schemas.times import DAY_MS
from streams.journey.facts import is_of_no_vehicle
from streams.journey.notices import is_awaited
from streams.journey.packed import packed
from streams.journey.ready_setting import CheckHistory

# A closed order is of interest for as long as a notice of it may wait: three days, with room.
KEPT_CLOSED_MS = 7 * DAY_MS

_NEEDED = (
    *("version", "status", "timeline", "activity", "activity_since", "quote_pending", "promised_at", "promises"),
    *("checked_in_at", "ready_at", "closed_at", "last_event_at", "center_id", "lane"),
)

_OF_PART = ("part_no", "backordered_at", "fulfilled_at", "cancelled_at", "expected_at")

Fact = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NoticeJourney:
    """What is kept of an order: its fact without what no notice needs, packed; `closed_at` is None while it is open."""

    order: OrderKey
    vehicle_id: str
    version: int
    last_event_at: int
    closed_at: int | None
    fact: bytes
    is_moved: bool = False


class NoticeJourneys(JourneyTable[NoticeJourney]):
    """A read model in memory: every open order, and those closed within a week."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self.checks = CheckHistory()
        super().__init__(self._row, _was_closed_long_ago)
        self._kafka = kafka

    def fact(self, order: OrderKey) -> Fact | None:
        """The fields of an order's fact that decide whether a notice is true."""
        row = self.order(order)
        return None if row is None else {**orjson.loads(row.fact), "vehicle_id": row.vehicle_id}

    def _row(self, value: bytes) -> NoticeJourney:
        fact = orjson.loads(value)
        self.checks.add(fact)
        needed = {name: fact[name] for name in _NEEDED}
        needed["parts"] = [{name: part[name] for name in _OF_PART} for part in fact["parts"] if is_awaited(part)]
        quote = fact["quote"]
        needed["currency"] = quote["currency"] if quote else None
        last_event_at = int(fact["last_event_at"])
        closed_at = None if fact["status"] == "open" else last_event_at
        order, vehicle_id, version = OrderKey.of(fact), fact["vehicle_id"], int(fact["version"])
        return NoticeJourney(
            order, vehicle_id, version, last_event_at, closed_at, packed(needed), is_of_no_vehicle(fact)
        )

    async def run(self) -> None:
        """Follow the topic until cancelled."""
        await follow_tables(self._kafka, [self])


def _was_closed_long_ago(row: NoticeJourney, now: int) -> bool:
    return row.closed_at is not None and row.closed_at < now - KEPT_CLOSED_MS
