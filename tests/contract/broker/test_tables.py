"""A compacted topic as a table in memory: newest values, deletions, brokers that go away, and who hears of a change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runtime.kafka import table as tables
from runtime.kafka.table import Table, follow_tables
from runtime.progress import Progress
from tests.contract.broker.clients import Lab, eventually
from tests.contract.broker.conftest import OwnBroker

Change = tuple[str, int | None, int | None]


@asynccontextmanager
async def followed(lab: Lab, *tables: Table[Any], progress: Progress | None = None) -> AsyncIterator[None]:
    following = asyncio.create_task(follow_tables({"bootstrap_servers": lab.bootstrap}, tables, progress))
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def put(lab: Lab, topic: str, *rows: tuple[bytes, bytes | None]) -> None:
    async with lab.producer() as producer:
        for key, value in rows:
            await producer.send_and_wait(topic, value, key=key)


async def all_read(*tables: Table[Any]) -> None:
    async with asyncio.timeout(20):
        for table in tables:
            await table.read.wait()


def numbers(topic: str) -> Table[int]:
    """The highest number of each key counts."""
    return Table(topic, int, is_newer=int.__gt__)


async def test_the_newest_value_of_each_key_is_there_once_all_is_read(lab: Lab):
    topic = await lab.topic(2, cleanup_policy="compact")
    await put(lab, topic, (b"a", b"1"), (b"b", b"1"), (b"a", b"3"), (b"a", b"2"), (b"c", b"1"), (b"c", None))
    table, progress = numbers(topic), Progress()
    assert not table.read.is_set()
    assert not table.is_current

    async with followed(lab, table, progress=progress):
        await all_read(table)
        assert dict(table) == {"a": 3, "b": 1}
        assert table.is_current
        await put(lab, topic, (b"b", None), (b"d", b"4"))
        await eventually(lambda: _is(table, {"a": 3, "d": 4}))
    assert progress.counts["records", topic] == 8


async def test_without_versions_the_later_record_counts(lab: Lab):
    topic = await lab.topic(cleanup_policy="compact")
    await put(lab, topic, (b"a", b"3"), (b"a", b"2"))
    table = Table(topic, int)

    async with followed(lab, table):
        await all_read(table)
        assert dict(table) == {"a": 2}


async def test_what_was_compacted_away_is_not_waited_for(lab: Lab):
    topic = await lab.topic(cleanup_policy="compact", segment_ms="50", min_cleanable_dirty_ratio="0.001")
    for number in range(30):
        await put(lab, topic, (b"a", b"%d" % number))
    await put(lab, topic, (b"b", None))

    async def compacted() -> bool:
        await put(lab, topic, (b"nudge", b"0"))
        return len([record for record in await lab.read_all(topic) if record.key == b"a"]) == 1

    await eventually(compacted)
    table = numbers(topic)
    async with followed(lab, table):
        await all_read(table)
        assert dict(table) == {"a": 29, "nudge": 0}


async def test_an_empty_topic_is_read_at_once(lab: Lab):
    table = numbers(await lab.topic(cleanup_policy="compact"))

    async with followed(lab, table):
        await all_read(table)
        assert not table


async def test_tables_of_one_consumer_are_read_together(lab: Lab):
    """No page opens before the revocations are read, too."""
    first, second = [await lab.topic(cleanup_policy="compact") for _ in range(2)]
    await put(lab, first, (b"a", b"1"))
    await put(lab, second, *((b"%d" % number, b"%d" % number) for number in range(3000)))
    first_numbers, second_numbers = numbers(first), numbers(second)

    async with followed(lab, first_numbers, second_numbers):
        await all_read(first_numbers)
        assert second_numbers.read.is_set()
        assert (len(first_numbers), len(second_numbers)) == (1, 3000)


async def test_a_topic_that_is_missing_keeps_nobody_waiting_for_the_first(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "TOPICS_LIMIT_S", 0.5)
    topic = await lab.topic(cleanup_policy="compact")
    await put(lab, topic, (b"a", b"1"))
    table, missing = numbers(topic), numbers(f"{topic}-missing")

    async with followed(lab, table, missing):
        await all_read(table)
        assert (dict(table), dict(missing)) == ({"a": 1}, {})


async def test_a_broker_that_went_away_is_read_again_from_the_beginning(
    own_broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
):
    """What is in the table stays meanwhile, and a value that comes once more is no change."""
    monkeypatch.setattr(tables, "PAUSE_S", 0.2)
    lab = own_broker.lab
    topic = await lab.topic(cleanup_policy="compact")
    await put(lab, topic, (b"a", b"1"), (b"b", b"1"))
    table, changes = numbers(topic), list[Change]()
    table.on_change(lambda *change: changes.append(change))

    async with followed(lab, table):
        await all_read(table)
        own_broker.running.kill()
        await asyncio.sleep(1.0)
        assert dict(table) == {"a": 1, "b": 1}
        own_broker.start()
        await put(lab, topic, (b"a", b"2"))
        await eventually(lambda: _is(table, {"a": 2, "b": 1}))
    assert changes == [("a", None, 1), ("b", None, 1), ("a", 1, 2)]


async def test_a_table_begins_before_its_broker_is_there(own_broker: OwnBroker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "PAUSE_S", 0.2)
    topic = await own_broker.lab.topic(cleanup_policy="compact")
    await put(own_broker.lab, topic, (b"a", b"1"))
    own_broker.running.kill()
    table = numbers(topic)

    async with followed(own_broker.lab, table):
        await asyncio.sleep(0.5)
        assert not table.read.is_set()
        own_broker.start()
        await all_read(table)
        assert dict(table) == {"a": 1}


async def _is(table: Table[int], values: dict[str, int]) -> bool:
    return dict(table) == values
