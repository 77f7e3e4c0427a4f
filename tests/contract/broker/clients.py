"""What the tests do with a broker, in a line each."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

SESSION_MS = 1000
HEARTBEAT_MS = 150

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]], timeout_s: float = 20.0) -> T:
    """What `look` gives once it is neither None nor False; brokers settle some things in their own time."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            value = await look()
        except KafkaError:
            value = None
        if value is not None and value is not False:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {look.__doc__ or look.__name__}")
        await asyncio.sleep(0.05)


class Lab:
    """Clients of one broker."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def name(self, subject: str) -> str:
        """A topic, group or transaction name that no other test uses."""
        return f"{subject}-{uuid.uuid4().hex[:10]}"

    async def topic(self, partitions: int = 1, **settings: str) -> str:
        """A new topic; settings are written with _ for the dots."""
        name = self.name("service-events")
        configs = {key.replace("_", "."): value for key, value in settings.items()}
        async with self.admin() as admin:
            answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
            assert answer.topic_errors[0][1] == 0, answer
            await eventually(lambda: _has_leaders(admin, name, partitions))
        return name

    async def settings(self, topic: str) -> dict[str, str]:
        """The topic's settings as the broker tells them."""
        async with self.admin() as admin:
            [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def producer(self, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, **options)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    @asynccontextmanager
    async def consumer(self, *topics: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
        defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "fetch_max_wait_ms": 200}
        consumer = AIOKafkaConsumer(*topics, bootstrap_servers=self.bootstrap, **{**defaults, **options})
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def member(self, topic: str, group: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer in a group, with a short session."""
        session = {"session_timeout_ms": SESSION_MS, "heartbeat_interval_ms": HEARTBEAT_MS}
        async with self.consumer(
            topic, group_id=group, rebalance_timeout_ms=5000, **{**session, **options}
        ) as consumer:
            yield consumer

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Callable[[Any], Awaitable[Any]]]:
        """Sends single protocol requests, on a connection of its own."""
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap)
        await client.bootstrap()
        node = next(iter(client.cluster.brokers())).nodeId

        async def send(request: Any) -> Any:
            return await client.send(node, request)

        try:
            yield send
        finally:
            await client.close()

    async def send(self, topic: str, values: Iterable[bytes], partition: int = 0, **options: Any) -> list[int]:
        """Send the values as one batch where they fit; their offsets."""
        async with self.producer(linger_ms=20, **options) as producer:
            sent = [await producer.send(topic, value, partition=partition) for value in values]
            return [(await future).offset for future in sent]

    async def put(self, topic: str, records: Iterable[tuple[bytes, bytes | None]], partition: int = 0) -> list[int]:
        """Send keyed records as one batch where they fit; their offsets."""
        async with self.producer(linger_ms=20) as producer:
            sent = [await producer.send(topic, value, key=key, partition=partition) for key, value in records]
            return [(await future).offset for future in sent]

    async def read(self, topic: str, count: int, partition: int = 0, start: int = 0, **options: Any) -> list[Any]:
        """`count` records from offset `start` on, or fewer when no more come within a few seconds."""
        where = TopicPartition(topic, partition)
        async with self.consumer(**options) as consumer:
            consumer.assign([where])
            consumer.seek(where, start)
            return await take(consumer, count)

    async def read_all(self, topic: str, partition: int = 0, **options: Any) -> list[Any]:
        """All records up to the present end."""
        where = TopicPartition(topic, partition)
        records: list[Any] = []
        async with self.consumer(**options) as consumer:
            consumer.assign([where])
            end = (await consumer.end_offsets([where]))[where]
            await consumer.seek_to_beginning(where)
            deadline = time.monotonic() + 20
            while await consumer.position(where) < end:
                assert time.monotonic() < deadline, f"stuck at {await consumer.position(where)} of {end}"
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    records += batch
        return records

    async def bounds(self, topic: str, partition: int = 0, **options: Any) -> tuple[int, int]:
        """Where the partition begins and ends."""
        where = TopicPartition(topic, partition)
        async with self.consumer(**options) as consumer:
            begin = (await consumer.beginning_offsets([where]))[where]
            return begin, (await consumer.end_offsets([where]))[where]


async def take(consumer: AIOKafkaConsumer, count: int, timeout_s: float = 5.0) -> list[Any]:
    """Up to `count` records."""
    records: list[Any] = []
    deadline = time.monotonic() + timeout_s
    while len(records) < count and time.monotonic() < deadline:
        missing = count - len(records)
        for batch in (await consumer.getmany(timeout_ms=100, max_records=missing)).values():
            records += batch
    return records


async def owns(consumer: AIOKafkaConsumer, count: int, timeout_s: float = 15.0) -> None:
    """Wait until the group has given the consumer this many partitions, reading on meanwhile as a consumer must."""

    async def look() -> bool:
        await consumer.getmany(timeout_ms=20)
        return len(consumer.assignment()) == count

    await eventually(look, timeout_s)


async def _has_leaders(admin: AIOKafkaAdminClient, name: str, partitions: int) -> bool:
    [topic] = await admin.describe_topics([name])
    ready = [
        partition for partition in topic["partitions"] if partition["error_code"] == 0 and partition["leader"] >= 0
    ]
    return len(ready) == partitions
