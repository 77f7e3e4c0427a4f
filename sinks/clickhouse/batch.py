"""What a writer has read and not yet written: rows by table, where each came from, and how far the commit may go."""

import time
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from schemas.decode import BadEvent
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import CENTER_HOURS as CENTER_HOURS_TABLE
from sinks.clickhouse.fact_rows import JOURNEYS as JOURNEYS_TABLE
from sinks.clickhouse.fact_rows import FactRows
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.letter_rows import LETTERS, LetterRows
from sinks.clickhouse.progress import Progress
from sinks.clickhouse.tables import (
    CENTER_HOURS,
    DEAD_LETTERS,
    JOURNEYS,
    SERVICE_EVENTS,
    Record,
    Row,
    Table,
    UnusableRecord,
)


@dataclass(slots=True)
class Block:
    """Rows for one table, and the record of each."""

    rows: list[Row] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """Everything read since the last one; `unusable` are records of our topics that no row can be made of."""

    blocks: dict[Table, Block] = field(default_factory=dict)
    unusable: list[tuple[Record, str]] = field(default_factory=list)
    ends: dict[TopicPartition, int] = field(default_factory=dict)
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
    """Turns the records of the four topics into rows."""

    def __init__(self, keyed: KeyedHash, events: EventRows, progress: Progress) -> None:
        facts = FactRows(keyed)
        self._progress = progress
        self._routes = {
            SERVICE_EVENTS: (EVENTS, events.row),
            JOURNEYS: (JOURNEYS_TABLE, facts.journey),
            CENTER_HOURS: (CENTER_HOURS_TABLE, facts.center_hour),
            DEAD_LETTERS: (LETTERS, LetterRows(events).row),
        }

    def add(self, batch: Batch, tp: TopicPartition, records: list[Record]) -> None:
        """Put the records' rows into the batch.

        Passed over and counted: records of service-events that are no events (the stream workers name them in the dead
        letter topic), compaction's tombstones, and what others wrote to the dead letter topic.
        """
        if not batch:
            batch.since = time.monotonic()
        table, row_of = self._routes[tp.topic]
        block = batch.blocks.setdefault(table, Block())
        rows, kept = block.rows, block.records
        skipped = 0
        for record in records:
            if record.value is None and table is not LETTERS:
                skipped += 1
                continue
            try:
                rows.append(row_of(record))
            except BadEvent:
                skipped += 1
            except UnusableRecord as error:
                if table is LETTERS:
                    skipped += 1
                else:
                    batch.unusable.append((record, str(error)))
            else:
                kept.append(record)
        batch.ends[tp] = records[-1].offset + 1
        self._progress.count("records", tp.topic, len(records))
        if skipped:
            self._progress.count("skipped", tp.topic, skipped)
