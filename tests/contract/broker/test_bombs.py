"""Packed batches that would fill the memory of every reader are refused, and so are those that nobody can unpack."""

import gzip
import struct
import time
from collections.abc import Callable, Iterator

import cramjam
import pytest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from fixtrail.local.broker.batch import HEADER_SIZE, reseal
from runtime.kafka.unpacking import BrokenPackingError, TooLargeError, unpack
from tests.contract.broker.brokers import start_embedded
from tests.contract.broker.clients import Lab

MESSAGE_TOO_LARGE, CORRUPT_MESSAGE = 10, 2
GIB = 1 << 30
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    running = start_embedded(tmp_path_factory.mktemp("bombed"))
    yield Lab(running.bootstrap)
    assert running.stop() == 0


def test_the_limit_is_on_what_a_batch_becomes():
    records = packed("zstd", b"x" * 5_000_000)[HEADER_SIZE:]

    unpack(records, CODECS["zstd"], limit=5_100_000)
    with pytest.raises(TooLargeError):
        unpack(records, CODECS["zstd"], limit=4_900_000)


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_that_unpacks_to_less_than_the_limit_is_taken(codec: str):
    records = packed(codec, b"event" * 1_000_000)[HEADER_SIZE:]

    unpack(records, CODECS[codec], limit=6_000_000)
    with pytest.raises(TooLargeError):
        unpack(records, CODECS[codec], limit=4_999_999)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("damage", [lambda raw: raw[:-7], lambda raw: b"", lambda raw: b"\xff" * 40])
def test_what_nobody_can_unpack_is_broken(codec: str, damage: Callable[[bytes], bytes]):
    good = packed(codec, b"an event of some length" * 50)

    with pytest.raises(BrokenPackingError):
        unpack(damage(bytes(good[HEADER_SIZE:])), CODECS[codec])


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
async def test_a_gigabyte_in_a_few_kilobytes_is_refused_and_the_broker_goes_on(embedded: Lab, codec: str):
    lab = embedded
    topic = await lab.topic()
    bomb = {"gzip": gzip.compress(bytes(GIB >> 3)), "zstd": bytes(cramjam.zstd.compress(bytes(GIB)))}[codec]
    good = packed(codec, b"event")

    assert await error_of(lab, topic, with_payload(good, bomb)) == MESSAGE_TOO_LARGE
    assert await error_of(lab, topic, with_payload(good, bytes(good[HEADER_SIZE:-3]))) == CORRUPT_MESSAGE
    assert await error_of(lab, topic, good) == 0
    assert [record.value for record in await lab.read_all(topic)] == [b"event"]


def packed(codec: str, value: bytes) -> memoryview:
    """A batch of one record, packed as a producer packs it."""
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], 0, -1, -1, -1, 1 << 27)
    builder.append(0, timestamp=int(time.time() * 1000), key=None, value=value, headers=[])
    return memoryview(bytearray(builder.build()))


def with_payload(batch: memoryview, payload: bytes) -> memoryview:
    """The batch with another content, and the length and CRC that belong to it."""
    changed = bytearray(batch[:HEADER_SIZE]) + payload
    struct.pack_into(">i", changed, 8, len(changed) - 12)
    reseal(changed)
    return memoryview(changed)


async def error_of(lab: Lab, topic: str, batch: memoryview) -> int:
    async with lab.raw() as send:
        answer = await send(ProduceRequest(None, -1, 5000, [(topic, [(0, bytes(batch))])]))
    return int(answer.topics[0][1][0][1])
