"""A client that is not aiokafka: librdkafka, which Quix Streams and most other languages use."""

import time
from typing import Any

import pytest

from tests.contract.broker.clients import Lab, eventually

kafka = pytest.importorskip("confluent_kafka", reason="librdkafka comes with the extra `bench`")


async def test_librdkafka_sends_idempotently_and_reads_in_a_group(lab: Lab) -> None:
    topic, group = await lab.topic(4), lab.name("group")
    producer = kafka.Producer(
        {"bootstrap.servers": lab.bootstrap, "enable.idempotence": True, "linger.ms": 5, "compression.type": "gzip"}
    )
    for number in range(2000):
        producer.produce(topic, b"event-%d" % number, key=b"VIN%d" % (number % 50), headers=[("h", b"x")])
    assert producer.flush(15) == 0

    first = _read(lab, topic, group, 2000)
    producer.produce(topic, b"after", key=b"VIN1")
    assert producer.flush(15) == 0
    second = _read(lab, topic, group, 1)

    assert sorted(first) == sorted(b"event-%d" % number for number in range(2000))
    assert second == [b"after"]


@pytest.mark.parametrize("codec", ["snappy", "lz4", "zstd"])
async def test_what_librdkafka_packs_is_read(lab: Lab, codec: str) -> None:
    """Every box reads by aiokafka; librdkafka frames these codecs in its own way."""
    topic = await lab.topic()
    values = [b'{"event_id": "event-%d"}' % number for number in range(3000)]
    producer = kafka.Producer({"bootstrap.servers": lab.bootstrap, "linger.ms": 50, "compression.type": codec})
    for value in values:
        producer.produce(topic, value, key=b"VIN1")
    assert producer.flush(15) == 0

    assert [record.value for record in await lab.read(topic, len(values))] == values


async def test_librdkafka_transactions(lab: Lab) -> None:
    topic = await lab.topic()
    producer = kafka.Producer({"bootstrap.servers": lab.bootstrap, "transactional.id": lab.name("tx")})
    producer.init_transactions(15)
    for value, end in ((b"yes", producer.commit_transaction), (b"no", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value, partition=0)
        end(15)

    # The coordinator answers before its markers stand in the topic.
    assert await eventually(lambda: _is_settled(lab, topic))
    assert [record.value for record in await lab.read_all(topic, isolation_level="read_committed")] == [b"yes"]


async def _is_settled(lab: Lab, topic: str) -> bool:
    """Whether no transaction is open, so that readers of what is committed get to the end."""
    return await lab.bounds(topic) == await lab.bounds(topic, isolation_level="read_committed")


async def test_librdkafka_as_a_static_member(lab: Lab) -> None:
    topic, group = await lab.topic(2), lab.name("group")
    await lab.send(topic, [b"1"])
    assert _read(lab, topic, group, 1, **{"group.instance.id": "worker-1"}) == [b"1"]
    await lab.send(topic, [b"2"])
    before = time.monotonic()
    assert _read(lab, topic, group, 1, **{"group.instance.id": "worker-1"}) == [b"2"]

    assert time.monotonic() - before < 5


def _read(lab: Lab, topic: str, group: str, count: int, **options: Any) -> list[bytes]:
    consumer = kafka.Consumer(
        {
            "bootstrap.servers": lab.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
            **options,
        }
    )
    consumer.subscribe([topic])
    values: list[bytes] = []
    deadline = time.monotonic() + 15
    try:
        while len(values) < count and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                values.append(message.value())
        consumer.commit(asynchronous=False)
    finally:
        consumer.close()
    return values
