"""The metrics of a writer's inserts."""

import logging
import time
from collections.abc import Mapping, Sequence

from runtime.progress import DELAYS, SIZES, Progress
from sinks.clickhouse.event_rows import EVENTS
from sinks.clickhouse.tables import RawTable, Record, Row

log = logging.getLogger(__name__)

__all__ = ["Progress", "note_broken_parts", "note_insert", "note_rows"]

_OCCURRED_AT = EVENTS.columns.index("occurred_at")


def note_insert(progress: Progress, table: RawTable, rows: int, refused: int, took_s: float) -> None:
    """Count an insert that ClickHouse has acknowledged."""
    progress.count("rows", table.name, rows - refused)
    progress.observe(("insert_rows", table.name), [rows], SIZES)
    progress.observe(("insert_seconds", table.name), [took_s])


def note_rows(progress: Progress, table: RawTable, rows: Sequence[Row], records: Sequence[Record]) -> None:
    """Measure the delay of rows now in ClickHouse: since Kafka has them and, of events, since they happened."""
    now_ms = time.time() * 1000
    waited = [(now_ms - record.timestamp) / 1000 for record in records]
    progress.observe(("received_to_row_seconds", table.name), waited, DELAYS)
    if table is EVENTS:
        occurred = [row[_OCCURRED_AT] for row in rows]
        progress.observe(("occurred_to_row_seconds",), [(now_ms - at) / 1000 for at in occurred], DELAYS)
        newest = progress.gauges.get(("newest_event_timestamp_seconds",), 0.0)
        progress.gauges["newest_event_timestamp_seconds",] = max(newest, max(occurred) / 1000)


def note_broken_parts(progress: Progress, parts: Mapping[str, int]) -> None:
    """Measure how many parts of which table ClickHouse has put aside as broken; said in the log once each time."""
    measured = {measure[-1] for measure in progress.gauges if measure[0] == "broken_parts"}
    for table in measured | parts.keys():
        before = progress.gauges.get(("broken_parts", table), 0)
        progress.gauges["broken_parts", table] = parts.get(table, 0)
        if parts.get(table, 0) > before:
            log.error(
                "ClickHouse has put %d parts of table %s aside as broken: their rows are missing in every figure "
                "(docs/runbooks/rows-missing.md)",
                parts[table],
                table,
            )
