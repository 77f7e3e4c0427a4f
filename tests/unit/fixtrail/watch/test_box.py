"""The watch between its topics: what it reads where, when it speaks, and what happens when Kafka does not take it."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from fixtrail.watch import box as boxes
from fixtrail.watch import shard as shards
from fixtrail.watch.box import TOPICS, WatchBoxConfig, _Watch
from fixtrail.watch.config import WatchConfig
from runtime.clock import WallClock
from runtime.kafka import group
from runtime.progress import Progress
from schemas.topics import ALERTS, JOURNEYS, NOTICES
from tests.providers.watch_box import ago
from tests.workshop import checked_in, facts_after

CONFIG = WatchConfig.model_validate(
    {
        "customers": {"running_late": [{"minutes": 1}]},
        "rule": [{"name": "waits", "kind": "wait", "activity": "reception", "minutes": 30, "counted": "all"}],
    }
)


class Topics:
    """As much of a consumer and a producer as the watch uses: records in memory, read in order."""

    def __init__(self, partitions: int = 2) -> None:
        self.records: dict[TopicPartition, list[Any]] = {
            TopicPartition(topic, number): [] for topic in TOPICS for number in range(partitions)
        }
        self.places = dict.fromkeys(self.records, 0)
        self.fails = False

    def add(self, topic: str, partition: int, key: str, value: bytes) -> None:
        records = self.records[TopicPartition(topic, partition)]
        records.append(
            SimpleNamespace(
                topic=topic,
                partition=partition,
                offset=len(records),
                key=key.encode(),
                value=value,
                headers=(),
                timestamp=int(time.time() * 1000),
            )
        )

    async def send(self, topic: str, value: bytes, key: bytes, partition: int, headers: Any) -> Any:
        if self.fails:
            raise KafkaTimeoutError("no broker")
        self.add(topic, partition, key.decode(), value)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        batch = {tp: records[self.places[tp] :] for tp, records in self.records.items() if records[self.places[tp] :]}
        self.places.update({tp: len(self.records[tp]) for tp in batch})
        return batch

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: len(self.records[tp]) for tp in partitions}

    async def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, None]:
        return dict.fromkeys(times)

    async def position(self, tp: TopicPartition) -> int:
        return self.places[tp]

    def highwater(self, tp: TopicPartition) -> int:
        return len(self.records[tp])

    def assignment(self) -> set[TopicPartition]:
        return set(self.records)

    def resume(self, *_: TopicPartition) -> None:
        """Nothing was paused."""

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.places[tp] = offset

    def values_of(self, topic: str, partition: int) -> list[dict[str, Any]]:
        return [orjson.loads(record.value) for record in self.records[TopicPartition(topic, partition)]]


def an_order(topics: Topics, order_id: str, partition: int) -> None:
    """Checked in 40 minutes ago, promised for half an hour ago; its journey is in the topic."""
    event = checked_in("08:00", order_id=order_id, occurred_at=ago(2400), promised_at=ago(1800))
    (fact,) = facts_after(event).values()
    topics.add(JOURNEYS, partition, order_id, orjson.dumps(fact))
    # As if its journey had come when it happened: nothing has to settle.
    topics.records[TopicPartition(JOURNEYS, partition)][-1].timestamp = fact["last_event_at"]


async def a_watch(topics: Topics, *partitions: int) -> _Watch:
    watch = _Watch(WatchBoxConfig({}, CONFIG, "one"), asyncio.Event(), Progress())
    watch.group.consumer = watch._producer = topics
    watch._acks.read.set()
    await assign(watch, *partitions)
    return watch


async def assign(watch: _Watch, *partitions: int) -> None:
    await watch.group.on_partitions_revoked([])
    await watch.group.on_partitions_assigned(
        [TopicPartition(topic, number) for topic in TOPICS for number in partitions]
    )


async def turn(watch: _Watch) -> None:
    """Read what there is, and look at the clock."""
    await watch.group.read()
    await watch._come_live()
    await watch._tick()
    watch.group.show_ready()


async def test_what_is_found_is_written_where_its_order_is():
    topics = Topics()
    an_order(topics, "R1", 1)
    watch = await a_watch(topics, 0, 1)
    await turn(watch)

    assert [record["order_id"] for record in topics.values_of(NOTICES, 1)] == ["R1"]
    assert [record["rule"] for record in topics.values_of(ALERTS, 1)] == ["waits"]
    assert topics.values_of(NOTICES, 0) == topics.values_of(ALERTS, 0) == []
    await turn(watch)
    assert len(topics.values_of(NOTICES, 1)) == len(topics.values_of(ALERTS, 1)) == 1
    assert watch._progress.ready


async def test_nothing_is_said_before_all_that_stood_there_has_been_read():
    topics = Topics()
    an_order(topics, "R1", 0)
    watch = await a_watch(topics, 0)
    await watch._come_live()
    await watch._tick()

    assert topics.values_of(ALERTS, 0) == []
    assert not watch._progress.ready


async def test_nothing_is_said_before_the_acknowledgements_are_known():
    topics = Topics()
    an_order(topics, "R1", 0)
    watch = await a_watch(topics, 0)
    watch._acks.read.clear()
    await turn(watch)
    assert topics.values_of(ALERTS, 0) == []

    watch._acks.read.set()
    await turn(watch)
    assert len(topics.values_of(ALERTS, 0)) == 1


async def test_a_partition_that_comes_back_at_once_goes_on_where_it_was():
    topics = Topics()
    an_order(topics, "R1", 0)
    watch = await a_watch(topics, 0, 1)
    await turn(watch)
    await turn(watch)
    shard = watch._shards[0]
    topics.places = dict.fromkeys(topics.places, 0)
    await assign(watch, 0)

    assert watch._shards == {0: shard} and shard.live_since is None
    assert topics.places[TopicPartition(JOURNEYS, 0)] == 1
    await turn(watch)
    assert shard.live_since is not None
    assert len(topics.values_of(NOTICES, 0)) == len(topics.values_of(ALERTS, 0)) == 1


async def test_a_partition_that_was_elsewhere_is_read_from_its_beginning():
    topics = Topics()
    an_order(topics, "R1", 0)
    watch = await a_watch(topics, 0)
    await turn(watch)
    before = watch._shards[0]
    await assign(watch, 1)
    topics.places = dict.fromkeys(topics.places, 0)
    await assign(watch, 0)

    assert watch._shards[0] is not before
    assert topics.places[TopicPartition(JOURNEYS, 0)] == 0
    await turn(watch)
    assert len(topics.values_of(NOTICES, 0)) == len(topics.values_of(ALERTS, 0)) == 1, "its ids stand in the topics"


async def test_what_kafka_does_not_take_is_found_again():
    topics = Topics()
    an_order(topics, "R1", 0)
    watch = await a_watch(topics, 0)
    topics.fails = True
    await turn(watch)
    await turn(watch)
    assert watch._progress.counts["failed_writes", ""] == 2
    topics.fails = False
    await turn(watch)

    assert len(topics.values_of(NOTICES, 0)) == len(topics.values_of(ALERTS, 0)) == 1


async def test_who_cannot_write_for_a_minute_ends(monkeypatch: pytest.MonkeyPatch):
    topics = Topics()
    an_order(topics, "R1", 0)
    watch = await a_watch(topics, 0)
    topics.fails = True
    await turn(watch)
    monkeypatch.setattr(boxes, "FAILING_LIMIT_S", 0.0)

    with pytest.raises(RuntimeError, match="too long"):
        await turn(watch)


async def test_who_stood_still_asks_the_group_before_it_writes():
    topics = Topics()
    an_order(topics, "R1", 0)
    watch = await a_watch(topics, 0)
    await watch.group.read()
    await watch._come_live()
    watch.group.polled_at -= 60
    await watch._tick()
    assert topics.values_of(ALERTS, 0) == []

    await turn(watch)
    assert len(topics.values_of(ALERTS, 0)) == 1


async def test_many_orders_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shards, "_MOST_ORDERS", 20)
    topics = Topics(1)
    for number in range(25):
        an_order(topics, f"R{number}", 0)
    watch = await a_watch(topics, 0)
    await turn(watch)
    assert len(topics.values_of(NOTICES, 0)) == 20
    assert watch._shards[0].is_behind
    await turn(watch)

    assert len(topics.values_of(NOTICES, 0)) == 25


async def test_it_runs_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch):
    """The whole loop: join, read, come live, look at the clock each second, end in good order."""
    topics, stop = Topics(), asyncio.Event()
    an_order(topics, "R1", 0)
    progress = Progress()
    watch = _Watch(WatchBoxConfig({}, CONFIG, "one"), stop, progress)

    async def connect() -> None:
        watch.group.consumer = watch._producer = topics
        await assign(watch, 0, 1)

    async def follow() -> None:
        watch._acks.read.set()
        await asyncio.sleep(60)

    async def no_lag(*_: Any) -> None:
        await asyncio.sleep(60)

    async def connected() -> None:
        pass

    monkeypatch.setattr(watch, "_connect", connected)
    monkeypatch.setattr(watch.group, "_connect", connect)
    monkeypatch.setattr(watch._acks, "run", follow)
    monkeypatch.setattr(group, "show_lag", no_lag)
    monkeypatch.setattr(boxes, "TICK_S", 0.05)
    monkeypatch.setattr(Topics, "getmany", slowly(Topics.getmany))
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(20):
        while not topics.values_of(ALERTS, 0):
            await asyncio.sleep(0.01)
        an_order(topics, "R2", 1)
        while not topics.values_of(ALERTS, 1):
            await asyncio.sleep(0.01)
        stop.set()
        assert await running == 0
    assert len(topics.values_of(NOTICES, 0)) == len(topics.values_of(NOTICES, 1)) == 1
    assert progress.moved and not progress.waiting


def slowly(getmany: Any) -> Any:
    """A poll lets others run, as one over a network does."""

    async def poll(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(0.01)
        return await getmany(*arguments, **options)

    return poll


@pytest.mark.parametrize("jump_ms", [3_600_000, -3_600_000])
async def test_a_clock_that_was_just_set_says_nothing_and_goes_on_after_a_minute(monkeypatch, jump_ms):
    topics, clock, steady = Topics(), [int(time.time() * 1000)], [1000.0]
    watch = await a_watch(topics, 0)
    watch._progress.clock = WallClock(lambda: clock[0] / 1000, lambda: steady[0])
    await turn(watch)
    # In ten minutes its promise will be broken, and in an hour's time it would have waited for far too long.
    event = checked_in("08:00", order_id="R1", occurred_at=ago(60), promised_at=ago(-600))
    (fact,) = facts_after(event).values()
    topics.add(JOURNEYS, 0, "R1", orjson.dumps(fact))
    clock[0] += jump_ms
    await turn(watch)
    assert topics.values_of(NOTICES, 0) == topics.values_of(ALERTS, 0) == []
    assert watch._progress.gauges["held_partitions",] == 1
    clock[0] -= jump_ms
    await turn(watch)
    for _ in range(13):
        # What was put off at the wrong time is looked at again at the right one.
        steady[0] += 60
        clock[0] += 60_000
        await turn(watch)

    assert watch._progress.gauges["held_partitions",] == 0
    assert [notice["order_id"] for notice in topics.values_of(NOTICES, 0)] == ["R1"]
    assert topics.values_of(ALERTS, 0) == []
