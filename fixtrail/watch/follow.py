"""A whole topic, read from its beginning and followed, of no consumer group."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)

PAUSE_S = 2.0
WAIT_S = 0.05


async def follow(kafka: Mapping[str, Any], topic: str, take: Callable[[Any], object], read: asyncio.Event) -> None:
    """Give `take` every record of a topic until cancelled; begins anew after whatever Kafka does.

    `read` is set once all has been taken that stood there at the beginning.
    """
    while True:
        consumer = AIOKafkaConsumer(**kafka, enable_auto_commit=False, auto_offset_reset="earliest")
        try:
            await consumer.start()
            await _follow(consumer, topic, take, read)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("%s cannot be read: %s; again in %.0f s", topic, type(error).__name__, PAUSE_S)
        finally:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), 15.0)
        await asyncio.sleep(PAUSE_S)


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
