"""Report warning: its figures, tables and forms, from data put together by hand."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from fixtrail.reports.forms.document import as_csv, as_json
from fixtrail.reports.forms.page import render_page
from fixtrail.reports.options import Options
from fixtrail.reports.warning.alert_cases import cases_in
from fixtrail.reports.warning.cells import CellWeeks, Resets
from fixtrail.reports.warning.report import build, report_of
from fixtrail.reports.warning.sources import WarningData
from runtime.failure import ExitError
from tests.unit.fixtrail.reports.warning.test_judge import WAVE_FROM, WEEKS, world

NOW = datetime.combine(WEEKS[-1] + timedelta(days=7), datetime.min.time(), tzinfo=UTC)
OPTIONS = Options(NOW)


def data_of(cells: CellWeeks, resets: Resets | None = None) -> WarningData:
    """Of each week 500 visits, 100 of them with a score, 90 of them promoters and 5 detractors."""
    return WarningData(cells, dict.fromkeys(WEEKS, (100, 90, 5)), dict.fromkeys(WEEKS, 500), resets or {})


@pytest.fixture(scope="module")
def data() -> WarningData:
    return data_of(world(5, factor=5.0, centers=3))


def test_the_alarm_stands_with_its_weeks_its_orders_and_their_nps(data: WarningData):
    document = as_json(report_of(data, OPTIONS))

    (cell,) = (row for row in document["tables"]["cells"] if row["state"] == "alarm")
    assert (cell["dimension"], cell["value"], cell["fault_group"]) == ("batch", "B000", "battery")
    orders = [row for row in document["tables"]["orders"] if row["value"] == "B000"]
    assert len(orders) == cell["cases"] == cell["vehicles"]
    weeks = [row for row in document["tables"]["weeks"] if row["value"] == "B000"]
    assert sum(row["cases"] for row in weeks if row["week"] >= cell["since"]) == cell["cases"]
    figures = {figure["figure"]: figure for figure in document["figures"]}
    assert (figures["alarms"]["value"], figures["alarms"]["n"], figures["alarms"]["n_all"]) == (1, 60, 60)
    # Those of the wave gave 3; before it, in the weeks in which the sum began to rise, 9.
    early = sum(row["score"] == 9 for row in orders)
    affected = 100 * (early - (len(orders) - early)) / len(orders)
    assert figures["nps_affected"]["value"] == pytest.approx(affected)
    number = sum(week.isoformat() >= cell["since"] for week in WEEKS)
    n, up, down = 100 * number - len(orders), 90 * number - early, 5 * number - (len(orders) - early)
    assert figures["nps_others"]["value"] == pytest.approx(100 * (up - down) / n)
    gap = figures["nps_gap"]
    assert gap["value"] == pytest.approx(figures["nps_affected"]["value"] - figures["nps_others"]["value"])
    assert gap["low"] < gap["value"] < gap["high"] < 0


def test_the_table_of_what_can_be_seen_how_soon_is_computed(data: WarningData):
    sheet = report_of(data, OPTIONS).sheet("sights")

    assert [(row["expected"], row["p"]) for row in sheet.rows][:3] == [(0.05, 0.05), (0.05, 0.01), (0.05, 0.001)]
    assert {row["expected"]: row["cells"] for row in sheet.rows} == {0.05: 0, 0.2: 0, 1.0: 60, 5.0: 0}


@pytest.mark.parametrize(
    ("locale", "words"), [("zh-CN", ("产品质量预警", "零件批次", "报警")), ("en", ("part batch", "alarm"))]
)
def test_the_page_and_its_pictures_are_in_both_languages(data: WarningData, locale, words):
    page = render_page(report_of(data, OPTIONS), locale)

    assert all(word in page for word in words)
    assert "<svg" in page and "B000" in page


def test_its_tables_are_csv(data: WarningData):
    text = as_csv(report_of(data, OPTIONS).sheet("cells"))

    assert text.startswith("state,dimension,value,fault_group,since,first,cases,expected,")
    assert "alarm,batch,B000,battery," in text


def test_the_watch_is_told_the_alarms_of_the_last_week_alone(data: WarningData):
    (case,) = cases_in(data, OPTIONS)

    assert case.subject == "batch/B000/battery"
    assert date.fromisoformat("2024-01-01") + timedelta(weeks=WAVE_FROM - 8) <= _day(case.since) <= _day(case.first)
    assert cases_in(data, Options(NOW + timedelta(weeks=1))) == ()


def test_days_choose_the_weeks_of_which_is_told(data: WarningData):
    scope = report_of(data, OPTIONS).scope
    longer = report_of(data, Options(NOW, since=WEEKS[-10])).scope

    assert scope["from"] == WEEKS[-4].isoformat()
    assert scope["to"] == longer["to"] == (WEEKS[-1] + timedelta(days=6)).isoformat()
    assert longer["from"] == WEEKS[-10].isoformat()


def test_where_nothing_stands_out_there_are_no_affected():
    document = as_json(report_of(data_of(world(7)), OPTIONS))

    figures = {figure["figure"]: figure for figure in document["figures"]}
    assert figures["alarms"]["value"] == 0
    assert [figures[name]["value"] for name in ("nps_affected", "nps_others", "nps_gap")] == [None, None, None]


def test_without_a_single_order_the_report_says_so():
    columns = {
        "warning_visits": ["dimension", "value", "week", "visits", "scores", "promoters", "detractors"],
        "warning_orders": [
            *("order_id", "center_id", "vehicle_key", "checked_in_at", "day", "fault_groups", "score", "model"),
            *("software", "built", "removed", "requested", "parts"),
        ],
        "warning_batches": ["dimension", "value", "week"],
        "warning_resets": ["subject", "acknowledged_at"],
    }

    def ask(query, **_):
        sizes = {"warning_size": {"visits": 0, "cases": 0}, "events_size": {"arrivals": 0}}
        return pd.DataFrame([sizes[query]]) if query in sizes else pd.DataFrame(columns=columns[query])

    document = as_json(build(ask, OPTIONS))

    assert document["tables"]["cells"] == []
    assert len(document["tables"]["sights"]) == 12
    assert np.all([figure["value"] in (None, 0) for figure in document["figures"]])
    with pytest.raises(ExitError, match="--from is not after --to"):
        build(ask, Options(NOW, since=date(2026, 2, 1), until=date(2026, 1, 1)))


def _day(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, UTC).date()
