"""The data-quality badge: what the data report says of each center, and never good where nothing is known."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from fixtrail.reports.data.words import VERDICT_COLUMNS
from fixtrail.reports.report import Bilingual, Report, Sheet
from fixtrail.web.report_cache.badges import Badges, DataBadges
from fixtrail.web.report_cache.cache import ReportRequest, Reports
from runtime.failure import ExitError
from tests.staff import Staff, staff
from tests.workshop import checked_in, ms

NOW = datetime(2026, 3, 29, 9, tzinfo=UTC)
TITLE = Bilingual("数据质量", "Data quality")


def data_report(**grades: str) -> Report:
    rows = [
        {
            "center_id": center,
            "grade": grade,
            "orders": 50,
            "stops": "no_check_in" * (grade == "stop"),
            "notes": "late_live",
        }
        for center, grade in grades.items()
    ]
    return Report("data", TITLE, TITLE, sheets=(Sheet("verdicts", TITLE, VERDICT_COLUMNS, tuple(rows)),))


async def badges_after(reports: Reports) -> Badges:
    badges = DataBadges(reports, lambda: round(1000 * NOW.timestamp()))
    for _ in range(100):
        if (current := badges.current()).verdicts:
            return current
        await asyncio.sleep(0.01)
    return current


async def test_a_center_has_the_grade_of_the_data_report_of_four_weeks_with_its_flaws():
    requests: list[ReportRequest] = []

    def compute(request, ask):
        requests.append(request)
        return data_report(C1="go", C2="stop")

    badges = await badges_after(Reports(compute))

    assert requests == [ReportRequest("data", date(2026, 3, 1))]
    assert (badges.of("C1").grade, badges.of("C2").grade) == ("go", "stop")
    assert badges.of("C2").flaws == {
        "zh-CN": "没有接车的工单；开始接入后仍迟到超过 15 分钟",
        "en": "orders without a check-in; received more than 15 min late, since the source began to send",
    }
    assert badges.of("C2").link == "/analysis/data?from=2026-03-01&center=C2"


async def test_a_center_that_the_report_does_not_name_is_not_known():
    badges = await badges_after(Reports(lambda request, ask: data_report(C1="go")))

    assert badges.of("C3").grade == "unknown"
    # A page about both is no better than what it knows least of.
    assert badges.of_all(["C1", "C3"]).grade == "unknown"
    assert badges.of_all(["C1"]).grade == "go"


async def test_without_an_answer_nothing_is_known_and_clickhouse_is_not_asked_at_every_look():
    requests = []

    def compute(request, ask):
        requests.append(request)
        raise ExitError("ClickHouse at http://x cannot be reached: gone")

    badges = await badges_after(Reports(compute, retry_after_s=()))

    assert badges.of("C1").grade == "unknown"
    assert badges.of_all([]).grade == "unknown"
    assert len(requests) == 1


@pytest.fixture
def board(tmp_path) -> Staff:
    pages = staff(tmp_path, [("chief", "viewer", ("*",)), ("lin", "viewer", ("C1",))], now=ms("09:00"))
    pages.know(checked_in("08:00", order_id="R1", vehicle_id="V1", center_id="C1"))
    return pages


async def test_board_center_and_report_pages_show_the_badge(board):
    with board.browser(headers={"accept-language": "en"}) as browser:
        await browser.sign_in("chief")
        for path in ("/ops", "/ops/centers/C1", "/analysis", "/analysis/kpi"):
            page = (await browser.get(path)).text
            assert "Data: not known" in page, path
            assert 'href="/analysis/data?from=' in page, path
    with board.browser(headers={"accept-language": "en"}) as browser:
        await browser.sign_in("lin")
        page = (await browser.get("/ops")).text
        # The report is about all centers: who sees one alone has the grade without the link.
        assert "Data: not known" in page and "/analysis/data" not in page


async def test_the_wall_says_once_of_how_many_centers_nothing_is_known(board):
    with board.browser(headers={"accept-language": "en"}) as browser:
        await browser.sign_in("chief")
        wall = (await browser.get("/ops?wall=1")).text

    assert "Data: 2 not known" in wall
    assert "data-badge" not in wall
