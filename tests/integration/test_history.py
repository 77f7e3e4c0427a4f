"""History that goes straight into ClickHouse: every row is what it would be had all been sent through the stream."""

import asyncio
import json
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta

import pytest

from fixtrail.history.plan import Plan
from fixtrail.history.reading import HistoryFile
from fixtrail.history.run import HistoryRun
from fixtrail.history.store import HistoryStore, StoredVehicles
from fixtrail.recompute.by_sql import verify_by_sql
from schemas.decode import AHEAD_MS, MAX_BYTES
from sinks.clickhouse.event_rows import EventRows
from tests import feed
from tests.clickhouse_node import TABLES, ClickHouseNode, clickhouse, clickhouse_for_all
from tests.stream_by_hand import ARRIVED_MS, KEYED, PARTITIONS, StreamByHand

__all__ = ["clickhouse", "clickhouse_for_all"]

# What says where a record stood, when it was read, and how often an order was written.
QUERIES = {
    "orders": "SELECT * EXCEPT version FROM fixtrail_raw.journeys FINAL",
    "events": "SELECT * EXCEPT (kafka_partition, kafka_offset, received_at) FROM fixtrail.events",
    "arrivals": "SELECT * EXCEPT (kafka_partition, kafka_offset, received_at) FROM fixtrail.arrivals",
    "letters": "SELECT code, diverted, center_id, source FROM fixtrail.dead_letters",
    # An hour that all orders have left again is stored with zeros.
    "hours": "SELECT * FROM fixtrail.center_hours WHERE check_ins + handed_off + cancelled > 0",
}
HOLD = timedelta(days=60)


def everything(node: ClickHouseNode) -> dict[str, list[str]]:
    """Every row, but for where records stood, when they were read and how often an order was written."""
    answers = {name: node.ask(f"{query} FORMAT JSONEachRow").splitlines() for name, query in QUERIES.items()}
    return {name: sorted(map(plain, lines)) for name, lines in answers.items()}


def plain(line: str) -> str:
    """A row whose sums do not depend on the order in which they were added up."""
    row = json.loads(line)
    return json.dumps({name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()})


def empty(node: ClickHouseNode) -> None:
    for table in TABLES:
        node.ask(f"TRUNCATE TABLE fixtrail_raw.{table}")


def by_stream(node: ClickHouseNode, values: Sequence[bytes]) -> dict[str, list[str]]:
    """What all of it comes to when it goes through the stream."""
    stream = StreamByHand(node)
    stream.send(values)
    stream.write()
    return everything(node)


def go_by_history(node: ClickHouseNode, values: Iterable[bytes], stream: StreamByHand) -> HistoryRun:
    """Send a file as `fixtrail send --history` does."""
    client = node.client()
    stored = StoredVehicles(client)
    clocks = stored.clocks(PARTITIONS)
    file = HistoryFile(EventRows(KEYED), dict(clocks), read_ms=ARRIVED_MS, max_bytes=MAX_BYTES, ahead_ms=AHEAD_MS)
    for value in values:
        file.add(value)
    with HistoryStore(client) as store:
        run = HistoryRun(Plan(file, stored, HOLD.days), store)
        asyncio.run(run.run(stream, ARRIVED_MS, clocks))
    stream.write()
    return run


def dirty_year(seed: int, orders: int = 250) -> list[bytes]:
    """A year of events as lines: late ones, some by months, doubled, contradicting ones, and what is none."""
    rng = random.Random(f"year {seed}")
    clean = feed.clean_events(seed, orders, vehicles=orders, days=365)
    arrivals = feed.dirty(clean, seed, duplicates=0.08, late=0.1, conflicts=0.05)
    for _ in range(len(arrivals) // 200):
        number = rng.randrange(len(arrivals))
        arrivals.insert(min(len(arrivals), number + len(arrivals) // 3), arrivals.pop(number))
    lines = list(feed.lines(arrivals))
    for bad in (
        b"{",
        b'{"type":"check_in"}',
        b"",
        b'{"event_id":"x","type":"nothing"}',
    ):
        lines.insert(rng.randrange(len(lines)), bad)
    return [line.rstrip(b"\n") for line in lines]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_dirty_year_comes_to_the_same_rows(clickhouse: ClickHouseNode, seed: int) -> None:
    values = dirty_year(seed)
    expected = by_stream(clickhouse, values)
    empty(clickhouse)
    stream = StreamByHand(clickhouse)
    run = go_by_history(clickhouse, values, stream)
    rows = everything(clickhouse)

    for name, lines in expected.items():
        assert rows[name] == lines, name
    assert run.plan.counts.history_events > len(values) / 3
    assert 0 < run.marks < stream.marks
    assert verify_by_sql(clickhouse.client()).count == 0
