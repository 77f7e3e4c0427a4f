"""History that goes straight into ClickHouse: every row is what it would be had all been sent through the stream."""

import asyncio
import io
import json
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtrail.history.command import read_lines, run_history
from fixtrail.history.judging import Judging
from fixtrail.history.plan import HistoryPlan
from fixtrail.history.reading import HistoryFile
from fixtrail.history.run import HistoryRun
from fixtrail.history.store import HistoryStore, StoredVehicles
from fixtrail.operations.topics import ensure_topics
from fixtrail.partitions.tables import TableMove
from fixtrail.recompute.by_sql import verify_by_sql
from runtime.failure import ExitError
from runtime.kafka.partitioner import partition_of
from schemas.decode import AHEAD_MS, MAX_BYTES
from tests import feed
from tests.clickhouse_node import BrokerNode, ClickHouseNode, broker, clickhouse, clickhouse_for_all
from tests.stream_by_hand import ARRIVED_MS, HASH_KEY, PARTITIONS, StreamByHand
from tests.warehouse import settings_of
from tests.workshop import checked_in, repaired_visit, surveyed

__all__ = ["broker", "clickhouse", "clickhouse_for_all"]

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


def all_rows(node: ClickHouseNode) -> dict[str, list[str]]:
    """Every row, but for where records stood, when they were read and how often an order was written."""
    answers = {name: node.ask(f"{query} FORMAT JSONEachRow").splitlines() for name, query in QUERIES.items()}
    return {name: sorted(map(plain, lines)) for name, lines in answers.items()}


def plain(line: str) -> str:
    """A row whose sums do not depend on the order in which they were added up."""
    row = json.loads(line)
    return json.dumps({name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()})


def by_stream(node: ClickHouseNode, values: Sequence[bytes]) -> dict[str, list[str]]:
    """What all of it comes to when it goes through the stream."""
    stream = StreamByHand(node)
    stream.send(values)
    stream.write()
    return all_rows(node)


def go_by_history(node: ClickHouseNode, values: Iterable[bytes], stream: StreamByHand) -> HistoryRun:
    """Send a file as `fixtrail send --history` does."""
    client = node.client()
    stored = StoredVehicles(client)
    clocks = stored.clocks(PARTITIONS)
    with HistoryFile(Judging(HASH_KEY, PARTITIONS, ARRIVED_MS, MAX_BYTES, AHEAD_MS), dict(clocks)) as file:
        for value in values:
            file.add(value)
        file.end()
    with HistoryStore(client) as store:
        run = HistoryRun(HistoryPlan(file, stored, HOLD.days), store)
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


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_dirty_year_comes_to_the_same_rows(clickhouse: ClickHouseNode, seed: int) -> None:
    values = dirty_year(seed)
    expected = by_stream(clickhouse, values)
    clickhouse.empty()
    stream = StreamByHand(clickhouse)
    run = go_by_history(clickhouse, values, stream)
    rows = all_rows(clickhouse)

    for name, lines in expected.items():
        assert rows[name] == lines, name
    assert run.plan.counts.history_events > len(values) / 3
    assert 0 < run.marks < stream.marks
    assert verify_by_sql(clickhouse.client()).count == 0


class EndingStream(StreamByHand):
    """A stream at which a run may end: Kafka goes away when it is asked for the n-th time whether it has everything."""

    ends_at = 0

    async def settle(self) -> None:
        self.ends_at -= 1
        if not self.ends_at:
            raise ConnectionError("Kafka is away")
        await super().settle()


@pytest.mark.long
def test_a_run_that_was_ended_is_ended_by_the_next_and_a_third_changes_nothing(clickhouse: ClickHouseNode) -> None:
    values = dirty_year(3, orders=80)
    expected = by_stream(clickhouse, values)
    clickhouse.empty()
    stream = EndingStream(clickhouse)
    for stream.ends_at in (1, 2):
        with pytest.raises(ConnectionError):
            go_by_history(clickhouse, values, stream)
        stream.write()
    counts = go_by_history(clickhouse, values, stream).plan.counts
    rows = all_rows(clickhouse)

    assert counts.again == counts.history_vehicles > 10
    for name in ("orders", "events", "hours"):
        assert rows[name] == expected[name], name
    go_by_history(clickhouse, values, stream)
    assert all_rows(clickhouse)["orders"] == expected["orders"]
    assert all_rows(clickhouse)["hours"] == expected["hours"]
    assert verify_by_sql(clickhouse.client()).count == 0


def lines_of(*events: dict[str, Any]) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


HOME = partition_of(b"V1", PARTITIONS)
# Other vehicles of the same partition.
SIBLING, TODAY = [f"W{n}" for n in range(99) if partition_of(f"W{n}".encode(), PARTITIONS) == HOME][:2]


def old_visits(**fields: Any) -> list[dict[str, Any]]:
    """A visit of 2 March of a vehicle of its own, and what shows the partition that months have passed."""
    return [*repaired_visit("brakes", **fields), checked_in("08:00", 200, order_id="R-now", vehicle_id=TODAY)]


def test_what_comes_later_is_what_it_would_be_had_all_come_by_the_stream(clickhouse: ClickHouseNode) -> None:
    """The next visit of the vehicle, and a survey for the one that went past Kafka."""
    file = lines_of(*old_visits())
    later = lines_of(
        surveyed("09:00", 200),
        *repaired_visit("brakes", day=201, order_id="R2"),
        checked_in("08:00", 20, order_id="R3"),
    )
    expected = by_stream(clickhouse, [*file, *later])
    clickhouse.empty()
    stream = StreamByHand(clickhouse)
    assert go_by_history(clickhouse, file, stream).plan.counts.history_vehicles == 1
    stream.send(later)
    stream.write()

    assert all_rows(clickhouse) == expected
    assert len(expected["letters"]) == 2
    assert clickhouse.ask("SELECT order_id, version FROM fixtrail_raw.journeys FINAL WHERE order_id = 'R2'") == "R2\t9"


def test_a_second_file_adds_to_the_hours_of_the_first(clickhouse: ClickHouseNode) -> None:
    stream = StreamByHand(clickhouse)
    for vehicle in ("V1", SIBLING):
        go_by_history(clickhouse, lines_of(*old_visits(vehicle_id=vehicle)), stream)

    hour = "SELECT check_ins FROM fixtrail.center_hours WHERE hour = '2026-03-02 08:00:00'"
    assert clickhouse.ask(hour) == "2"
    assert verify_by_sql(clickhouse.client()).count == 0


def test_other_events_of_an_order_that_came_as_history_are_refused_by_their_line(clickhouse: ClickHouseNode) -> None:
    stream = StreamByHand(clickhouse)
    go_by_history(clickhouse, lines_of(*old_visits()), stream)
    before = all_rows(clickhouse)
    with pytest.raises(ExitError, match=r"^line 1: orders of its vehicle came as history before, with other events"):
        go_by_history(clickhouse, lines_of(*old_visits(), surveyed("12:00")), stream)

    assert all_rows(clickhouse) == before


@pytest.mark.long
def test_a_move_of_partitions_leaves_history_as_it_is(clickhouse: ClickHouseNode) -> None:
    go_by_history(clickhouse, [*lines_of(*old_visits()), b"{"], StreamByHand(clickhouse))
    before = all_rows(clickhouse)
    move = TableMove(clickhouse.client(), "test")
    move.begin()
    move.fill_events()
    move.fill_hours([], [])
    move.mark_filled()
    move.exchange()
    move.clean()

    assert all_rows(clickhouse) == before
    of_history = "SELECT uniqExact(vehicle_key), count() FROM fixtrail_raw.events WHERE kafka_partition = 4000000000"
    assert clickhouse.ask(of_history) == "1\t6"
    assert verify_by_sql(clickhouse.client()).count == 0


def test_the_command_does_what_its_dry_run_says(clickhouse: ClickHouseNode, broker: BrokerNode, tmp_path: Path) -> None:
    changed = {"kafka": broker.bootstrap, "data": tmp_path, "partitions": PARTITIONS}
    settings = settings_of(clickhouse).model_copy(update=changed)
    asyncio.run(ensure_topics(settings))
    text = b"\n".join(dirty_year(1, orders=60)) + b"\n"

    def run(*, dry_run: bool) -> dict[str, Any]:
        lines = read_lines(io.BytesIO(text), len(text))
        return asyncio.run(run_history(settings, lines, dry_run=dry_run)).as_json()

    planned = run(dry_run=True)
    assert clickhouse.ask("SELECT count() FROM fixtrail_raw.events") == "0"
    done = run(dry_run=False)

    differing = {"dry_run", "hours", "seconds"}
    assert {name for name, value in done.items() if planned[name] != value} == differing
    assert done["history_orders"] > 10 and done["hours"] > 10
    assert done["refused"] == {"missing_field": 1, "not_json": 1, "unknown_type": 1}
    assert clickhouse.ask("SELECT count() FROM fixtrail.orders") == str(done["history_orders"])
    assert verify_by_sql(clickhouse.client()).count == 0
