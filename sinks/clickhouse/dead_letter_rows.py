"""Rows of `dead_letters`: which record was refused and why, never its content."""

from dataclasses import dataclass
from typing import Any

from schemas.dead_letter import original_headers, read_dead_letter
from schemas.origin import center_of, source_of
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.tables import LATEST_MS, SERVICE_EVENTS, RawTable, Record, Row, UnusableRecordError, timestamp_of

DEAD_LETTER_TABLE = RawTable(
    "dead_letters",
    (
        "topic",
        "kafka_partition",
        "kafka_offset",
        "letter_offset",
        "code",
        "reason",
        "record_at",
        "refused_at",
        "diverted",
        "center_id",
        "source",
    ),
)


@dataclass(frozen=True, slots=True)
class _Original:
    """The record that the dead letter was made of, as far as schemas.decode.admit looks at it."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int


class DeadLetterRows:
    """Builds the rows of `dead_letters`."""

    def __init__(self, events: EventRows) -> None:
        self._events = events

    def row(self, record: Record) -> Row:
        """The letter's row. Raises UnusableRecordError where another program wrote the record.

        `diverted` says that the refused record is an event all the same, so that `events` may hold a row of it.
        """
        headers = list(record.headers)
        try:
            letter = read_dead_letter(headers)
        except ValueError as error:
            raise UnusableRecordError(str(error)) from None
        original: Any = _Original(record.key, record.value, original_headers(headers), letter.timestamp)
        return (
            letter.topic,
            letter.partition,
            letter.offset,
            record.offset,
            letter.code,
            letter.reason,
            letter.timestamp if 0 < letter.timestamp < LATEST_MS else None,
            timestamp_of(record),
            letter.topic == SERVICE_EVENTS and self._events.is_event(original),
            center_of(record.value),
            source_of(original.headers, record.value),
        )
