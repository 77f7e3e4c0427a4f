"""The newest fact of every journey that a notice may still be about, read from the compacted topic `journeys`."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

import orjson
from aiokafka import TopicPartition

from runtime.kafka.follow import from_the_beginning
from schemas.times import DAY_MS
from streams.journey.notices import is_awaited
from streams.journey.packed import packed

log = logging.getLogger(__name__)

TOPIC = "journeys"
# A closed order is of interest for as long as a notice of it may wait: three days, with room.
KEPT_CLOSED_MS = 7 * DAY_MS
LOOK_EVERY_S = 5.0
STALE_AFTER_S = 60.0
WAIT_S = 0.05

_NEEDED = (
    *("version", "status", "timeline", "activity", "activity_since", "quote_pending", "promised_at", "promises"),
    *("checked_in_at", "ready_at", "closed_at", "last_event_at", "center_id", "lane"),
)

_OF_PART = ("part_no", "backordered_at", "fulfilled_at", "cancelled_at", "expected_at")

Fact = dict[str, Any]


class Journeys:
    """A read model in memory. It belongs to no consumer group: every process reads all of the topic from its start."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self._kafka = kafka
        self._facts: dict[bytes, bytes] = {}
        self._versions: dict[bytes, int] = {}
        self._closed: dict[bytes, int] = {}  # when the last event of a closed order was
        self._complete_at: float | None = None
        self.read = asyncio.Event()

    def fact(self, order_id: str) -> Fact | None:
        """What is known of an order: the fields of its fact that decide whether a notice is true."""
        kept = self._facts.get(order_id.encode())
        return None if kept is None else orjson.loads(kept)

    def __len__(self) -> int:
        return len(self._facts)

    @property
    def is_current(self) -> bool:
        """Whether all that was in the topic a minute ago has been read."""
        return self._complete_at is not None and time.monotonic() - self._complete_at < STALE_AFTER_S

    async def run(self) -> None:
        """Follow the topic until cancelled; starts again from its beginning after whatever Kafka does."""
        await from_the_beginning(self._kafka, "the journeys", self._follow)

    async def _follow(self, consumer: Any) -> None:
        # Without a group all partitions are assigned, from their beginning.
        consumer.subscribe([TOPIC])
        while not (partitions := sorted(consumer.assignment())):
            await asyncio.sleep(WAIT_S)
        ends: dict[TopicPartition, int] = {}
        look_at = 0.0
        while True:
            if time.monotonic() >= look_at:
                asked_at = time.monotonic()
                ends = await consumer.end_offsets(partitions)
                look_at = asked_at + LOOK_EVERY_S
                self._let_go()
            for records in (await consumer.getmany(timeout_ms=100, max_records=5000)).values():
                self._take(records)
            if ends and all([await consumer.position(tp) >= end for tp, end in ends.items()]):
                self._complete_at = asked_at
                self.read.set()

    def _take(self, records: list[Any]) -> None:
        """Keep the newest version of each; after a crash older ones may come once more."""
        for record in records:
            if record.key is None:
                continue
            if record.value is None:
                self._forget(record.key)
                continue
            try:
                fact = orjson.loads(record.value)
                kept = {name: fact[name] for name in _NEEDED}
                kept["parts"] = [{name: part[name] for name in _OF_PART} for part in fact["parts"] if is_awaited(part)]
                quote = fact["quote"]
                version, closed = int(fact["version"]), fact["status"] != "open"
            except (ValueError, KeyError, TypeError):
                log.warning("record %d of partition %d is no journey", record.offset, record.partition)
                continue
            if version < self._versions.get(record.key, version):
                continue
            if closed:
                self._closed[record.key] = fact["last_event_at"]
            kept["currency"] = quote["currency"] if quote else None
            self._facts[record.key] = packed(kept)
            self._versions[record.key] = version

    def _let_go(self) -> None:
        """Forget the orders that were closed long ago; looked for while they are many, not at each record."""
        long_ago = time.time() * 1000 - KEPT_CLOSED_MS
        for key in [key for key, at in self._closed.items() if at < long_ago]:
            self._forget(key)

    def _forget(self, key: bytes) -> None:
        for kept in (self._facts, self._versions, self._closed):
            kept.pop(key, None)
