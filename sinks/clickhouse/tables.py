"""The raw tables as the writer fills them: their columns, in the order of the rows that the other modules build."""

from dataclasses import dataclass
from typing import Any, Protocol

from schemas.decode import RecordBytes

SERVICE_EVENTS = "service-events"
JOURNEYS = "journeys"
CENTER_HOURS = "center-hours"
DEAD_LETTERS = "service-events.dead-letter"
ALERTS = "alerts"
ESTIMATES = "estimates"
PART_FORECASTS = "part-forecasts"
REFERENCE_EVENTS = "reference-events"
REFERENCE_DEAD_LETTERS = "reference-events.dead-letter"
TOPICS = (
    *(SERVICE_EVENTS, JOURNEYS, CENTER_HOURS, DEAD_LETTERS, ALERTS, ESTIMATES, PART_FORECASTS),
    *(REFERENCE_EVENTS, REFERENCE_DEAD_LETTERS),
)

DATABASE = "fixtrail_raw"
# As a partition: of rows that came as history, past Kafka. No topic and no move of partitions counts so far.
HISTORY = 4_000_000_000

# DateTime64(3) holds 1900-01-01 to 2299-12-31; a producer may stamp a record with anything.
LATEST_MS = 10_413_792_000_000

Row = tuple[Any, ...]


class Record(RecordBytes, Protocol):
    """The fields that are read of a Kafka record, with topic, partition and offset."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


class UnusableRecordError(ValueError):
    """A record of our own topics is not what we write there; trying again cannot help. It becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """One raw table: its name, its columns, and the code of the dead letters for rows that ClickHouse refuses."""

    name: str
    columns: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{DATABASE}.{self.name}"


def timestamp_of(record: Record) -> int | None:
    """When the record was produced, in ms; None where the producer gave no usable time."""
    at = record.timestamp
    return at if 0 < at < LATEST_MS else None
