"""Whole topics read, and records produced as they are, by plain aiokafka clients."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

FETCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RecordPosition:
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


def read_topic(bootstrap: str, topic: str) -> list[Any]:
    """Every record of the topic up to its present end, partition by partition."""
    return asyncio.run(_read_topic(bootstrap, topic))


async def _read_topic(bootstrap: str, topic: str) -> list[Any]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=100,
    )
    partitions = await _partitions_of(bootstrap, topic)
    await consumer.start()
    try:
        consumer.assign(partitions)
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for tp in partitions:
            consumer.seek(tp, starts[tp])
        by_partition: dict[TopicPartition, list[Any]] = {tp: [] for tp in partitions}
        remaining = {tp for tp in partitions if starts[tp] < ends[tp]}
        while remaining:
            for tp, records in (await consumer.getmany(*remaining, timeout_ms=500)).items():
                by_partition[tp] += [record for record in records if record.offset < ends[tp]]
            remaining = {tp for tp in remaining if await consumer.position(tp) < ends[tp]}
        return [record for tp in partitions for record in by_partition[tp]]
    finally:
        await consumer.stop()


async def _partitions_of(bootstrap: str, topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        # Asked for all topics: asking for one by name could create it.
        described = {about["topic"]: about["partitions"] for about in await admin.describe_topics()}
    finally:
        await admin.close()
    return [TopicPartition(topic, about["partition"]) for about in described[topic]]


def produce(bootstrap: str, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> list[RecordPosition]:
    """Send (key, value) records in this order; where each stands, once the broker has acknowledged all."""
    return asyncio.run(_produce(bootstrap, topic, list(records)))


async def _produce(
    bootstrap: str, topic: str, records: list[tuple[bytes | None, bytes | None]]
) -> list[RecordPosition]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, max_request_size=FETCH_BYTES, linger_ms=2
    )
    await producer.start()
    try:
        futures = [await producer.send(topic, value, key) for key, value in records]
        acknowledged = await asyncio.gather(*futures)
    finally:
        await producer.stop()
    return [RecordPosition(metadata.topic, metadata.partition, metadata.offset) for metadata in acknowledged]
