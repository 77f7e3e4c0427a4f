"""The tables and views of ClickHouse: migrations, column names, live figures, and which of several rows counts."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fixtrail.clickhouse.grants import grants_sql
from fixtrail.settings import ClickHouseSettings
from schemas.toml_file import TomlFileError
from sinks.clickhouse.alert_rows import ALERTS
from sinks.clickhouse.centers import load_centers
from sinks.clickhouse.cluster_ddl import on_cluster
from sinks.clickhouse.connection import connect
from sinks.clickhouse.dead_letter_rows import DEAD_LETTER_TABLE
from sinks.clickhouse.estimate_rows import ESTIMATES
from sinks.clickhouse.event_rows import EVENTS
from sinks.clickhouse.fact_rows import CENTER_HOURS, JOURNEYS
from sinks.clickhouse.layout import Kind
from sinks.clickhouse.migrations import FOLDER, MigrationError, migrate, read_folder
from sinks.clickhouse.part_forecast_rows import PART_FORECASTS
from sinks.clickhouse.tables import RawTable
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all, start_clickhouse
from tests.paths import ROOT
from tests.rows_by_hand import Insert, insert, journey_row
from tests.workshop import (
    order_after,
    repaired_visit,
)

__all__ = ["clickhouse", "clickhouse_for_all", "insert"]


ORDER_COLUMNS = """
order_id, vehicle_key, customer_key, center_id, lane, status, activity, checked_in_at, ready_at, closed_at, promised_at,
lead_s, wait_s, wait_reception_s, wait_approval_s, wait_parts_s, wait_bay_s, pickup_s, touch_s, repair_s, diagnosis_s,
quality_s, ftf, ftf_cause, comeback_order_id, part_requests, stockouts, emergencies, quoted_amount, final_amount,
fault_groups, fault_origin, odometer_km, score, survey_reasons, complaints, event_count, anomalies, version,
last_event_at, approved_amount, activity_since, ftf_status, finishing_s, bay_expert_s, bay_shift_end_s, paused_for,
comeback_center_id, answered_at
"""
VIEWS = {
    "stages": "order_id vehicle_key center_id seq activity is_wait started_at ended_at seconds",
    "parts": "order_id center_id request_id part_no quantity emergency requested_at backordered_at fulfilled_at "
    "cancelled_at expected_at unit_price stockout vehicle_key",
    "arrivals": "source center_id type phase order_id vehicle_key event_id occurred_at sent_at received_at "
    "kafka_partition kafka_offset technician_id job_id request_id part_no payload content",
    "surveys": "order_id center_id event_id answered_at score reasons is_last vehicle_key",
    "complaints": "order_id center_id event_id complained_at category severity complaint_id phase phases reached_at "
    "vehicle_key",
    "stock_levels": "center_id part_no on_hand on_order occurred_at",
    "staff_shifts": "center_id staff_key role starts_at ends_at phase occurred_at",
    "staff_grades": "center_id staff_key grade skills from_at occurred_at",
    "staff_surveys": "center_id round role score occurred_at",
    "suggestions": "center_id suggestion_id role phase submitted_at answered_at accepted_at adopted_at rewarded_at "
    "declined_at",
    "price_list": "center_id valid_from kind code name standard_hours price currency occurred_at",
    "alerts": "alert_id rule kind severity state subject order_id center_id lane since opened_at value limit_value "
    "unit level escalated_at acknowledged_at closed_at closed_by ended_at open_s told version",
}


# Migrations


@pytest.mark.parametrize("kind", ["replicated", "sharded", "sharded_replicated"])
def test_what_a_cluster_is_told_is_the_sql_of_clickhouse(clickhouse: ClickHouseNode, kind: Kind) -> None:
    """Nothing here can run replicas: that much can be known of statements for them."""
    settings = ClickHouseSettings(clickhouse_layout=kind, clickhouse_cluster="main", clickhouse_database="staging")
    layout = settings.clickhouse_tables()
    statements = [statement for migration in read_folder(FOLDER) for statement in migration.statements()]
    rendered = [layout.renamed(text) for statement in statements for text in on_cluster(layout, statement, "app")]
    grants = grants_sql(settings).split("\n")[1:]
    client, text = clickhouse.client(), "SELECT formatQuery({text:String})"

    rendered_by_server = [client.query(text, {"text": statement}).result_rows[0][0] for statement in rendered + grants]

    assert len(rendered_by_server) > len(statements)
    assert not any("fixtrail" in statement for statement in rendered_by_server if "COMMENT" not in statement)


def test_migrations_run_once_however_often_they_are_asked_for(clickhouse: ClickHouseNode) -> None:
    assert migrate(clickhouse.client()) == []


def test_two_may_migrate_a_fresh_server_at_once(tmp_path: Path) -> None:
    node = start_clickhouse(tmp_path / "data")
    try:
        with ThreadPoolExecutor(4) as threads:
            applied = [*threads.map(lambda _: migrate(node.client()), range(4))]
        names = sorted(file.name for file in FOLDER.glob("*.sql"))

        assert sorted({name for names_of_one in applied for name in names_of_one}) == names
        assert node.ask("SELECT DISTINCT name FROM fixtrail_raw.migrations ORDER BY 1").split("\n") == names
        assert migrate(node.client()) == []
    finally:
        node.stop()


def test_a_migration_that_was_changed_after_it_was_applied_is_refused(
    clickhouse: ClickHouseNode, tmp_path: Path
) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "migrations")
    first = min(folder.glob("*.sql"))
    first.write_text(first.read_text() + "\n-- one more thought\n")

    with pytest.raises(MigrationError, match=f"{first.name} was changed"):
        migrate(clickhouse.client(), folder)


def test_tables_with_rows_are_not_made_anew_where_no_migration_is_recorded(tmp_path: Path) -> None:
    node = start_clickhouse(tmp_path / "data")
    try:
        client = node.client()
        migrate(client)
        client.command("INSERT INTO fixtrail_raw.journeys (center_id, order_id, version) VALUES ('east-01', 'R1', 1)")
        client.command("TRUNCATE TABLE fixtrail_raw.migrations")
        with pytest.raises(MigrationError, match="nothing is done"):
            migrate(client)
        assert client.command("SELECT count() FROM fixtrail_raw.journeys") == 1
    finally:
        node.stop()


def test_a_version_that_is_older_than_the_server_is_refused(clickhouse: ClickHouseNode, tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "migrations")
    max(folder.glob("*.sql")).unlink()

    with pytest.raises(MigrationError, match="too old"):
        migrate(clickhouse.client(), folder)


@pytest.mark.parametrize(
    ("name", "sql", "error_text"),
    [
        ("1_tables.sql", "DROP TABLE IF EXISTS x;", "expected a name like 0001_"),
        ("0002_tables.sql", "DROP TABLE IF EXISTS x;", "expected a name like 0001_"),
        ("0001_tables.sql", "CREATE TABLE fixtrail_raw.x (n UInt8) ENGINE = Memory;", "cannot be repeated"),
        ("0001_tables.sql", "INSERT INTO fixtrail_raw.centers (center_id) VALUES ('x');", "cannot be repeated"),
    ],
)
def test_a_migration_that_could_not_be_run_again_is_refused(
    clickhouse: ClickHouseNode, tmp_path: Path, name: str, sql: str, error_text: str
) -> None:
    (tmp_path / name).write_text(sql)
    clickhouse.ask("TRUNCATE TABLE fixtrail_raw.migrations")
    try:
        with pytest.raises(MigrationError, match=error_text):
            migrate(clickhouse.client(), tmp_path)
    finally:
        clickhouse.ask("TRUNCATE TABLE fixtrail_raw.migrations")
        assert migrate(clickhouse.client()) == sorted(file.name for file in FOLDER.glob("*.sql"))


# Columns


def test_view_orders_has_the_columns_of_the_contract_in_their_order(clickhouse: ClickHouseNode) -> None:
    assert _columns(clickhouse, "fixtrail.orders") == ORDER_COLUMNS.replace(",", " ").split()


@pytest.mark.parametrize("view", VIEWS)
def test_the_other_views_have_the_columns_that_analysts_are_told(clickhouse: ClickHouseNode, view: str) -> None:
    assert _columns(clickhouse, f"fixtrail.{view}") == VIEWS[view].split()


@pytest.mark.parametrize(
    "table",
    [EVENTS, JOURNEYS, CENTER_HOURS, DEAD_LETTER_TABLE, ALERTS, ESTIMATES, PART_FORECASTS],
    ids=lambda table: table.name,
)
def test_the_writer_fills_every_column_of_a_table(clickhouse: ClickHouseNode, table: RawTable) -> None:
    columns = clickhouse.ask(
        f"SELECT name FROM system.columns WHERE database = 'fixtrail_raw' AND table = '{table.name}' "
        "AND default_kind IN ('', 'DEFAULT')"
    )

    assert set(table.columns) == set(columns.split("\n"))


def test_database_fixtrail_holds_views_only(clickhouse: ClickHouseNode) -> None:
    engines = clickhouse.ask("SELECT DISTINCT engine FROM system.tables WHERE database = 'fixtrail'")

    assert engines == "View"


def test_the_queries_that_analysts_are_shown_run_as_reader(clickhouse: ClickHouseNode, insert: Insert) -> None:
    insert(JOURNEYS, [journey_row(order_after(*repaired_visit("brakes")))])
    page = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.+?)```", page, re.DOTALL)

    assert len(queries) >= 2
    client = connect(clickhouse.server("reader"))
    for query in queries:
        client.query(query, settings={}, transport_settings={"X-ClickHouse-Database": "fixtrail"})


def test_analysts_are_told_every_column(clickhouse: ClickHouseNode) -> None:
    page = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
    names = set(re.findall(r"\w+", page))
    columns = clickhouse.ask("SELECT DISTINCT name FROM system.columns WHERE database = 'fixtrail'").split("\n")

    assert set(columns) - names == set()


# Which row counts


# Live figures


# Lists


# Center hours


# Centers


def test_loading_centers_replaces_the_whole_list(clickhouse: ClickHouseNode, tmp_path: Path) -> None:
    file = tmp_path / "centers.toml"
    template = '[[center]]\nid = "{}"\nname = "中心"\nregion = "East"\nwave = 1\nwave_start = 2026-08-17\n'
    for ids in (["a", "b"], ["b", "c"]):
        file.write_text("".join(template.format(center) for center in ids), encoding="utf-8")
        assert load_centers(clickhouse.client(), file) == 2

    assert clickhouse.ask("SELECT center_id, wave_start, opens FROM fixtrail.centers ORDER BY 1") == (
        "b\t2026-08-17\t08:30\nc\t2026-08-17\t08:30"
    )


def test_the_example_of_the_centers_can_be_loaded(clickhouse: ClickHouseNode) -> None:
    assert load_centers(clickhouse.client(), ROOT / "examples" / "centers.toml") == 15


@pytest.mark.parametrize(
    ("text", "error_text"),
    [
        ("", "center: missing"),
        ("[[center]", "Expected"),
        ('[[center]]\nid = "a"\nname = "A"\nregion = "E"\ntime_zone = "Mars"', "no time zone 'Mars'"),
        ('[[center]]\nid = "a"\nname = "A"\nregion = "E"\n' * 2, "center a is there more than once"),
        ('[[center]]\nid = "a"\nname = "A"\nregion = "E"\nwvae = 1', "wvae"),
    ],
)
def test_a_bad_list_of_centers_changes_nothing(
    clickhouse: ClickHouseNode, tmp_path: Path, text: str, error_text: str
) -> None:
    file = tmp_path / "centers.toml"
    file.write_text(text)

    with pytest.raises(TomlFileError, match=error_text):
        load_centers(clickhouse.client(), file)


def _columns(node: ClickHouseNode, view: str) -> list[str]:
    return [line.split("\t")[0] for line in node.ask(f"DESCRIBE TABLE {view}").split("\n")]
