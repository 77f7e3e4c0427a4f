"""Two ClickHouse servers as shards: whatever is asked of them, they answer as one server does that has all the rows.

Replicas are not started here: the wheel's server has no Keeper. tests/unit/sinks/clickhouse/test_cluster_ddl.py holds
what is told to servers that have one.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fixtrail.clickhouse.admin import migrate_clickhouse
from fixtrail.clickhouse.query import rows
from fixtrail.recompute.by_python import verify_by_python
from fixtrail.recompute.by_sql import verify_by_sql
from fixtrail.reports.catalogue import REPORTS, builder
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.options import Options
from fixtrail.reports.queries import query_runner
from fixtrail.reports.targets import targets_of
from runtime.failure import ExitError
from sinks.clickhouse.connection import change_rows
from sinks.clickhouse.fact_rows import CENTER_HOURS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.layout import Layout
from sinks.clickhouse.migrations import MigrationError, migrate
from sinks.clickhouse.persons import forget_free_text
from sinks.clickhouse.retention import set_retention
from streams.journey.batch import journey_facts
from streams.journey.center_hours import center_hour, contributions_of
from tests import feed
from tests.clickhouse_node import ClickHouseNode, free_ports, start_clickhouse
from tests.integration.test_grafana import QUERIES, as_asked
from tests.kpi_oracle import NOW
from tests.warehouse import KEYED, fill, settings_of
from tests.workshop import event_of

pytestmark = [pytest.mark.long, pytest.mark.slow]

START = (NOW - timedelta(days=50)).replace(hour=0, minute=0, second=0, microsecond=0)
CENTERS = [f"C{number:02d}" for number in range(1, 16)]


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return feed.dirty(feed.clean_events(5, orders=300, vehicles=120, days=45, start=START), 5)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ClickHouseNode]]:
    """One server by itself, then two that are shards of a cluster."""
    ports = free_ports(6)
    shard_ports = (ports[3], ports[5])

    def start(number: int) -> ClickHouseNode:
        http, tcp = ports[2 * number : 2 * number + 2]
        return start_clickhouse(tmp_path_factory.mktemp("node"), http, tcp, shard_ports if number else ())

    with ThreadPoolExecutor(3) as threads:
        started = [*threads.map(start, range(3))]
    for node in started[1:]:
        node.layout = Layout(kind="sharded", cluster="shards", nodes=tuple(shard.url for shard in started[1:]))
    yield started
    for node in started:
        node.stop()


@pytest.fixture(scope="module")
def filled(
    nodes: list[ClickHouseNode], events: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> list[ClickHouseNode]:
    """The same events, orders, hours and centers in the one server and in the two."""
    file = tmp_path_factory.mktemp("centers") / "centers.toml"
    file.write_text(
        "\n".join(
            f'[[center]]\nid = "{center}"\nname = "{center}"\nregion = "R{number % 3}"\nwave = {number % 4}\n'
            + (f"wave_start = {(START + timedelta(days=10 * (number % 4))).date()}\n" if number % 4 else "")
            for number, center in enumerate(CENTERS)
        )
    )
    for node in nodes[:2]:
        migrate_clickhouse(settings_of(node))
        fill(node, feed.lines(events), file)
        _fill_hours(node, events)
    return nodes


def _fill_hours(node: ClickHouseNode, events: list[dict[str, Any]]) -> None:
    hours: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for fact in journey_facts(map(event_of, events)):
        for key, contribution in contributions_of(fact).items():
            hours[key].append(contribution)
    parts = [center_hour(*key, part, 1, rows[part::2]) for key, rows in hours.items() for part in (0, 1)]
    inserter = Inserter(node.server())
    assert inserter.insert(CENTER_HOURS, [FactRows(KEYED).hour_row(part) for part in parts]) == []
    inserter.close()


def test_each_vehicle_is_on_one_shard_and_both_shards_have_some(filled: list[ClickHouseNode]) -> None:
    keys_by_shard = [
        {*node.ask("SELECT DISTINCT vehicle_key FROM fixtrail_shard.journeys").split()} for node in filled[1:]
    ]
    events = [{*node.ask("SELECT DISTINCT vehicle_key FROM fixtrail_shard.events").split()} for node in filled[1:]]

    assert not keys_by_shard[0] & keys_by_shard[1]
    assert min(map(len, keys_by_shard)) > 30
    assert [len(keys) for keys in events] == [len(keys) for keys in keys_by_shard]


@pytest.mark.parametrize(
    ("view", "settled"),
    [
        ("orders", "isNotNull(closed_at)"),
        ("stages", "isNotNull(ended_at)"),
        ("waits", "isNotNull(ended_at)"),
        ("order_waits", "(center_id, order_id) IN (SELECT center_id, order_id FROM orders WHERE status != 'open')"),
        *((view, "1") for view in ("center_hours", "events", "arrivals", "parts", "surveys", "centers")),
    ],
)
def test_the_views_have_the_same_rows_on_either_shard(filled: list[ClickHouseNode], view: str, settled: str) -> None:
    single, first, second = (
        sorted(map(str, rows(settings_of(node), f"SELECT * FROM fixtrail.{view} WHERE {settled}"))) for node in filled
    )

    assert len(single) >= len(CENTERS)
    assert first == single
    assert second == single


@pytest.mark.parametrize("name", REPORTS)
def test_the_reports_have_the_same_figures(filled: list[ClickHouseNode], name: str) -> None:
    options = Options(NOW, targets=targets_of({}))

    def answer(node: ClickHouseNode) -> Any:
        try:
            return as_json(builder(name)(query_runner(settings_of(node)), options))["figures"]
        except ExitError as error:
            assert "DB::Exception" not in str(error)
            return str(error)

    single, sharded, _ = map(answer, filled)

    assert _same(sharded, single)


def _same(first: Any, second: Any) -> bool:
    """Whether two answers agree; what runs on with the clock has the seconds between them."""
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=1e-4)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_same(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_same, first, second))
    return bool(first == second)


def test_the_reader_asks_both_shards_joins_views_and_changes_nothing(filled: list[ClickHouseNode]) -> None:
    joined = (
        "SELECT region, count() AS orders, uniqExact(o.vehicle_key) AS vehicles FROM orders AS o "
        "JOIN centers USING (center_id) WHERE (center_id, order_id) IN (SELECT center_id, order_id FROM parts) "
        "AND order_id IN (SELECT order_id FROM events WHERE type = 'repair') GROUP BY region ORDER BY region"
    )

    assert rows(settings_of(filled[1]), joined) == rows(settings_of(filled[0]), joined)
    for refused in ("SELECT count() FROM fixtrail_shard.journeys", "SELECT count() FROM fixtrail_raw.journeys"):
        with pytest.raises(ExitError, match="ACCESS_DENIED"):
            rows(settings_of(filled[1]), refused)


def test_the_dashboards_can_be_asked_of_shards(filled: list[ClickHouseNode]) -> None:
    for query in QUERIES.values():
        filled[2].ask(as_asked(query), user="reader")


def test_verify_finds_the_one_order_that_is_not_what_its_events_say(filled: list[ClickHouseNode]) -> None:
    node = filled[1]
    clean = [verify(node.client()) for verify in (verify_by_sql, verify_by_python)]
    assert [(report.count, report.orders > 250, report.hours > 250) for report in clean] == [(0, True, True)] * 2
    assert {report.events for report in clean} == {int(filled[0].ask("SELECT count() FROM fixtrail.events"))}

    (order,) = rows(settings_of(node), "SELECT center_id, order_id FROM orders WHERE status = 'handed_off' LIMIT 1")
    where = f"center_id = '{order['center_id']}' AND order_id = '{order['order_id']}'"
    change_rows(node.client(), "journeys", f"UPDATE wait_s = wait_s + 1 WHERE {where}", settings={"mutations_sync": 2})

    for verify in (verify_by_sql, verify_by_python):
        (difference,) = verify(node.client()).differences
        assert (difference.key[:2], difference.column) == ((order["center_id"], order["order_id"]), "wait_s")
    change_rows(node.client(), "journeys", f"UPDATE wait_s = wait_s - 1 WHERE {where}", settings={"mutations_sync": 2})


def test_rows_are_kept_and_personal_texts_forgotten_on_every_shard(filled: list[ClickHouseNode]) -> None:
    node = filled[1]
    assert set_retention(node.client(), 3000) == ["events", "journeys"]
    for shard in filled[1:]:
        assert "toIntervalDay(3000)" in shard.ask("SHOW CREATE TABLE fixtrail_shard.events")
    assert set_retention(node.client(), 0) == ["events", "journeys"]

    change_rows(
        node.client(),
        "events",
        "UPDATE payload = '{\"reason\":\"a text\"}' WHERE type = 'cancellation'",
        settings={"mutations_sync": 2},
    )
    query = "SELECT vehicle_key, center_id, order_id FROM fixtrail_raw.events WHERE type = 'cancellation'"
    orders = [*map(tuple, node.client().query(query).result_rows)]
    assert forget_free_text(node.client(), orders) == len(orders) > 10
    assert forget_free_text(node.client(), orders) == 0


def test_a_database_of_shards_is_no_database_of_one_server(filled: list[ClickHouseNode]) -> None:
    for layout in (Layout(), Layout(kind="replicated", cluster="shards")):
        with pytest.raises(MigrationError, match="made for another layout"):
            migrate(replace(filled[1], layout=layout).client(), layout=layout)
