"""The dashboard: headline figures with target, interval, trend; what reports answer; from a bar to its orders."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.forms.words import format_value
from fixtrail.reports.report import Bilingual, Column, Figure, Interval, Report, Sheet
from fixtrail.web.analysis.answers import answer, bars, headlines
from fixtrail.web.analysis.orders_page import days_of
from fixtrail.web.report_cache.cache import Computing, ReportRequest, Reports
from tests.staff import Staff, staff
from tests.workshop import ms

NOTHING = Bilingual("x", "x")


def a_report(name: str = "kpi", figures: tuple[Figure, ...] = (), **about: Any) -> Report:
    return Report(name, NOTHING, NOTHING, figures=figures, definitions=DEFINITIONS, **about)


def a_figure(name: str, value: float, **about: Any) -> Figure:
    return Figure(name, value, 90, 100, Interval(value * 0.9, value * 1.1), **about)


KPI = a_report(
    figures=(
        a_figure("wait_median_s", 1200.0, target=900.0, status="missed"),
        a_figure("nps", 72.0, target=60.0, status="met"),
        a_figure("ftfr", 0.9, target=0.9, status="not_distinguishable"),
    )
)
MONTHS = a_report(figures=tuple(a_figure("nps", 60.0 + n, by="month", key=f"2026-0{n}") for n in (3, 1, 2)))
CENTERS = a_report(
    figures=tuple(a_figure("wait_median_s", s, by="center", key=key) for key, s in (("C1", 600.0), ("C2", 1200.0)))
)


def test_a_headline_has_value_interval_target_status_and_its_months_in_order():
    wait, nps, _ = headlines(KPI, MONTHS, "en")
    assert (wait.value, wait.target, wait.status_text) == ("20.0 min", "15.0 min", "missed")
    assert (wait.n, wait.interval) == ("n 90 of 100", "18.0 to 22.0")
    assert nps.trend == (61.0, 62.0, 63.0)
    assert headlines(KPI, None, "zh-CN")[0].status_text == "未达标"


def test_bars_are_as_long_as_their_values_the_longest_first():
    assert [(bar.key, bar.value, bar.length) for bar in bars(CENTERS, "wait_median_s", "en")] == [
        ("C2", "20.0 min", 100.0),
        ("C1", "10.0 min", 50.0),
    ]
    assert bars(KPI, "wait_median_s", "en") == []


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (KPI, "of 3 targets 1 are met, 1 missed, 1 not distinguishable: Wait, median"),
        (a_report("pilot", scope={"decision": "no_go", "not_estimable": None}), "no go"),
        (a_report("pilot", scope={"decision": "go", "not_estimable": "few_data"}), "not decided: too few data"),
        (a_report("parts", (a_figure("stockout_rate", 0.125),)), "12.5 % of the part requests met an empty shelf"),
        (a_report("quality"), "no data"),
        (
            a_report(
                "pareto",
                sheets=(
                    Sheet(
                        "pareto",
                        NOTHING,
                        (Column("driver", NOTHING), Column("share", NOTHING, "share")),
                        ({"driver": "wait", "share": 0.4},),
                    ),
                ),
            ),
            "wait costs the most: 40.0 % of the detractors",
        ),
    ],
)
def test_each_report_answers_in_one_sentence(report: Report, sentence: str):
    assert answer(report, "en").lower() == sentence.lower()


def test_a_difference_of_shares_is_told_in_percentage_points():
    assert format_value(0.157, "points", "en") == "+15.7 pp"
    assert format_value(-0.02, "points", "zh-CN") == "-2.0 个百分点"


@pytest.mark.parametrize(
    ("by", "key", "days"),
    [
        ("day", "2026-07-06", (date(2026, 7, 6), date(2026, 7, 6))),
        ("week", "2026-07-06", (date(2026, 7, 6), date(2026, 7, 12))),
        ("month", "2026-02", (date(2026, 2, 1), date(2026, 2, 28))),
    ],
)
def test_a_key_of_days_is_those_days(by: str, key: str, days: tuple[date, date]):
    assert days_of(by, key) == days
    with pytest.raises(HTTPException):
        days_of(by, "nonsense")


ROW = {
    **{"center_id": "C1", "order_id": "R-7", "lane": "quick", "status": "handed_off", "closed": ms("08:00")},
    **{"lead_s": 600.0, "wait_s": 300.0, "ftf": False, "ftf_cause": "rework", "score": 9, "complaints": 0},
}
QUESTIONS: list[tuple[str, dict[str, str]]] = []


def rows(text: str, parameters: Any) -> list[dict[str, Any]]:
    QUESTIONS.append((text, parameters))
    return [ROW]


@pytest.fixture
def analysts(tmp_path) -> Staff:
    QUESTIONS.clear()
    board = staff(tmp_path, [("chief", "viewer", ("*",)), ("lin", "viewer", ("C1",))], rows=rows, now=ms("09:00"))
    computed = {("kpi", None): KPI, ("kpi", "month"): MONTHS, ("kpi", "center"): CENTERS}

    def compute(request: ReportRequest, ask: Any) -> Report:
        return computed.get((request.name, request.by), a_report(request.name, scope={"decision": "go"}))

    return Staff(replace(board.web, ops=replace(board.web.ops, reports=Reports(compute))))


async def test_the_dashboard_says_go_or_no_go_first_and_leads_from_a_bar_to_its_orders(analysts):
    with analysts.browser(headers={"accept-language": "en"}) as browser:
        await browser.sign_in("chief")
        first = await browser.get("/analysis")
        assert first.headers["refresh"]
        for _ in range(50):
            page = await browser.get("/analysis")
            if "refresh" not in page.headers:
                break
        text = page.text
        assert text.index("Did the pilot change anything") < text.index("How good are we")
        assert "<b>go</b>" in text
        assert 'href="/analysis/orders?by=center&amp;key=C2"' in text
        assert "Data as of" in text
        orders = (await browser.get("/analysis/orders?by=center&key=C2&from=2026-03-01")).text
        assert 'href="/ops/orders/R-7?center_id=C1"' in orders
        assert "Chaoyang" in orders
        assert QUESTIONS[-1][1] == {"key": "C2", "zone": "UTC", "from": "2026-03-01", "to": "2099-12-31"}
        assert (await browser.get("/analysis/orders?by=nonsense&key=x")).status_code == 400
    with analysts.browser() as browser:
        await browser.sign_in("lin")
        assert (await browser.get("/analysis/orders?by=center&key=C1")).status_code == 403


async def test_a_glance_waits_for_nothing():
    def never(request: ReportRequest, ask: Any) -> Report:
        raise AssertionError

    assert isinstance(await Reports(never).glance(ReportRequest("kpi")), Computing)
