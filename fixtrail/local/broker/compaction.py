"""Compaction: of closed segments, keep only the newest record of every key, at its offset.

Follows the log cleaner of Apache Kafka. It runs on the broker's own event loop, a few milliseconds at a time.
"""

import asyncio
import hashlib
import logging
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from fixtrail.local.broker.batch import (
    ATTRIBUTES_AT,
    LAST_OFFSET_DELTA_AT,
    LOG_APPEND_TIME,
    BatchHeader,
    read_header,
    records_of,
    reseal,
    write_base_offset,
)
from fixtrail.local.broker.log import PartitionLog, install_swap
from fixtrail.local.broker.segment import Segment
from runtime.kafka.unpacking import CODEC

log = logging.getLogger(__name__)

MOST_KEYS = 250_000
"""About how many keys one pass remembers (some 40 MB); what they do not cover is left to the next pass."""

WORK_S = 0.004
REST_S = 0.02


class _LogClosedError(Exception):
    """The partition was deleted or closed in the middle of a pass."""


class _Pauses:
    """Lets the event loop do other things after every few milliseconds of work."""

    def __init__(self, partition: PartitionLog) -> None:
        self._partition = partition
        self._began = time.monotonic()

    async def step(self) -> None:
        if time.monotonic() - self._began < WORK_S:
            return
        await asyncio.sleep(REST_S)
        if self._partition.closed:
            raise _LogClosedError
        self._began = time.monotonic()


async def compact(partition: PartitionLog) -> None:
    """Rewrite the closed segments of a compacted partition when enough of them is new since the last time.

    The segment that is being written to stays as it is. Every record left keeps its offset. Tombstones go once they are
    older than delete.retention.ms; until then they tell consumers of the deletion.
    """
    cleanable = _cleanable(partition)
    if not cleanable:
        return
    pace = _Pauses(partition)
    before = partition.size
    try:
        newest, covered = await _newest_offsets(partition, cleanable, pace)
        for group in _groups(cleanable[:covered], partition.config.segment_bytes):
            await _rewrite(partition, group, newest, pace)
    except _LogClosedError:
        return
    log.info("compacted %s from %d to %d bytes", partition.folder, before, partition.size)


def _cleanable(partition: PartitionLog) -> list[Segment]:
    """The closed segments, from the first, that a pass would rewrite; empty when it would not pay."""
    config = partition.config
    if not config.compact:
        return []
    youngest_ms = time.time() * 1000 - config.min_compaction_lag_ms
    closed: list[Segment] = []
    for segment in partition.segments[:-1]:
        too_young = config.min_compaction_lag_ms > 0 and segment.max_timestamp > youngest_ms
        if too_young or segment.end > partition.stable_end:
            break
        closed.append(segment)
    dirty = sum(segment.size for segment in closed if segment.base >= partition.cleaned_to)
    total = sum(segment.size for segment in closed)
    return closed if dirty and dirty >= config.dirty_ratio * total else []


async def _newest_offsets(
    partition: PartitionLog, cleanable: list[Segment], pace: _Pauses
) -> tuple[dict[bytes, int], int]:
    """The newest offset of every key in the new segments, and how many of `cleanable` that covers."""
    newest: dict[bytes, int] = {}
    for number, segment in enumerate(cleanable):
        if segment.base < partition.cleaned_to:
            continue
        if len(newest) > MOST_KEYS:
            return newest, number
        for _, header, batch in segment.batches():
            await pace.step()
            if header.is_control:
                continue
            for record in records_of(batch) or []:
                if record.key is not None and not _is_aborted(partition, header, record.offset):
                    newest[_digest(record.key)] = record.offset
    return newest, len(cleanable)


def _groups(segments: list[Segment], most_bytes: int) -> Iterator[list[Segment]]:
    """Consecutive segments that fit into one."""
    group: list[Segment] = []
    for segment in segments:
        if group and sum(member.size for member in group) + segment.size > most_bytes:
            yield group
            group = []
        group.append(segment)
    if group:
        yield group


async def _rewrite(partition: PartitionLog, old: list[Segment], newest: dict[bytes, int], pace: _Pauses) -> None:
    """Put one segment in the place of the group, in such steps that a crash leaves either the old or the new."""
    saved_state = old[-1].load()
    if saved_state is None:
        return
    fresh = Segment(partition.folder, old[0].base)
    final = fresh.path
    fresh.path = final.with_suffix(".cleaned")
    fresh.path.unlink(missing_ok=True)
    fresh.create()
    ages = [age for segment in old for age in segment.write_times()]
    forget_before = time.time() - partition.config.delete_retention_ms / 1000
    # Where the tombstones that are old enough to go end; ages rise with the offsets.
    forget_to = max((end for end, written_at in ages if written_at < forget_before), default=-1)

    def is_kept(header: BatchHeader, record: Any) -> bool:
        if record.key is None or _is_aborted(partition, header, record.offset):
            return False
        newer = newest.get(_digest(record.key), -1) > record.offset
        return not newer and (record.value is not None or record.offset >= forget_to)

    for segment in old:
        for _, header, batch in segment.batches():
            await pace.step()
            remaining = batch if header.is_control else _without(header, batch, is_kept)
            if remaining:
                fresh.append(remaining, read_header(remaining), header.base_offset)
    swap = fresh.path.with_name(f"{old[0].base:020d}-{old[-1].end:020d}.swap")
    fresh.end = old[-1].end
    fresh.path.rename(swap)
    for segment in old:
        segment.release()
    install_swap(partition.folder, swap)
    fresh.path = final
    fresh.ages = [(forget_to, 0.0)] * (forget_to > 0) + [age for age in ages if age[0] > forget_to]
    fresh.save({**saved_state, "cleaned": True, "ages": fresh.ages})
    partition.replace(old, fresh)


def _without(
    header: BatchHeader, batch: bytes, is_kept: Callable[[BatchHeader, Any], bool]
) -> bytes | bytearray | None:
    """The batch with the records that stay, at their offsets and with its producer's numbers; None without any.

    A batch that cannot be read here stays as it is.
    """
    records = records_of(batch)
    if records is None:
        return batch
    remaining = [record for record in records if is_kept(header, record)]
    if len(remaining) == len(records):
        return batch
    if not remaining:
        return None
    builder = DefaultRecordBatchBuilder(
        2,
        header.attributes & CODEC,
        int(header.is_transactional),
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        1 << 30,
    )
    for record in remaining:
        builder.append(
            record.offset - header.base_offset, record.timestamp, record.key, record.value, list(record.headers)
        )
    rebuilt = bytearray(builder.build())
    attributes = read_header(rebuilt).attributes | (header.attributes & LOG_APPEND_TIME)
    struct.pack_into(">h", rebuilt, ATTRIBUTES_AT, attributes)
    struct.pack_into(">i", rebuilt, LAST_OFFSET_DELTA_AT, header.last_offset_delta)
    write_base_offset(memoryview(rebuilt), header.base_offset)
    reseal(rebuilt)
    return rebuilt


def _is_aborted(partition: PartitionLog, header: BatchHeader, offset: int) -> bool:
    return header.is_transactional and partition.producers.is_aborted(header.producer_id, offset)


def _digest(key: bytes) -> bytes:
    return key if len(key) <= 16 else hashlib.md5(key, usedforsecurity=False).digest()
