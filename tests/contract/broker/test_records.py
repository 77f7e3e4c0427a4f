"""Sending and reading records, and where a partition begins and ends."""

import asyncio
import time

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import MessageSizeTooLargeError, OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from tests.contract.broker.clients import Lab, take

CORRUPT_MESSAGE, INVALID_RECORD = 2, 87


async def test_an_event_comes_back_as_it_was_sent(lab: Lab) -> None:
    topic = await lab.topic()
    sent_at = int(time.time() * 1000) - 5000
    headers = [("ce_type", b"check_in"), ("ce_type", b"twice"), ("raw", b"\x00\xff")]
    async with lab.producer() as producer:
        await producer.send_and_wait(topic, b"event", key=b"VIN1", headers=headers, timestamp_ms=sent_at)
        await producer.send_and_wait(topic, None, key=b"VIN1")
        await producer.send_and_wait(topic, b"", key=None)

    full, tombstone, empty = await lab.read(topic, 3)

    assert (full.key, full.value, full.timestamp, full.timestamp_type) == (b"VIN1", b"event", sent_at, 0)
    assert list(full.headers) == headers
    assert (tombstone.key, tombstone.value) == (b"VIN1", None)
    assert (empty.key, empty.value) == (None, b"")
    assert [record.offset for record in (full, tombstone, empty)] == [0, 1, 2]


async def test_the_end_offset_counts_every_record_of_a_batch(lab: Lab) -> None:
    """A broker that counts batches there makes Faust lose the tail of a table."""
    topic = await lab.topic()

    offsets = await lab.send(topic, [b"%d" % number for number in range(100)])

    assert offsets == list(range(100))
    assert await lab.bounds(topic) == (0, 100)
    where = TopicPartition(topic, 0)
    async with lab.consumer(auto_offset_reset="latest") as consumer:
        consumer.assign([where])
        assert await consumer.position(where) == 100
        consumer.seek(where, 0)
        assert len(await take(consumer, 100)) == 100
        assert consumer.highwater(where) == 100


async def test_reading_can_start_inside_a_batch(lab: Lab) -> None:
    topic = await lab.topic()
    await lab.send(topic, [b"%d" % number for number in range(500)])

    for start in (0, 1, 250, 499):
        first = (await lab.read(topic, 1, start=start))[0]
        assert (first.offset, first.value) == (start, b"%d" % start)


async def test_many_small_and_large_batches_are_read_in_order(lab: Lab) -> None:
    topic = await lab.topic()
    values = [b"%06d" % number + b"x" * (number % 7 * 3000) for number in range(400)]
    async with lab.producer() as producer:
        for value in values[:100]:
            await producer.send_and_wait(topic, value, partition=0)
        for sent in [await producer.send(topic, value, partition=0) for value in values[100:]]:
            await sent

    for limit in (1, 4_000, 100_000, 10_000_000):
        records = await lab.read(topic, 400, max_partition_fetch_bytes=limit)
        assert [record.value for record in records] == values


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_packed_batch_comes_back_unpacked(lab: Lab, codec: str) -> None:
    topic = await lab.topic()
    values = [b"%06d" % number * 40 for number in range(2000)]

    await lab.send(topic, values, compression_type=codec)

    assert [record.value for record in await lab.read(topic, 2000)] == values


async def test_a_reader_beyond_the_end_is_told(lab: Lab) -> None:
    topic = await lab.topic()
    await lab.send(topic, [b"1", b"2", b"3"])
    where = TopicPartition(topic, 0)

    async with lab.consumer(auto_offset_reset="none") as consumer:
        consumer.assign([where])
        consumer.seek(where, 1000)
        with pytest.raises(OffsetOutOfRangeError):
            await asyncio.wait_for(consumer.getone(), 5)
    assert (await lab.read(topic, 1, start=1000))[0].offset == 0


async def test_a_large_record_passes_and_a_too_large_one_is_refused(lab: Lab) -> None:
    topic = await lab.topic()
    async with lab.producer(max_request_size=8 << 20) as producer:
        await producer.send_and_wait(topic, b"x" * 900_000)
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, b"x" * 3_000_000)
        await producer.send_and_wait(topic, b"after")

    sizes = [len(record.value) for record in await lab.read(topic, 2, max_partition_fetch_bytes=1000)]

    assert sizes == [900_000, 5]


async def test_offsets_are_found_by_time(lab: Lab) -> None:
    topic = await lab.topic()
    start = int(time.time() * 1000) - 100_000
    async with lab.producer(linger_ms=20) as producer:
        for number in range(10):
            await producer.send_and_wait(topic, b"", timestamp_ms=start + number * 1000, partition=0)
        for sent in [
            await producer.send(topic, b"", timestamp_ms=start + 20_000 + number * 1000, partition=0)
            for number in range(5)
        ]:
            await sent
    where = TopicPartition(topic, 0)
    expected = {
        -start: (0, 0),
        -1: (0, 0),
        1: (1, 1000),
        4500: (5, 5000),
        9001: (10, 20_000),
        22_500: (13, 23_000),
        24_000: (14, 24_000),
        24_001: None,
    }

    async with lab.consumer() as consumer:
        for after, offset in expected.items():
            answer = (await consumer.offsets_for_times({where: start + after}))[where]
            assert (answer and (answer.offset, answer.timestamp - start)) == offset, after


async def test_records_can_be_deleted_up_to_an_offset(lab: Lab) -> None:
    topic = await lab.topic()
    await lab.send(topic, [b"%d" % number for number in range(10)])
    async with lab.admin() as admin:
        answer = await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=4)})

    assert answer == {TopicPartition(topic, 0): 4}
    assert await lab.bounds(topic) == (4, 10)
    assert [record.offset for record in await lab.read_all(topic)] == [4, 5, 6, 7, 8, 9]


async def test_a_waiting_reader_gets_a_new_event_at_once(lab: Lab) -> None:
    topic = await lab.topic()
    async with lab.consumer(topic, fetch_max_wait_ms=5000) as consumer, lab.producer() as producer:
        await producer.send_and_wait(topic, b"first")
        await take(consumer, 1)
        delays = []
        for _ in range(5):
            await asyncio.sleep(0.1)
            before = time.monotonic()
            await producer.send_and_wait(topic, b"news")
            await asyncio.wait_for(consumer.getone(), 4)
            delays.append(time.monotonic() - before)

    assert sorted(delays)[2] < 0.5


async def test_an_empty_poll_waits_as_long_as_asked(lab: Lab) -> None:
    topic = await lab.topic()
    partition = [(topic, [(0, 0, 1 << 20)])]
    async with lab.raw() as send:
        before = time.monotonic()
        answer = await send(FetchRequest(700, 1, 1 << 20, 0, partition))
        waited = time.monotonic() - before

    assert answer.topics[0][1][0][:3] == (0, 0, 0)
    assert 0.6 < waited < 3


async def test_the_reader_of_an_unknown_topic_is_told(lab: Lab) -> None:
    async with lab.raw() as send:
        partition = [(lab.name("nothing"), [(0, 0, 1 << 20)])]
        answer = await send(FetchRequest(100, 1, 1 << 20, 0, partition))

    assert answer.topics[0][1][0][1] == 3


async def test_broken_batches_are_refused(lab: Lab) -> None:
    topic = await lab.topic()
    good = _batch([b"1", b"2"])
    flipped = bytearray(good)
    flipped[-1] ^= 0xFF
    control = bytearray(good)
    control[22] |= 0x20

    async with lab.raw() as send:

        async def error_of(records: bytes) -> int:
            answer = await send(ProduceRequest(None, -1, 5000, [(topic, [(0, records)])]))
            return int(answer.topics[0][1][0][1])

        assert await error_of(good) == 0
        assert await error_of(bytes(flipped)) == CORRUPT_MESSAGE
        assert await error_of(good[:-10]) == INVALID_RECORD
        assert await error_of(good + good) == INVALID_RECORD
        assert await error_of(b"") == INVALID_RECORD
    assert [record.value for record in await lab.read_all(topic)] == [b"1", b"2"]


async def test_compacted_topics_take_no_record_without_key(lab: Lab) -> None:
    topic = await lab.topic(cleanup_policy="compact")
    async with lab.raw() as send:
        answer = await send(ProduceRequest(None, -1, 5000, [(topic, [(0, _batch([b"value"]))])]))

    assert answer.topics[0][1][0][1] == INVALID_RECORD


async def test_the_broker_can_stamp_records_with_its_own_time(lab: Lab) -> None:
    topic = await lab.topic(message_timestamp_type="LogAppendTime")
    async with lab.producer() as producer:
        sent = await producer.send_and_wait(topic, b"late", timestamp_ms=1_000)

    [record] = await lab.read(topic, 1)

    assert sent.timestamp_type == record.timestamp_type == 1
    assert abs(record.timestamp - time.time() * 1000) < 60_000


def _batch(values: list[bytes]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 16)
    for number, value in enumerate(values):
        builder.append(number, timestamp=int(time.time() * 1000), key=None, value=value, headers=[])
    return bytes(builder.build())
