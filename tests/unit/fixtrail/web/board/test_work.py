"""One work item per order, the most urgent first; search, sorts, many acknowledgements, hours, unknown centers."""

from dataclasses import replace
from datetime import time

import pytest

from fixtrail.web.board.board import Board, Thresholds, board
from fixtrail.web.board.board_filter import BoardFilter
from fixtrail.web.board.boards import ON_WALL, CenterLine, RateWithInterval, in_order, on_wall
from fixtrail.web.board.figures import CenterFigures
from fixtrail.web.board.work import other_alerts, work_list
from fixtrail.web.report_cache.badges import Badge
from schemas.centers import Center
from schemas.facts import Alert, JourneyFact
from schemas.opening_hours import opening_ms_between
from tests.staff import record, staff
from tests.unit.fixtrail.web.ops.test_pages import ACCOUNTS, ENGLISH, an_alert, with_kafka
from tests.workshop import Sent, checked_in, facts_after, ms, part, repair

LATE = {"order_id": "R-LATE", "vehicle_id": "沪A·12345", "center_id": "C1", "lane": "quick"}
WAITS = {"order_id": "R-WAITS", "vehicle_id": "V2", "center_id": "C1"}
FINE = {"order_id": "R-FINE", "vehicle_id": "V3", "center_id": "C1"}
CAR_WITH_ALL = (
    checked_in("08:30", **LATE, promised_at="2026-03-02T08:50:00Z"),
    part("requested", "08:31", **{**LATE, "lane": None}, part_no="P-1", urgency="emergency"),
    part("backordered", "08:32", **{**LATE, "lane": None}, part_no="P-1"),
)
OTHERS = (checked_in("08:00", **WAITS), checked_in("08:10", **FINE), repair("started", "08:20", **FINE))


def present(*events: Sent, now: str = "09:00", center: Center | None = None) -> Board:
    facts = [JourneyFact.model_validate(fact) for fact in facts_after(*events).values()]
    return board(facts, ms(now), Thresholds(), ["C1"], reference={"C1": center} if center else {})


def alert(order_id: str, alert_id: str = "a", **changed) -> Alert:
    return Alert.model_validate(an_alert(alert_id, order_id=order_id, **changed))


def test_one_car_is_one_item_with_all_that_is_due_of_it_and_its_alerts():
    alerts = [alert("R-LATE"), alert("R-LATE", "b", severity="critical", kind="quick_lane")]
    items = work_list(present(*CAR_WITH_ALL, *OTHERS), alerts)
    assert [item.order.order_id for item in items] == ["R-LATE", "R-WAITS"]
    assert [alert.severity for alert in items[0].alerts] == ["critical", "warning"]
    assert items[0].late
    assert {due.kind for due in items[0].dues} == {"quick", "promise", "emergency"}
    assert len(items[0].order.stockouts) == 1


def test_an_alert_about_what_is_due_of_the_order_is_not_told_twice():
    """Unless somebody takes care of it: then the line says who."""
    alerts = [
        alert("R-LATE", kind="quick_lane"),
        alert("R-LATE", "b", kind="promise", acknowledged_by="lin"),
        alert("R-LATE", "c", kind="wait"),
    ]
    (item,) = work_list(present(*CAR_WITH_ALL), alerts)

    assert {alert.kind for alert in item.further_alerts} == {"promise", "wait"}


def test_what_is_late_comes_before_what_waits_for_longer():
    assert [item.rank for item in work_list(present(*CAR_WITH_ALL, *OTHERS), [])] == [0, 2]
    by_wait = work_list(present(*CAR_WITH_ALL, *OTHERS), [], "wait")
    assert [item.order.order_id for item in by_wait] == ["R-WAITS", "R-LATE"]


@pytest.mark.parametrize("search", ["r-fine", "FINE", "v3"])
def test_any_open_order_is_found_by_its_number_or_its_vehicle(search):
    assert [item.order.order_id for item in work_list(present(*OTHERS), [], search=search)] == ["R-FINE"]


def test_a_plate_is_found_however_it_is_written():
    assert [item.order.order_id for item in work_list(present(*CAR_WITH_ALL), [], search="沪a12345")] == ["R-LATE"]
    assert work_list(present(*CAR_WITH_ALL), [], search="··") == []


def test_alerts_that_no_item_has_are_listed_by_themselves():
    alerts = [alert("R-LATE"), alert("R-GONE", "b"), Alert.model_validate(an_alert("c", order_id=None, kind="stuck"))]
    items = work_list(present(*CAR_WITH_ALL), alerts)
    assert [alert.alert_id for alert in other_alerts(alerts, items)] == ["b", "c"]


DAY = Center(id="C1", name="x", region="East", time_zone="UTC", opens=time(8), closes=time(18))


def test_a_car_that_stood_over_night_waited_in_opening_time_alone():
    night = present(checked_in("17:00", **WAITS), now="23:00", center=DAY)
    assert night.waiting[0].wait_s == 3600
    assert not night.waiting[0].is_running
    assert present(checked_in("17:00", **WAITS), now="17:30", center=DAY).waiting[0].is_running


def test_opening_time_is_counted_over_days_and_weekdays():
    hour = 3600 * 1000
    friday_evening, monday_morning = ms("17:00") + 4 * 24 * hour, ms("09:00") + 7 * 24 * hour
    assert opening_ms_between(friday_evening, monday_morning, DAY) == (1 + 10 + 10 + 1) * hour
    weekdays = DAY.model_copy(update={"weekdays": (1, 2, 3, 4, 5)})
    assert opening_ms_between(friday_evening, monday_morning, weekdays) == 2 * hour
    assert opening_ms_between(0, hour, None) == hour
    assert opening_ms_between(hour, 0, DAY) == 0


def line(name: str, *, late: int = 0, is_listed: bool = True) -> CenterLine:
    now = replace(present(*OTHERS).centers[0], center_id=name, quick=(late, late))
    nothing = RateWithInterval(None, 0, None, None)
    return CenterLine(now, CenterFigures(), nothing, nothing, name, "", 0, Badge("unknown", "", ""), is_listed)


def test_a_center_that_nobody_knows_never_pushes_a_known_one_off_the_wall():
    lines = [line("eats-01", late=9, is_listed=False), *(line(f"east-{n:02}", late=n % 3) for n in range(ON_WALL))]
    lines_on_wall = on_wall(in_order(lines, BoardFilter(wall=True)))
    assert len(lines_on_wall) == ON_WALL - 1
    assert "eats-01" not in [center.name for center in lines_on_wall]
    assert len(on_wall(lines[1:])) == ON_WALL


def test_centers_are_sorted_by_urgency_or_as_one_likes():
    lines = [line("b"), line("a"), line("c", late=1)]
    assert [center.name for center in in_order(lines, BoardFilter())] == ["c", "a", "b"]
    assert [center.name for center in in_order(lines, BoardFilter(centers_by="name"))] == ["a", "b", "c"]


@pytest.fixture
def floor(tmp_path):
    workshop = staff(tmp_path, ACCOUNTS, now=ms("09:00"))
    workshop.know(*CAR_WITH_ALL, *OTHERS, checked_in("08:40", order_id="R-C2", vehicle_id="V9", center_id="C2"))
    return workshop


async def test_many_alerts_are_acknowledged_at_once_and_none_of_another_center(floor):
    kafka = with_kafka(floor)
    alerts = {"a": an_alert("a", order_id="R-LATE"), "b": an_alert("b", order_id="R-WAITS"), "c": an_alert("c", "C2")}
    floor.web.ops.alerts.apply([record(name, fields) for name, fields in alerts.items()])
    with floor.browser(headers=ENGLISH) as manager:
        await manager.sign_in("lin")
        ticked = {"alerts.a": "a", "alerts.b": "b", "alerts.c": "c", "alerts.none": "none", "note": "on it"}
        done = await manager.send("/ops", "/ops/alerts/acknowledge", **ticked)
        assert done.status_code == 303
        assert [(key, sent["note"]) for _, key, sent in kafka.sent] == [(b"a", "on it"), (b"b", "on it")]
    with floor.browser(headers=ENGLISH) as viewer:
        await viewer.sign_in("look")
        assert "checkbox" not in (await viewer.get("/ops")).text
        assert (await viewer.send("/ops", "/ops/alerts/acknowledge", **ticked)).status_code == 403


async def test_a_search_that_meets_no_open_order_leads_on_to_the_closed_ones(floor):
    with floor.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        assert "R-FINE" not in (await browser.get("/ops")).text
        assert "R-FINE" in (await browser.get("/ops?q=fine")).text
        page = (await browser.get("/ops?q=R-OLD")).text
        assert 'href="/ops/orders/R-OLD"' in page


async def test_a_filter_that_names_what_one_may_not_see_says_so(floor):
    with floor.browser(headers=ENGLISH) as browser:
        await browser.sign_in("lin")
        for query in ("?center=C2", "?center=NOPE", "?region=North"):
            page = (await browser.get(f"/ops{query}")).text
            assert "your account does not see it" in page
            assert "(not visible)" in page
        assert "your account does not see it" not in (await browser.get("/ops?center=C1")).text


async def test_a_centers_page_has_the_same_items_with_what_is_due_and_the_missing_part(floor):
    floor.web.ops.alerts.apply([record("a", an_alert("a", order_id="R-WAITS"))])
    with floor.browser(headers=ENGLISH) as browser:
        await browser.sign_in("look")
        page = (await browser.get("/ops/centers/C1")).text
        for text in ("R-LATE", "R-WAITS", "late by", "P-1", "no date told", "long wait"):
            assert text in page
