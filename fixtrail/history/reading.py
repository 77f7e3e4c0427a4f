"""A file of history read once: every line judged as the stream would, and kept beside the others of its vehicle."""

from collections import Counter
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from fixtrail.history.vehicles import Line, kind_of
from fixtrail.imports.spool import Spool
from runtime.kafka.partitioner import partition_of
from schemas.decode import EventError, check_time, decode_with_extras
from schemas.events import Event
from schemas.topics import MAX_SENT_BYTES
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.tables import Row

BUCKETS = 64
_BUCKET_BYTES = 2 << 20
_OCCURRED_AT = 7  # its place in a row of `events`


class RefusedLine(NamedTuple):
    """A line that is no event: its number, bytes, and why."""

    number: int
    value: bytes
    code: str
    reason: str


@dataclass(slots=True)
class FileRecord:
    """What a line would be on `service-events`, as far as an event's row depends on it."""

    value: bytes
    timestamp: int
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    topic: str = ""
    partition: int = 0
    offset: int = 0


class HistoryFile:
    """The lines of a file by vehicle, in as many buckets as fit into memory one by one.

    `clocks` is the event time (ms) that each partition has reached; it goes on with the lines. `read_ms` is when the
    file is read: until then nothing in it can have happened, but for `ahead_ms`.
    """

    def __init__(
        self, rows: EventRows, clocks: MutableMapping[int, int], *, read_ms: int, max_bytes: int, ahead_ms: int
    ) -> None:
        self.clocks = clocks
        self.lines = self.empty = 0
        self.first_ms: int | None = None
        self.too_long: list[int] = []
        self.codes: Counter[str] = Counter()
        self.refused: Spool[tuple[Any, ...]] = Spool()
        self._rows = rows
        self._buckets: list[Spool[tuple[Any, ...]]] = [Spool(_BUCKET_BYTES) for _ in range(BUCKETS)]
        self._max_bytes, self._ahead_ms = max_bytes, ahead_ms
        self._record = FileRecord(b"", read_ms)
        partitions = len(clocks)
        self._partition = lru_cache(200_000)(lambda vehicle: partition_of(vehicle.encode(), partitions))

    def add(self, value: bytes) -> None:
        """Take the next line, without its newline."""
        if not value or value == b"\r":
            self.empty += 1
            return
        self.lines += 1
        if len(value) > MAX_SENT_BYTES:
            self.too_long.append(self.lines + self.empty)
            return
        record = self._record
        record.value = value
        try:
            event, _ = decode_with_extras(value, max_bytes=self._max_bytes)
            check_time(record, event.occurred_at, self._ahead_ms)
        except EventError as error:
            self.codes[error.code] += 1
            self.refused.add((self.lines + self.empty, value, error.code, error.reason))
            return
        self._keep(event, value)

    def _keep(self, event: Event, value: bytes) -> None:
        row = self._rows.row_of(event, self._record)
        at: int = row[_OCCURRED_AT]
        vehicle_id = event.vehicle_id
        partition = self._partition(vehicle_id)
        clock = self.clocks[partition]
        if at > clock:
            self.clocks[partition] = at
        if self.first_ms is None or at < self.first_ms:
            self.first_ms = at
        self._buckets[_bucket_of(row)].add(
            (
                *(self.lines + self.empty, partition, clock, at, event.center_id, event.order_id, kind_of(event)),
                *(event.event_id, value, vehicle_id, row),
            )
        )

    def bucket(self, number: int) -> dict[str, list[Line]]:
        """The lines of a bucket's vehicles, each in the order of the file."""
        vehicles: dict[str, list[Line]] = {}
        for values in self._buckets[number]:
            line = Line._make(values)
            vehicles.setdefault(line.vehicle_id, []).append(line)
        return vehicles

    def refusals(self) -> Iterator[RefusedLine]:
        """The lines that are no event, in order."""
        return map(RefusedLine._make, self.refused)


def edges_of(bucket: int) -> tuple[str, str]:
    """From which vehicle key on, and before which one, the vehicles of a bucket are."""
    width = 256 // BUCKETS
    return (f"{bucket * width:02x}" if bucket else ""), f"{(bucket + 1) * width:02x}" if bucket < BUCKETS - 1 else "g"


def _bucket_of(row: Row) -> int:
    return int(row[0][:2], 16) * BUCKETS // 256
