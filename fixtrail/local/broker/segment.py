"""One append-only file of record batches with a sparse index in memory.

The index has an entry about every 4 KiB, so a log of a gigabyte costs a few megabytes at most, whatever the size of its
batches. Record bytes are never kept: the operating system's page cache holds the newest ones better than we could.
"""

import errno
import json
import os
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fixtrail.local.broker.batch import HEADER_SIZE, PREFIX, PREFIX_SIZE, BatchHeader, crc_matches, read_header

INDEX_EVERY = 4096
SCAN_CHUNK = 1 << 20


class StorageError(OSError):
    """The disk took no batch (full, read-only). Trying again helps once there is room."""


class Segment:
    """Batches from offset `base` up to, not including, `end`."""

    def __init__(self, folder: Path, base: int) -> None:
        self.base = base
        self.end = base
        self.size = 0
        self.max_timestamp = -1
        self.path = folder / f"{base:020d}.log"
        self.opened_at = time.time()
        self.saved_size = 0
        self.ages: list[tuple[int, float]] = []
        self.used_at = time.monotonic()
        self._file: int | None = None
        self._offsets = array("q")
        self._positions = array("q")
        self._timestamps = array("q")

    @property
    def index_path(self) -> Path:
        return self.path.with_suffix(".index")

    @property
    def newest_ms(self) -> float:
        """The latest record timestamp (ms); where records have none, when the file was last written."""
        if self.max_timestamp >= 0 or not self.size:
            return self.max_timestamp
        return self.path.stat().st_mtime * 1000

    def write_times(self) -> list[tuple[int, float]]:
        """When (wall clock, s) the records up to which offset (exclusive) were first written.

        A segment made by compaction keeps this of the segments it was made from in `ages`.
        """
        return self.ages or [(self.end, self.path.stat().st_mtime)]

    def create(self) -> None:
        """Make the empty file: its name keeps the log's end offset although no batch is in it."""
        self._open()

    def append(self, batch: bytes | bytearray | memoryview, header: BatchHeader, base_offset: int) -> None:
        """Write the batch, already holding `base_offset`, at the end of the file.

        Raises StorageError when the disk does not take all of it; the file is then as before.
        """
        file = self._open()
        try:
            length = os.write(file, batch)
        except OSError as error:
            os.ftruncate(file, self.size)
            raise StorageError(error.errno, error.strerror) from error
        if length != len(batch):
            os.ftruncate(file, self.size)
            raise StorageError(errno.ENOSPC, "the batch was not written whole")
        self._note(base_offset, header.last_offset_delta, header.max_timestamp, self.size)
        self.size += length

    def position(self, offset: int) -> int:
        """Where the first batch that ends at or after `offset` starts; the file's size when there is none."""
        if offset >= self.end or not self._positions:
            return self.size
        entry = max(bisect_right(self._offsets, offset) - 1, 0)
        for position, header in self._walk(entry):
            if header[0] + header[4] >= offset:
                return position
        # The offset was compacted away at the end of the chunk: the next one starts with a later batch.
        return self._chunk_end(entry)

    def stop(self, start: int, limit: int) -> int:
        """The last batch border in the file up to `limit`; `start` when not even one batch fits."""
        if limit >= self.size:
            return self.size
        entry = bisect_right(self._positions, limit) - 1
        if self._positions[entry] > start:
            return self._positions[entry]
        border = start
        for position, header in self._walk(entry):
            after = position + 12 + header[1]
            if after > limit:
                break
            border = max(border, after)
        return border

    def batch_size(self, position: int) -> int:
        """Bytes of the batch that starts at `position`."""
        length: int = PREFIX.unpack(os.pread(self._open(), PREFIX_SIZE, position))[1]
        return length + 12

    def read(self, start: int, stop: int) -> bytes:
        """The bytes between two positions."""
        self.used_at = time.monotonic()
        return os.pread(self._open(), stop - start, start)

    def batches(self, start: int = 0) -> Iterator[tuple[int, BatchHeader, bytes]]:
        """Position, header and bytes of every batch from position `start` on, read a chunk at a time."""
        position = start
        while position < self.size:
            chunk = self.read(position, min(position + SCAN_CHUNK, self.size))
            if len(chunk) < HEADER_SIZE:
                return
            at = 0
            while at + HEADER_SIZE <= len(chunk):
                header = read_header(chunk, at)
                if header.size < HEADER_SIZE:
                    return
                if header.size > len(chunk) - at:
                    if at == 0:
                        chunk = self.read(position, position + header.size)
                        if len(chunk) < header.size:
                            return
                        continue
                    break
                yield position + at, header, chunk[at : at + header.size]
                at += header.size
            position += at

    def position_for_time(self, timestamp: int) -> int | None:
        """Where the first batch with a record at or after `timestamp` (ms) starts; None when none has one."""
        if self.max_timestamp < timestamp:
            return None
        for entry, newest in enumerate(self._timestamps):
            if newest >= timestamp:
                return self._positions[entry]
        return None

    def load(self) -> dict[str, Any] | None:
        """Take the saved index; what was kept with it, or None when there is none to be trusted.

        Batches that came after it was saved are left to `scan`.
        """
        try:
            head, _, columns = self.index_path.read_bytes().partition(b"\n")
            saved: dict[str, Any] = json.loads(head)
            if saved["size"] > self.path.stat().st_size or len(columns) != saved["entries"] * 24:
                return None
        except (OSError, ValueError, KeyError):
            return None
        self.size, self.end, self.max_timestamp = saved["size"], saved["end"], saved["max_timestamp"]
        for number, column in enumerate((self._offsets, self._positions, self._timestamps)):
            del column[:]
            column.frombytes(columns[number * saved["entries"] * 8 : (number + 1) * saved["entries"] * 8])
        state: dict[str, Any] = saved["kept"]
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Write the index, with `state` beside it, so that the next start need not scan what is there now."""
        self.saved_size = self.size
        saved = {
            "size": self.size,
            "end": self.end,
            "max_timestamp": self.max_timestamp,
            "entries": len(self._offsets),
            "kept": state,
        }
        columns = b"".join(column.tobytes() for column in (self._offsets, self._positions, self._timestamps))
        fresh = self.index_path.with_suffix(".index.new")
        fresh.write_bytes(json.dumps(saved).encode() + b"\n" + columns)
        fresh.replace(self.index_path)

    def scan(self) -> Iterator[tuple[BatchHeader, bytes]]:
        """Index the batches that are not yet, one by one, and cut off a torn tail.

        A broker killed inside a write leaves the beginning of a batch behind: nobody got an acknowledgement for it.
        """
        good = self.size
        self.size = self.path.stat().st_size
        for position, header, batch in self.batches(good):
            after = position + header.size
            broken = header.magic != 2 or header.base_offset < self.end
            if broken or (after == self.size and not crc_matches(batch, header)):
                break
            self._note(header.base_offset, header.last_offset_delta, header.max_timestamp, position)
            good = after
            yield header, batch
        if good != self.size:
            os.truncate(self.path, good)
            self.size = good

    def release(self) -> None:
        """Close the file; it opens again by itself."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def delete(self) -> None:
        """Close the file and remove it with its index."""
        self.release()
        self.index_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _open(self) -> int:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file

    def _note(self, base_offset: int, last_delta: int, timestamp: int, position: int) -> None:
        if not self._positions or position - self._positions[-1] >= INDEX_EVERY:
            self._offsets.append(base_offset)
            self._positions.append(position)
            self._timestamps.append(timestamp)
        elif timestamp > self._timestamps[-1]:
            self._timestamps[-1] = timestamp
        self.end = base_offset + last_delta + 1
        if timestamp > self.max_timestamp:
            self.max_timestamp = timestamp

    def _chunk_end(self, entry: int) -> int:
        return self._positions[entry + 1] if entry + 1 < len(self._positions) else self.size

    def _walk(self, entry: int) -> Iterator[tuple[int, tuple[int, int, int, int, int]]]:
        # Every batch of a chunk starts within INDEX_EVERY bytes of its start, so one small read has all prefixes.
        start = self._positions[entry]
        end = self._chunk_end(entry)
        window = os.pread(self._open(), min(end - start, INDEX_EVERY + PREFIX_SIZE), start)
        at = 0
        while at + PREFIX_SIZE <= len(window) and start + at < end:
            prefix = PREFIX.unpack_from(window, at)
            yield start + at, prefix
            at += 12 + prefix[1]
