"""When a car whose work is done is told to be ready without proof: as its center's setting says."""

import pytest

from schemas.centers import Center
from schemas.times import DAY_MS, MINUTE_MS
from sinks.push.decide import why_untrue
from streams.journey.clock_notices import clock_notice
from streams.journey.ready_setting import CheckHistory, ready_after_ms, ready_fields
from tests.workshop import (
    check_failed,
    check_passed,
    checked_in,
    handed_off,
    ms,
    order_after,
    repair,
    said_ready,
)

REPAIRED = [checked_in("08:00"), repair("started", "08:10"), repair("completed", "09:00")]
NOW = ms("12:00")


def a_center(tells_ready: str = "auto", minutes: float = 10) -> Center:
    return Center(id="C1", name="C", region="R", tells_ready=tells_ready, ready_after_min=minutes)


def history(*handed_off_orders: list) -> CheckHistory:
    checks = CheckHistory()
    for events in handed_off_orders:
        checks.add(order_after(*events))
    return checks


WITHOUT = [*REPAIRED, handed_off("10:00")]
CHECKED = [*REPAIRED, check_passed("09:30"), handed_off("10:00")]


@pytest.mark.parametrize(
    ("orders", "is_told"),
    [
        ([WITHOUT], True),
        ([WITHOUT, CHECKED], False),
        ([[*REPAIRED, said_ready("09:30"), handed_off("10:00")]], False),
        ([[*REPAIRED, check_failed("09:30"), handed_off("10:00")]], False),
        ([REPAIRED], False),  # nothing handed off: nobody knows yet how the center works
        ([], False),
    ],
)
def test_a_center_that_says_nothing_is_judged_by_its_last_four_weeks(orders, is_told):
    assert (ready_after_ms(a_center(), "C1", history(*orders), NOW) == 10 * MINUTE_MS) is is_told
    assert (ready_after_ms(None, "C1", history(*orders), NOW) == 10 * MINUTE_MS) is is_told


def test_what_was_handed_off_longer_ago_does_not_count():
    checks = history(CHECKED)
    later = ms("10:00") + 28 * DAY_MS + 1
    checks.add(order_after(*WITHOUT) | {"closed_at": later - DAY_MS})

    assert ready_after_ms(a_center(), "C1", checks, later - 1) is None
    assert ready_after_ms(a_center(), "C1", checks, later) == 10 * MINUTE_MS
    assert ready_after_ms(a_center(), "C2", checks, later) is None, "another center is another matter"


def test_a_journey_of_the_version_before_counts_as_checked():
    checks = CheckHistory()
    checks.add({name: value for name, value in order_after(*WITHOUT).items() if name != "checked"})

    assert ready_after_ms(a_center(), "C1", checks, NOW) is None


def test_the_setting_goes_before_what_the_center_does():
    assert ready_after_ms(a_center("repair", 25), "C1", history(CHECKED), NOW) == 25 * MINUTE_MS
    assert ready_after_ms(a_center("proof"), "C1", history(WITHOUT), NOW) is None


def test_a_car_is_shown_as_ready_that_long_after_the_work():
    fact = order_after(*REPAIRED)

    assert ready_fields(fact, 10 * MINUTE_MS, ms("09:10") - 1) == {}
    assert ready_fields(fact, 10 * MINUTE_MS, ms("09:10")) == {"activity": "pickup", "ready_at": ms("09:00")}
    assert ready_fields(fact, None, NOW) == {}
    assert ready_fields(order_after(*REPAIRED, repair("started", "09:05")), 10 * MINUTE_MS, NOW) == {}


def test_a_ready_without_proof_is_told_only_where_the_center_wants_it_and_nothing_has_followed():
    fact = order_after(*REPAIRED)
    notice = clock_notice(fact, "ready", ms("09:00"), ms("09:10"))

    assert why_untrue(notice, fact, 10 * MINUTE_MS, ms("09:10")) is None
    assert why_untrue(notice, fact, None, ms("09:10")) == ("the center tells it once it is proven", False)
    for followed in (repair("started", "09:05"), check_passed("09:05"), handed_off("09:05")):
        assert why_untrue(notice, order_after(*REPAIRED, followed), 10 * MINUTE_MS, ms("09:10")) == (
            "the visit has gone on",
            False,
        )


def test_who_was_told_that_the_car_is_ready_is_not_told_that_it_is_late():
    fact = order_after(checked_in("08:00", promised="08:30"), *REPAIRED[1:])
    late = clock_notice(fact, "running_late", ms("08:30"), ms("09:20"))

    assert why_untrue(late, fact, None, ms("09:20")) is None
    assert why_untrue(late, fact, 10 * MINUTE_MS, ms("09:20")) == ("the car is ready", False)
