"""What is changed in a process before it begins: rules taken out, and circumstances in which that shows.

Every function patches the modules of the process that it is called in.
"""

import asyncio
import itertools
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

LATE_S = 1.5
BUG_AT, BUGS = 25, 4


# Circumstances, not faults: the product must bear them


def slow_writes() -> None:
    """Every write of a worker reaches the broker 1.5 s late, in order."""
    from streams.worker.outbox import Outbox

    start = Outbox.start

    def with_slow_producer(outbox: Any) -> None:
        outbox._producer = _SlowProducer(outbox._producer)
        start(outbox)

    Outbox.start = with_slow_producer  # type: ignore[method-assign]


class _SlowProducer:
    """Like aiokafka's producer, but what is sent waits before it leaves."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._waiting: asyncio.Queue[tuple[float, Any, tuple[Any, ...], dict[str, Any]]] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._send())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    async def send_batch(self, *arguments: Any, **options: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((time.monotonic() + LATE_S, future, arguments, options))
        return future

    async def _send(self) -> None:
        while True:
            at, future, arguments, options = await self._waiting.get()
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            sent = asyncio.ensure_future(await self._producer.send_batch(*arguments, **options))
            sent.add_done_callback(lambda done, future=future: _hand_on(done, future))  # type: ignore[misc]


def _hand_on(done: Any, future: Any) -> None:
    if future.cancelled():
        return
    if (error := done.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())


def bug_now_and_then() -> None:
    """The rules raise an exception at the 25th batch of a process, four times in all: a bug that passes."""
    from streams.journey.partition_state import PartitionState

    apply, count = PartitionState.apply, itertools.count(1)
    shown = Path(os.environ["FIXTRAIL_DATA"]) / "bugs"

    def sometimes(state: Any, *arguments: Any, **options: Any) -> Any:
        if next(count) == BUG_AT:
            with shown.open("a+") as file:
                file.write("x")
                if file.tell() <= BUGS:
                    raise RuntimeError("a bug that shows now and then")
        return apply(state, *arguments, **options)

    PartitionState.apply = sometimes  # type: ignore[method-assign]


# Rules taken out


def ack_before_write() -> None:
    """A batch is acked when it is handed over, not when all that follows from it is durable."""
    from streams.worker.outbox import Outbox

    put = Outbox.put

    async def too_early(outbox: Any, outputs: Any, changelog: Any, done: Callable[[], None]) -> None:
        done()
        await put(outbox, outputs, changelog, lambda: None)

    Outbox.put = too_early  # type: ignore[method-assign]


def changelog_before_outputs() -> None:
    """The state is written first and what follows from it second."""
    from streams.worker.outbox import Outbox

    put = Outbox.put

    async def turned(outbox: Any, outputs: Any, changelog: Any, done: Callable[[], None]) -> None:
        await put(outbox, changelog, outputs, done)

    Outbox.put = turned  # type: ignore[method-assign]


def flush_without_awaiting() -> None:
    """What was sent counts as written."""
    from streams.worker.outbox import Outbox

    ship = Outbox._ship

    async def not_awaited(outbox: Any, rows: Any) -> list[Any]:
        await ship(outbox, rows)
        return []

    Outbox._ship = not_awaited  # type: ignore[method-assign]


def exception_skips_the_batch() -> None:
    """An exception while a batch is taken is logged and the batch acked, as Faust's `take` does."""
    from streams.worker import tracker as agents

    take = agents.Tracker.process

    async def skipping(tracker: Any, records: Any, ack: Callable[[], Any]) -> None:
        try:
            await take(tracker, records, ack)
        except RuntimeError:
            ack()

    def raised(reason: str, code: int = 70) -> None:
        raise RuntimeError(reason)

    agents.fail_stop = raised  # type: ignore[assignment]
    agents.Tracker.process = skipping  # type: ignore[method-assign]


def counters_instead_of_sets() -> None:
    """Every record counts, also one whose event is known."""
    from streams.journey.order import Order

    Order.has = lambda order, event_id: False  # type: ignore[method-assign]


def versions_by_arrival() -> None:
    """The version of a fact is how many its process has made, not a function of the set of events."""
    from streams.journey.vehicle import Vehicle

    numbers = itertools.count(1)
    Vehicle.version_of = lambda vehicle, order_id, visit: next(numbers)  # type: ignore[method-assign]


def notice_ids_by_attempt() -> None:
    """A notice has a new id each time that it is made."""
    from streams.journey import notices

    notices.notice_id = lambda order_id, milestone, event_id: uuid.uuid4().hex


def commit_before_insert() -> None:
    """A writer commits what it has read, then writes it to ClickHouse."""
    from sinks.clickhouse.writer import _Writer

    write = _Writer._write

    async def too_early(writer: Any, batch: Any) -> None:
        await writer.group.commit(batch.ends)
        await write(writer, batch)

    _Writer._write = too_early  # type: ignore[method-assign]


def send_ids_by_attempt() -> None:
    """A send has another id each time that its notice is read."""
    from sinks.push.address import AddressKeys

    AddressKeys.send_id = lambda *_: uuid.uuid4().hex  # type: ignore[method-assign]


def commit_before_ledger() -> None:
    """The push sink commits what it has read, and then notes it."""
    from runtime.crash_point import crash_point
    from sinks.push.sink import _Sink

    flush = _Sink.flush

    async def turned(sink: Any) -> None:
        if sink._batch.ends:
            await sink.group.commit(sink._batch.ends)
            crash_point("push.planned")
        await flush(sink)

    _Sink.flush = turned  # type: ignore[method-assign]


def unknown_texts_again() -> None:
    """A text whose end is not known is sent once more."""
    from sinks.push.channels.by_apprise import ByApprise

    init = ByApprise.__init__

    def as_if_idempotent(channel: Any, *arguments: Any) -> None:
        init(channel, *arguments)
        channel.traits = replace(channel.traits, idempotent=True)

    ByApprise.__init__ = as_if_idempotent  # type: ignore[method-assign]


CHANGES: dict[str, Callable[[], None]] = {
    change.__name__.replace("_", "-"): change
    for change in (
        *(slow_writes, bug_now_and_then, ack_before_write, changelog_before_outputs),
        flush_without_awaiting,
        *(exception_skips_the_batch, counters_instead_of_sets, versions_by_arrival, notice_ids_by_attempt),
        commit_before_insert,
        *(send_ids_by_attempt, commit_before_ledger, unknown_texts_again),
    )
}
