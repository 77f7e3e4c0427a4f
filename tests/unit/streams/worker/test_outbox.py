"""The outbox: outputs acknowledged before the changelog, that before the ack, and no write may fail unseen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.failure import BUG
from streams.worker.outbox import Outbox

OUTPUTS = {("journeys", 1): [(b"R1", b"fact", [])]}
CHANGELOG = {("orders-changelog", 0): [(b"R1", b"state", [])]}


class FakeBatch:
    """Holds two records."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, Any, Any]] = []
        self.closed = False

    def append(self, *, timestamp: int | None, key: Any, value: Any, headers: Any) -> object | None:
        assert not self.closed
        if len(self.rows) == 2:
            return None
        self.rows.append((key, value, headers))
        return object()

    def close(self) -> None:
        self.closed = True


class FakeProducer:
    """Keeps what it is sent; a batch is acknowledged when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, list[Any]]] = []
        self.acks: list[asyncio.Future[None]] = []

    def create_batch(self) -> FakeBatch:
        return FakeBatch()

    async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        assert batch.closed
        self.sent.append((topic, partition, batch.rows))
        self.acks.append(asyncio.get_running_loop().create_future())
        return self.acks[-1]

    def topics(self) -> list[str]:
        return [topic for topic, _, _ in self.sent]


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


@pytest.fixture
async def outbox(producer: FakeProducer, stops: list[int]) -> AsyncIterator[Outbox]:
    outbox = Outbox(producer, depth=3)  # type: ignore[arg-type]
    outbox.start()
    yield outbox
    await outbox.stop()


async def a_moment() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def noting(done: list[str], name: str) -> Callable[[], None]:
    return lambda: done.append(name)


# The order of things


async def test_the_changelog_is_sent_when_the_outputs_are_acknowledged_and_acked_after_that(
    outbox: Outbox, producer: FakeProducer
):
    done: list[str] = []
    await outbox.put(OUTPUTS, CHANGELOG, noting(done, "acked"))
    await a_moment()
    assert (producer.topics(), done) == (["journeys"], [])

    producer.acks[0].set_result(None)
    await a_moment()
    assert (producer.topics(), done) == (["journeys", "orders-changelog"], [])

    producer.acks[1].set_result(None)
    await a_moment()
    assert done == ["acked"]


async def test_every_output_must_be_acknowledged(outbox: Outbox, producer: FakeProducer):
    outputs = {("notices", 0): [(b"R1", b"n", [])], ("journeys", 1): [(b"R1", b"f", [])]}
    await outbox.put(outputs, CHANGELOG, lambda: None)

    producer.acks[1].set_result(None)
    await a_moment()

    assert producer.topics() == ["notices", "journeys"]


async def test_outputs_go_ahead_while_the_changelog_of_the_batch_before_is_under_way(
    outbox: Outbox, producer: FakeProducer
):
    await outbox.put(OUTPUTS, CHANGELOG, lambda: None)
    producer.acks[0].set_result(None)
    await a_moment()

    await outbox.put(OUTPUTS, CHANGELOG, lambda: None)
    await a_moment()

    assert producer.topics() == ["journeys", "orders-changelog", "journeys"]


async def test_batches_are_acked_in_their_order_whatever_is_acknowledged_first(outbox: Outbox, producer: FakeProducer):
    done: list[str] = []
    await outbox.put(OUTPUTS, CHANGELOG, noting(done, "first"))
    await outbox.put({("notices", 2): [(b"R2", b"n", [])]}, CHANGELOG, noting(done, "second"))

    producer.acks[1].set_result(None)
    await a_moment()
    assert producer.topics() == ["journeys", "notices"]

    for _ in range(4):
        for ack in producer.acks:
            if not ack.done():
                ack.set_result(None)
        await a_moment()
    assert done == ["first", "second"]


async def test_a_batch_that_writes_nothing_waits_for_those_before_it(outbox: Outbox, producer: FakeProducer):
    done: list[str] = []
    await outbox.put(OUTPUTS, CHANGELOG, noting(done, "first"))
    await outbox.put({}, {}, noting(done, "second"))
    await a_moment()
    assert done == []

    producer.acks[0].set_result(None)
    await a_moment()
    producer.acks[1].set_result(None)
    await a_moment()
    assert done == ["first", "second"]


async def test_a_batch_that_writes_nothing_is_acked_at_once(outbox: Outbox):
    done: list[str] = []

    await outbox.put({}, {}, noting(done, "acked"))
    await a_moment()

    assert done == ["acked"]


# How much is under way


async def test_no_more_batches_are_under_way_than_there_is_room_for(outbox: Outbox, producer: FakeProducer):
    for _ in range(3):
        await outbox.put(OUTPUTS, {}, lambda: None)
    fourth = asyncio.create_task(outbox.put(OUTPUTS, {}, lambda: None))
    await a_moment()
    assert (outbox.under_way(), len(producer.sent), fourth.done()) == (3, 3, False)

    producer.acks[0].set_result(None)
    await a_moment()

    assert fourth.done()
    assert (outbox.under_way(), len(producer.sent)) == (3, 4)


async def test_drained_waits_for_the_last_ack(outbox: Outbox, producer: FakeProducer):
    await outbox.put(OUTPUTS, {}, lambda: None)
    drained = asyncio.create_task(outbox.drained())
    await asyncio.sleep(0.02)
    assert not drained.done()

    producer.acks[0].set_result(None)
    await asyncio.wait_for(drained, 5)

    assert outbox.under_way() == 0


# What is sent


async def test_rows_go_out_as_whole_batches_by_topic_and_partition(outbox: Outbox, producer: FakeProducer):
    rows = [(b"R%d" % number, b"fact", [("h", b"x")]) for number in range(5)]

    await outbox.put({("journeys", 3): rows}, {}, lambda: None)

    assert [(topic, partition, len(rows)) for topic, partition, rows in producer.sent] == [
        ("journeys", 3, n) for n in (2, 2, 1)
    ]
    assert [row for _, _, batch in producer.sent for row in batch] == rows


async def test_a_key_let_go_is_deleted_by_an_empty_value(outbox: Outbox, producer: FakeProducer):
    await outbox.put({("orders-changelog", 0): [(b"R1", None, [])]}, {}, lambda: None)

    assert producer.sent == [("orders-changelog", 0, [(b"R1", None, [])])]


# When a write fails


async def test_an_output_that_fails_ends_the_process_before_the_changelog(
    outbox: Outbox, producer: FakeProducer, stops: list[int]
):
    done: list[str] = []
    await outbox.put(OUTPUTS, CHANGELOG, noting(done, "acked"))

    producer.acks[0].set_exception(ConnectionError("gone"))
    await a_moment()

    assert (stops, done, producer.topics()) == ([BUG], [], ["journeys"])


async def test_a_changelog_that_fails_ends_the_process_before_the_ack(
    outbox: Outbox, producer: FakeProducer, stops: list[int]
):
    done: list[str] = []
    await outbox.put({}, CHANGELOG, noting(done, "acked"))
    await a_moment()

    producer.acks[0].set_exception(ConnectionError("gone"))
    await a_moment()

    assert (stops, done) == ([BUG], [])


async def test_an_ack_that_fails_ends_the_process(outbox: Outbox, stops: list[int]):
    def broken() -> None:
        raise KeyError("no such partition")

    await outbox.put({}, {}, broken)
    await a_moment()

    assert stops == [BUG]


async def test_stopping_acks_nothing_and_ends_nothing(producer: FakeProducer, stops: list[int]):
    done: list[str] = []
    outbox = Outbox(producer)  # type: ignore[arg-type]
    outbox.start()
    await outbox.put(OUTPUTS, CHANGELOG, noting(done, "acked"))

    await outbox.stop()

    assert (done, stops) == ([], [])


async def test_every_acknowledgement_of_the_changelog_is_noted_before_the_batch_is_done(producer: FakeProducer):
    order: list[Any] = []
    box = Outbox(producer, logged=order.append)  # type: ignore[arg-type]
    box.start()
    try:
        await box.put(OUTPUTS, CHANGELOG, lambda: order.append("done"))
        producer.acks[0].set_result(None)
        while len(producer.acks) < 2:
            await asyncio.sleep(0)
        producer.acks[1].set_result(SimpleNamespace(topic="orders-changelog", partition=0, offset=3))  # type: ignore[arg-type]
        await box.drained()
        assert [getattr(item, "offset", item) for item in order] == [3, "done"]
    finally:
        await box.stop()
