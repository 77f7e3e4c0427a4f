"""A report's page always answers: with the report and the time of its data, how far it is, or why there is none."""

import asyncio
import threading

import pytest
from starlette.requests import Request

from fixtrail.reports.report import Bilingual, Report
from fixtrail.web.analysis.pages import request_of
from fixtrail.web.report_cache.cache import Computed, Computing, ReportRefusal, ReportRequest, Reports, reason_of
from fixtrail.web.staff.page_frame import catalogue
from runtime.failure import USAGE, ExitError

KPI = ReportRequest("kpi")
REPORT = Report("kpi", Bilingual("指标", "KPI"), Bilingual("？", "?"))
TIMEOUT = "Code: 159. DB::Exception: Timeout exceeded: SELECT secret FROM fixtrail.orders (TIMEOUT_EXCEEDED)"


class Clickhouse:
    """Computes a report from two answers, or fails as often as it is told to."""

    def __init__(self, *failures: str) -> None:
        self.failures = list(failures)
        self.go_on = threading.Event()
        self.go_on.set()
        self.computed = 0

    def __call__(self, request, ask):
        ask()
        self.go_on.wait(5)
        if self.failures:
            raise ExitError(self.failures.pop(0))
        ask()
        self.computed += 1
        return REPORT


async def finished(reports: Reports) -> Computed | ReportRefusal:
    for _ in range(200):
        outcome = await reports.get(KPI)
        if not isinstance(outcome, Computing):
            return outcome
        await asyncio.sleep(0.01)
    raise AssertionError("it never ends")


async def test_while_it_is_computed_the_page_says_how_far_it_is():
    clickhouse = Clickhouse()
    clickhouse.go_on.clear()
    reports = Reports(clickhouse, patience_s=0.05)

    outcome = await reports.get(KPI)
    assert isinstance(outcome, Computing) and (outcome.answered, outcome.attempt) == (1, 1)
    clickhouse.go_on.set()
    assert isinstance(await finished(reports), Computed)


async def test_an_old_report_is_shown_with_its_time_while_a_newer_one_is_computed():
    clickhouse = Clickhouse()
    reports = Reports(clickhouse, fresh_s=0.0)
    first = await finished(reports)
    clickhouse.go_on.clear()

    second = await reports.get(KPI)
    assert isinstance(second, Computed) and second.at == first.at and second.newer is not None
    clickhouse.go_on.set()


async def test_a_report_is_tried_again_and_then_there():
    reports = Reports(Clickhouse(TIMEOUT, "ClickHouse at http://x cannot be reached: gone"), retry_after_s=(0.0, 0.0))

    assert isinstance(await finished(reports), Computed)


async def test_what_a_new_try_cannot_help_is_refused_at_once():
    clickhouse = Clickhouse(*["Code: 60. DB::Exception: Unknown table"] * 9)
    reports = Reports(clickhouse, retry_after_s=(60.0,))

    assert await finished(reports) == ReportRefusal("no_views")
    assert len(clickhouse.failures) == 8


async def test_the_last_report_outlives_an_outage():
    clickhouse = Clickhouse()
    reports = Reports(clickhouse, fresh_s=0.0, retry_after_s=())
    first = await finished(reports)
    clickhouse.failures = [TIMEOUT] * 3

    await reports.get(KPI)
    await asyncio.sleep(0.05)
    response = await reports.get(KPI)
    assert isinstance(response, Computed) and response.at == first.at


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ExitError(TIMEOUT), "too_long"),
        (ExitError("Code: 241. DB::Exception: Memory limit"), "too_much_memory"),
        (ExitError("ClickHouse at http://127.0.0.1:1 cannot be reached: refused"), "unreachable"),
        (ExitError("report parts cannot be cut", USAGE), "settings"),
        (ExitError("Code: 47. DB::Exception: Unknown identifier secret"), "failed"),
    ],
)
def test_no_text_of_the_database_reaches_a_page(error, reason):
    assert reason_of(error) == reason
    for locale in ("zh-CN", "en"):
        text = catalogue()[locale][f"analysis.why.{reason}"]
        assert text and "DB::" not in text


def test_every_report_and_cut_has_a_name_in_both_languages():
    from fixtrail.reports.catalogue import REPORTS
    from fixtrail.reports.options import CUTS

    for locale in ("zh-CN", "en"):
        texts = catalogue()[locale]
        assert all(texts[f"analysis.names.{name}"] for name in REPORTS)
        assert all(texts[f"analysis.cuts.{cut}"] for cut in CUTS)


def test_the_page_on_parts_is_asked_for_the_next_days_by_its_box():
    """Only there: elsewhere the box has no meaning, and one report is not cached as two."""
    for name, query, has_forecast in (
        ("parts", "forecast=1", True),
        ("parts", "", False),
        ("kpi", "forecast=1", False),
    ):
        scope = {"type": "http", "query_string": query.encode(), "headers": []}
        assert request_of(Request(scope), name).forecast is has_forecast
