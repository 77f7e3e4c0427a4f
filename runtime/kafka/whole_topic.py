"""Everything that a topic holds now, read once from its beginning, outside of any consumer group."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition

from runtime.kafka.client import new_consumer, stop_client

FETCH_BYTES = 16 * 1024 * 1024
WholeTopic = tuple[Any, dict[TopicPartition, tuple[int, int]]]


@asynccontextmanager
async def whole_topic(
    kafka: Mapping[str, Any], topic: str, partitions: Iterable[int], fetch_bytes: int = FETCH_BYTES
) -> AsyncIterator[WholeTopic]:
    """A consumer at the beginning of the partitions, with the first offset of each and the one behind its last."""
    numbers = [TopicPartition(topic, number) for number in partitions]
    # Earliest: what is deleted meanwhile is passed over, and nothing behind it.
    options = {"auto_offset_reset": "earliest", "max_partition_fetch_bytes": fetch_bytes}
    consumer = new_consumer(**kafka, **options)
    await consumer.start()
    try:
        consumer.assign(numbers)
        starts, ends = await consumer.beginning_offsets(numbers), await consumer.end_offsets(numbers)
        for tp in numbers:
            consumer.seek(tp, starts[tp])
        yield consumer, {tp: (starts[tp], ends[tp]) for tp in numbers}
    finally:
        await stop_client(consumer)


async def records_of(kafka: Mapping[str, Any], topic: str, partitions: list[int]) -> AsyncIterator[list[Any]]:
    """The records up to the present end of the topic, a batch of one partition at a time, each in its order."""
    async with whole_topic(kafka, topic, partitions) as (consumer, borders):
        unread = [tp for tp, (start, end) in borders.items() if start < end]
        while unread:
            batches = await consumer.getmany(*unread, timeout_ms=500, max_records=5000)
            for tp, records in batches.items():
                yield [record for record in records if record.offset < borders[tp][1]]
            # What compaction has left out has no records, but a position.
            unread = [tp for tp in unread if await consumer.position(tp) < borders[tp][1]]
