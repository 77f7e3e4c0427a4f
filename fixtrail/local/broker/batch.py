"""The record batch (magic 2), the only unit in which records are stored and moved.

A batch is appended and read as the bytes that the producer sent; only its base offset is written over.
Layout: kafka.apache.org/documentation/#recordbatch. The CRC does not cover the base offset.
"""

import struct
import time
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from runtime.kafka import reading

HEADER = struct.Struct(">qiibIhiqqqhii")
HEADER_SIZE = HEADER.size
"""61 bytes; the records follow."""

PREFIX = struct.Struct(">qi4xb4xhi")
"""Base offset, length, magic, attributes, last offset delta: all that a walk along the log needs."""
PREFIX_SIZE = PREFIX.size

CONTROL = 0x20
TRANSACTIONAL = 0x10
LOG_APPEND_TIME = 0x08

CRC_AT = 17
ATTRIBUTES_AT = 21
LAST_OFFSET_DELTA_AT = 23
MAX_TIMESTAMP_AT = 35


class BatchHeader(NamedTuple):
    """The fixed part of a batch, in wire order."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return self.length + 12

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def is_control(self) -> bool:
        return bool(self.attributes & CONTROL)

    @property
    def is_transactional(self) -> bool:
        return bool(self.attributes & TRANSACTIONAL)


def read_header(data: bytes | bytearray | memoryview, at: int = 0) -> BatchHeader:
    """The header of the batch that starts at `at`."""
    return BatchHeader._make(HEADER.unpack_from(data, at))


def crc_matches(batch: bytes | bytearray | memoryview, header: BatchHeader) -> bool:
    """Whether the bytes are those that the producer wrote."""
    return bool(calc_crc32c(bytes(batch[ATTRIBUTES_AT:])) == header.crc)


def records_of(batch: bytes | bytearray | memoryview) -> list[Any] | None:
    """The records; None when nobody can read them, or only by unpacking more than a batch may hold."""
    try:
        return list(reading.records_of(reading.plain_batch(memoryview(batch))))
    except reading.UNREADABLE:
        return None


def write_base_offset(batch: memoryview, base_offset: int) -> None:
    """Write the offset that the log gives the batch (and leader epoch 0) into it."""
    struct.pack_into(">q", batch, 0, base_offset)
    struct.pack_into(">i", batch, 12, 0)


def reseal(batch: bytearray | memoryview) -> None:
    """Write the CRC anew after a field that it covers was changed."""
    struct.pack_into(">I", batch, CRC_AT, calc_crc32c(bytes(batch[ATTRIBUTES_AT:])))


def stamp_append_time(batch: memoryview, header: BatchHeader, now_ms: int) -> None:
    """Give all records the broker's time (message.timestamp.type=LogAppendTime)."""
    struct.pack_into(">h", batch, ATTRIBUTES_AT, header.attributes | LOG_APPEND_TIME)
    struct.pack_into(">q", batch, MAX_TIMESTAMP_AT, now_ms)
    reseal(batch)


def transaction_marker(producer_id: int, producer_epoch: int, *, commit: bool) -> bytearray:
    """The control batch that ends a transaction on one partition."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer_id, producer_epoch, -1, 1 << 16)
    key = struct.pack(">hh", 0, int(commit))
    value = struct.pack(">hi", 0, 0)
    builder.append(0, timestamp=int(time.time() * 1000), key=key, value=value, headers=[])
    batch = bytearray(builder.build())
    struct.pack_into(">h", batch, ATTRIBUTES_AT, CONTROL | TRANSACTIONAL)
    reseal(batch)
    return batch


def marker_commits(batch: bytes | bytearray | memoryview) -> bool:
    """Whether a control batch is a commit (False: an abort)."""
    # One record without compression: length, attributes, timestamp delta, offset delta and key length take
    # one byte each (a marker has one record, at delta 0), then the key: version and type as int16.
    return bool(struct.unpack_from(">h", batch, HEADER_SIZE + 7)[0])
