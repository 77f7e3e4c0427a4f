"""Clients that send nonsense or stand still harm nobody but themselves."""

import asyncio
import signal
import socket
import struct
import sys
import time

import pytest

from tests.contract.broker.brokers import RunningBroker, resident_mb
from tests.contract.broker.clients import Lab

UNSUPPORTED_VERSION = 35
METADATA, API_VERSIONS = 3, 18

NONSENSE = {
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a TLS hello": bytes.fromhex("160301020001000001fc0303"),
    "a negative length": struct.pack(">i", -5) + b"xxxxx",
    "two gigabytes": struct.pack(">i", 0x7FFFFFFF),
    "an unknown request": struct.pack(">ihhih", 10, 999, 0, 1, -1),
    "a future version": struct.pack(">ihhih", 10, METADATA, 99, 1, -1),
    "a client id without end": struct.pack(">ihhih", 10, METADATA, 1, 1, 30_000),
    "an array without end": struct.pack(">ihhihi", 14, METADATA, 1, 1, -1, 0x7FFFFFF0),
    "a produce request of noise": struct.pack(">ihhih", 30, 0, 7, 1, -1) + b"\xff\x7f" * 10,
    "a fetch request of noise": struct.pack(">ihhih", 30, 1, 11, 1, -1) + b"\xff\x7f" * 10,
}


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_nonsense_ends_its_own_connection_only(lab: Lab, nonsense: str) -> None:
    topic = await lab.topic()
    host, _, port = lab.bootstrap.partition(":")
    async with lab.producer() as producer:
        await producer.send_and_wait(topic, b"before")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(NONSENSE[nonsense])
        answer = await asyncio.wait_for(_all_of(reader), 10)
        writer.close()
        await producer.send_and_wait(topic, b"after")

    assert answer == b""
    assert len(await lab.read_all(topic)) == 2


async def test_a_client_from_the_future_is_told_which_versions_there_are(lab: Lab) -> None:
    host, _, port = lab.bootstrap.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(struct.pack(">ihhihb", 11, API_VERSIONS, 90, 7, -1, 0))
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    correlation_id, error, count = struct.unpack_from(">ihi", await reader.readexactly(length))
    writer.close()

    assert (correlation_id, error) == (7, UNSUPPORTED_VERSION)
    assert count >= 1


async def test_requests_sent_ahead_are_answered_in_order(lab: Lab) -> None:
    host, _, port = lab.bootstrap.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"".join(struct.pack(">ihhihi", 14, METADATA, 1, number, -1, 0) for number in range(200)))
    for expected in range(200):
        (length,) = struct.unpack(">i", await reader.readexactly(4))
        assert struct.unpack_from(">i", await reader.readexactly(length))[0] == expected
    writer.close()


async def test_a_frame_may_come_in_pieces(lab: Lab) -> None:
    host, _, port = lab.bootstrap.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for byte in struct.pack(">ihhihi", 14, METADATA, 1, 5, -1, 0):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.005)
    (length,) = struct.unpack(">i", await asyncio.wait_for(reader.readexactly(4), 5))
    assert struct.unpack_from(">i", await reader.readexactly(length))[0] == 5
    writer.close()


READS_ON_AND_ON = """
import asyncio, sys
from aiokafka import AIOKafkaConsumer, TopicPartition

async def main(bootstrap, topic):
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=8 << 20)
    await consumer.start()
    where = TopicPartition(topic, 0)
    consumer.assign([where])
    print("reading", flush=True)
    while True:
        consumer.seek(where, 0)
        await consumer.getmany(timeout_ms=100, max_records=10)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_reader_that_stands_still_blocks_nobody(lab: Lab) -> None:
    topic = await lab.topic()
    for _ in range(20):
        await lab.send(topic, [b"x" * 100_000] * 5)
    arguments = (sys.executable, "-c", READS_ON_AND_ON, lab.bootstrap, topic)
    stuck = [await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE) for _ in range(3)]
    try:
        for process in stuck:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"reading\n"
        await asyncio.sleep(0.3)
        for process in stuck:
            process.send_signal(signal.SIGSTOP)
        before = time.monotonic()
        for _ in range(5):
            await lab.send(topic, [b"news"])
            assert len(await lab.read(topic, 1, start=100)) == 1
        assert time.monotonic() - before < 5
    finally:
        for process in stuck:
            process.kill()
            await process.wait()


async def test_clients_that_read_nothing_cost_little_memory(broker: RunningBroker, lab: Lab) -> None:
    topic = await lab.topic()
    for _ in range(20):
        await lab.send(topic, [b"x" * 500_000] * 4)
    host, _, port = lab.bootstrap.partition(":")
    name = topic.encode()
    partition = struct.pack(">iiqqi", 0, -1, 0, -1, 50 << 20)
    body = struct.pack(">iiiibiiih", -1, 500, 1, 50 << 20, 0, 0, -1, 1, len(name)) + name
    body += struct.pack(">i", 1) + partition + struct.pack(">ih", 0, 0)
    fetch = struct.pack(">ihhih", 10 + len(body), 1, 11, 1, -1) + body
    before = resident_mb(broker.pid)
    silent = [socket.create_connection((host, int(port))) for _ in range(5)]
    for connection in silent:
        connection.sendall(fetch * 20)
    await asyncio.sleep(1.0)
    grown = resident_mb(broker.pid) - before
    for connection in silent:
        connection.close()

    # 20 answers of 40 MB were asked for on each of the five connections.
    assert grown < 300
    assert len(await lab.read(topic, 1)) == 1


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
