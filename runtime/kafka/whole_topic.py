"""Everything that a topic holds now, read once from its beginning, outside of any consumer group."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from runtime.kafka.client import stop_client

FETCH_BYTES = 16 * 1024 * 1024


async def records_of(kafka: Mapping[str, Any], topic: str, partitions: list[int]) -> AsyncIterator[list[Any]]:
    """The records up to the present end of the topic, a batch of one partition at a time, each in its order."""
    numbers = [TopicPartition(topic, number) for number in partitions]
    consumer = AIOKafkaConsumer(**kafka, enable_auto_commit=False, max_partition_fetch_bytes=FETCH_BYTES)
    await consumer.start()
    try:
        consumer.assign(numbers)
        starts, ends = await consumer.beginning_offsets(numbers), await consumer.end_offsets(numbers)
        for tp in numbers:
            consumer.seek(tp, starts[tp])
        left = [tp for tp in numbers if starts[tp] < ends[tp]]
        while left:
            batches = await consumer.getmany(*left, timeout_ms=500, max_records=5000)
            for tp, records in batches.items():
                yield [record for record in records if record.offset < ends[tp]]
            # What compaction has left out has no records, but a position.
            left = [tp for tp in left if await consumer.position(tp) < ends[tp]]
    finally:
        await stop_client(consumer)
