"""A writer's batch: rows by table, the record of each, and the offsets that may be committed after it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from schemas.decode import EventError
from schemas.heartbeat import heartbeat_sent_at
from schemas.version import require_no_newer_type
from sinks.clickhouse.alert_rows import ALERTS as ALERTS_TABLE
from sinks.clickhouse.alert_rows import alert_row, read_alert
from sinks.clickhouse.dead_letter_rows import DEAD_LETTER_TABLE, DeadLetterRows
from sinks.clickhouse.estimate_rows import ESTIMATES as ESTIMATES_TABLE
from sinks.clickhouse.estimate_rows import estimate_row
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import CENTER_HOURS as CENTER_HOURS_TABLE
from sinks.clickhouse.fact_rows import JOURNEYS as JOURNEYS_TABLE
from sinks.clickhouse.fact_rows import Fact, FactRows, Key
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.part_forecast_rows import PART_FORECASTS as PART_FORECASTS_TABLE
from sinks.clickhouse.part_forecast_rows import part_forecast_row
from sinks.clickhouse.progress import Progress
from sinks.clickhouse.reference_rows import REFERENCE_EVENTS as REFERENCE_TABLE
from sinks.clickhouse.reference_rows import ReferenceRows
from sinks.clickhouse.tables import (
    ALERTS,
    CENTER_HOURS,
    DEAD_LETTERS,
    ESTIMATES,
    JOURNEYS,
    PART_FORECASTS,
    REFERENCE_DEAD_LETTERS,
    REFERENCE_EVENTS,
    SERVICE_EVENTS,
    RawTable,
    Record,
    Row,
    UnusableRecordError,
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RowBlock:
    """Rows for one table, the record of each, and the index of the newest row of each key."""

    rows: list[Row] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    row_indexes: dict[Key, int] = field(default_factory=dict)

    def add(self, record: Record, row: Row) -> None:
        self.rows.append(row)
        self.records.append(record)

    def is_superseded(self, key: Key, version: int) -> bool:
        """Whether the block holds a newer version of the key already."""
        index = self.row_indexes.get(key)
        return index is not None and version < self.versions[index]

    def put(self, record: Record, row: Row, key: Key, version: int) -> None:
        """Add the row; it replaces an older one of its key."""
        index = self.row_indexes.get(key)
        if index is None:
            self.row_indexes[key] = len(self.rows)
            self.add(record, row)
            self.versions.append(version)
        else:
            self.rows[index], self.records[index], self.versions[index] = row, record, version


@dataclass(slots=True)
class Batch:
    """Everything read since the last one; `unusable` are records that no row can be made of, with code and reason.

    `size` is that of all their values, in bytes. `heartbeats` says when the newest heartbeat among each partition's
    records was sent, in ms since the epoch.
    """

    blocks: dict[RawTable, RowBlock] = field(default_factory=dict)
    unusable: list[tuple[Record, str, str]] = field(default_factory=list)
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    size: int = 0
    heartbeats: dict[TopicPartition, int] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)

    def __bool__(self) -> bool:
        return bool(self.ends)

    @property
    def longest(self) -> int:
        """The number of rows of the fullest table."""
        return max((len(block.rows) for block in self.blocks.values()), default=0)

    def age_s(self) -> float:
        return time.monotonic() - self.since


class Reader:
    """Turns the records of the topics into rows."""

    def __init__(
        self, keyed: KeyedHash, events: EventRows, progress: Progress, reference: ReferenceRows | None = None
    ) -> None:
        facts = FactRows(keyed)
        letters = DEAD_LETTER_TABLE, _plain_rows(DeadLetterRows(events).row)
        self._progress = progress
        self._routes: dict[str, tuple[RawTable, Callable[[RowBlock, Record], None]]] = {
            SERVICE_EVENTS: (EVENTS, _plain_rows(events.row)),
            JOURNEYS: (JOURNEYS_TABLE, _versioned_rows(facts.journey, facts.journey_row)),
            CENTER_HOURS: (CENTER_HOURS_TABLE, _versioned_rows(facts.hour, facts.hour_row)),
            DEAD_LETTERS: letters,
            ALERTS: (ALERTS_TABLE, _versioned_rows(read_alert, alert_row)),
            ESTIMATES: (ESTIMATES_TABLE, _plain_rows(estimate_row)),
            PART_FORECASTS: (PART_FORECASTS_TABLE, _plain_rows(part_forecast_row)),
            REFERENCE_EVENTS: (REFERENCE_TABLE, _plain_rows((reference or ReferenceRows(keyed)).row)),
            REFERENCE_DEAD_LETTERS: letters,
        }

    def add(self, batch: Batch, tp: TopicPartition, records: list[Record]) -> None:
        """Put the records' rows into the batch.

        Skipped and counted: records of service-events that are no events (the stream workers name them in the dead
        letter topic), compaction's tombstones, and what others wrote to the dead letter topics. Heartbeats are noted.
        No worker reads reference-events: what is refused of them is named here.

        Raises NewerSchemaError at an event of a type that only a newer Fixtrail knows.
        """
        if not batch:
            batch.since = time.monotonic()
        table, add_row = self._routes[tp.topic]
        block = batch.blocks.setdefault(table, RowBlock())
        skipped = unknown = 0
        for record in records:
            if record.value is None and table not in (DEAD_LETTER_TABLE, REFERENCE_TABLE):
                if (sent_ms := heartbeat_sent_at(record)) is None:
                    skipped += 1
                else:
                    batch.heartbeats[tp] = max(batch.heartbeats.get(tp, 0), sent_ms)
                continue
            try:
                add_row(block, record)
            except EventError as error:
                require_no_newer_type(tp.topic, tp.partition, record.offset, record.headers, error.code)
                if tp.topic == REFERENCE_EVENTS:
                    batch.unusable.append((record, error.code, error.reason))
                    continue
                unknown += error.code == "unknown_type"
                skipped += 1
            except UnusableRecordError as error:
                if table is DEAD_LETTER_TABLE:
                    skipped += 1
                else:
                    batch.unusable.append((record, "unusable_record", str(error)))
        batch.ends[tp] = records[-1].offset + 1
        batch.size += sum(len(record.value or b"") for record in records)
        if skipped:
            self._progress.count("skipped", tp.topic, skipped)
        if unknown:
            log.warning("%d events of partition %d are of unknown types and make no rows", unknown, tp.partition)


def _plain_rows(row_of: Callable[[Record], Row]) -> Callable[[RowBlock, Record], None]:
    def add_row(block: RowBlock, record: Record) -> None:
        block.add(record, row_of(record))

    return add_row


def _versioned_rows(
    read: Callable[[Record], tuple[Key, int, Fact]], row_of: Callable[[Fact], Row]
) -> Callable[[RowBlock, Record], None]:
    """Of several versions of one key only the newest becomes a row: ClickHouse would throw the others away."""

    def add_row(block: RowBlock, record: Record) -> None:
        key, version, fact = read(record)
        if not block.is_superseded(key, version):
            block.put(record, row_of(fact), key, version)

    return add_row
