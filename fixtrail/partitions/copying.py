"""Copies a topic's records into a topic with another number of partitions, and tells which offset each one got."""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, TopicPartition

from fixtrail.partitions.routes import Route
from runtime.failure import ExitError
from runtime.kafka.whole_topic import whole_topic

FETCH_BYTES = 4 * 1024 * 1024
IN_FLIGHT = 64
READ_AT_ONCE = 2000
# Looks at the ends, five a second.
ACKNOWLEDGED_WITHIN = 150

Headers = list[tuple[str, bytes]]
# What is noted of each record copied: the record, its new partition and its new offset.
Note = Callable[[Any, int, int], None]
# The key and headers that a record gets.
Rewrite = Callable[[Any], tuple[bytes | None, Headers]]


@dataclass(slots=True)
class Copied:
    """How many records each partition of the copy holds, and where those begin that a group has not committed."""

    counts: Counter[int] = field(default_factory=Counter)
    starts: dict[str, dict[int, int]] = field(default_factory=dict)


class BatchWriter:
    """Fills record batches by partition of one topic; the offset of each record is told, as the topic was empty."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self.counts: Counter[int] = Counter()
        self._producer, self._topic = producer, topic
        self._batches: dict[int, Any] = {}
        self._futures: deque[Any] = deque()

    async def add(self, partition: int, record: Any, key: bytes | None, headers: Headers) -> int:
        """Put a record with its value and time; its offset."""
        return await self.put(partition, key, record.value, headers, record.timestamp)

    async def put(
        self, partition: int, key: bytes | None, value: bytes | None, headers: Headers, timestamp: int | None = None
    ) -> int:
        batch = self._batches.get(partition) or self._new_batch(partition)
        if batch.append(key=key, value=value, timestamp=timestamp, headers=headers) is None:
            await self._send(partition)
            batch = self._new_batch(partition)
            batch.append(key=key, value=value, timestamp=timestamp, headers=headers)
        self.counts[partition] += 1
        return self.counts[partition] - 1

    async def finish(self) -> None:
        """Return once every record is acknowledged. Raises KafkaError where one is not."""
        for partition in [*self._batches]:
            await self._send(partition)
        while self._futures:
            await self._futures.popleft()

    def _new_batch(self, partition: int) -> Any:
        batch = self._batches[partition] = self._producer.create_batch()
        return batch

    async def _send(self, partition: int) -> None:
        batch = self._batches.pop(partition)
        self._futures.append(await self._producer.send_batch(batch, self._topic, partition=partition))
        while len(self._futures) > IN_FLIGHT:
            await self._futures.popleft()


async def records_by_time(kafka: Mapping[str, Any], topic: str, partitions: list[int]) -> AsyncIterator[Any]:
    """The records up to the topic's present end: each partition's in its order, of several the older one first."""
    async with whole_topic(kafka, topic, partitions, FETCH_BYTES) as (consumer, borders):
        waiting = _Waiting(consumer, {tp: end for tp, (start, end) in borders.items() if start < end})
        heap: list[tuple[int, int, Any]] = []
        for tp in [*waiting.ends]:
            await waiting.push_next(heap, tp)
        while heap:
            _, _, record = heapq.heappop(heap)
            yield record
            await waiting.push_next(heap, TopicPartition(topic, record.partition))


class _Waiting:
    """Fetched records by partition that were not handed on yet."""

    def __init__(self, consumer: Any, ends: dict[TopicPartition, int]) -> None:
        self.ends = ends
        self._consumer = consumer
        self._buffers: dict[TopicPartition, deque[Any]] = {tp: deque() for tp in ends}

    async def push_next(self, heap: list[tuple[int, int, Any]], tp: TopicPartition) -> None:
        """Put the partition's next record on the heap, if there is one."""
        buffer = self._buffers[tp]
        while not buffer and tp in self.ends:
            fetched = await self._consumer.getmany(tp, timeout_ms=500, max_records=READ_AT_ONCE)
            buffer.extend(record for records in fetched.values() for record in records if record.offset < self.ends[tp])
            # What compaction has left out has no records, but a position.
            if await self._consumer.position(tp) >= self.ends[tp]:
                del self.ends[tp]
        if buffer:
            record = buffer.popleft()
            heapq.heappush(heap, (record.timestamp, tp.partition, record))


class RecordSource(Protocol):
    """Where a topic's records are read."""

    def records(self, topic: str, partitions: list[int]) -> AsyncIterator[Any]:
        """The records of these partitions: each one's in its order, of several the older one first."""


@dataclass(frozen=True, slots=True)
class KafkaSource:
    """The brokers; `kafka` are the connection arguments of an aiokafka client."""

    kafka: Mapping[str, Any]

    def records(self, topic: str, partitions: list[int]) -> AsyncIterator[Any]:
        """What the topic holds now."""
        return records_by_time(self.kafka, topic, partitions)


class TopicCopy:
    """Copies one topic into another, empty one. `commits`: by group the committed offsets of the topic's partitions."""

    def __init__(
        self, source: "RecordSource", topic: str, target: str, commits: Mapping[str, Mapping[int, int]]
    ) -> None:
        self._source, self._topic, self._target, self._commits = source, topic, target, commits
        self._copied = Copied(starts={group: {} for group in commits})

    async def run(
        self,
        producer: AIOKafkaProducer,
        partitions: list[int],
        route: Route,
        *,
        rewrite: Rewrite | None = None,
        note: Note | None = None,
    ) -> Copied:
        """Copy what the topic holds now. Raises KafkaError where Kafka fails; the target is then to be made anew."""
        writer = BatchWriter(producer, self._target)
        async for record in self._source.records(self._topic, partitions):
            partition = route(record)
            if partition is None:
                continue
            key, headers = rewrite(record) if rewrite else (record.key, [*record.headers])
            offset = await writer.add(partition, record, key, headers)
            self._note_commits(record, partition, offset)
            if note:
                note(record, partition, offset)
        await writer.finish()
        self._copied.counts = writer.counts
        return self._copied

    def _note_commits(self, record: Any, partition: int, offset: int) -> None:
        for group, committed in self._commits.items():
            if record.offset >= committed.get(record.partition, 0):
                self._copied.starts[group].setdefault(partition, offset)


async def borders_of(kafka: Mapping[str, Any], topic: str, partitions: int) -> dict[int, tuple[int, int]]:
    """By partition the first offset that there is, and the one behind the last."""
    async with whole_topic(kafka, topic, range(partitions)) as (_, borders):
        return {tp.partition: offsets for tp, offsets in borders.items()}


async def require_counts(kafka: Mapping[str, Any], topic: str, counts: Mapping[int, int], partitions: int) -> None:
    """Wait until every replica has what was written. Raises ExitError where the topic does not hold just that."""
    for _ in range(ACKNOWLEDGED_WITHIN):
        ends = {number: end for number, (_, end) in (await borders_of(kafka, topic, partitions)).items()}
        if all(end == counts.get(number, 0) for number, end in ends.items()):
            return
        await asyncio.sleep(0.2)
    raise ExitError(f"topic {topic} does not hold what was written to it: give the command again")
