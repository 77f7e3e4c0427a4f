"""What operators' networks and topics do to a box: names that move to another address, records deleted in an outage."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from runtime import retry
from runtime.kafka.admin import admin_client
from runtime.kafka.client import new_consumer, stop_client
from sinks.clickhouse.connection import ClickHouse
from sinks.clickhouse.writer import WriterConfig, run_writer
from tests.chaos.proxy import Proxy
from tests.clickhouse_node import free_ports
from tests.contract.broker.brokers import EmbeddedBroker, start_embedded
from tests.contract.consumers.boxes import BOXES, HASH_KEY, BoxKind, RunningBox, World, record_of
from tests.contract.consumers.conftest import PARTITIONS
from tests.contract.consumers.test_consumers import send, until, until_all_is_done
from tests.kafka_io import _partitions_of

COMMITTING = [kind for kind in BOXES if kind.commits]
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
NAME = "clickhouse.workshop.test"
RETENTION_MS = 4000
LOST = 10


class Names:
    """The resolver of names, which an operator changes: NAME is at `address`, everything else where it always is."""

    def __init__(self) -> None:
        self.address = FIRST
        self._usual = socket.getaddrinfo

    def look_up(self, host: Any, *arguments: Any, **options: Any) -> Any:
        return self._usual(self.address if host == NAME else host, *arguments, **options)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    return names


@pytest.fixture
def elsewhere(world: World) -> Iterator[Proxy]:
    """The same ClickHouse at another address, which does not answer yet."""
    proxy = Proxy(world.proxy.port, world.clickhouse.http_port, SECOND)
    yield proxy
    proxy.stop()


async def _run_by_name(world: World, instance: str, stop: asyncio.Event, progress: Any) -> int:
    server = world.clickhouse.server()
    settings = ClickHouse(f"http://{NAME}:{world.proxy.port}", server.user, server.password)
    config = WriterConfig(world.kafka, settings, HASH_KEY, group="contract-writer", instance=instance, flush_s=0.1)
    return await run_writer(config, stop, progress)


async def test_a_name_that_moves_to_another_address_is_looked_up_anew(
    world: World, names: Names, elsewhere: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "LONGEST_PAUSE_S", 1.0)
    kind = BOXES[0]
    box = RunningBox(BoxKind(kind.name, kind.topic, kind.good, _run_by_name), world, "one")
    box.start()
    await send(box, record_of(kind.good("R1")))
    await until_all_is_done(box, 1)

    names.address = SECOND
    world.proxy.set("refuse")
    await send(box, record_of(kind.good("R2")))
    await until(lambda: not box.progress.ready)
    elsewhere.start()

    await until_all_is_done(box, 2)
    await until(lambda: box.progress.ready)
    assert await box.stop() == 0


async def test_brokers_that_all_move_to_other_addresses_are_found_by_the_bootstrap_servers(tmp_path: Path) -> None:
    """A client that asks only the brokers that it knows would try their old addresses for ever."""
    broker = start_embedded(tmp_path)
    (second,) = free_ports(1)
    servers = f"{broker.bootstrap},{FIRST}:{second}"
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    consumer = new_consumer(bootstrap_servers=servers, group_id="moved", auto_offset_reset="earliest")
    try:
        async with admin_client({"bootstrap_servers": servers}) as admin:
            await admin.create_topics([NewTopic("moved", 1, 1)])
        await producer.start()
        await producer.send_and_wait("moved", b"before")
        consumer.subscribe(["moved"])
        await consumer.start()
        assert (await asyncio.wait_for(consumer.getone(), 60)).value == b"before"
        await consumer.commit()
        broker.stop()
        (tmp_path / "port").write_text(str(second))
        broker = start_embedded(tmp_path)

        await asyncio.wait_for(producer.send_and_wait("moved", b"after"), 60)
        assert (await asyncio.wait_for(consumer.getone(), 60)).value == b"after"
    finally:
        await stop_client(producer)
        await stop_client(consumer)
        broker.stop()


@pytest.fixture
def brief_topics(broker: EmbeddedBroker) -> None:
    """The boxes' topics as somebody may have made them: nothing is kept longer than a few seconds."""

    async def create() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        settings = {"cleanup.policy": "delete", "retention.ms": str(RETENTION_MS), "segment.ms": "50"}
        try:
            topics = [NewTopic(kind.topic, PARTITIONS, 1, topic_configs=settings) for kind in COMMITTING]
            await admin.create_topics(topics)
        finally:
            await admin.close()

    asyncio.run(create())


@pytest.mark.parametrize("kind", COMMITTING, ids=lambda kind: kind.name)
async def test_records_deleted_in_an_outage_are_counted_and_told_and_the_rest_goes_on(
    brief_topics: None, kind: BoxKind, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    box = RunningBox(kind, world, "one")
    box.start()
    await send(box, *(record_of(kind.good(f"R{number}")) for number in range(LOST)))
    await until_all_is_done(box, LOST)
    assert await box.stop() == 0
    await send(box, *(record_of(kind.good(f"R{number}")) for number in range(LOST)))
    await _all_gone(world.bootstrap, kind.topic)

    box = RunningBox(kind, world, "one")
    with caplog.at_level(logging.ERROR):
        box.start()
        await until(lambda: _lost(box) == LOST)
    await until(lambda: box.progress.ready)
    await send(box, record_of(kind.good("R1")))
    await until_all_is_done(box, 2 * LOST + 1)

    assert "records were deleted before they were read" in caplog.text
    assert await box.stop() == 0


def _lost(box: RunningBox) -> float:
    return sum(value for measure, value in box.progress.gauges.items() if measure[0] == "lost_records")


async def _all_gone(bootstrap: str, topic: str) -> None:
    """Return once retention has emptied the topic."""
    partitions = await _partitions_of(bootstrap, topic)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        while await consumer.beginning_offsets(partitions) != await consumer.end_offsets(partitions):
            await asyncio.sleep(0.2)
    finally:
        await consumer.stop()
