"""Processes a partition batch: admits records, applies the rules, writes the output in order."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any

import orjson

from runtime.crash_point import crash_point
from runtime.failure import BUG, fail_stop
from runtime.kafka.dead_letters import fitting_letter
from runtime.kafka.partitioner import partition_of
from runtime.kafka.topic_check import failure_text
from schemas.dead_letter import DeadLetter
from schemas.erasure import Erasure
from schemas.events import Event
from schemas.heartbeat import heartbeat_headers, heartbeat_key
from schemas.order_key import OrderKey, journey_key
from schemas.version import SCHEMA_HEADER, NewerSchemaError
from streams.journey.facts import Fact
from streams.journey.partition_state import BatchOutput, Diversion, PartitionState
from streams.worker.app import Tables, WorkerConfig
from streams.worker.batches import Records
from streams.worker.crash_marks import CrashMarks
from streams.worker.intake import DeadLetterLimitError, Intake, dead_letter
from streams.worker.measures import Progress, note_batch, note_done
from streams.worker.outbox import Outbox, Rows
from streams.worker.traces import BatchTraces

REFUSED = 78
_HEADERS = [SCHEMA_HEADER]
_DIVERSION_REASONS: dict[Diversion, str] = {
    "too_late": "arrived after the vehicle's state was let go",
    "order_full": "the order has so many events that it takes no more",
    "vehicle_full": "the vehicle has so many orders at the center that it takes no more: its id stands for many cars",
    "event_id_conflict": "another event of the order has this event_id",
}

log = logging.getLogger(__name__)


class Tracker:
    """Keeps one PartitionState a partition and turns partition batches into rows for the outbox."""

    def __init__(
        self, config: WorkerConfig, tables: Tables, outbox: Outbox, marks: CrashMarks, progress: Progress
    ) -> None:
        self._config, self._tables, self._outbox, self._progress = config, tables, outbox, progress
        self._marks, self._given_up = marks, marks.given_up()
        self.intake = Intake(
            max_bytes=config.max_record_bytes, ahead_ms=config.max_ahead_s * 1000, limits=config.dead_letter_limits
        )
        self._states: dict[int, PartitionState] = {}
        # By partition the orders let go by batches that are in the log for good, to be deleted with the next one.
        self._deleted_orders: dict[int, list[bytes]] = {}
        self._at: tuple[int, int] = (-1, -1)
        self._busy = False
        self._partition_of = lru_cache(65_536)(partial(partition_of, partitions=config.partitions))

    async def process(self, records: Records, ack: Callable[[], Any]) -> None:
        """Process one partition's records; `ack` is called once all that follows from them is durable."""
        self._busy = True
        try:
            if self._marks.holds(records[0].partition, records[0].offset):
                # A crash in here before: one by one, so that the record at fault is known by its offset.
                for record in records[:-1]:
                    await self._write([record], lambda: None)
                records = records[-1:]
            await self._write(records, ack)
        finally:
            self._busy = False

    async def drained(self) -> None:
        """Return once no batch is under way."""
        while self._busy or self._outbox.under_way():
            await asyncio.sleep(0.005)

    def forget_states(self) -> None:
        """Forget the states; the next ones are made from the tables after their recovery."""
        self._states.clear()
        self._progress.forget_heartbeats()

    async def _write(self, records: Records, ack: Callable[[], Any]) -> None:
        partition = records[0].partition
        self._at = (partition, records[-1].offset)
        began = time.monotonic()
        traces = BatchTraces(self._config.tracing, records, began) if self._config.tracing else None
        try:
            crash_point("worker.batch_taken")
            admitted = self.intake.admit(records, self._given_up)
            if traces:
                traces.follow(admitted.events)
            now_ms = 0 if self._config.old_notices else int(time.time() * 1000)
            output = self._state(partition).apply(
                self._noting(partition, admitted.events), admitted.erasures, now_ms, admitted.marks
            )
            crash_point("worker.rules_applied")
            outputs, changelog = self._rows(partition, records, admitted.refused, output, traces)
            if admitted.heartbeat_ms:
                beat = (heartbeat_key(partition), None, heartbeat_headers(admitted.heartbeat_ms))
                outputs.setdefault((self._config.topics.journeys, partition), []).append(beat)
        except (DeadLetterLimitError, NewerSchemaError) as error:
            fail_stop(str(error), REFUSED)
        except (MemoryError, OSError) as error:
            # Not the record's fault: with a crash mark a good one could be diverted.
            fail_stop(f"the machine has no more memory, disk or files for the rules: {error!r}", BUG)
        except Exception as error:
            log.exception("the rules failed", extra={"partition": self._at[0], "offset": self._at[1]})
            self._marks.mark(*self._at)
            fail_stop(f"the rules failed at {self._at[0]}:{self._at[1]}: {type(error).__name__}", BUG)
        self._note(records, admitted.refused, output, time.monotonic() - began)
        is_redelivered = output.outcomes["redelivered"] > 0

        def done() -> None:
            ack()
            self._deleted_orders.setdefault(partition, []).extend(output.deleted_orders)
            note_done(self._progress, records, began, heartbeat_ms=admitted.heartbeat_ms, is_redelivered=is_redelivered)
            if traces:
                traces.end()

        await self._outbox.put(outputs, changelog, done)

    def _noting(self, partition: int, events: list[tuple[int, Event]]) -> Iterator[tuple[int, Event]]:
        for offset, event in events:
            self._at = (partition, offset)
            yield offset, event

    def _state(self, partition: int) -> PartitionState:
        state = self._states.get(partition)
        if state is None:
            orders, vehicles, hours = (
                table.partition(partition) for table in (self._tables.orders, self._tables.vehicles, self._tables.hours)
            )
            state = PartitionState(partition, orders, vehicles, hours, hold_days=self._config.hold_days)
            self._deleted_orders[partition] = state.restore_clock()
            crash_point("worker.state_recalled")
            self._states[partition] = state
        return state

    def _rows(
        self,
        partition: int,
        records: Records,
        refused: list[tuple[Any, DeadLetter]],
        output: BatchOutput,
        traces: BatchTraces | None,
    ) -> tuple[Rows, Rows]:
        topics, outputs = self._config.topics, Rows()
        for record, letter in [*refused, *_diverted(records, output)]:
            value, key, headers = fitting_letter(record, letter.code, letter.reason)
            outputs.setdefault((topics.dead_letters, partition), []).append((key, value, headers))
        for topic, keys_of, facts in (
            (topics.notices, _notice_keys, output.notices),
            (topics.journeys, _journey_keys, output.journeys),
            (topics.center_hours, _hour_keys, output.hours),
        ):
            for fact in facts:
                key, partitioned_by = keys_of(fact)
                headers = [SCHEMA_HEADER, *traces.headers_of(fact)] if traces else _HEADERS
                target = topic, self._partition_of(partitioned_by)
                outputs.setdefault(target, []).append((key, orjson.dumps(fact), headers))
        for key, partitioned_by in _erased_keys(output.erased):
            outputs.setdefault((topics.journeys, self._partition_of(partitioned_by)), []).append((key, None, []))
        changelog: Rows = {}
        for table, changes in (
            (self._tables.orders, output.order_changes),
            (self._tables.vehicles, output.vehicle_changes),
            (self._tables.hours, output.hour_changes),
        ):
            if changes:
                changelog[table.changelog_name(), partition] = [(key, value, []) for key, value in changes.items()]
        if deleted_orders := self._deleted_orders.pop(partition, None):
            orders = self._tables.orders.changelog_name(), partition
            changelog.setdefault(orders, []).extend((key, None, []) for key in deleted_orders)
        return outputs, changelog

    def _note(
        self, records: Records, refused: list[tuple[Any, DeadLetter]], output: BatchOutput, took_s: float
    ) -> None:
        dead_letters = Counter(letter.code for _, letter in refused)
        dead_letters.update(code for _, code in output.diverted)
        note_batch(self._progress, records, dead_letters, output, took_s)

    def newest_events(self) -> dict[int, int]:
        """When the newest event of each partition in hand happened, in ms since the epoch."""
        return {partition: state.clock for partition, state in self._states.items() if state.clock}


def _notice_keys(notice: Fact) -> tuple[bytes, bytes]:
    """The record key, and what decides the partition."""
    key = OrderKey.of(notice).encode()
    return key, key


def _journey_keys(fact: Fact) -> tuple[bytes, bytes]:
    order = OrderKey.of(fact)
    # By order alone, as notices are: the watch joins the two within a partition.
    return journey_key(order, fact["vehicle_id"]), order.encode()


def _erased_keys(erasures: Iterable[Erasure]) -> Iterator[tuple[bytes, bytes]]:
    """The keys that journeys of erased orders may have: today's, and that of before orders had a center."""
    for erasure in erasures:
        order = OrderKey(erasure.center_id, erasure.order_id)
        yield journey_key(order, erasure.vehicle_id), order.encode()
        yield erasure.order_id.encode(), erasure.order_id.encode()


def _hour_keys(hour: Fact) -> tuple[bytes, bytes]:
    key = hour["center_id"].encode()
    return key, key


def _diverted(records: Records, output: BatchOutput) -> list[tuple[Any, DeadLetter]]:
    by_offset = {record.offset: record for record in records} if output.diverted else {}
    return [
        (by_offset[offset], dead_letter(by_offset[offset], code, _DIVERSION_REASONS[code]))
        for offset, code in output.diverted
    ]


def track_orders(app: Any, events: Any, process: Callable[[Records, Callable[[], Any]], Awaitable[None]]) -> None:
    """Give the app the agent that hands every partition batch to `process`; one Faust event is one batch."""

    @app.agent(events, name="track_orders")  # type: ignore[untyped-decorator]
    async def track(stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                await process(event.value, event.ack)
        except Exception as error:
            # An exception that leaves an agent acks its event and skips it.
            log.exception("the agent failed")
            fail_stop(f"the agent failed: {failure_text(error)}")
