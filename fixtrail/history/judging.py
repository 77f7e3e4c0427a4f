"""Lines judged as the stream would judge them, many at once: what other processes can do for the one that reads."""

import marshal
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from runtime.kafka.partitioner import partition_of
from runtime.process import collect_rarely
from schemas.decode import EventError, check_time, decode_with_extras
from schemas.topics import MAX_SENT_BYTES
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.tables import Row

BUCKETS = 64
BEGINS, ENDS, ELSE = 0, 1, 2
_KINDS = {"check_in": BEGINS, "handoff": ENDS, "cancellation": ENDS}
_OCCURRED_AT = EVENTS.columns.index("occurred_at")
_PARTITIONS_KNOWN = 200_000
NO_EVENT = -1


@dataclass(frozen=True, slots=True)
class Judging:
    """How lines are judged: as workers and writers do that read `partitions` partitions at `read_ms`."""

    hash_key: bytes = field(repr=False)
    partitions: int
    read_ms: int
    max_bytes: int
    ahead_ms: int
    clear_staff: bool = False


class RefusedLine(NamedTuple):
    """A line that is no event: its number, bytes, and why."""

    number: int
    value: bytes
    code: str
    reason: str


class JudgedLines(NamedTuple):
    """Lines in a row. By bucket of vehicles the events as marshalled lists; by line its partition and time (ms).

    The partition of a line that is no event is NO_EVENT.
    """

    blocks: dict[int, bytes]
    partitions: "array[int]"
    times: "array[int]"
    refused: list[RefusedLine]
    too_long: list[int]
    empty: int


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


class LineJudge:
    """Judges lines; it keeps nothing from one call to the next but what makes it faster."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._rows = EventRows(KeyedHash(judging.hash_key), clear_staff=judging.clear_staff)
        self._record = FileRecord(b"", judging.read_ms)
        self._latest = judging.read_ms + judging.ahead_ms
        self._partitions: dict[str, int] = {}

    def judge(self, first: int, values: Sequence[bytes]) -> JudgedLines:
        """The lines from number `first` on."""
        blocks: dict[int, list[Any]] = {}
        lines = JudgedLines({}, array("q"), array("q"), [], [], sum(value in (b"", b"\r") for value in values))
        for number, value in enumerate(values, first):
            partition, at = NO_EVENT, 0
            if len(value) > MAX_SENT_BYTES:
                lines.too_long.append(number)
            elif value and value != b"\r":
                try:
                    partition, at = self._take(number, value, blocks)
                except EventError as error:
                    lines.refused.append(RefusedLine(number, value, error.code, error.reason))
            lines.partitions.append(partition)
            lines.times.append(at)
        lines.blocks.update({bucket: marshal.dumps(block) for bucket, block in blocks.items()})
        return lines

    def _take(self, number: int, value: bytes, blocks: dict[int, list[Any]]) -> tuple[int, int]:
        record = self._record
        record.value = value
        event, _ = decode_with_extras(value, max_bytes=self._judging.max_bytes)
        row = self._rows.row_of(event, record)
        at: int = row[_OCCURRED_AT]
        if at > self._latest:
            check_time(record, event.occurred_at, self._judging.ahead_ms)
        fields = event.__dict__
        vehicle_id = fields["vehicle_id"]
        partition = self._partitions.get(vehicle_id)
        if partition is None:
            partition = self._partition(vehicle_id)
        kind = _KINDS.get(fields["type"], ELSE)
        ids = fields["center_id"], fields["order_id"], kind, fields["event_id"], value, vehicle_id
        blocks.setdefault(_bucket_of(row), []).append((number, partition, at, *ids, row))
        return partition, at

    def _partition(self, vehicle_id: str) -> int:
        if len(self._partitions) >= _PARTITIONS_KNOWN:
            self._partitions.clear()
        partition = self._partitions[vehicle_id] = partition_of(vehicle_id.encode(), self._judging.partitions)
        return partition


def _bucket_of(row: Row) -> int:
    return int(row[0][:2], 16) * BUCKETS // 256


# The judge of a process that does nothing else.
_judges: list[LineJudge] = []


def begin_judging(judging: Judging) -> None:
    """Make this process one that judges."""
    collect_rarely()
    _judges[:] = [LineJudge(judging)]


def judge_here(first: int, values: Sequence[bytes]) -> JudgedLines:
    """The lines, judged in this process after `begin_judging`."""
    return _judges[0].judge(first, values)
