"""Histories that made the KPI table look well: what it says of them now, each figure counted by hand.

Cars that nobody touched, customers who left, answers and complaints that came late, clocks that are wrong, repairs that
go on after the handoff: the report shows them beside the figures that they are not in.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from fixtrail.reports.experts import report as experts
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.forms.page import render_html
from fixtrail.reports.kpi import report as kpi
from fixtrail.reports.options import Options
from fixtrail.reports.parts import report as parts
from fixtrail.reports.quality import report as quality
from fixtrail.reports.queries import Ask, query_runner
from fixtrail.reports.staff import report as staff
from fixtrail.reports.targets import targets_of
from runtime.failure import ExitError
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

Event = dict[str, Any]
NOW = datetime.now(UTC)
BEGIN = (NOW - timedelta(days=27)).replace(hour=8, minute=0, second=0, microsecond=0)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class History:
    """Writes down what happens at one center, order by order."""

    def __init__(self, center: str) -> None:
        self.center = center
        self.events: list[Event] = []

    def event(self, order: int, kind: str, at: datetime, **fields: Any) -> None:
        number = len(self.events)
        self.events.append(
            {
                "event_id": f"{self.center}-{number}",
                "type": kind,
                "order_id": f"{self.center}-{order}",
                "vehicle_id": f"V-{self.center}-{order}",
                "center_id": self.center,
                "occurred_at": at.isoformat(),
                **fields,
            }
        )

    def check_in(self, order: int, at: datetime, **fields: Any) -> None:
        self.event(order, "check_in", at, customer_id=f"K-{self.center}-{order}", lane="standard", **fields)

    def mended(self, order: int, at: datetime, wait: timedelta) -> datetime:
        """Checked in, mended after the wait, handed off at once; the time of the handoff."""
        self.check_in(order, at)
        self.event(order, "repair", at + wait, phase="started", job_id="j")
        self.event(order, "repair", at + wait + HOUR, phase="completed", job_id="j")
        self.event(order, "handoff", at + wait + HOUR)
        return at + wait + HOUR


def never() -> Iterator[Event]:
    """20 cars mended after 30 min; 20 checked in at the same time and never touched, promise broken, complained."""
    history = History("NEVER")
    for order in range(20):
        closed = history.mended(order, BEGIN + order * HOUR, 30 * MINUTE)
        history.event(order, "survey", closed + HOUR, score=10)
        history.check_in(100 + order, BEGIN + order * HOUR, promised_at=(BEGIN + DAY).isoformat())
        history.event(100 + order, "complaint", BEGIN + 2 * DAY, category="waiting", severity="high")
    yield from history.events


def abandoned_visits() -> Iterator[Event]:
    """10 served after 10 min and content; 10 left after 5 h, complained and gave a 0."""
    history = History("LEFT")
    for order in range(10):
        closed = history.mended(order, BEGIN + order * HOUR, 10 * MINUTE)
        history.event(order, "survey", closed + HOUR, score=10)
        at = BEGIN + order * HOUR
        history.check_in(100 + order, at)
        history.event(100 + order, "cancellation", at + 5 * HOUR)
        history.event(100 + order, "survey", at + 9 * DAY, score=0)
        history.event(100 + order, "complaint", at + 6 * HOUR, category="waiting")
    yield from history.events


def odd() -> Iterator[Event]:
    """A check-in clock 40 min fast at 6 of 10 orders; one car repaired again after its handoff; one taken in again."""
    history = History("ODD")
    for order in range(10):
        at = BEGIN + order * HOUR
        history.mended(order, at, 30 * MINUTE)
        if order < 6:
            history.events[-4]["occurred_at"] = (at + 40 * MINUTE).isoformat()
    history.event(9, "repair", BEGIN + 14 * HOUR, phase="started", job_id="j")
    # Ready at 9, promised for 9:30, back in repair at 12: neither ready nor kept.
    history.check_in(50, BEGIN, promised_at=(BEGIN + 90 * MINUTE).isoformat())
    history.event(50, "repair", BEGIN + 30 * MINUTE, phase="started", job_id="j")
    history.event(50, "repair", BEGIN + HOUR, phase="completed", job_id="j")
    history.event(50, "ready", BEGIN + HOUR)
    history.event(50, "repair", BEGIN + 4 * HOUR, phase="started", job_id="j2")
    # A bill below nothing is a credit.
    history.check_in(51, BEGIN)
    history.event(51, "handoff", BEGIN + HOUR, amount=-50)
    # A complaint without any visit.
    history.event(60, "complaint", BEGIN + DAY, category="phone")
    yield from history.events


@pytest.fixture(scope="module")
def ask(clickhouse_for_all: ClickHouseNode) -> Ask:
    node = clickhouse_for_all
    node.empty()
    fill(node, [orjson.dumps(event) for event in (*never(), *abandoned_visits(), *odd())])
    stamp = f"{NOW - DAY:%Y-%m-%d %H:%M:%S}"
    node.ask(
        "INSERT INTO fixtrail_raw.dead_letters (topic, kafka_partition, kafka_offset, letter_offset, code, reason,"
        f" record_at, refused_at, diverted) SELECT 'service-events', 0, number, number, 'too_late', 'late',"
        f" '{stamp}', '{stamp}', true FROM numbers(7)"
    )
    return query_runner(settings_of(node))


def report_document(ask: Ask, by: str | None = "center", targets: Any = None, **days: Any) -> dict[str, Any]:
    return as_json(kpi.build(ask, Options(NOW, by=by, targets=targets_of(targets or {}), **days)))


def figures(ask: Ask, center: str, **days: Any) -> dict[str, dict[str, Any]]:
    return {f["figure"]: f for f in report_document(ask, **days)["figures"] if f["key"] == center}


def test_cars_that_nobody_touched_stand_beside_the_wait(ask: Ask) -> None:
    by_name = figures(ask, "NEVER")

    assert (by_name["wait_mean_s"]["value"], by_name["wait_mean_s"]["n"], by_name["wait_mean_s"]["n_all"]) == (
        1800,
        20,
        40,
    )
    assert by_name["wait_mean_s"]["left_out"] == {"open": 20}
    assert (
        by_name["open_orders"]["value"]
        == by_name["open_past_promise"]["value"]
        == by_name["open_past_promise"]["n"]
        == 20
    )
    for kind in ("age", "wait"):
        assert by_name[f"open_{kind}_longest_s"]["value"] == pytest.approx((NOW - BEGIN).total_seconds(), abs=7200)
        median = (NOW - BEGIN - 9.5 * HOUR).total_seconds()
        assert by_name[f"open_{kind}_median_s"]["value"] == pytest.approx(median, abs=7200)
    assert by_name["promise_kept"]["n"] == 0 and by_name["promise_kept"]["left_out"] == {"open": 20, "no_promise": 20}
    assert by_name["complaints_per_100"]["value"] == 0, "of closed orders"
    assert by_name["complaints_per_month"]["count"] == 20, "of all orders, by their own date"


def test_those_who_left_are_told_with_their_wait_their_scores_and_their_complaints(ask: Ask) -> None:
    by_name = figures(ask, "LEFT")

    assert (by_name["wait_mean_s"]["value"], by_name["wait_mean_s"]["left_out"]) == (600, {"cancelled": 10})
    assert (by_name["cancelled_share"]["value"], by_name["cancelled_share"]["n"]) == (0.5, 20)
    assert by_name["cancelled_wait_median_s"]["value"] == by_name["cancelled_wait_mean_s"]["value"] == 5 * 3600
    assert (by_name["nps"]["value"], by_name["nps"]["n"]) == (0, 20)
    assert by_name["complaints_per_100"]["value"] == 100, "10 complaints, 10 handed off"
    assert (by_name["response_rate"]["value"], by_name["nps_early"]["value"], by_name["nps_late"]["value"]) == (
        1,
        100,
        -100,
    )


def test_limits_of_one_s_own_are_figures_beside_the_contracts(ask: Ask) -> None:
    own = {"wait_min": 29.5, "wait_reception_min": 10, "wait_bay_min": 0, "quick_lane_min": 30, "emergency_min": 60}
    targets = {"service_levels": own, "targets": {"wait_within": 0.9}}
    document = report_document(ask, targets=targets)
    figures = {figure["figure"]: figure for figure in document["figures"] if figure["key"] == "LEFT"}

    # Ten were served after ten minutes, ten left.
    assert (figures["wait_within"]["value"], figures["wait_within"]["n"], figures["wait_within"]["n_all"]) == (
        1,
        10,
        20,
    )
    assert figures["wait_within"]["left_out"] == {"cancelled": 10}
    assert (figures["wait_within"]["target"], figures["wait_within"]["status"]) == (0.9, "not_distinguishable")
    assert figures["wait_reception_within"]["value"] == figures["wait_bay_within"]["value"] == 1
    assert figures["quick_lane_within"]["n"] == figures["emergency_within"]["n"] == 0
    slow = {figure["figure"]: figure for figure in document["figures"] if figure["key"] == "NEVER"}
    assert (slow["wait_within"]["value"], slow["wait_within"]["left_out"]) == (0, {"open": 20})
    page = render_html(kpi.build(ask, Options(NOW, by="center", targets=targets_of(targets))), "en")
    assert "Own service levels" in page and "Wait within 29.5 min" in page


def test_a_limit_that_is_none_is_refused_by_name(ask: Ask) -> None:
    with pytest.raises(ExitError, match="service_levels: there is no key waiting_min"):
        report_document(ask, targets={"service_levels": {"waiting_min": 3}})


@pytest.mark.parametrize("center", ["NEVER", "LEFT", "ODD"])
def test_a_date_that_excludes_nothing_changes_nothing(ask: Ask, center: str) -> None:
    running = {"open_age", "open_wait"}
    unranged, ranged = figures(ask, center), figures(ask, center, since=BEGIN.date(), until=NOW.date())

    for name, figure in unranged.items():
        if name[:8].rstrip("_") not in running and name[:9] not in running:
            assert ranged[name] == figure, name
        assert ranged[name]["n"] == figure["n"]


def test_clocks_that_are_wrong_show(ask: Ask) -> None:
    by_name, anomalies = figures(ask, "ODD"), report_document(ask)["tables"]["anomalies"]

    assert by_name["odd_times"]["value"] == 6 / by_name["odd_times"]["n"] > 0.4
    assert [row["orders"] for row in anomalies if (row["key"], row["kind"]) == ("ODD", "negative_gap")] == [6]


def test_a_repair_that_goes_on_after_the_handoff_is_no_first_time_fix(ask: Ask) -> None:
    assert figures(ask, "ODD")["ftfr"]["count"] == figures(ask, "ODD")["ftfr"]["n"] - 1


def test_a_car_back_in_repair_after_its_promise_is_past_it(ask: Ask) -> None:
    assert figures(ask, "ODD")["open_past_promise"]["value"] == 1


def test_a_credit_closes_the_order_as_any_handoff_does(ask: Ask) -> None:
    assert figures(ask, "ODD")["complaints_per_100"]["n"] == 11


def test_a_complaint_without_a_visit_counts_by_its_date(ask: Ask) -> None:
    by_name = {figure["figure"]: figure for figure in report_document(ask, by=None)["figures"]}

    assert by_name["complaints_per_month"]["count"] == 31
    assert by_name["open_orders"]["value"] == 22


def test_records_that_came_too_late_are_counted(ask: Ask) -> None:
    assert [(row["code"], row["records"], row["late"]) for row in report_document(ask)["tables"]["refused"]] == [
        ("too_late", 7, True)
    ]
    assert report_document(ask, until=BEGIN.date())["tables"]["refused"] == []


def test_what_is_not_ripe_is_said_and_its_target_is_judged_on_what_is(ask: Ask) -> None:
    """All of these were handed off within 30 days: there is nothing yet to judge a target by."""
    document = report_document(ask, by=None, targets={"targets": {"ftfr": 0.5}})
    by_name = {figure["figure"]: figure for figure in document["figures"]}

    assert by_name["ftfr"]["value"] > 0.9 and by_name["ftfr"]["unripe"] == by_name["ftfr"]["n"]
    assert (by_name["ftfr"]["status"], by_name["ftfr"]["judged_on"]) == (None, "ftfr_confirmed")
    assert by_name["ftfr_confirmed"]["left_out"]["unripe"] == by_name["ftfr"]["n"]
    assert by_name["nps"]["unripe"] == 51 and by_name["nps"]["ripe_until"] == document["scope"]["voices_ripe_until"]


def test_few_orders_at_two_centers_have_no_interval_outside_what_can_be(ask: Ask) -> None:
    for figure in report_document(ask, by=None)["figures"]:
        bounds = [end for end in (figure["low"], figure["high"]) if end is not None]
        assert all(end >= 0 for end in bounds) or figure["unit"] == "nps", figure
        assert len(bounds) == 2 or figure["no_interval"], figure


def test_a_figure_is_the_same_in_every_report_that_shows_it(ask: Ask) -> None:
    of_kpi = {figure["figure"]: figure for figure in report_document(ask, by=None)["figures"]}
    for report in (parts, quality):
        figures_shown = [
            figure for figure in as_json(report.build(ask, Options(NOW)))["figures"] if figure["figure"] in of_kpi
        ]
        assert figures_shown and all(figure == of_kpi[figure["figure"]] for figure in figures_shown)


@pytest.mark.parametrize("days", [{}, {"since": date(1999, 1, 1), "until": date(1999, 1, 2)}], ids=["all", "none"])
def test_every_figure_says_what_it_lacks(ask: Ask, days: dict[str, Any]) -> None:
    """Without an interval the reason, and of all that are not among n why; also of days on which nothing happened."""
    for report in (experts, parts, quality, staff):
        for figure in as_json(report.build(ask, Options(NOW, **days)))["figures"]:
            assert figure["no_interval"] or figure["low"] is not None or figure["high"] is not None, figure
            assert figure["n"] + sum(figure["left_out"].values()) == figure["n_all"], figure


@pytest.mark.parametrize(("locale", "words"), [("en", ("still open 20", "cancelled 10")), ("zh-CN", ("未结束 20",))])
def test_the_page_says_what_is_left_out_in_both_languages(ask: Ask, locale: Any, words: tuple[str, ...]) -> None:
    page = render_html(kpi.build(ask, Options(NOW, by="center")), locale)

    assert all(text in page for text in words)
