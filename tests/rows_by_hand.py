"""Rows of the raw tables as the writer makes them, put into ClickHouse by a test."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.dead_letter import DeadLetter
from sinks.clickhouse.batch import Batch, Reader
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.fact_rows import FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.progress import Progress
from sinks.clickhouse.tables import SERVICE_EVENTS, RawTable
from tests.clickhouse_node import ClickHouseNode

KEYED = KeyedHash(b"a secret of these tests")
RECEIVED = 1_900_000_000_000


Insert = Callable[[RawTable, list[Any]], None]


@pytest.fixture
def insert(clickhouse: ClickHouseNode) -> Iterator[Insert]:
    """Write rows as the writer does."""
    inserter = Inserter(clickhouse.server())

    def write(table: RawTable, rows: list[Any]) -> None:
        assert inserter.insert(table, rows) == []

    yield write
    inserter.close()


def record(event: dict[str, Any], offset: int, **fields: Any) -> Any:
    """A record of service-events that carries the event."""
    return SimpleNamespace(
        topic=SERVICE_EVENTS,
        key=event["vehicle_id"].encode(),
        value=json.dumps(event).encode(),
        headers=fields.get("headers", ()),
        timestamp=RECEIVED,
        partition=3,
        offset=offset,
    )


def letter(diverted: Any, code: str = "too_late", offset: int = 0) -> Any:
    """The dead letter that the stream worker makes of a record."""
    headers = DeadLetter(code, "told why", SERVICE_EVENTS, 3, diverted.offset, RECEIVED).headers()
    return SimpleNamespace(
        **{**vars(diverted), "topic": "service-events.dead-letter", "headers": headers, "offset": offset}
    )


def journey_row(fact: dict[str, Any]) -> Any:
    return FactRows(KEYED).journey_row(fact)


def write_events(insert: Insert, *records: Any) -> None:
    """Put records into ClickHouse by the writer's own way, one block per record."""
    from aiokafka import TopicPartition

    reader = Reader(KEYED, EventRows(KEYED), Progress())
    for record in records:
        batch = Batch()
        reader.add(batch, TopicPartition(record.topic, record.partition), [record])
        for table, block in batch.blocks.items():
            insert(table, block.rows)
