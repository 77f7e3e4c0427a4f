"""A hand-written aiokafka loop: fetch → rules → outputs → changelog → commit, each acknowledged before the next.

With RULES=book it applies the worker's rules to the batch (streams.journey.partition_state: comebacks, center hours,
notices) and writes all the worker writes; with RULES=orders one order at a time as the other contenders do, each
order's fact and state once a batch. What it is spared: recovery of its state, dead letters, fail-stop, memory of what
was let go.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.partitioner import murmur2

from benchmarks.contenders.arguments import Task, task
from benchmarks.contenders.rules import State, event_of, follow
from schemas.order_key import OrderKey
from streams.journey.partition_state import PartitionState

Rows = dict[tuple[str, int], list[tuple[bytes, bytes | None]]]
Records = list[Any]
# More in hand at once brings nothing more.
MAX_RECORDS = 4000


class BookRules:
    """The worker's rules, one PartitionState a partition over plain dicts."""

    def __init__(self, given: Task) -> None:
        self._given = given
        self._books: dict[int, PartitionState] = {}

    def apply(self, partition: int, records: Records, outputs: Rows, changelog: Rows) -> None:
        book = self._books.setdefault(partition, PartitionState(partition, {}, {}, {}))
        decoded = ((record.offset, event_of(record.value)) for record in records)
        written = book.apply((offset, event) for offset, event in decoded if event is not None)
        output = self._given.output
        for topic, key_name, facts in (
            (output, "order_id", written.journeys),
            (f"{output}-hours", "center_id", written.hours),
            (f"{output}-notices", "order_id", written.notices),
        ):
            for fact in facts:
                key = fact[key_name].encode()
                row = (key, orjson.dumps(fact))
                outputs.setdefault((topic, partition_of(key, self._given.partitions)), []).append(row)
        for changes in (written.order_changes, written.vehicle_changes, written.hour_changes):
            changelog.setdefault((self._given.changelog, partition), []).extend(changes.items())


class OrderRules:
    """One order at a time, its state a dict in memory."""

    def __init__(self, given: Task) -> None:
        self._given = given
        self._states: dict[OrderKey, State] = {}

    def apply(self, partition: int, records: Records, outputs: Rows, changelog: Rows) -> None:
        facts: dict[OrderKey, Any] = {}
        for record in records:
            event = event_of(record.value)
            followed = event and follow(self._states.get(event.order), event)
            if event and followed:
                self._states[event.order], facts[event.order] = followed
        for order, fact in facts.items():
            key = order.encode()
            place = self._given.output, partition_of(key, self._given.partitions)
            outputs.setdefault(place, []).append((key, orjson.dumps(fact)))
        rows = changelog.setdefault((self._given.changelog, partition), [])
        rows.extend((order.encode(), orjson.dumps(self._states[order])) for order in facts)


@lru_cache(65_536)
def partition_of(key: bytes, partitions: int) -> int:
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


async def loop(given: Task, rules: BookRules | OrderRules) -> None:
    """Process until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    consumer = AIOKafkaConsumer(
        given.source,
        bootstrap_servers=given.kafka,
        group_id=given.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=2 * 1024 * 1024,
        fetch_max_wait_ms=100,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=given.kafka,
        acks="all",
        enable_idempotence=True,
        max_batch_size=512 * 1024,
        max_request_size=8 * 1024 * 1024,
    )
    await consumer.start()
    await producer.start()
    try:
        while not stopped.is_set():
            fetched = await consumer.getmany(timeout_ms=200, max_records=MAX_RECORDS)
            outputs: Rows = {}
            changelog: Rows = {}
            for tp, records in fetched.items():
                rules.apply(tp.partition, records, outputs, changelog)
            await ship(producer, outputs)
            await ship(producer, changelog)
            if fetched:
                await consumer.commit({tp: records[-1].offset + 1 for tp, records in fetched.items()})
    finally:
        await consumer.stop()
        await producer.stop()


async def ship(producer: AIOKafkaProducer, rows: Rows) -> None:
    """Send the rows as whole record batches and wait until all are acknowledged."""
    futures = []
    for (topic, partition), each in rows.items():
        batch = producer.create_batch()
        for key, value in each:
            if batch.append(timestamp=None, key=key, value=value) is None:
                batch.close()
                futures.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value)
        batch.close()
        futures.append(await producer.send_batch(batch, topic, partition=partition))
    for future in futures:
        await future


RULES: dict[str, Callable[[Task], BookRules | OrderRules]] = {"book": BookRules, "orders": OrderRules}


if __name__ == "__main__":
    # As the worker does.
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    uvloop.run(loop(task(), RULES[os.environ.get("RULES", "book")](task())))
