"""What only the embedded broker promises: its command line, its files, and how it starts and stops."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest

from tests.contract.broker.brokers import ROOT, EmbeddedBroker, resident_mb, start_embedded
from tests.contract.broker.clients import Lab

BROKER = [sys.executable, "-m", "fixtrail.local.broker"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def embedded(data: Path) -> Iterator[EmbeddedBroker]:
    running = start_embedded(data, "--upkeep-every", "0.3")
    yield running
    running.kill()


def test_it_says_what_it_is_for_and_listens_on_loopback_only(embedded: EmbeddedBroker, data: Path) -> None:
    log_text = (data / "broker.log").read_text()
    assert "for one machine and development only" in log_text
    assert re.fullmatch(r"127\.0\.0\.1:\d+", embedded.bootstrap)
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    port = f"{int(embedded.bootstrap.rpartition(':')[2]):04X}"
    assert {line.split()[1] for line in listening.splitlines() if f":{port} " in line and " 0A " in line} == {
        f"0100007F:{port}"
    }


async def test_sigterm_ends_it_cleanly_even_with_clients_waiting(embedded: EmbeddedBroker) -> None:
    lab = Lab(embedded.bootstrap)
    topic = await lab.topic()
    async with lab.raw() as send:
        waiting = asyncio.create_task(send(FetchRequest(30_000, 1, 1 << 20, 0, [(topic, [(0, 0, 1 << 20)])])))
        await asyncio.sleep(0.2)
        before = time.monotonic()
        assert await asyncio.to_thread(embedded.stop) == 0
        assert time.monotonic() - before < 3
        with pytest.raises(KafkaConnectionError):
            await waiting


async def test_a_request_behind_a_waiting_fetch_does_not_wait(embedded: EmbeddedBroker) -> None:
    """Kafka lets it; here the poll is answered early."""
    lab = Lab(embedded.bootstrap)
    topic = await lab.topic()
    async with lab.raw() as send:
        polling = asyncio.create_task(send(FetchRequest(20_000, 1, 1 << 20, 0, [(topic, [(0, 0, 1 << 20)])])))
        await asyncio.sleep(0.1)
        before = time.monotonic()
        await send(MetadataRequest([topic]))
        assert (await polling).topics[0][1][0][1] == 0

    assert time.monotonic() - before < 2


def test_a_data_folder_has_one_broker_at_a_time(embedded: EmbeddedBroker, data: Path) -> None:
    command = [*BROKER, "--port", "0", "--data", str(data / "broker")]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)

    assert second.returncode == 78
    assert "another broker is using" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_in_use_is_told(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [*BROKER, "--port", str(server.getsockname()[1]), "--data", str(data / "other")]
        refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)

    assert refused.returncode == 78
    assert "cannot listen" in refused.stderr


async def test_topics_are_made_on_first_use_where_that_is_asked_for(data: Path) -> None:
    running = start_embedded(data, "--auto-create", "--default-partitions", "3")
    try:
        lab = Lab(running.bootstrap)
        await lab.send("first-use", [b"event"])
        assert await lab.bounds("first-use", 2) == (0, 0)
    finally:
        running.kill()


async def test_a_torn_tail_is_cut_off(embedded: EmbeddedBroker, data: Path) -> None:
    lab = Lab(embedded.bootstrap)
    topic = await lab.topic(5)
    for partition in range(5):
        await lab.send(topic, [b"1", b"2", b"3"], partition)
    await lab.send(topic, [b"lost" * 100], 4)
    embedded.kill()
    logs = [next((data / "broker" / "topics" / topic / str(number)).glob("*.log")) for number in range(5)]
    content = logs[0].read_bytes()
    for log, tail in zip(logs, [b"\x00" * 40, b"\x00" * 400, b"\xff" * 200, content[:50]], strict=False):
        log.write_bytes(log.read_bytes() + tail)
    os.truncate(logs[4], logs[4].stat().st_size - 5)

    with _again(data):
        for partition in range(5):
            assert await lab.bounds(topic, partition) == (0, 3)
            assert await lab.send(topic, [b"4"], partition) == [3]
            assert [record.value for record in await lab.read_all(topic, partition)] == [b"1", b"2", b"3", b"4"]


async def test_a_torn_journal_line_is_cut_off(embedded: EmbeddedBroker, data: Path) -> None:
    lab = Lab(embedded.bootstrap)
    topic, group = await lab.topic(), lab.name("group")
    where = TopicPartition(topic, 0)
    embedded.kill()
    with (data / "broker" / "journal.jsonl").open("ab") as journal:
        journal.write(b'["offset","gro')

    for offset in (5, 6):
        with _again(data):
            async with lab.consumer(group_id=group) as consumer:
                consumer.assign([where])
                await consumer.commit({where: offset})
    with _again(data):
        async with lab.consumer(group_id=group) as consumer:
            consumer.assign([where])
            assert await consumer.committed(where) == 6


async def test_closed_segments_are_taken_from_their_index_or_scanned(embedded: EmbeddedBroker, data: Path) -> None:
    lab = Lab(embedded.bootstrap)
    topic = await lab.topic(segment_bytes="20000")
    values = [b"%05d" % number * 200 for number in range(100)]
    for at in range(0, 100, 5):
        await lab.send(topic, values[at : at + 5], enable_idempotence=True)
    folder = data / "broker" / "topics" / topic / "0"
    embedded.kill()
    indexes = sorted(folder.glob("*.index"))
    assert len(indexes) > 3
    indexes[0].unlink()
    indexes[1].write_bytes(indexes[1].read_bytes()[:-7])
    indexes[2].write_bytes(b"{}\n")

    with _again(data):
        assert [record.value for record in await lab.read_all(topic)] == values
        assert [record.offset for record in await lab.read(topic, 3, start=17)] == [17, 18, 19]


async def test_what_came_after_an_orderly_stop_survives_a_kill(embedded: EmbeddedBroker, data: Path) -> None:
    """The index saved at the stop covers only a part of the file then."""
    lab = Lab(embedded.bootstrap)
    topic = await lab.topic()
    async with lab.producer(enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"1")
        assert await asyncio.to_thread(embedded.stop) == 0
        with _again(data):
            for value in (b"2", b"3"):
                await producer.send_and_wait(topic, value)
        with _again(data) as running:
            await producer.send_and_wait(topic, b"4")
            assert await asyncio.to_thread(running.stop) == 0
    with _again(data):
        assert [record.value for record in await lab.read_all(topic)] == [b"1", b"2", b"3", b"4"]


async def test_a_compaction_that_was_interrupted_is_finished_or_undone(embedded: EmbeddedBroker, data: Path) -> None:
    lab = Lab(embedded.bootstrap)
    topic = await lab.topic(segment_bytes="20000", cleanup_policy="compact", min_cleanable_dirty_ratio="1")
    values = [b"%05d" % number * 200 for number in range(100)]
    for at in range(0, 100, 5):
        await lab.put(topic, [(value[:5], value) for value in values[at : at + 5]])
    folder = data / "broker" / "topics" / topic / "0"
    embedded.kill()
    logs = sorted(folder.glob("*.log"))
    (folder / f"{logs[0].stem}.cleaned").write_bytes(b"half of it")
    # As after a kill in the middle of putting one segment in the place of the second and third.
    swap = folder / f"{logs[1].stem}-{logs[3].stem}.swap"
    swap.write_bytes(logs[1].read_bytes() + logs[2].read_bytes())
    logs[1].unlink()

    with _again(data):
        assert [record.value for record in await lab.read_all(topic)] == values
    assert not [*folder.glob("*.swap"), *folder.glob("*.cleaned")]


async def test_the_journal_does_not_grow_for_ever(embedded: EmbeddedBroker, data: Path) -> None:
    lab = Lab(embedded.bootstrap)
    topic, group = await lab.topic(), lab.name("group")
    where = TopicPartition(topic, 0)
    journal = data / "broker" / "journal.jsonl"
    offset, largest = 0, 0
    async with lab.consumer(group_id=group) as consumer:
        consumer.assign([where])
        while journal.stat().st_size >= largest:
            largest = journal.stat().st_size
            offset += 1
            await consumer.commit({where: (offset, "x" * 4000)})
            assert largest < 20_000_000

        assert await consumer.committed(where) == offset
    assert largest > 1_000_000
    assert journal.stat().st_size < 100_000


async def test_memory_does_not_grow_with_the_log(embedded: EmbeddedBroker) -> None:
    lab = Lab(embedded.bootstrap)
    topic = await lab.topic()
    await lab.send(topic, [b"x" * 100_000] * 20)
    await lab.read_all(topic)
    before = resident_mb(embedded.pid)
    for _ in range(10):
        await lab.send(topic, [b"x" * 100_000] * 100)
    await lab.read_all(topic)

    assert resident_mb(embedded.pid) - before < 60


@contextmanager
def _again(data: Path) -> Iterator[EmbeddedBroker]:
    """The broker, once more on the same data and port."""
    running = start_embedded(data, "--upkeep-every", "0.3")
    try:
        yield running
    finally:
        running.kill()
