"""A whole topic, read from its beginning and followed, of no consumer group."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import TopicPartition

from runtime.kafka.follow import from_the_beginning

WAIT_S = 0.05


async def follow(kafka: Mapping[str, Any], topic: str, take: Callable[[Any], object], read: asyncio.Event) -> None:
    """Give `take` every record of a topic until cancelled; begins anew after whatever Kafka does.

    `read` is set once all has been taken that stood there at the beginning.
    """
    await from_the_beginning(kafka, topic, lambda consumer: _follow(consumer, topic, take, read))


async def _follow(consumer: Any, topic: str, take: Callable[[Any], object], read: asyncio.Event) -> None:
    consumer.subscribe([topic])
    while not (partitions := sorted(consumer.assignment())):
        await asyncio.sleep(WAIT_S)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    while True:
        for records in (await consumer.getmany(timeout_ms=100, max_records=5000)).values():
            for record in records:
                take(record)
        if not read.is_set() and all([await consumer.position(tp) >= end for tp, end in ends.items()]):
            read.set()
