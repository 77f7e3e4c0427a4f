"""What a ClickHouse writer commits when nothing waits to be written: markers of transactions, and never a record."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from runtime.kafka import group
from runtime.progress import Progress
from schemas.heartbeat import heartbeat_headers, heartbeat_key
from sinks.clickhouse.connection import ClickHouse
from sinks.clickhouse.writer import WriterConfig, _Writer

EVENTS_0 = TopicPartition("service-events", 0)


class FakeConsumer:
    """One partition: what it was read up to, and what was committed of it."""

    def __init__(self) -> None:
        self.read_up_to = 0
        self.commits: list[int] = []
        self.end_offset: int | None = None

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        """Two records, and two markers behind them."""
        first, self.read_up_to = self.read_up_to, self.read_up_to + 4
        return {EVENTS_0: [a_record(first), a_record(first + 1)]}

    def assignment(self) -> set[TopicPartition]:
        return {EVENTS_0}

    def highwater(self, _: TopicPartition) -> int | None:
        return self.end_offset

    async def position(self, _: TopicPartition) -> int:
        return self.read_up_to

    async def committed(self, _: TopicPartition) -> int | None:
        return self.commits[-1] if self.commits else None

    async def commit(self, ends: dict[TopicPartition, int]) -> None:
        self.commits.append(ends[EVENTS_0])


def a_record(offset: int) -> Any:
    """A heartbeat: it needs no ClickHouse."""
    return SimpleNamespace(
        topic="service-events", partition=0, offset=offset, key=heartbeat_key(0), value=None, timestamp=0,
        headers=heartbeat_headers(1),
    )  # fmt: skip


@pytest.fixture
def consumer() -> FakeConsumer:
    return FakeConsumer()


@pytest.fixture
def writer(consumer: FakeConsumer, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Writer]:
    monkeypatch.setattr(group, "MARKERS_EVERY_S", 0.0)
    config = WriterConfig({}, ClickHouse("http://127.0.0.1:1", "app", ""), b"k" * 32, flush_s=0.0)
    writer = _Writer(config, asyncio.Event(), Progress())
    writer.group.consumer = consumer
    yield writer
    writer._thread.shutdown()


async def test_markers_behind_the_last_record_are_committed_once_it_is(writer: _Writer, consumer: FakeConsumer):
    await writer.group.read()
    await writer.group._commit_markers()
    assert consumer.commits == []

    await writer.flush()
    await asyncio.sleep(0)
    while not consumer.commits:
        await asyncio.sleep(0.01)
    await writer.flush()
    await writer.group._commit_markers()

    assert consumer.commits == [2, 4]


async def test_what_a_rebalance_drops_is_not_committed_as_if_it_were_markers(writer: _Writer, consumer: FakeConsumer):
    await writer.group.read()
    await writer.group.on_partitions_revoked([EVENTS_0])

    await writer.group._commit_markers()

    assert consumer.commits == []


def patient_writer(consumer: FakeConsumer) -> _Writer:
    config = WriterConfig({}, ClickHouse("http://127.0.0.1:1", "app", ""), b"k" * 32, flush_s=60.0)
    writer = _Writer(config, asyncio.Event(), Progress())
    writer.group.consumer = consumer
    return writer


async def test_a_writer_that_has_read_all_there_is_flushes_after_a_tenth_of_a_second(consumer: FakeConsumer):
    writer = patient_writer(consumer)
    consumer.end_offset = 2
    await writer.group.read()

    assert 0 < writer.poll_s <= 0.1
    await asyncio.sleep(0.15)
    await writer.flush()
    while not consumer.commits:
        await asyncio.sleep(0.01)

    assert consumer.commits == [2]


async def test_a_writer_that_is_behind_waits_for_a_large_batch(consumer: FakeConsumer):
    writer = patient_writer(consumer)
    consumer.end_offset = 100_000
    await writer.group.read()

    assert writer.poll_s > 0.2
    await asyncio.sleep(0.15)
    await writer.flush()
    await asyncio.sleep(0.05)

    assert consumer.commits == []


async def test_a_partition_that_was_taken_away_counts_as_behind(consumer: FakeConsumer):
    writer = patient_writer(consumer)
    consumer.end_offset = 2

    assert writer.group.is_level({EVENTS_0: 2})
    assert not writer.group.is_level({TopicPartition("service-events", 1): 2})
