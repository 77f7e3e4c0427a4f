"""The read model of the pages: the newest fact of every order, read from the compacted topic `journeys`.

It belongs to no consumer group: every process reads all of the topic from its start, so any number of them run side by
side without a database. What other parts of the web application use of it:

    journeys.get("R-1")              the order's JourneyFact, or None
    journeys.open_at("east-01")      facts of a center's open orders; open_orders() for all centers
    with journeys.subscribe("R-1") as changes:     (or subscribe_all())
        async for fact in changes: ...             the newest fact each time; a slow reader skips what is outdated

Everything runs on one event loop; facts are decoded when somebody asks for them.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import orjson

from runtime.kafka.follow import from_the_beginning
from runtime.progress import Progress
from schemas.facts import JourneyFact
from schemas.times import DAY_MS
from schemas.topics import JOURNEYS

log = logging.getLogger(__name__)

# How long a closed order's page is there: time for the survey, and to look something up.
KEPT_CLOSED_MS = 30 * DAY_MS
LOOK_EVERY_S = 5.0
WAIT_S = 0.05
TOPICS_LIMIT_S = 20.0
RECORDS_AT_ONCE = 1000


class _Kept:
    """One order: its newest fact as bytes, what is looked for often, and the decoded fact once it was asked for."""

    __slots__ = ("center_id", "fact", "is_open", "last_event_at", "raw", "version")

    def __init__(self, raw: bytes, fact: Mapping[str, Any]) -> None:
        self.raw = raw
        self.version = int(fact["version"])
        self.center_id: str | None = fact["center_id"]
        self.is_open: bool = fact["status"] == "open"
        self.last_event_at: int = fact["last_event_at"]
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
        self._changed: dict[str, None] = {}
        self._waker: asyncio.Future[None] | None = None
        self._closed = False

    def note(self, order_id: str) -> None:
        self._changed[order_id] = None
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

    def take(self) -> list[JourneyFact]:
        """The newest facts of the orders that changed, now."""
        changed, self._changed = self._changed, {}
        return [fact for order_id in changed if (fact := self._journeys.get(order_id)) is not None]

    def clear(self) -> None:
        """Nothing of what changed so far is of interest any more."""
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
            for fact in self.take():
                yield fact

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()


class Journeys:
    """The newest fact of every open order, and of those closed within 30 days."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or Progress()
        self._kept: dict[str, _Kept] = {}
        self._open: defaultdict[str | None, dict[str, None]] = defaultdict(dict)
        self._of_order: dict[str, set[Changes]] = {}
        self._of_all: set[Changes] = set()
        # Set once all that was in the topic at the start has been read.
        self.read = asyncio.Event()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, order_id: str) -> JourneyFact | None:
        """The order's newest fact."""
        kept = self._kept.get(order_id)
        return None if kept is None else kept.decoded()

    def version(self, order_id: str) -> int | None:
        """The version of the order's newest fact, without decoding it."""
        kept = self._kept.get(order_id)
        return None if kept is None else kept.version

    def open_at(self, center_id: str) -> list[JourneyFact]:
        """The open orders of a center, in no particular order."""
        return [self._kept[order_id].decoded() for order_id in self._open.get(center_id, ())]

    def open_orders(self) -> list[JourneyFact]:
        """The open orders of all centers."""
        return [self._kept[order_id].decoded() for orders in self._open.values() for order_id in orders]

    def subscribe(self, order_id: str) -> Changes:
        """What changes of one order from now on; leave it as a context manager."""
        changes = Changes(self, lambda each: self._leave(order_id, each))
        self._of_order.setdefault(order_id, set()).add(changes)
        return changes

    def subscribe_all(self) -> Changes:
        """What changes of any order from now on."""
        changes = Changes(self, self._of_all.discard)
        self._of_all.add(changes)
        return changes

    def wake(self, order_id: str) -> None:
        """Let those who wait for this order look whether they still may."""
        for changes in list(self._of_order.get(order_id, ())):
            changes.wake()

    def close(self) -> None:
        """End all subscriptions."""
        for changes in [*self._of_all, *(each for readers in self._of_order.values() for each in readers)]:
            changes.close()

    def _leave(self, order_id: str, changes: Changes) -> None:
        readers = self._of_order.get(order_id, set())
        readers.discard(changes)
        if not readers:
            self._of_order.pop(order_id, None)

    def take(self, records: Iterable[Any]) -> None:
        """Take over the records of a batch; of an order the highest version counts, older ones may come once more."""
        for record in records:
            if record.key is None:
                continue
            order_id = record.key.decode(errors="replace")
            if record.value is None:
                self._forget(order_id)
                continue
            try:
                kept = _Kept(record.value, orjson.loads(record.value))
            except (ValueError, KeyError, TypeError):
                log.warning("record %d of partition %d is no journey", record.offset, record.partition)
                continue
            before = self._kept.get(order_id)
            if before is None or kept.version > before.version:
                self._keep(order_id, kept, before)

    def _keep(self, order_id: str, kept: _Kept, before: _Kept | None) -> None:
        if before is not None and before.is_open:
            self._open[before.center_id].pop(order_id, None)
        if kept.is_open:
            self._open[kept.center_id][order_id] = None
        self._kept[order_id] = kept
        for changes in (*self._of_order.get(order_id, ()), *self._of_all):
            changes.note(order_id)

    def let_go(self, now: int) -> None:
        """Forget the orders that were closed long before `now` (ms)."""
        long_ago = now - KEPT_CLOSED_MS
        for order_id in [key for key, kept in self._kept.items() if not kept.is_open and kept.last_event_at < long_ago]:
            self._forget(order_id)

    def _forget(self, order_id: str) -> None:
        kept = self._kept.pop(order_id, None)
        if kept is not None:
            self._open[kept.center_id].pop(order_id, None)
            self.wake(order_id)

    async def follow(self, kafka: Mapping[str, Any], others: Mapping[str, Callable[[list[Any]], None]]) -> None:
        """Read the topic until cancelled, and `others`: small topics by name, whose records go to a function.

        Starts again from the beginning after whatever Kafka does; meanwhile everything stays as it was known.
        """
        await from_the_beginning(kafka, "the journeys", lambda consumer: self._follow(consumer, others))

    async def _follow(self, consumer: Any, others: Mapping[str, Callable[[list[Any]], None]]) -> None:
        # Without a group all partitions are assigned, from their beginning.
        consumer.subscribe([JOURNEYS, *others])
        await _assigned(consumer, {JOURNEYS, *others})
        partitions = sorted(consumer.assignment())
        wanted = await consumer.end_offsets(partitions)
        look_at = 0.0
        while True:
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_EVERY_S
                self.let_go(int(time.time() * 1000))
                self._show()
            fetched = await consumer.getmany(timeout_ms=1000, max_records=RECORDS_AT_ONCE)
            for tp, records in fetched.items():
                others.get(tp.topic, self.take)(records)
                self._progress.count("records", tp.topic, len(records))
            if not self.read.is_set() and all([await consumer.position(tp) >= end for tp, end in wanted.items()]):
                self.read.set()
                self._show()
            # Pages are served in between, also while there is much to read.
            await asyncio.sleep(0)

    def _show(self) -> None:
        self._progress.gauges["journeys",] = len(self._kept)
        self._progress.gauges["open_journeys",] = sum(map(len, self._open.values()))


async def _assigned(consumer: Any, wanted: set[str]) -> None:
    """Return once the consumer has partitions of all topics; without those that are not there after a while."""
    deadline = time.monotonic() + TOPICS_LIMIT_S
    while missing := wanted - {tp.topic for tp in consumer.assignment()}:
        if JOURNEYS not in missing and time.monotonic() > deadline:
            log.warning("there is no topic %s: run `fixtrail migrate`", ", ".join(sorted(missing)))
            return
        await asyncio.sleep(WAIT_S)
