"""What every box does with its records, whatever it makes of them: one suite for all that run on the consumer loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from runtime import retry
from runtime.kafka import group as groups
from runtime.kafka.group import ConsumerGroup
from schemas.dead_letter import read_dead_letter
from schemas.topics import DEAD_LETTERS
from tests.contract.broker.brokers import EmbeddedBroker, start_embedded
from tests.contract.consumers.boxes import BoxKind, RunningBox, World, record_of
from tests.kafka_batches import batch, headers, produce, record
from tests.kafka_io import _produce, _read_topic

# The topic takes such a value; with the headers of a dead letter it is larger than a producer sends by default.
POISON = b"x" * 1_048_450
SMALL_TOPIC_BYTES = 400_000
# `fixtrail up` kills a box after 15 s.
STOPPED_WITHIN_S = 13.0

TargetAway = Callable[[World], AbstractContextManager[None]]


async def test_a_record_gets_where_it_belongs_and_the_box_is_ready(box: RunningBox) -> None:
    await send(box, record_of(box.kind.good("R1")))

    await until(lambda: box.progress.ready)
    await until_all_is_done(box, 1)
    assert await dead_letters(box) == []
    assert box.progress.outages == 0


async def test_a_poison_record_costs_one_dead_letter_and_nothing_else(box: RunningBox) -> None:
    await send(box, (b"poison", POISON))
    await send(box, *(record_of(box.kind.good(f"R{number}")) for number in range(20)))
    await until_all_is_done(box, 21)

    await until(lambda: box.progress.ready)
    letters = await dead_letters(box)
    assert len(letters) == box.kind.names_dead_letters
    for letter in letters:
        origin = read_dead_letter(letter.headers)
        assert (origin.code, origin.topic, origin.value_cut) == ("unusable_record", box.kind.topic, None)
        assert (letter.key, letter.value) == (b"poison", POISON)
        assert origin.reason and "xxx" not in origin.reason


@pytest.mark.parametrize(
    "stated", [headers((b"\xff\xfe", b"x")), headers((b"fixtrail-schema", None))], ids=["no UTF-8", "no value"]
)
async def test_a_header_that_only_other_clients_write_stops_no_box(
    box: RunningBox, broker: EmbeddedBroker, stated: bytes
) -> None:
    await send(box, record_of(box.kind.good("R1")))
    strange = batch([record(0, b"poison", b"xxx", stated)])
    assert await produce(broker.bootstrap, box.kind.topic, strange) == 0
    await send(box, record_of(box.kind.good("R2")))

    await until_all_is_done(box, 3)
    await until(lambda: box.progress.ready)
    assert len(await dead_letters(box)) == box.kind.names_dead_letters


@pytest.fixture
def small_dead_letter_topic(broker: EmbeddedBroker) -> None:
    """As an operator may have made it: what it takes is less than what it may have to hold."""

    async def create() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            limits = {"max.message.bytes": str(SMALL_TOPIC_BYTES)}
            await admin.create_topics([NewTopic(DEAD_LETTERS, 2, 1, topic_configs=limits)])
        finally:
            await admin.close()

    asyncio.run(create())


async def test_a_value_too_large_for_the_dead_letter_topic_is_cut(
    small_dead_letter_topic: None, box: RunningBox
) -> None:
    await send(box, (b"poison", POISON))
    await send(box, record_of(box.kind.good("R1")))
    await until_all_is_done(box, 2)

    await until(lambda: box.progress.ready)
    letters = await dead_letters(box)
    assert len(letters) == box.kind.names_dead_letters
    for letter in letters:
        assert read_dead_letter(letter.headers).value_cut == len(POISON)
        assert SMALL_TOPIC_BYTES // 4 < len(letter.value) < SMALL_TOPIC_BYTES
        assert letter.value == POISON[: len(letter.value)]
        assert letter.key == b"poison"


async def test_a_member_whose_place_was_taken_is_not_ready(box: RunningBox) -> None:
    """Two processes by one name throw each other out by turns: neither may look as if all were well."""
    await until(lambda: box.progress.ready)
    second = RunningBox(box.kind, box.world, box.instance)
    second.start()
    try:
        await until(lambda: not box.progress.ready)
        await until(lambda: second.progress.ready)
        await until(lambda: not second.progress.ready)
        until_at = time.monotonic() + 7
        while time.monotonic() < until_at:
            assert not box.progress.ready and not second.progress.ready
            await asyncio.sleep(0.02)
    finally:
        assert await second.stop() == 0


async def test_it_waits_for_a_broker_and_is_not_ready(kind: BoxKind, world: World, broker: EmbeddedBroker) -> None:
    broker.kill()
    box = RunningBox(kind, world, "one")
    box.start()
    moved = await standing_still(box, 4.0)

    assert not box.progress.ready
    assert moved, "waiting for others is no standing still"
    assert await box.stop() == 0


async def test_it_stops_at_once_while_its_topics_are_missing(kind: BoxKind, world: World) -> None:
    without_topics = start_embedded(world.folder / "without-topics")
    box = RunningBox(kind, replace(world, bootstrap=without_topics.bootstrap), "one")
    try:
        box.start()
        await standing_still(box, 2.0)

        assert not box.progress.ready
        assert await box.stop(within_s=5.0) == 0
    finally:
        without_topics.kill()


async def test_it_goes_on_once_the_broker_is_back(box: RunningBox, broker: EmbeddedBroker) -> None:
    await send(box, record_of(box.kind.good("R1")))
    await until_all_is_done(box, 1)
    broker.kill()
    await asyncio.sleep(2.0)
    again = start_embedded(box.world.folder / "broker", "--shortest-session", "1", "--upkeep-every", "0.3")
    try:
        await send(box, record_of(box.kind.good("R2")))
        await until_all_is_done(box, 2)
        await until(lambda: box.progress.ready)
        assert await box.stop() == 0
    finally:
        again.kill()


@pytest.fixture
def target_away(box: RunningBox, monkeypatch: pytest.MonkeyPatch) -> TargetAway:
    """Takes away what the box writes to, which it tries again every second."""
    if box.kind.target_away is None:
        assert not box.kind.commits, "it writes to Kafka alone"
        pytest.skip("it writes to Kafka alone")
    monkeypatch.setattr(retry, "LONGEST_PAUSE_S", 1.0)
    return box.kind.target_away


async def test_while_its_target_is_away_it_commits_nothing_and_stays_in_the_group(
    box: RunningBox, target_away: TargetAway
) -> None:
    await until(lambda: box.progress.ready)
    with target_away(box.world):
        await send(box, record_of(box.kind.good("R1")))
        await until(lambda: not box.progress.ready)
        moved = await standing_still(box, 5.0)
        assert not box.progress.ready
        assert moved, "waiting for others is no standing still"
        assert await committed(box) == 0

    await until_all_is_done(box, 1)
    await until(lambda: box.progress.ready)
    assert not box.progress.counts["lost_commits", ""]


async def test_what_it_read_before_a_rebalance_takes_nothing_back_from_what_another_committed_meanwhile(
    box: RunningBox, target_away: TargetAway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignments = 0

    async def note_assignment(group: ConsumerGroup, assigned: Sequence[TopicPartition]) -> None:
        nonlocal assignments
        await on_partitions_assigned(group, assigned)
        assignments += 1

    on_partitions_assigned = ConsumerGroup.on_partitions_assigned
    await until(lambda: box.progress.ready)
    monkeypatch.setattr(ConsumerGroup, "on_partitions_assigned", note_assignment)
    with target_away(box.world):
        await send(box, *(record_of(box.kind.good(f"R{number}")) for number in range(20)))
        await until(lambda: not box.progress.ready)
        await send(box, *(record_of(box.kind.good(f"S{number}")) for number in range(20)))
        ends = await commit_as_another_member(box)
        # First what the other left to it, then all again.
        await until(lambda: assignments >= 2)

    async for offsets in offsets_until(box, 40):
        assert all(offsets[tp] >= end for tp, end in ends.items())


async def test_it_stops_while_its_target_is_away(kind: BoxKind, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "STOP_LIMIT_S", 3.0)
    box = RunningBox(kind, world, "one")
    box.start()
    await until(lambda: box.progress.ready)
    if kind.target_away is None:
        assert await box.stop() == 0
        return
    with kind.target_away(world):
        await send(box, record_of(kind.good("R1")))
        await until(lambda: not box.progress.ready)
        assert await box.stop() == 0
    assert await committed(box) == 0


async def test_it_stops_in_time_while_the_broker_is_frozen(kind: BoxKind, world: World, broker: EmbeddedBroker) -> None:
    box = RunningBox(kind, world, "one")
    box.start()
    await send(box, record_of(kind.good("R1")))
    await until_all_is_done(box, 1)
    with broker.frozen():
        await asyncio.sleep(2.0)
        assert await box.stop(within_s=STOPPED_WITHIN_S) == 0


async def test_what_one_process_has_committed_the_next_does_not_read_again(kind: BoxKind, world: World) -> None:
    first = RunningBox(kind, world, "one")
    first.start()
    await send(first, record_of(kind.good("R1")))
    await until_all_is_done(first, 1)
    assert await first.stop() == 0
    assert not first.progress.ready and not first.progress.waiting

    second = RunningBox(kind, world, "one")
    second.start()
    await send(second, record_of(kind.good("R2")))
    await until_all_is_done(second, 2)
    assert await second.stop() == 0
    assert second.progress.counts["records", kind.topic] == (1 if kind.commits else 2)


async def send(box: RunningBox, *records: tuple[bytes | None, bytes | None]) -> None:
    await _produce(box.world.bootstrap, box.kind.topic, list(records))


async def dead_letters(box: RunningBox) -> list[Any]:
    return await _read_topic(box.world.bootstrap, DEAD_LETTERS)


async def commit_as_another_member(box: RunningBox) -> dict[TopicPartition, int]:
    """Take some partitions of the topic for a moment and commit them to their ends, which it returns."""
    consumer = AIOKafkaConsumer(
        box.kind.topic,
        bootstrap_servers=box.world.bootstrap,
        group_id=box.kind.group,
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        await until(lambda: bool(consumer.assignment()))
        ends: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
        await consumer.commit(ends)
    finally:
        await consumer.stop()
    return ends


async def offsets_until(box: RunningBox, records: int) -> AsyncIterator[dict[TopicPartition, int]]:
    """The group's committed offsets, many times a second, until so many records are committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=box.world.bootstrap)
    await admin.start()
    try:
        offsets: dict[TopicPartition, int] = {}
        while sum(offsets.values()) < records:
            offsets = await committed_offsets(box, admin)
            yield offsets
            await asyncio.sleep(0.01)
    finally:
        await admin.close()


async def committed(box: RunningBox) -> int:
    """The sum of the group's committed offsets in the topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=box.world.bootstrap)
    await admin.start()
    try:
        return sum((await committed_offsets(box, admin)).values())
    finally:
        await admin.close()


async def committed_offsets(box: RunningBox, admin: AIOKafkaAdminClient) -> dict[TopicPartition, int]:
    """The group's committed offsets in the topic."""
    offsets = await admin.list_consumer_group_offsets(box.kind.group)
    return {tp: at.offset for tp, at in offsets.items() if tp.topic == box.kind.topic and at.offset > 0}


async def until_all_is_done(box: RunningBox, records: int) -> None:
    """Until so many records of its topic are committed, or read where the box commits nothing."""
    if not box.kind.commits:
        await until(lambda: box.progress.counts["records", box.kind.topic] >= records)
        return
    deadline = time.monotonic() + 60
    while await committed(box) < records:
        assert time.monotonic() < deadline, (box.progress, await committed(box))
        await asyncio.sleep(0.2)


async def standing_still(box: RunningBox, seconds: float) -> bool:
    """Whether its progress moves within these seconds, as the watchdog looks at it."""
    before = box.progress.moved
    await asyncio.sleep(seconds)
    return box.progress.moved > before


async def until(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
