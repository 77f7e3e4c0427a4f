"""Producers that repeat themselves, and transactions."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import OffsetAndMetadata

from tests.contract.broker.clients import Lab, eventually, take

NOT_ENOUGH_REPLICAS = 19
OUT_OF_ORDER, STALE_EPOCH, UNKNOWN_PRODUCER, BAD_TIMEOUT = 45, 47, 49, 50
COMMITTED = {"isolation_level": "read_committed"}


async def test_an_idempotent_producer_keeps_its_order(lab: Lab) -> None:
    topic = await lab.topic()
    values = [b"%d" % number for number in range(500)]

    await lab.send(topic, values, enable_idempotence=True, max_batch_size=500)

    assert [record.value for record in await lab.read_all(topic)] == values


async def test_a_batch_sent_again_is_acknowledged_but_stored_once(lab: Lab) -> None:
    topic = await lab.topic()
    async with lab.raw() as send:
        producer_id, epoch = await _new_producer(send)

        async def produce(sequence: int, value: bytes, as_epoch: int = epoch) -> tuple[int, int]:
            batch = _batch(producer_id, as_epoch, sequence, [value])
            answer = await send(ProduceRequest(None, -1, 5000, [(topic, [(0, batch)])]))
            return answer.topics[0][1][0][1:3]

        assert await produce(0, b"first") == (0, 0)
        assert await produce(0, b"first") == (0, 0)
        assert await produce(1, b"second") == (0, 1)
        assert await produce(0, b"first") == (0, 0)
        assert await produce(1, b"second") == (0, 1)
        assert (await produce(9, b"gap"))[0] == OUT_OF_ORDER
        assert await produce(0, b"new epoch", epoch + 1) == (0, 2)
        assert (await produce(2, b"old epoch"))[0] == STALE_EPOCH
        assert (await produce(5, b"new epoch, not from 0", epoch + 2))[0] == OUT_OF_ORDER

    assert [record.value for record in await lab.read_all(topic)] == [b"first", b"second", b"new epoch"]


async def test_a_topic_that_asks_for_more_replicas_than_there_are(lab: Lab, request: pytest.FixtureRequest) -> None:
    """The embedded broker acknowledges who waits for one alone; Apache Kafka asks for no more than there are."""
    topic = await lab.topic(**{"min.insync.replicas": "2"})
    async with lab.raw() as send:

        async def produce(acks: int) -> int:
            batch = _batch(-1, -1, -1, [b"v"])
            answer = await send(ProduceRequest(None, acks, 5000, [(topic, [(0, batch)])]))
            return int(answer.topics[0][1][0][1])

        assert await produce(1) == 0
        assert await produce(-1) == (0 if "kafka" in request.node.name else NOT_ENOUGH_REPLICAS)


async def test_only_the_last_five_batches_are_known_again(lab: Lab) -> None:
    topic = await lab.topic()
    async with lab.raw() as send:
        producer_id, epoch = await _new_producer(send)

        async def produce(sequence: int) -> int:
            batch = _batch(producer_id, epoch, sequence, [b"%d" % sequence])
            answer = await send(ProduceRequest(None, -1, 5000, [(topic, [(0, batch)])]))
            return int(answer.topics[0][1][0][1])

        assert [await produce(number) for number in range(7)] == [0] * 7
        assert [await produce(number) for number in range(7)] == [OUT_OF_ORDER, OUT_OF_ORDER, 0, 0, 0, 0, 0]

    assert await lab.bounds(topic) == (0, 7)


async def test_a_producer_may_come_with_a_later_sequence_number(lab: Lab) -> None:
    """Its earlier batches may have been deleted by retention."""
    topic = await lab.topic()
    async with lab.raw() as send:
        producer_id, epoch = await _new_producer(send)
        batch = _batch(producer_id, epoch, 40, [b"1", b"2"])
        answer = await send(ProduceRequest(None, -1, 5000, [(topic, [(0, batch)])]))

    assert answer.topics[0][1][0][1] == 0


async def test_committed_readers_see_committed_records_only(lab: Lab) -> None:
    topic = await lab.topic()
    async with lab.producer(transactional_id=lab.name("tx")) as producer:
        async with producer.transaction():
            await producer.send(topic, b"c1", partition=0)
            await producer.send(topic, b"c2", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"a1", partition=0)
        await producer.send_and_wait(topic, b"a2", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send(topic, b"c3", partition=0)

    # Every transaction leaves one marker, which takes an offset.
    await eventually(lambda: _ends_at(lab, topic, 8))
    assert [record.value for record in await lab.read_all(topic, **COMMITTED)] == [b"c1", b"c2", b"c3"]
    assert [record.value for record in await lab.read_all(topic)] == [b"c1", b"c2", b"a1", b"a2", b"c3"]


async def test_an_open_transaction_holds_committed_readers_back(lab: Lab) -> None:
    topic = await lab.topic()
    async with lab.producer(transactional_id=lab.name("tx")) as producer, lab.producer() as plain:
        await plain.send_and_wait(topic, b"before", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"open", partition=0)
        await plain.send_and_wait(topic, b"plain", partition=0)

        assert await lab.bounds(topic) == (0, 3)
        assert await lab.bounds(topic, **COMMITTED) == (0, 1)
        assert len(await lab.read_all(topic)) == 3
        assert [record.value for record in await lab.read_all(topic, **COMMITTED)] == [b"before"]

        await producer.commit_transaction()
        await eventually(lambda: _ends_at(lab, topic, 4))
        assert [record.value for record in await lab.read_all(topic, **COMMITTED)] == [b"before", b"open", b"plain"]


async def test_a_live_reader_never_sees_what_is_aborted_later(lab: Lab) -> None:
    topic = await lab.topic()
    where = TopicPartition(topic, 0)
    async with lab.producer(transactional_id=lab.name("tx")) as producer, lab.consumer(**COMMITTED) as reader:
        reader.assign([where])
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", partition=0)
        assert await take(reader, 1, timeout_s=0.5) == []
        await producer.abort_transaction()
        assert await take(reader, 1, timeout_s=0.5) == []
        async with producer.transaction():
            await producer.send(topic, b"committed", partition=0)

        assert [record.value for record in await take(reader, 1)] == [b"committed"]


async def test_offsets_are_committed_with_the_transaction(lab: Lab) -> None:
    source, output, group = await lab.topic(), await lab.topic(), lab.name("group")
    where = TopicPartition(source, 0)

    async def committed() -> int | None:
        async with lab.consumer(group_id=group) as consumer:
            consumer.assign([where])
            return await consumer.committed(where)

    async with lab.producer(transactional_id=lab.name("tx")) as producer:
        await producer.begin_transaction()
        await producer.send(output, b"x", partition=0)
        await producer.send_offsets_to_transaction({where: OffsetAndMetadata(7, "note")}, group)
        assert await committed() is None
        await producer.commit_transaction()

        async def is_there() -> bool:
            return await committed() == 7

        await eventually(is_there)
        await producer.begin_transaction()
        await producer.send(output, b"y", partition=0)
        await producer.send_offsets_to_transaction({where: OffsetAndMetadata(9, "")}, group)
        await producer.abort_transaction()
        await asyncio.sleep(0.3)
        assert await committed() == 7


async def test_a_second_producer_of_the_same_name_fences_the_first(lab: Lab) -> None:
    topic, name = await lab.topic(), lab.name("tx")
    async with lab.producer(transactional_id=name) as first:
        await first.begin_transaction()
        await first.send_and_wait(topic, b"zombie", partition=0)
        async with lab.producer(transactional_id=name) as second:
            with pytest.raises(ProducerFenced):
                await asyncio.wait_for(first.commit_transaction(), 10)
            async with second.transaction():
                await second.send(topic, b"new", partition=0)

    await eventually(lambda: _ends_at(lab, topic, 4))
    assert [record.value for record in await lab.read_all(topic, **COMMITTED)] == [b"new"]


ABANDONS_A_TRANSACTION = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

async def main(bootstrap, topic, name):
    options = {"transactional_id": name, "transaction_timeout_ms": 1500}
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"dead", partition=0)
    print("sent", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_transaction_of_a_killed_producer_is_aborted_in_time(lab: Lab) -> None:
    topic = await lab.topic()
    arguments = [sys.executable, "-c", ABANDONS_A_TRANSACTION, lab.bootstrap, topic, lab.name("tx")]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"sent\n"
    process.kill()
    await process.wait()
    await lab.send(topic, [b"after"])

    await eventually(lambda: _ends_at(lab, topic, 3))
    assert [record.value for record in await lab.read_all(topic, **COMMITTED)] == [b"after"]


async def test_producers_without_right_are_refused(lab: Lab) -> None:
    topic = await lab.topic()
    async with lab.raw() as send:
        assert (await send(InitProducerIdRequest(lab.name("tx"), 10**9))).error_code == BAD_TIMEOUT
        stranger = _batch(987_654, 0, 0, [b"x"], transactional=True)
        answer = await send(ProduceRequest(lab.name("tx"), -1, 5000, [(topic, [(0, stranger)])]))

    assert answer.topics[0][1][0][1] != 0
    assert await lab.bounds(topic) == (0, 0)


async def _new_producer(send: Callable[[Any], Awaitable[Any]]) -> tuple[int, int]:
    async def ask() -> Any:
        answer = await send(InitProducerIdRequest(None, 60_000))
        return answer if answer.error_code == 0 else None

    answer = await eventually(ask)
    return answer.producer_id, answer.producer_epoch


async def _ends_at(lab: Lab, topic: str, end: int) -> bool:
    """Also for committed readers: the marker is there and no transaction open."""
    return (await lab.bounds(topic))[1] == end == (await lab.bounds(topic, **COMMITTED))[1]


def _batch(producer_id: int, epoch: int, sequence: int, values: list[bytes], *, transactional: bool = False) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, int(transactional), producer_id, epoch, sequence, 1 << 16)
    for number, value in enumerate(values):
        builder.append(number, timestamp=int(time.time() * 1000), key=None, value=value, headers=[])
    return bytes(builder.build())
