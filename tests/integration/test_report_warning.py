"""Report `warning` from ClickHouse: what its queries count, held against another count; the alarm; and its reset."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from fixtrail.reports.forms.document import as_json
from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask, query_runner
from fixtrail.reports.warning.alert_cases import cases_in
from fixtrail.reports.warning.report import build
from fixtrail.reports.warning.sources import ask_data
from fixtrail.watch.quality import QualityCase
from schemas.facts import Alert
from sinks.clickhouse.alert_rows import ALERTS, alert_row
from sinks.clickhouse.insert import Inserter
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

FIRST = date(2026, 1, 5)
WEEKS, WAVE_FROM = 30, 24
NOW = datetime(2026, 8, 4, 12, tzinfo=UTC)
BATCHES = ("B1", "B2", "B3", "B4")


def visits() -> Iterator[dict[str, Any]]:
    """25 visits a week at two centers; a fifth has a product fault, of batch B4 five times as many from week 24 on."""
    draw = random.Random(3)
    for week in range(WEEKS):
        for number in range(25 + (10 if week >= WAVE_FROM else 0)):
            day = FIRST + timedelta(weeks=week, days=draw.randrange(7))
            is_wave = number >= 25
            yield {
                "order_id": f"R{week}-{number}", "vehicle_id": f"V{week}-{number}", "center_id": f"C{number % 2}",
                "at": datetime(day.year, day.month, day.day, 8, tzinfo=UTC),
                "batch": "B4" if is_wave else draw.choice(BATCHES),
                "origin": "product" if is_wave or draw.random() < 0.2 else "maintenance",
                "score": 2 if is_wave else 9,
            }  # fmt: skip


def events_of(visit: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = {name: visit[name] for name in ("order_id", "vehicle_id", "center_id")}
    build_fields = {"model": "A5", "software": "4.2", "built": "2025-11"}
    part = {"request_id": "Q1", "part_no": "CELL", "quantity": 1}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("check_in", {"customer_id": "K", "lane": "standard", **build_fields}),
        ("diagnosis", {"phase": "completed", "fault_groups": ["battery"], "fault_origin": visit["origin"]}),
        ("part_request", {"phase": "requested", "batch": "NEW", **part}),
        ("repair", {"phase": "started", "job_id": "J1"}),
        ("repair", {"phase": "completed", "job_id": "J1", "batch": visit["batch"]}),
        ("handoff", {}),
        ("survey", {"score": visit["score"]}),
    ]
    for number, (kind, fields) in enumerate(steps):
        at = (visit["at"] + timedelta(minutes=10 * number)).isoformat()
        yield {"event_id": f"{visit['order_id']}-{number}", "type": kind, "occurred_at": at, **names, **fields}


@pytest.fixture(scope="module")
def ask(clickhouse_for_all: ClickHouseNode) -> Ask:
    clickhouse_for_all.empty()
    fill(clickhouse_for_all, (orjson.dumps(event) for visit in visits() for event in events_of(visit)))
    return query_runner(settings_of(clickhouse_for_all))


def test_cases_and_visits_are_what_another_count_gives(ask: Ask) -> None:
    data = ask_data(ask, Options(NOW))

    counted = Counter((visit["batch"], _week(visit)) for visit in visits() if visit["origin"] == "product")
    counts = {
        (cell.value, week): int(data.cells.cases[number, position])
        for number, cell in enumerate(data.cells.cells)
        if cell.dimension == "batch"
        for position, week in enumerate(data.cells.weeks)
    }
    assert {key: count for key, count in counts.items() if count} == dict(counted)
    assert data.visits == Counter(map(_week, visits()))
    assert {(cell.dimension, cell.value) for cell in data.cells.cells} == {
        *(("batch", batch) for batch in BATCHES),
        ("built", "A5 2025-11"), ("software", "A5 4.2"), ("part", "CELL"),
    }  # fmt: skip


def test_the_batch_is_named_with_its_orders_and_their_nps(ask: Ask) -> None:
    document = as_json(build(ask, Options(NOW)))

    alarms = [row for row in document["tables"]["cells"] if row["state"] == "alarm"]
    assert ("batch", "B4") in {(row["dimension"], row["value"]) for row in alarms}
    assert not {row["value"] for row in document["tables"]["cells"]} & {"B1", "B2", "B3"}
    (batch,) = (row for row in alarms if row["value"] == "B4")
    assert batch["cases"] >= 50 and batch["expected"] < 20 and batch["centers"] == 2
    orders = {row["order_id"] for row in document["tables"]["orders"] if row["value"] == "B4"}
    assert len(orders) == batch["cases"]
    figures = {figure["figure"]: figure for figure in document["figures"]}
    assert figures["nps_affected"]["value"] < 0 < figures["nps_others"]["value"]
    assert figures["nps_gap"]["high"] < 0


def acknowledge(node: ClickHouseNode, case: QualityCase, at: datetime) -> None:
    at_ms = int(at.timestamp() * 1000)
    alert = Alert(
        alert_id=f"a{at_ms}", rule="quality-warning", kind="quality_warning", severity="warning", subject=case.subject,
        order_id=None, center_id=None, lane=None, opening=f"week:{case.first}", since=case.since, opened_at=at_ms - 1,
        value=float(case.cases), limit=case.expected, unit="cases", level=0, acknowledged_at=at_ms,
        acknowledged_by="Li", closed_at=at_ms, closed_by="acknowledgement", version=2,
    )  # fmt: skip
    inserter = Inserter(node.server())
    try:
        assert inserter.insert(ALERTS, [alert_row(alert.model_dump(mode="json"))]) == []
    finally:
        inserter.close()


def test_after_the_week_in_which_somebody_takes_care_of_it_the_sum_begins_again(
    ask: Ask, clickhouse_for_all: ClickHouseNode
) -> None:
    options = Options(NOW)

    def of_batch() -> QualityCase:
        cases = cases_in(ask_data(ask, options), options)
        return next(case for case in cases if case.subject == "batch/B4/battery")

    before = of_batch()
    acknowledge(clickhouse_for_all, before, datetime(2026, 7, 22, 9, tzinfo=UTC))
    again = of_batch()
    # Still five times as many: one week is enough, and it is another beginning.
    assert again.first == int(datetime(2026, 7, 27, tzinfo=UTC).timestamp() * 1000) > before.first
    assert again.cases < before.cases / 3
    acknowledge(clickhouse_for_all, again, datetime(2026, 7, 29, 9, tzinfo=UTC))
    assert of_batch().first > before.first
    (row,) = (row for row in as_json(build(ask, options))["tables"]["cells"] if row["value"] == "B4")
    assert row["state"] == "acknowledged"


def _week(visit: dict[str, Any]) -> date:
    day: date = visit["at"].date()
    return day - timedelta(days=day.weekday())
