"""Lets aiokafka read whatever a producer may have written: no record stops a reader, and no batch fills its memory.

aiokafka (0.14) unpacks a batch whole, however large it becomes, and raises, for ever at the same offset, at a record
whose header has a name that is no UTF-8, which Apache Kafka takes. A batch that nobody can read here becomes one
record without a key at its last offset, whose value is how the batch begins: readers treat it as any junk.
"""

import logging
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch

from runtime.kafka.unpacking import CODEC, BrokenPackingError, Packed, TooLargeError, unpack

log = logging.getLogger(__name__)

MOST_AT_ONCE = 16 << 20
"""So many bytes of records of a partition are handed out at once; what was fetched beyond waits."""
BEGINNING = 64 << 10

_LENGTH = struct.Struct(">8xi")
_HEAD = struct.Struct(">q13xh4xqq14xi")
_HEAD_SIZE = 61
_MAGIC_AT, _ATTRIBUTES_AT = 16, 21
_LOG_APPEND_TIME = 0x08


UNREADABLE = (TooLargeError, BrokenPackingError, CorruptRecordException, ValueError, IndexError, struct.error)
"""What reading the records of a batch raises where nobody can read them."""


class PlainRecord(NamedTuple):
    """A record as aiokafka's batches give it."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


def read_anything() -> None:
    """Let all consumers of this process read so, those that Faust makes among them."""
    fetcher.MemoryRecords, fetcher.FetchResult = FetchedBatches, FetchedRecords


class FetchedBatches:
    """The batches in the bytes that a broker sent of a partition, as aiokafka's MemoryRecords; the last may be cut."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = memoryview(data), 0

    def size_in_bytes(self) -> int:
        return len(self._data)

    def has_next(self) -> bool:
        remaining = len(self._data) - self._at
        return remaining >= _LENGTH.size and remaining >= self._size()

    def next_batch(self) -> Any:
        """The next batch. Raises CorruptRecordException where its length is that of none."""
        batch = self._data[self._at : self._at + self._size()]
        if len(batch) <= _MAGIC_AT:
            raise CorruptRecordException(f"a batch of {len(batch)} bytes")
        self._at += len(batch)
        magic = batch[_MAGIC_AT]
        return ReadableBatch(batch) if magic >= 2 else LegacyRecordBatch(batch, magic)

    def _size(self) -> int:
        return int(_LENGTH.unpack_from(self._data, self._at)[0]) + _LENGTH.size


class ReadableBatch:
    """aiokafka's batch, whose records can be read whatever they are."""

    def __init__(self, batch: memoryview) -> None:
        self._data, self._batch = batch, DefaultRecordBatch(batch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            for record in records_of(plain_batch(self._data)):
                for _, content in record.headers:
                    if content is None:
                        yield _without_nulls(record)
                        break
                else:
                    yield record
        except TooLargeError:
            yield self._in_its_place("it unpacks to more than a batch may")
        except UNREADABLE:
            yield self._in_its_place("it is broken")

    def _in_its_place(self, reason: str) -> PlainRecord:
        log.error("nobody can read the batch at offset %d: %s; one record stands for it", self.base_offset, reason)
        value = bytes(self._data[:BEGINNING])
        return PlainRecord(self.next_offset - 1, self.max_timestamp, 0, None, value, [])


class FetchedRecords(fetcher.FetchResult):  # type: ignore[misc]
    """aiokafka's fetched records of a partition, handed out by size, too."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[Any]:
        """The next ones: at most so many, and no more once they are MOST_AT_ONCE bytes."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        records: list[Any] = []
        size = 0
        for record in self._partition_records:
            records.append(record)
            size += max(record.serialized_key_size, 0) + max(record.serialized_value_size, 0)
            if len(records) == max_records or size > MOST_AT_ONCE:
                self._update_position()
                return records
        self._update_position()
        self._partition_records = None
        return records


def _without_nulls(record: Any) -> PlainRecord:
    """The record with empty headers in the place of those without a value: who looks for one finds bytes."""
    headers: list[tuple[str, bytes | None]] = [(name, content or b"") for name, content in record.headers]
    return PlainRecord(record.offset, record.timestamp, record.timestamp_type, record.key, record.value, headers)


def plain_batch(batch: memoryview) -> Packed:
    """The batch as it would be if it had not been packed. Raises TooLargeError or BrokenPackingError."""
    (attributes,) = struct.unpack_from(">h", batch, _ATTRIBUTES_AT)
    if not attributes & CODEC:
        return batch
    head = bytearray(batch[:_HEAD_SIZE])
    struct.pack_into(">h", head, _ATTRIBUTES_AT, attributes & ~CODEC)
    return b"".join((head, unpack(batch[_HEAD_SIZE:], attributes & CODEC)))


def records_of(batch: Packed) -> Iterator[Any]:
    """The records of a batch that is not packed. Raises one of UNREADABLE."""
    count = 0
    try:
        for record in DefaultRecordBatch(batch):
            yield record
            count += 1
    except UnicodeDecodeError:
        yield from islice(_records(batch), count, None)


def _records(batch: Packed) -> Iterator[PlainRecord]:
    """The records of a batch, also where header names are not UTF-8."""
    offset, attributes, first_timestamp, max_timestamp, count = _HEAD.unpack_from(batch)
    has_append_time, at = bool(attributes & _LOG_APPEND_TIME), _HEAD_SIZE
    for _ in range(count):
        size, at = _number(batch, at)
        end = at + size
        delta, at = _number(batch, at + 1)
        offset_delta, at = _number(batch, at)
        key, at = _bytes(batch, at)
        value, at = _bytes(batch, at)
        header_count, at = _number(batch, at)
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(header_count):
            name, at = _bytes(batch, at)
            content, at = _bytes(batch, at)
            headers.append(((name or b"").decode(errors="backslashreplace"), content))
        if at != end:
            raise ValueError("a record of another length than it says")
        timestamp = max_timestamp if has_append_time else first_timestamp + delta
        yield PlainRecord(offset + offset_delta, timestamp, int(has_append_time), key, value, headers)


def _number(data: Packed, at: int) -> tuple[int, int]:
    """A varint in zigzag, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
        if shift > 63:
            raise ValueError("a number that is too long")


def _bytes(data: Packed, at: int) -> tuple[bytes | None, int]:
    """Bytes behind their length, None where that is negative, and where they end."""
    size, at = _number(data, at)
    if size < 0:
        return None, at
    if at + size > len(data):
        raise ValueError("more than there is")
    return bytes(data[at : at + size]), at + size
