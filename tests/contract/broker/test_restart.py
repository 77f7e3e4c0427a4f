"""What survives when the broker stops, and when it is killed."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.contract.broker.clients import eventually, owns, take
from tests.contract.broker.conftest import OwnBroker
from tests.contract.broker.members import process_member

COMMITTED = {"isolation_level": "read_committed"}


async def test_everything_acknowledged_survives_a_kill_in_the_middle_of_sending(own_broker: OwnBroker) -> None:
    """An idempotent producer goes on through the kill: nothing is lost, doubled or out of order."""
    lab = own_broker.lab
    topic = await lab.topic(2)
    acknowledged: list[tuple[int, int, bytes]] = []
    stop = asyncio.Event()

    async def send(producer: AIOKafkaProducer) -> int:
        number = 0
        while not stop.is_set():
            futures = []
            for _ in range(50):
                value = b"%d" % number
                futures.append((value, await producer.send(topic, value, partition=number % 2)))
                number += 1
            for value, future in futures:
                done = await future
                acknowledged.append((done.partition, done.offset, value))
        return number

    async with lab.producer(enable_idempotence=True, linger_ms=1, request_timeout_ms=60_000) as producer:
        sending = asyncio.create_task(send(producer))
        for _ in range(2):
            before = len(acknowledged)
            await eventually(lambda before=before: _more_than(acknowledged, before + 300))
            own_broker.running.kill()
            await asyncio.to_thread(own_broker.start)
        before = len(acknowledged)
        await eventually(lambda: _more_than(acknowledged, before + 300), timeout_s=40)
        stop.set()
        sent = await sending

    for partition in range(2):
        records = await lab.read_all(topic, partition)
        assert [record.value for record in records] == [b"%d" % number for number in range(partition, sent, 2)]
        assert {(record.offset, record.value) for record in records} == {
            (offset, value) for where, offset, value in acknowledged if where == partition
        }


async def test_topics_offsets_and_producers_survive(own_broker: OwnBroker) -> None:
    lab = own_broker.lab
    compacted = await lab.topic(3, cleanup_policy="compact", retention_ms="7200000")
    dropped = await lab.topic()
    group, name = lab.name("group"), lab.name("tx")
    where = TopicPartition(compacted, 1)
    await lab.put(compacted, [(b"order", b"1"), (b"order", b"2")], partition=1)
    async with lab.consumer(group_id=group) as consumer:
        consumer.assign([where])
        await consumer.commit({where: 1})
    async with lab.producer(transactional_id=name) as producer:
        epoch = producer._txn_manager.producer_epoch
        producer_id = producer._txn_manager.producer_id
    async with lab.admin() as admin:
        await admin.delete_topics([dropped])

    own_broker.running.kill()
    await asyncio.to_thread(own_broker.start)
    await asyncio.to_thread(own_broker.running.stop)
    await asyncio.to_thread(own_broker.start)

    assert await lab.bounds(compacted, 1) == (0, 2)
    settings = await lab.settings(compacted)
    assert (settings["cleanup.policy"], settings["retention.ms"]) == ("compact", "7200000")
    async with lab.admin() as admin:
        topics = await admin.list_topics()
        [described] = await admin.describe_topics([compacted])
    assert compacted in topics
    assert dropped not in topics
    assert len(described["partitions"]) == 3
    async with lab.consumer(group_id=group) as consumer:
        consumer.assign([where])
        await eventually(lambda: _committed(consumer, where, 1))
    async with lab.producer(transactional_id=name) as producer:
        assert producer._txn_manager.producer_id == producer_id
        assert producer._txn_manager.producer_epoch > epoch


async def test_a_transaction_goes_on_after_a_kill(own_broker: OwnBroker) -> None:
    lab = own_broker.lab
    topic = await lab.topic()
    async with (
        lab.producer(transactional_id=lab.name("tx")) as committing,
        lab.producer(transactional_id=lab.name("tx")) as aborting,
    ):
        await aborting.begin_transaction()
        await aborting.send_and_wait(topic, b"never", partition=0)
        await aborting.abort_transaction()
        await committing.begin_transaction()
        await committing.send_and_wait(topic, b"before", partition=0)
        await aborting.begin_transaction()
        await aborting.send_and_wait(topic, b"never either", partition=0)
        own_broker.running.kill()
        await asyncio.to_thread(own_broker.start)
        assert await lab.read_all(topic, **COMMITTED) == []
        await committing.send_and_wait(topic, b"after", partition=0)
        await committing.commit_transaction()
        await aborting.abort_transaction()

    async def settled() -> bool:
        return (await lab.bounds(topic, **COMMITTED))[1] == 7

    await eventually(settled)
    assert [record.value for record in await lab.read_all(topic, **COMMITTED)] == [b"before", b"after"]


async def test_a_group_goes_on_after_a_kill(own_broker: OwnBroker) -> None:
    """Its members stay members: the broker remembers the generation."""
    lab = own_broker.lab
    topic, group = await lab.topic(4), lab.name("group")
    async with (
        lab.member(topic, group, session_timeout_ms=15_000) as consumer,
        process_member(lab, topic, group, session_ms=15_000) as second,
    ):
        await asyncio.gather(owns(consumer, 2), second.owns(2))
        mine = next(iter(consumer.assignment()))
        generation = consumer._coordinator.generation
        own_broker.running.kill()
        await asyncio.to_thread(own_broker.start)

        await lab.send(topic, [b"after"], partition=mine.partition)
        assert [record.value for record in await take(consumer, 1, timeout_s=20)] == [b"after"]
        await eventually(lambda: _commits(consumer, mine))
        assert consumer._coordinator.generation == generation


async def _more_than(items: list[Any], count: int) -> bool:
    return len(items) > count


async def _commits(consumer: Any, where: TopicPartition) -> bool:
    await consumer.commit({where: 1})
    return True


async def _committed(consumer: AIOKafkaConsumer, where: TopicPartition, offset: int) -> bool:
    """Whether the group says that offset: a broker that still loads its groups says none."""
    return bool(await consumer.committed(where) == offset)
