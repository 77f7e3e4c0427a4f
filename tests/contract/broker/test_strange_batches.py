"""Batches that no client library of ours would write: what no reader could read is refused, all else is read."""

import gzip
from collections.abc import Callable

import cramjam
import pytest

from runtime.kafka import reading
from runtime.kafka.client import new_consumer
from runtime.kafka.whole_topic import records_of
from schemas.version import schema_of
from tests.contract.broker.clients import Lab
from tests.kafka_batches import batch, headers, number, produce, record

INVALID_RECORD, MESSAGE_TOO_LARGE = 87, 10
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def lz4(content: bytes) -> bytes:
    """As Kafka's clients pack it: its broker takes no blocks that build on each other."""
    compressor = cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False)
    compressor.compress(content)
    return bytes(compressor.finish())


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "snappy": lambda content: bytes(cramjam.snappy.compress_raw(content)),
    "lz4": lz4,
    "zstd": lambda content: bytes(cramjam.zstd.compress(content)),
}
GOOD = [record(0, b"k", b"0"), record(1, b"k", b"1")]
BROKEN = {
    "more records announced than there are": batch(GOOD, count=3),
    "fewer records announced than there are": batch(GOOD, count=1),
    "no record": batch(b"", count=1),
    "a key beyond the end": batch([number(9) + b"\0" + number(0) + number(0) + number(10**6) + b"kkk"]),
    "a billion headers": batch([record(0, b"k", b"v", number(1 << 30))]),
    "fewer headers than none": batch([record(0, b"k", b"v", number(-5))]),
    "a record of less than nothing": batch([number(-7) + b"xxxxxx"]),
    "bytes behind the headers": batch([record(0, b"k", b"v", b"\x00xxxx")]),
    "a header without a name": batch([record(0, b"k", b"v", headers((None, None)))]),
}
# Apache Kafka takes them all, and any reader must get over them.
STRANGE = {
    "a header whose name is no UTF-8": record(1, b"k", b"1", headers((b"\xff\xfe", b"x"), (b"plain", None))),
    "a header of nothing": record(1, b"k", b"1", headers((b"", None))),
    "many headers": record(1, b"k", b"1", headers(*[(b"h", b"x")] * 5000)),
    "a time long ago": record(1, b"k", b"1", later_ms=-(1 << 62)),
}


async def values(lab: Lab, topic: str) -> list[bytes | None]:
    options = {"bootstrap_servers": lab.bootstrap}
    return [record.value async for records in records_of(options, topic, [0]) for record in records]


@pytest.mark.parametrize("policy", ["delete", "compact"])
async def test_what_nobody_could_read_is_refused(lab: Lab, policy: str) -> None:
    topic = await lab.topic(cleanup_policy=policy)

    errors = {name: await produce(lab.bootstrap, topic, data) for name, data in BROKEN.items()}
    assert errors == dict.fromkeys(BROKEN, INVALID_RECORD)
    assert await produce(lab.bootstrap, topic, batch(GOOD)) == 0
    assert await values(lab, topic) == [b"0", b"1"]


async def test_a_compacted_topic_takes_no_batch_with_a_record_without_key(lab: Lab) -> None:
    topic = await lab.topic(cleanup_policy="compact")

    assert await produce(lab.bootstrap, topic, batch([GOOD[0], record(1, None, b"1")])) == INVALID_RECORD
    assert await produce(lab.bootstrap, topic, batch(GOOD)) == 0


@pytest.mark.parametrize("name", STRANGE)
async def test_what_is_only_strange_is_read_with_all_around_it(lab: Lab, name: str) -> None:
    topic = await lab.topic()

    assert await produce(lab.bootstrap, topic, batch([GOOD[0], STRANGE[name], record(2, b"k", b"2")])) == 0
    assert await produce(lab.bootstrap, topic, batch([record(0, b"k", b"3")])) == 0
    assert await values(lab, topic) == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("codec", CODECS)
async def test_a_batch_that_unpacks_to_hundreds_of_megabytes_becomes_one_small_record(lab: Lab, codec: str) -> None:
    """The embedded broker refuses it; Apache Kafka takes it."""
    topic = await lab.topic(max_message_bytes="9000000")
    content = b"".join(record(index, b"k", b"x" * 500_000) for index in range(160))
    bomb = batch(PACK[codec](content), count=160, codec=CODECS[codec])
    assert len(bomb) < 8_000_000 < len(content)

    assert await produce(lab.bootstrap, topic, batch(GOOD)) == 0
    error = await produce(lab.bootstrap, topic, bomb)
    assert error in (0, MESSAGE_TOO_LARGE)
    assert await produce(lab.bootstrap, topic, batch([record(0, b"k", b"2")])) == 0
    first, second, *strange, last = await values(lab, topic)
    assert (first, second, last) == (b"0", b"1", b"2")
    assert [value[16] for value in strange] == ([] if error else [2]), "the batch itself, which nothing takes for JSON"
    assert all(len(value or b"") <= reading.BEGINNING for value in strange)


@pytest.mark.parametrize("codec", CODECS)
async def test_what_any_library_packs_is_read(lab: Lab, codec: str) -> None:
    topic = await lab.topic()
    content = b"".join(record(index, b"k", b"x" * 50_000) for index in range(60))

    assert await produce(lab.bootstrap, topic, batch(PACK[codec](content), count=60, codec=CODECS[codec])) == 0
    assert await values(lab, topic) == [b"x" * 50_000] * 60


async def test_a_header_without_a_value_is_an_empty_one(lab: Lab) -> None:
    topic = await lab.topic()

    assert await produce(lab.bootstrap, topic, batch([record(0, b"k", b"0", headers((b"fixtrail-schema", None)))])) == 0
    async for (only,) in records_of({"bootstrap_servers": lab.bootstrap}, topic, [0]):
        assert only.headers == (("fixtrail-schema", b""),)
        assert schema_of(only.headers) is None


async def test_much_is_handed_out_in_parts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = await lab.topic()
    for index in range(5):
        many = [record(number_, b"k", bytes([index]) * 10_000) for number_ in range(20)]
        assert await produce(lab.bootstrap, topic, batch(many)) == 0
    monkeypatch.setattr(reading, "MOST_AT_ONCE", 100_000)

    consumer = new_consumer(bootstrap_servers=lab.bootstrap, auto_offset_reset="earliest")
    consumer.subscribe([topic])
    await consumer.start()
    try:
        parts: list[list[int]] = []
        while sum(map(len, parts)) < 100:
            fetched = await consumer.getmany(timeout_ms=2000)
            parts += [[record.offset for record in records] for records in fetched.values()]
    finally:
        await consumer.stop()
    assert max(map(len, parts)) <= 10
    assert [offset for part in parts for offset in part] == list(range(100))
