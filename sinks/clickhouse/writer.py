"""The ClickHouse writer: a plain consumer group that turns topics into rows and commits what ClickHouse has."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from runtime.crash_point import crash_point
from runtime.kafka.client import stop_client
from runtime.kafka.lag import Done, show_lag
from runtime.tracing import Tracing
from schemas.dead_letter import DeadLetter
from schemas.decode import AHEAD_MS, MAX_BYTES
from sinks.clickhouse.batch import Batch, Block, Reader
from sinks.clickhouse.connection import ClickHouse
from sinks.clickhouse.dead_letter_rows import LETTERS
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.insert import Inserter, Outage, Refused, RefusedRow, Stopped, pauses
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.progress import Progress, note_insert, note_rows
from sinks.clickhouse.tables import DEAD_LETTERS, TOPICS, Record, Row, Table

log = logging.getLogger(__name__)

OK, BUG, REFUSED = 0, 70, 78

POLL_S = 0.25
REBALANCE_WAIT_S = 5.0
COMMIT_LIMIT_S = 30.0
HOLES_EVERY_S = 1.0
STOP_LIMIT_S = 15.0
# While one batch is written, the next may grow to so many times the size at which it is due.
FILL_FACTOR = 4
FLUSH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """What a writer needs to know. `kafka` are the connection arguments of an aiokafka client.

    A table is flushed at `flush_rows` rows or `flush_s` seconds, whichever comes first. `instance` makes a static
    member of the consumer group: a restart within the session time-out then moves no partitions.
    """

    kafka: Mapping[str, Any]
    clickhouse: ClickHouse
    hash_key: bytes = field(repr=False)
    group: str = "fixtrail-clickhouse"
    instance: str | None = None
    flush_rows: int = 5000
    flush_s: float = 1.0
    poll_records: int = 2000
    keep_free_text: bool = False
    max_record_bytes: int = MAX_BYTES
    max_ahead_ms: int = AHEAD_MS
    tracing: Tracing | None = None


async def run_writer(config: WriterConfig, stop: asyncio.Event, progress: Progress | None = None) -> int:
    """Write until `stop` is set; then finish what was read, commit, leave the group. The exit code of the process.

    0 after a stop; 78 where ClickHouse refuses row after row; 70 for a bug. Whatever happens, nothing is committed
    that ClickHouse has not acknowledged, so the next start goes on where this one has to be repeated.
    """
    writer = _Writer(config, stop, progress or Progress())
    try:
        return await writer.run()
    except Refused as error:
        log.critical("ClickHouse refuses the rows, so writing would only fill the dead letters: %s", error)
        return REFUSED
    except Exception:
        log.exception("the writer failed")
        return BUG
    finally:
        await writer.close()


class _Writer(ConsumerRebalanceListener):  # type: ignore[misc]
    """One batch is written while the next is read. Batches are written and committed strictly in order."""

    def __init__(self, config: WriterConfig, stop: asyncio.Event, progress: Progress) -> None:
        keyed = KeyedHash(config.hash_key)
        events = EventRows(
            keyed,
            keep_free_text=config.keep_free_text,
            max_bytes=config.max_record_bytes,
            ahead_ms=config.max_ahead_ms,
        )
        self._config, self._stop, self._progress = config, stop, progress
        self._reader = Reader(keyed, events, progress)
        self._inserter = Inserter(config.clickhouse)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clickhouse")
        self._batch = Batch()
        self._flush: asyncio.Task[None] | None = None
        self._consumer: Any = None
        self._producer: Any = None
        self._committed: dict[TopicPartition, int] = {}
        self._taken: dict[TopicPartition, int] = {}
        self._look_for_holes_at = 0.0
        self._watch: asyncio.Task[None] | None = None

    async def run(self) -> int:
        await self._connect()
        self._watch = asyncio.create_task(show_lag(self._config.kafka, self._progress, self._done))
        with suppress(Stopped):
            while not self._stop.is_set():
                await self._read()
                await self._flush_if_due()
                await self._pass_over_holes()
            await self._finish()
        self._progress.waiting = False
        return OK

    async def close(self) -> None:
        """Leave the group and let go of everything; what was not committed is read again by the next one."""
        if self._watch is not None:
            self._watch.cancel()
        await self._drop_flush()
        for client in (self._consumer, self._producer):
            if client is not None:
                await stop_client(client, STOP_LIMIT_S)
        # An insert that hangs must not keep the process; its rows are not committed.
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Drop what was read and not written: whoever gets the partitions next starts at the commit."""
        # First of all, so that no later offset is written and committed once an earlier write is given up below.
        # No record of the old assignment comes after this, aiokafka holds them back until the new one is there.
        self._batch = Batch()
        if self._flush is not None:
            await asyncio.wait({self._flush}, timeout=REBALANCE_WAIT_S)
        await self._drop_flush()
        self._committed.clear()
        self._progress.forget_heartbeats()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        self._progress.ready = True
        log.info("assigned %d partitions", len(assigned))

    async def _connect(self) -> None:
        """Join the group; waits for brokers that are not there yet."""
        next_pause = pauses()
        while not self._stop.is_set():
            self._consumer = AIOKafkaConsumer(
                **self._config.kafka,
                group_id=self._config.group,
                group_instance_id=self._config.instance,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                session_timeout_ms=10_000,
                heartbeat_interval_ms=3_000,
                max_partition_fetch_bytes=4 * 1024 * 1024,
                metadata_max_age_ms=30_000,
            )
            self._consumer.subscribe(TOPICS, listener=self)
            try:
                await self._consumer.start()
                return
            except (KafkaError, OSError) as error:
                await stop_client(self._consumer, STOP_LIMIT_S)
                self._consumer = None
                await self._wait(next_pause(), f"Kafka cannot be reached: {error}")

    async def _read(self) -> None:
        """Take what Kafka has, unless as much is waiting already as should be written at once."""
        if self._is_full() and self._flush is not None:
            await self._wait_for_flush()
            return
        try:
            found = await self._consumer.getmany(timeout_ms=self._poll_ms(), max_records=self._config.poll_records)
        except KafkaError as error:
            await self._wait(1.0, f"Kafka does not give records: {error}")
            return
        # Nothing else runs since aiokafka took them: a rebalance finds the records either unread or in the batch.
        for tp, records in found.items():
            self._reader.add(self._batch, tp, records)
            self._taken[tp] = max(records[-1].offset + 1, self._taken.get(tp, 0))
        self._progress.waiting = bool(self._batch) or self._flush is not None

    async def _wait_for_flush(self) -> None:
        """Let the running write get on; if it takes long, poll with all partitions paused, or Kafka takes them away."""
        flush = self._flush
        assert flush is not None
        await asyncio.wait({flush}, timeout=2.0)
        if flush.done():
            return
        paused = self._consumer.assignment()
        self._consumer.pause(*paused)
        try:
            while not flush.done() and not self._stop.is_set():
                await self._consumer.getmany(timeout_ms=0)
                await asyncio.wait({flush}, timeout=1.0)
        finally:
            self._consumer.resume(*(paused & self._consumer.assignment()))

    async def _flush_if_due(self) -> None:
        if self._flush is not None:
            if not self._flush.done():
                return
            finished, self._flush = self._flush, None
            finished.result()
        batch = self._batch
        is_due = batch.longest >= self._config.flush_rows or batch.size >= FLUSH_BYTES
        if batch and (is_due or batch.age_s() >= self._config.flush_s):
            self._batch = Batch()
            self._flush = asyncio.create_task(self._write(batch))

    async def _pass_over_holes(self) -> None:
        """Commit the markers of transactions behind the last record, which nobody sees, once that record is committed.

        That nothing waits to be written is not enough: a rebalance drops what was read, and until it is through the
        read position is still behind that.
        """
        if self._batch or self._flush is not None or time.monotonic() < self._look_for_holes_at:
            return
        self._look_for_holes_at = time.monotonic() + HOLES_EVERY_S
        ends: dict[TopicPartition, int] = {}
        with suppress(KafkaError, IllegalStateError, TimeoutError):
            async with asyncio.timeout(COMMIT_LIMIT_S):
                for tp in self._consumer.assignment():
                    known = self._committed.get(tp) or await self._consumer.committed(tp)
                    position = await self._consumer.position(tp)
                    if self._taken.get(tp, 0) <= (known or 0) < position:
                        ends[tp] = position
        if ends:
            await self._commit(ends)

    def _is_full(self) -> bool:
        rows, size = self._batch.longest, self._batch.size
        return rows >= FILL_FACTOR * self._config.flush_rows or size >= FILL_FACTOR * FLUSH_BYTES

    def _poll_ms(self) -> int:
        """Not longer than until the batch is due."""
        left = self._config.flush_s - self._batch.age_s() if self._batch else POLL_S
        return int(1000 * min(POLL_S, max(0.01, left)))

    async def _finish(self) -> None:
        """Write and commit what was read, if ClickHouse takes it in time; a write that fails ends it."""
        self._batch, last = Batch(), self._batch
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT_S):
                if self._flush is not None:
                    flush, self._flush = self._flush, None
                    await flush
                if last:
                    await self._write(last)

    async def _drop_flush(self) -> None:
        if self._flush is not None:
            flush, self._flush = self._flush, None
            flush.cancel()
            await asyncio.wait({flush})
            if not flush.cancelled() and flush.exception() is not None:
                log.warning("the last write had failed: %s", flush.exception())

    async def _write(self, batch: Batch) -> None:
        """Insert every block, dead-letter what was refused, commit: in this order."""
        for record, reason in batch.unusable:
            await self._send_dead_letter(record, "unusable_record", reason)
        for table, block in batch.blocks.items():
            if block.rows:
                with self._traced(table, block, batch.since):
                    refused = await self._insert(table, block.rows)
                for row in refused:
                    self._progress.count("refused", table.name)
                    log.warning("a row of %s was refused: %s", table.name, row.reason)
                    # A letter about a letter would come back as one more.
                    if table is not LETTERS:
                        await self._send_dead_letter(block.records[row.index], row.code, row.reason)
                note_rows(self._progress, table, block.rows, block.records)
        crash_point("writer.before_commit")
        await self._commit(batch.ends)
        for tp, sent_ms in batch.heartbeats.items():
            self._progress.note_heartbeat((tp.topic, str(tp.partition)), sent_ms)
        crash_point("writer.after_commit")

    def _traced(self, table: Table, block: Block, since: float) -> AbstractContextManager[None]:
        """Spans from the reading of the records to the end of the insert, if traces are on."""
        tracing = self._config.tracing
        return tracing.inserting(table.full_name, block.records, since) if tracing else nullcontext()

    async def _insert(self, table: Table, rows: Sequence[Row]) -> list[RefusedRow]:
        """The refused rows; all others are in ClickHouse. Tries the same rows for as long as it is away."""
        loop = asyncio.get_running_loop()
        next_pause = pauses()
        while True:
            began = time.monotonic()
            try:
                refused = await loop.run_in_executor(self._thread, self._inserter.insert, table, rows)
            except Outage as error:
                self._progress.count("retries", table.name)
                await self._wait(next_pause(), f"ClickHouse does not take {table.name}: {error}")
                if self._stop.is_set():
                    raise Stopped from error
                continue
            crash_point("writer.inserted")
            note_insert(self._progress, table, len(rows), len(refused), time.monotonic() - began)
            return refused

    async def _commit(self, ends: dict[TopicPartition, int]) -> None:
        next_pause = pauses()
        while True:
            try:
                await asyncio.wait_for(self._consumer.commit(ends), COMMIT_LIMIT_S)
            except (CommitFailedError, IllegalStateError) as error:
                # The partitions have moved: their new owner repeats what was written, the rebalance drops the rest.
                log.warning("commit refused, the partitions were taken away: %s", error)
                self._progress.count("lost_commits", "")
                return
            except (KafkaError, TimeoutError) as error:
                await self._wait(next_pause(), f"commit failed: {error or type(error).__name__}")
                if self._stop.is_set():
                    raise Stopped from error
            else:
                self._progress.count("commits", "")
                self._committed.update(ends)
                return

    async def _send_dead_letter(self, record: Record, code: str, reason: str) -> None:
        """Returns once Kafka has acknowledged the letter; waits for as long as that takes."""
        letter = DeadLetter(code, reason, record.topic, record.partition, record.offset, record.timestamp)
        headers = letter.headers(tuple(record.headers))
        next_pause = pauses()
        while True:
            try:
                if self._producer is None:
                    producer = AIOKafkaProducer(
                        **self._config.kafka, acks="all", enable_idempotence=True, max_request_size=16 * 1024 * 1024
                    )
                    await producer.start()
                    self._producer = producer
                await self._producer.send_and_wait(DEAD_LETTERS, record.value, key=record.key, headers=headers)
                self._progress.count("dead_letters", code)
                return
            except (KafkaError, OSError) as error:
                await self._wait(next_pause(), f"a dead letter could not be sent: {error}")
                if self._stop.is_set():
                    raise Stopped from error

    async def _wait(self, seconds: float, why: str) -> None:
        """Sleep, or until asked to stop. Waiting for others is progress: the watchdog is for our own standing still."""
        log.warning("%s; next attempt in %.1f s", why, seconds)
        deadline = time.monotonic() + seconds
        while not self._stop.is_set() and (left := deadline - time.monotonic()) > 0:
            self._progress.moved += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, 5.0))

    async def _done(self) -> Done:
        """How far each partition in hand is written."""
        consumer = self._consumer
        return {
            tp: self._committed[tp] if tp in self._committed else await consumer.committed(tp)
            for tp in consumer.assignment()
        }
