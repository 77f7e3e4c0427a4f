"""One partition on disk: segments of record batches, of which the last one is written to."""

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fixtrail.local.broker.batch import BatchHeader, marker_commits, records_of, write_base_offset
from fixtrail.local.broker.config import TopicConfig
from fixtrail.local.broker.producers import ProducerStates
from fixtrail.local.broker.segment import Segment

IDLE_FILE_S = 60.0

CHECKPOINT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class BatchSlice:
    """Whole batches of one segment, from position `start` up to `stop`; not read yet.

    `newest` says that nothing that may be read follows them.
    """

    segment: Segment
    start: int
    stop: int
    newest: bool

    @property
    def size(self) -> int:
        return self.stop - self.start

    def read(self) -> bytes:
        return self.segment.read(self.start, self.stop)


class PartitionLog:
    """Records of one partition from offset `start` up to, not including, `end`."""

    def __init__(self, folder: Path, config: TopicConfig, start: int = 0) -> None:
        """Open the partition kept in `folder` (made when missing); `start` hides older records."""
        self.folder = folder
        self.config = config
        self.start = start
        self.producers = ProducerStates()
        self.waiting: set[Callable[[], None]] = set()
        self.cleaned_to = 0
        self.closed = False
        self.segments: list[Segment] = []
        self._open()

    @property
    def active(self) -> Segment:
        return self.segments[-1]

    @property
    def end(self) -> int:
        """The offset that the next record gets (the high watermark: there is one replica)."""
        return self.segments[-1].end

    @property
    def stable_end(self) -> int:
        """Up to where read_committed consumers may read."""
        return self.producers.stable_end(self.end)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self.segments)

    def append(self, batch: bytearray | memoryview, header: BatchHeader) -> int:
        """The base offset at which the batch is now on disk. `batch` is changed in place.

        Raises StorageError when the disk does not take it; nothing is appended then.
        """
        active = self.segments[-1]
        if not active.size:
            active.opened_at = time.time()
        elif self._is_full(active, len(batch)):
            active = self.roll()
        offset = active.end
        write_base_offset(memoryview(batch), offset)
        active.append(batch, header, offset)
        if header.producer_id >= 0:
            self._note_producer(header, batch, offset)
        self.wake()
        return offset

    def wake(self) -> None:
        """Tell the fetches that wait at the end of this partition to look again."""
        for waiter in tuple(self.waiting):
            waiter()

    def slice(self, offset: int, max_bytes: int, *, committed: bool, at_least_one: bool) -> BatchSlice | None:
        """The batches from the one that holds `offset` on, up to `max_bytes`; None when there is nothing to give.

        With `at_least_one` a first batch larger than `max_bytes` is given all the same, lest a consumer starve.
        """
        limit = self.stable_end if committed else self.end
        if offset >= limit:
            return None
        number = bisect_right(self.segments, offset, key=lambda segment: segment.base) - 1
        start, segment = 0, self.segments[max(number, 0)]
        if number >= 0:
            start = segment.position(offset)
        while start >= segment.size:
            number += 1
            if number >= len(self.segments):
                return None
            start, segment = 0, self.segments[number]
        last = segment.position(limit) if limit < segment.end else segment.size
        stop = min(segment.stop(start, start + max_bytes) if last - start > max_bytes else last, last)
        if stop <= start and at_least_one and last > start:
            stop = start + segment.batch_size(start)
        return BatchSlice(segment, start, stop, stop == last and limit <= segment.end) if stop > start else None

    def offset_for_time(self, timestamp: int) -> tuple[int, int] | None:
        """Offset and timestamp (ms) of the first record at or after `timestamp`; None when there is none."""
        for segment in self.segments:
            position = segment.position_for_time(timestamp)
            if position is None or segment.end <= self.start:
                continue
            for _, header, batch in segment.batches(position):
                if header.max_timestamp < timestamp or header.last_offset < self.start or header.is_control:
                    continue
                records = records_of(batch)
                if records is None:
                    return header.base_offset, header.first_timestamp
                for record in records:
                    if record.timestamp >= timestamp and record.offset >= self.start:
                        return record.offset, record.timestamp
        return None

    def roll(self) -> Segment:
        """A fresh active segment; the one before is closed and its index saved."""
        closed = self.segments[-1]
        self.checkpoint()
        active = Segment(self.folder, closed.end)
        active.create()
        self.segments.append(active)
        return active

    def expire(self) -> None:
        """Drop the segments that retention lets go."""
        if self.active.size - self.active.saved_size > CHECKPOINT_BYTES:
            self.checkpoint()
        config, now = self.config, time.time()
        if config.delete and config.retention_ms >= 0:
            oldest = now * 1000 - config.retention_ms
            self._drop_while(lambda segment: segment.newest_ms < oldest)
        if config.delete and config.retention_bytes >= 0:
            excess = self.size - config.retention_bytes
            while (self.segments[0].size or len(self.segments) > 1) and excess >= self.segments[0].size:
                excess -= self.segments[0].size
                self._drop_first()
        self._drop_while(lambda segment: segment.end <= self.start and segment is not self.active)
        self.producers.forget(self.start)

    def delete_before(self, offset: int) -> int:
        """Hide the records before `offset`; the new start."""
        self.start = max(self.start, offset)
        return self.start

    def replace(self, old: list[Segment], fresh: Segment) -> None:
        """Put a compacted segment in the place of the consecutive segments it was made from."""
        at = self.segments.index(old[0])
        self.segments[at : at + len(old)] = [fresh]
        self.cleaned_to = max(self.cleaned_to, fresh.end)

    def checkpoint(self) -> None:
        """Save the index of the active segment: what is in it by now need not be scanned at the next start."""
        if self.active.size > self.active.saved_size:
            self.active.save({"producers": self.producers.dump(), "cleaned": False, "ages": []})

    def close_idle(self) -> None:
        """Close files that nobody has read for a while."""
        oldest = time.monotonic() - IDLE_FILE_S
        for segment in self.segments[:-1]:
            if segment.used_at < oldest:
                segment.release()

    def close(self) -> None:
        """Close all files for good."""
        self.closed = True
        for segment in self.segments:
            segment.release()

    def _is_full(self, active: Segment, added: int) -> bool:
        # Only asked when a batch comes: an active segment without any could leave a consumer waiting for ever for
        # offsets that compaction took away before it.
        age_ms = (time.time() - active.opened_at) * 1000
        return active.size + added > self.config.segment_bytes or age_ms > self.config.segment_ms

    def _drop_while(self, expired: Callable[[Segment], bool]) -> None:
        while (self.segments[0].size or len(self.segments) > 1) and expired(self.segments[0]):
            self._drop_first()

    def _drop_first(self) -> None:
        if len(self.segments) == 1:
            self.roll()
        self.segments.pop(0).delete()
        self.start = max(self.start, self.segments[0].base)
        self.cleaned_to = max(self.cleaned_to, self.segments[0].base)

    def _note_producer(self, header: BatchHeader, batch: bytes | bytearray | memoryview, offset: int) -> None:
        if header.is_control:
            self.producers.note_marker(header, offset, commit=marker_commits(batch))
        else:
            self.producers.note(header, offset)

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        finish_swaps(self.folder)
        bases = sorted(int(path.stem) for path in self.folder.glob("*.log"))
        if not bases:
            self.segments = [Segment(self.folder, self.start)]
            return
        self.segments = [Segment(self.folder, base) for base in bases]
        self.cleaned_to = bases[0]
        for segment, following in zip(self.segments, self.segments[1:], strict=False):
            self._load_closed(segment)
            # The records at a compacted segment's end may be gone; the next one's name tells where it ends.
            segment.end = following.base
        saved_state = self.active.load()
        if saved_state is not None:
            self.producers.restore(saved_state["producers"])
        self._scan(self.active)
        self.start = max(self.start, bases[0])

    def _load_closed(self, segment: Segment) -> None:
        saved_state = segment.load()
        if saved_state is not None:
            self.producers.restore(saved_state["producers"])
            segment.ages = [(end, written_at) for end, written_at in saved_state["ages"]]
        if saved_state is None or segment.size != segment.path.stat().st_size:
            self._scan(segment)
            segment.save({"producers": self.producers.dump(), "cleaned": False, "ages": []})
            return
        if saved_state["cleaned"] and self.cleaned_to == segment.base:
            self.cleaned_to = segment.end

    def _scan(self, segment: Segment) -> None:
        for header, batch in segment.scan():
            if header.producer_id >= 0:
                self._note_producer(header, batch, header.base_offset)


def finish_swaps(folder: Path) -> None:
    """Complete or undo a compaction that a crash interrupted.

    `A-B.swap` holds what is left of the segments from base A up to, not including, B; `.cleaned` was never complete.
    """
    for half in [*folder.glob("*.cleaned"), *folder.glob("*.new")]:
        half.unlink()
    for swap in sorted(folder.glob("*.swap")):
        install_swap(folder, swap)


def install_swap(folder: Path, swap: Path) -> None:
    """Delete the segments that the swap file replaces and give it the first one's name."""
    first, end = (int(number) for number in swap.stem.split("-"))
    for path in [*folder.glob("*.log"), *folder.glob("*.index")]:
        if first <= int(path.stem) < end:
            path.unlink()
    swap.rename(folder / f"{first:020d}.log")
