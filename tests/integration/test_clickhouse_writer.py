"""The writer between a real broker and a real ClickHouse: every row once, whoever is killed on the way."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.dead_letter import read_dead_letter
from sinks.clickhouse.migrations import migrate
from sinks.clickhouse.progress import Progress
from sinks.clickhouse.tables import DEAD_LETTERS, JOURNEYS, SERVICE_EVENTS, TOPICS
from sinks.clickhouse.writer import WriterConfig, run_writer
from streams.journey.batch import journey_facts
from tests import feed
from tests.clickhouse_node import (
    BrokerNode,
    ClickHouseNode,
    clickhouse,
    clickhouse_for_all,
    start_broker,
    start_clickhouse,
)
from tests.paths import ROOT
from tests.workshop import event_of, order_after, repaired_visit

__all__ = ["clickhouse", "clickhouse_for_all"]

SECRET = "a secret of these tests, long enough"
PARTITIONS = 4

Record = tuple[str, bytes | None, bytes]  # topic, key, value


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerNode]:
    """A development broker of the test's own, with the four topics."""
    node = start_broker(tmp_path / "broker")
    asyncio.run(_create_topics(node.bootstrap))
    yield node
    node.stop()


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """A day's feed with duplicates."""
    clean = feed.clean_feed(7, 2000)
    return clean + clean[::20]


@pytest.fixture(scope="module")
def history(events: list[dict[str, Any]]) -> list[Record]:
    """The feed's events, and each order's facts in three versions, oldest last."""
    facts = list(journey_facts(map(event_of, events)))
    records: list[Record] = [
        (SERVICE_EVENTS, event["vehicle_id"].encode(), json.dumps(event).encode()) for event in events
    ]
    for back in range(3):
        records += [_fact_record({**fact, "version": fact["version"] + 2 - back}) for fact in facts]
    return records


class WriterProcess:
    """`fixtrail sink clickhouse` as a process of its own."""

    def __init__(
        self, broker: BrokerNode, clickhouse: ClickHouseNode, data: Path, app_id: str, crash_at: str | None = None
    ) -> None:
        environment: Mapping[str, str] = {
            **os.environ,
            "FIXTRAIL_KAFKA": broker.bootstrap,
            "FIXTRAIL_CLICKHOUSE": clickhouse.url,
            "FIXTRAIL_CLICKHOUSE_PASSWORD": clickhouse.passwords["app"],
            "FIXTRAIL_HASH_KEY": SECRET,
            "FIXTRAIL_APP_ID": app_id,
            "FIXTRAIL_DATA": str(data),
            **({"FIXTRAIL_CRASH_AT": crash_at} if crash_at else {}),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fixtrail", "sink", "clickhouse"],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.DEVNULL,
        )

    def ends(self, within_s: float = 180) -> int:
        return self.process.wait(within_s)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM; it ends in good order, or it had not even started to listen for signals."""
        self.process.terminate()
        assert self.process.wait(180) in (0, -signal.SIGTERM)


@asynccontextmanager
async def running_writer(broker: BrokerNode, clickhouse: ClickHouseNode, group: str, **options: Any) -> Any:
    """A writer in this process; stopped in good order at the end."""
    stop, progress = asyncio.Event(), Progress()
    config = WriterConfig(
        {"bootstrap_servers": broker.bootstrap}, clickhouse.server(), SECRET.encode(), group=group, **options
    )
    running = asyncio.create_task(run_writer(config, stop, progress))
    try:
        yield progress
    finally:
        stop.set()
        assert await running == 0


async def test_everything_sent_is_in_the_views_and_committed(
    broker: BrokerNode, clickhouse: ClickHouseNode, history: list[Record], events: list[dict[str, Any]]
) -> None:
    await send(broker, history)
    async with running_writer(broker, clickhouse, "all"):
        await until_committed(broker, "all")

    assert_exact(clickhouse, events)
    async with running_writer(broker, clickhouse, "all") as progress:
        await asyncio.sleep(3)
        assert not progress.counts["records", SERVICE_EVENTS]


async def test_nothing_personal_is_in_any_column(
    broker: BrokerNode, clickhouse: ClickHouseNode, history: list[Record], events: list[dict[str, Any]]
) -> None:
    await send(broker, history)
    async with running_writer(broker, clickhouse, "personal"):
        await until_committed(broker, "personal")
    stored = "".join(
        clickhouse.ask(f"SELECT * FROM fixtrail_raw.{table} FORMAT JSONEachRow") for table in ("events", "journeys")
    )

    personal = {event["vehicle_id"] for event in events} | {event.get("customer_id") for event in events}
    personal |= {address for event in events for address in _addresses(event.get("contact"))}
    personal |= {event.get("comment") for event in events} | {event.get("reason") for event in events}
    assert not [text for text in personal - {None, ""} if json.dumps(text, ensure_ascii=False)[1:-1] in stored]


async def test_a_row_that_clickhouse_refuses_goes_to_the_dead_letters_with_its_bytes(
    broker: BrokerNode, clickhouse: ClickHouseNode
) -> None:
    fact = order_after(*repaired_visit("brakes"))
    good = [_fact_record({**fact, "order_id": f"R{number}"}) for number in range(50)]
    poison = _fact_record({**fact, "order_id": "R-poison", "score": 1000})
    broken: Record = (JOURNEYS, b"R-broken", b'{"order_id": "R-broken"')
    await send(broker, [*good[:25], poison, broken, *good[25:]])
    async with running_writer(broker, clickhouse, "refused"):
        await until_committed(broker, "refused")

    assert clickhouse.ask("SELECT count() FROM fixtrail.orders") == "50"
    assert clickhouse.ask("SELECT code, topic, diverted FROM fixtrail.dead_letters ORDER BY code") == (
        "row_refused\tjourneys\tfalse\nunusable_record\tjourneys\tfalse"
    )
    letters = {read_dead_letter(letter.headers).code: letter for letter in await read_all(broker, DEAD_LETTERS)}
    assert letters["row_refused"].value == poison[2] and letters["unusable_record"].value == broken[2]


async def test_a_schema_that_refuses_every_row_stops_the_writer_with_nothing_committed(
    broker: BrokerNode, clickhouse: ClickHouseNode
) -> None:
    fact = order_after(*repaired_visit("brakes"))
    await send(broker, [_fact_record({**fact, "order_id": f"R{n}", "score": 1000}) for n in range(50)])
    config = WriterConfig({"bootstrap_servers": broker.bootstrap}, clickhouse.server(), b"x", group="hopeless")

    assert await asyncio.wait_for(run_writer(config, asyncio.Event()), 180) == 78
    assert not await committed(broker, "hopeless")


@pytest.mark.parametrize(
    "step", ["writer.inserted", "writer.inserted:2", "writer.before_commit", "writer.after_commit"]
)
@pytest.mark.long
def test_a_writer_that_dies_at_any_step_loses_and_doubles_nothing(
    broker: BrokerNode,
    clickhouse: ClickHouseNode,
    tmp_path: Path,
    history: list[Record],
    events: list[dict[str, Any]],
    step: str,
) -> None:
    asyncio.run(send(broker, history))
    app_id = f"dies-{uuid4().hex[:6]}"
    assert WriterProcess(broker, clickhouse, tmp_path, app_id, crash_at=step).ends() == 99

    second = WriterProcess(broker, clickhouse, tmp_path, app_id)
    asyncio.run(until_committed(broker, f"{app_id}-clickhouse"))
    second.stop()
    assert_exact(clickhouse, events)


@pytest.mark.long
def test_a_writer_that_is_killed_again_and_again_loses_and_doubles_nothing(
    broker: BrokerNode, clickhouse: ClickHouseNode, tmp_path: Path, history: list[Record], events: list[dict[str, Any]]
) -> None:
    asyncio.run(send(broker, history[: len(history) // 2]))
    for alive_s in (1.4, 1.9):
        writer = WriterProcess(broker, clickhouse, tmp_path, "killed")
        time.sleep(alive_s)
        writer.kill()
    asyncio.run(send(broker, history[len(history) // 2 :]))

    last = WriterProcess(broker, clickhouse, tmp_path, "killed")
    asyncio.run(until_committed(broker, "killed-clickhouse"))
    last.stop()
    assert_exact(clickhouse, events)


async def test_a_clickhouse_that_is_killed_and_comes_back_has_everything(
    broker: BrokerNode, tmp_path: Path, history: list[Record], events: list[dict[str, Any]]
) -> None:
    node = await asyncio.to_thread(start_clickhouse, tmp_path / "own")
    try:
        migrate(node.client())
        third = len(history) // 3 + 1
        async with running_writer(broker, node, "outage", flush_rows=200, flush_s=0.1) as progress:
            for start in range(0, len(history), third):
                await send(broker, history[start : start + third])
                node.kill()
                retries = _retries(progress)
                await send(broker, history[:100])
                await until(lambda before=retries: _retries(progress) > before)
                node = await asyncio.to_thread(node.again)
            await until_committed(broker, "outage")

        assert not any(name == "refused" for name, _ in progress.counts)
        assert_exact(node, events)
    finally:
        node.stop()


async def test_writers_that_come_and_go_lose_and_double_nothing(
    broker: BrokerNode, clickhouse: ClickHouseNode, history: list[Record], events: list[dict[str, Any]]
) -> None:
    quick = {"flush_rows": 300, "flush_s": 0.2}
    third = len(history) // 3
    async with running_writer(broker, clickhouse, "shared", **quick):
        await send(broker, history[:third])
        async with running_writer(broker, clickhouse, "shared", **quick) as second:
            await send(broker, history[third : 2 * third])
            await until(lambda: second.ready)
        await send(broker, history[2 * third :])
        await until_committed(broker, "shared")

    assert_exact(clickhouse, events)


async def test_a_stop_while_clickhouse_is_away_is_quick_and_commits_nothing(broker: BrokerNode) -> None:
    fact = order_after(*repaired_visit("brakes"))
    await send(broker, [_fact_record(fact)])
    stop, progress = asyncio.Event(), Progress()
    nowhere = ClickHouseNode(None, 1, 1, Path())  # type: ignore[arg-type]
    config = WriterConfig({"bootstrap_servers": broker.bootstrap}, nowhere.server(), b"x", group="away")
    running = asyncio.create_task(run_writer(config, stop, progress))
    await until(lambda: progress.counts["retries", "journeys"] > 1)
    before = progress.moved
    await until(lambda: progress.moved > before)  # waiting for others is no standing still

    stop.set()
    assert await asyncio.wait_for(running, 30) == 0
    assert not await committed(broker, "away")


async def test_a_writer_waits_for_a_kafka_that_is_not_there_yet_and_stops_when_told(clickhouse: ClickHouseNode) -> None:
    stop = asyncio.Event()
    config = WriterConfig({"bootstrap_servers": "127.0.0.1:1"}, clickhouse.server(), b"x")
    running = asyncio.create_task(run_writer(config, stop))
    await asyncio.sleep(1)
    assert not running.done()

    stop.set()
    assert await asyncio.wait_for(running, 30) == 0


def assert_exact(clickhouse: ClickHouseNode, events: list[dict[str, Any]]) -> None:
    """View `events` holds each event once, view `orders` each order in its newest version."""
    distinct = {event["event_id"] for event in events}
    facts = {(fact["center_id"], fact["order_id"]): fact for fact in journey_facts(map(event_of, events))}
    client = clickhouse.client()
    stored = client.query("SELECT event_id FROM fixtrail.events").result_rows
    orders = client.query("SELECT center_id, order_id, version, event_count FROM fixtrail.orders").result_rows
    stages = client.query("SELECT count() FROM fixtrail.stages").result_rows

    assert sorted(event_id for (event_id,) in stored) == sorted(distinct)
    assert sorted(orders) == sorted((*key, fact["version"] + 2, fact["event_count"]) for key, fact in facts.items())
    assert stages == [(sum(len(fact["stages"]) for fact in facts.values()),)]


def _retries(progress: Progress) -> int:
    return sum(number for (name, _), number in progress.counts.items() if name == "retries")


async def send(broker: BrokerNode, records: list[Record]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=5)
    await producer.start()
    try:
        for topic, key, value in records:
            await producer.send(topic, value, key=key)
        await producer.flush()
    finally:
        await producer.stop()


async def read_all(broker: BrokerNode, topic: str) -> list[Any]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        fetched = await consumer.getmany(timeout_ms=10_000)
        return [record for records in fetched.values() for record in records]
    finally:
        await consumer.stop()


async def committed(broker: BrokerNode, group: str) -> dict[TopicPartition, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
        return {tp: at.offset for tp, at in offsets.items() if at.offset >= 0}
    finally:
        await admin.close()


async def until_committed(broker: BrokerNode, group: str, within_s: float = 240) -> None:
    """Wait until the group has committed the end of every partition, its own dead letters included."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    try:
        deadline = time.monotonic() + within_s
        partitions = [TopicPartition(topic, number) for topic in TOPICS for number in range(PARTITIONS)]
        while time.monotonic() < deadline:
            done = await committed(broker, group)
            ends = await consumer.end_offsets(partitions)
            if all(done.get(tp, 0) >= end for tp, end in ends.items()):
                return
            await asyncio.sleep(0.2)
        raise AssertionError(f"{group} did not get to the end within {within_s:.0f} s")
    finally:
        await consumer.stop()


async def until(holds: Any, within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def _create_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in TOPICS])
    finally:
        await admin.close()


def _fact_record(fact: dict[str, Any]) -> Record:
    return (JOURNEYS, fact["order_id"].encode(), json.dumps(fact).encode())


def _addresses(contact: Any) -> list[str]:
    return [address for item in contact or () for address in (item.values() if isinstance(item, dict) else [item])]
