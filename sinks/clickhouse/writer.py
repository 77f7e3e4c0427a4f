"""The ClickHouse writer: a plain consumer group that turns topics into rows and commits what ClickHouse has."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiokafka import TopicPartition

from runtime.crash_point import crash_point
from runtime.failure import BUG, OK, REFUSED
from runtime.kafka.group import POLL_S, Box, ConsumerGroup, Membership
from runtime.personal.vault import Vault
from runtime.tasks import end_all
from runtime.tracing import Tracing
from schemas.decode import AHEAD_MS, MAX_BYTES
from schemas.version import NewerSchemaError
from sinks.clickhouse.batch import Batch, Reader, RowBlock
from sinks.clickhouse.broken_parts import CHECK_S
from sinks.clickhouse.connection import ClickHouse
from sinks.clickhouse.dead_letter_rows import DEAD_LETTER_TABLE
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.insert import ClickHouseUnavailableError, Inserter, RefusedRow, RowsRefusedError
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.progress import Progress, note_broken_parts, note_insert, note_rows
from sinks.clickhouse.reference_rows import ReferenceRows
from sinks.clickhouse.tables import TOPICS, RawTable, Row

log = logging.getLogger(__name__)

REBALANCE_WAIT_S = 5.0
# While one batch is written, the next may grow to so many times the size at which it is due.
FILL_FACTOR = 4
FLUSH_BYTES = 16 * 1024 * 1024
# Nothing is waited for in vain that would make the insert larger: half of the rows are to be there within 120 ms.
LEVEL_FLUSH_S = 0.08


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """What a writer needs to know. `kafka` are the connection arguments of an aiokafka client.

    A table is flushed at `flush_rows` rows or `flush_s` seconds, whichever comes first; after 80 ms where all has
    been read. `instance` makes a static member of the consumer group: a restart within the session time-out
    then moves no partitions.
    """

    kafka: Mapping[str, Any]
    clickhouse: ClickHouse
    hash_key: bytes = field(repr=False)
    group: str = "fixtrail-clickhouse"
    instance: str | None = None
    flush_rows: int = 5000
    flush_s: float = 1.0
    keep_free_text: bool = False
    clear_staff: bool = False
    person_keys: str | None = field(default=None, repr=False)
    max_record_bytes: int = MAX_BYTES
    max_ahead_ms: int = AHEAD_MS
    tracing: Tracing | None = None


async def run_writer(config: WriterConfig, stop: asyncio.Event, progress: Progress | None = None) -> int:
    """Write until `stop` is set; then finish what was read, commit, leave the group. The exit code of the process.

    0 after a stop; 78 where ClickHouse refuses row after row, or a newer Fixtrail wrote a record; 70 for a bug. Nothing
    is ever committed that ClickHouse has not acknowledged: the next start goes on where this one has to be repeated.
    """
    writer = _Writer(config, stop, progress or Progress())
    try:
        await writer.group.run()
        return OK
    except RowsRefusedError as error:
        log.critical("ClickHouse refuses the rows, so writing would only fill the dead letters: %s", error)
        return REFUSED
    except NewerSchemaError as error:
        log.critical("%s", error)
        return REFUSED
    except Exception:
        log.exception("the writer failed")
        return BUG
    finally:
        await writer.close()


def _unsealer(config: WriterConfig) -> Callable[[str], str | None]:
    """A function that opens sealed free text; None where ClickHouse keeps none."""
    if not config.keep_free_text or config.person_keys is None:
        return lambda text: None
    vault = Vault(config.person_keys, config.hash_key)
    return lambda text: vault.unseal([text])[text].text


class _Writer(Box):
    """One batch is written while the next is read. Batches are written and committed strictly in order."""

    def __init__(self, config: WriterConfig, stop: asyncio.Event, progress: Progress) -> None:
        keyed = KeyedHash(config.hash_key)
        events = EventRows(
            keyed,
            keep_free_text=config.keep_free_text,
            clear_staff=config.clear_staff,
            unseal=_unsealer(config),
            max_bytes=config.max_record_bytes,
            ahead_ms=config.max_ahead_ms,
        )
        reference = ReferenceRows(
            keyed,
            clear_staff=config.clear_staff,
            max_bytes=config.max_record_bytes,
            ahead_ms=config.max_ahead_ms,
        )
        membership = Membership(config.kafka, TOPICS, config.group, config.instance)
        self.group = ConsumerGroup(membership, self, stop, progress)
        self._config, self._progress = config, progress
        self._reader = Reader(keyed, events, progress, reference)
        self._inserter = Inserter(config.clickhouse)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clickhouse")
        self._batch = Batch()
        self._writing: asyncio.Task[None] | None = None
        self._parts_checked_at = -CHECK_S

    async def close(self) -> None:
        """Leave the group and close everything; what was not committed is read again by the next owner."""
        await self._drop_writing()
        await self.group.close()
        # An insert that hangs must not keep the process; its rows are not committed.
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def revoked(self, partitions: set[TopicPartition]) -> None:
        """Drop what was read and not written: whoever gets the partitions next starts at the commit."""
        # First of all, so that no later offset is written and committed once an earlier write is given up below.
        # No record of the old assignment comes after this, aiokafka holds them back until the new one is there.
        self._batch = Batch()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=REBALANCE_WAIT_S)
        await self._drop_writing()

    def apply(self, tp: TopicPartition, records: list[Any]) -> None:
        self._reader.add(self._batch, tp, records)

    async def flush(self) -> None:
        """Begin to write what is due; waits only while as much is read already as should be written at once."""
        if self._writing is not None and self._is_full():
            await asyncio.wait({self._writing})
        if self._writing is not None:
            if not self._writing.done():
                return
            finished, self._writing = self._writing, None
            finished.result()
        batch = self._batch
        is_due = batch.longest >= self._config.flush_rows or batch.size >= FLUSH_BYTES
        if batch and (is_due or batch.age_s() >= self._patience_s()):
            self._batch = Batch()
            self._writing = asyncio.create_task(self._write(batch))

    async def finish(self) -> None:
        """Write and commit what was read, if ClickHouse takes it; a write that fails ends it."""
        self._batch, final_batch = Batch(), self._batch
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing
        if final_batch:
            await self._write(final_batch)

    @property
    def poll_s(self) -> float:
        """Seconds to poll: at most until the batch is due."""
        return min(POLL_S, max(0.01, self._patience_s() - self._batch.age_s())) if self._batch else POLL_S

    def _patience_s(self) -> float:
        """How old a batch may get (s): little once the topics have been read to their end."""
        flush_s = self._config.flush_s
        return min(LEVEL_FLUSH_S, flush_s) if self.group.is_level(self._batch.ends) else flush_s

    def _is_full(self) -> bool:
        rows, size = self._batch.longest, self._batch.size
        return rows >= FILL_FACTOR * self._config.flush_rows or size >= FILL_FACTOR * FLUSH_BYTES

    async def _drop_writing(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await end_all(writing)
            if not writing.cancelled() and writing.exception() is not None:
                log.warning("the last write had failed: %s", writing.exception())

    async def _write(self, batch: Batch) -> None:
        """Insert every block, dead-letter what was refused, commit: in this order."""
        for record, code, reason in batch.unusable:
            await self.group.dead_letters.send(record, code, reason)
        for table, block in batch.blocks.items():
            if block.rows:
                with self._traced(table, block, batch.since):
                    refused = await self.group.retry.until_done(
                        partial(self._insert, table, block.rows),
                        (ClickHouseUnavailableError,),
                        f"ClickHouse does not take {table.name}",
                    )
                for row in refused:
                    self._progress.count("refused", table.name)
                    log.warning("a row of %s was refused: %s", table.name, row.reason)
                    # A dead letter about a dead letter would be read again and become one more.
                    if table is not DEAD_LETTER_TABLE:
                        await self.group.dead_letters.send(block.records[row.index], row.code, row.reason)
                note_rows(self._progress, table, block.rows, block.records)
        crash_point("writer.before_commit")
        await self.group.commit(batch.ends)
        for tp, sent_ms in batch.heartbeats.items():
            self._progress.note_heartbeat((tp.topic, str(tp.partition)), sent_ms)
        crash_point("writer.after_commit")
        if time.monotonic() - self._parts_checked_at >= CHECK_S:
            await self._check_parts()

    async def _check_parts(self) -> None:
        """Note how many parts ClickHouse has put aside; heartbeats see to it that this is asked in quiet times, too."""
        self._parts_checked_at = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            parts = await loop.run_in_executor(self._thread, self._inserter.broken_parts)
        except ClickHouseUnavailableError as error:
            log.debug("ClickHouse does not say what it has put aside: %s", error)
            return
        note_broken_parts(self._progress, parts)

    def _traced(self, table: RawTable, block: RowBlock, since: float) -> AbstractContextManager[None]:
        """Spans from the reading of the records to the end of the insert, if traces are on."""
        tracing = self._config.tracing
        return tracing.inserting(table.full_name, block.records, since) if tracing else nullcontext()

    async def _insert(self, table: RawTable, rows: Sequence[Row]) -> list[RefusedRow]:
        """The refused rows; all others are in ClickHouse. Raises ClickHouseUnavailableError where it is away."""
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            refused = await loop.run_in_executor(self._thread, self._inserter.insert, table, rows)
        except ClickHouseUnavailableError:
            self._progress.count("retries", table.name)
            raise
        crash_point("writer.inserted")
        note_insert(self._progress, table, len(rows), len(refused), time.monotonic() - began)
        return refused
