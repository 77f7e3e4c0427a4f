"""What is asked range by range, group by group or slice by slice for its size says what one answer would say."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from fixtrail.parts.plan import ForecastPlan
from fixtrail.reports import sample
from fixtrail.reports.need import stored
from fixtrail.reports.need.report import center_needs, read_rules
from fixtrail.reports.options import Options
from fixtrail.reports.parts import outlook
from fixtrail.reports.parts.outlook import ask_history
from fixtrail.reports.queries import Ask, query_runner
from fixtrail.reports.staff.report import build as build_staff
from fixtrail.reports.warning.sources import ask_data
from tests import feed
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.people_feed import with_people
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

NOW = datetime(2026, 6, 10, tzinfo=UTC)
DAYS = date(2026, 4, 1), date(2026, 4, 3)


@pytest.fixture(scope="module")
def ask(clickhouse_for_all: ClickHouseNode) -> Ask:
    clickhouse_for_all.empty()
    fill(clickhouse_for_all, feed.lines(_events()))
    return query_runner(settings_of(clickhouse_for_all))


def _events() -> Iterator[dict[str, Any]]:
    """Five centers; two cars in three name their model, and parts and repairs batches."""
    rng = random.Random(5)
    clean = feed.clean_events(5, orders=200, vehicles=60, days=50, start=datetime(2026, 3, 2, tzinfo=UTC), centers=5)
    for event in with_people(feed.dirty(clean, 5), 5):
        if event["type"] == "check_in" and rng.random() < 0.7:
            event |= {"model": rng.choice(("A5", "B1")), "software": "4.2", "built": rng.choice(("2025-01", "2025-02"))}
        if event["type"] in ("repair", "part_request") and rng.random() < 0.5:
            event["batch"] = rng.choice(("X", "Y", "Z"))
        if event["type"] == "diagnosis" and "fault_origin" in event and rng.random() < 0.6:
            event["fault_origin"] = "product"
        yield event


def test_the_warning_is_the_same_of_all_vehicles_and_of_some_after_others(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_of(counted: Ask) -> str:
        data = ask_data(counted, Options(NOW))
        cells = data.cells
        return repr(
            (cells.weeks, cells.cells, cells.cases.tolist(), cells.exposure.tolist(), cells.orders, data.scores)
        )

    at_once, in_parts, counts = _both(answer_of, ask, monkeypatch, sample, "MOST_AT_ONCE", 7)

    assert in_parts == at_once
    assert counts["warning_orders"] > 3 < counts["warning_visits"]
    assert "'Z'" in at_once


def test_the_need_is_the_same_of_all_centers_and_of_some_after_others(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_of(counted: Ask) -> str:
        options = Options(NOW)
        needs, left_out = center_needs(counted, options, read_rules(options), *DAYS)
        return repr((left_out, [(need.slots, need.days, need.content) for need in needs]))

    monkeypatch.setattr(stored, "MOST_EVENTS_AT_ONCE", 1000)
    at_once, in_parts, counts = _both(answer_of, ask, monkeypatch, stored, "MOST_VISITS", 30)

    assert in_parts == at_once
    # Events are fewer questions: each reads them all.
    assert counts["need_work"] > counts["need_technicians"] == counts["need_bookings"] > 1


def test_subjects_score_the_same_of_all_vehicles_and_of_some_after_others(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_of(counted: Ask) -> str:
        return repr(build_staff(counted, Options(NOW)).sheet("scores").rows)

    at_once, in_parts, counts = _both(answer_of, ask, monkeypatch, sample, "MOST_AT_ONCE", 20)

    assert in_parts == at_once
    assert counts["staff_subscores"] > 3
    assert "'subject': 'price'" in at_once


def test_of_one_center_the_need_asks_for_no_other(ask: Ask) -> None:
    centers: list[Any] = []

    def watched(query: str, /, **parameters: Any) -> Any:
        centers.extend(parameters.get("centers", ()))
        return ask(query, **parameters)

    options = Options(NOW, center="C03")
    center_needs(watched, options, read_rules(options), *DAYS)

    assert set(centers) == {"C03"}


def test_the_days_of_parts_are_the_same_in_slices(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_of(counted: Ask) -> str:
        return repr(ask_history(counted, Options(NOW), ForecastPlan()).days.to_dict("list"))

    at_once, in_parts, counts = _both(answer_of, ask, monkeypatch, outlook, "MOST_REQUESTS", 9)

    assert in_parts == at_once
    assert counts["parts_days"] > 3


def _both(
    answer_of: Callable[[Ask], str], ask: Ask, monkeypatch: pytest.MonkeyPatch, module: Any, limit: str, number: int
) -> tuple[str, str, dict[str, int]]:
    """The answer with the module's own limit and with a small one, and how often each query was asked with that."""
    counts: dict[str, int] = {}

    def counted(query: str, /, **parameters: Any) -> Any:
        counts[query] = counts.get(query, 0) + 1
        return ask(query, **parameters)

    at_once = answer_of(counted)
    counts.clear()
    monkeypatch.setattr(module, limit, number)
    return at_once, answer_of(counted), counts
