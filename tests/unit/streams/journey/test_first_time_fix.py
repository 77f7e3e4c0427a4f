"""First-time fix and its causes: CONTRACT section 3, worked out by hand."""

from datetime import timedelta
from typing import Any

import pytest

from tests.workshop import (
    Sent,
    at,
    called_off,
    check_failed,
    checked_in,
    diagnosed,
    facts_after,
    handed_off,
    order_after,
    part,
    repair,
    repaired_visit,
)

Verdict = tuple[bool | None, str | None, str | None]
WINDOW = timedelta(days=30)
HANDOFF = at("11:00")


def verdict(*events: Sent) -> Verdict:
    """(fixed, cause, comeback) of order R1."""
    order = order_after(*events)
    return order["ftf"], order["ftf_cause"], order["comeback_order_id"]


def back(after: timedelta, *groups: str, order_id: str = "R2", **fields: Any) -> list[Sent]:
    """Another visit of the same vehicle, checked in so long after the handoff of `repaired_visit`."""
    moment = (HANDOFF + after).isoformat()
    center = {"center_id": fields.get("center_id", "C1")}
    return [
        checked_in("08:00", order_id=order_id, occurred_at=moment, **fields),
        diagnosed("08:00", 0, *groups, order_id=order_id, occurred_at=moment, **center),
    ]


# Who is judged


def test_an_order_repaired_and_handed_off_without_trouble_was_fixed_the_first_time():
    assert verdict(*repaired_visit("brakes")) == (True, None, None)


def test_an_order_that_is_still_open_is_not_judged():
    assert verdict(*repaired_visit("brakes")[:-1], *back(WINDOW, "brakes")) == (None, None, None)


def test_a_cancelled_order_is_not_judged():
    assert verdict(*repaired_visit("brakes")[:-1], called_off("11:00"), *back(WINDOW, "brakes")) == (None, None, None)


def test_an_order_without_a_repair_is_not_judged():
    assert verdict(checked_in("08:00"), diagnosed("08:10", 0, "brakes"), handed_off("11:00")) == (None, None, None)


def test_a_repair_after_the_handoff_is_none():
    assert verdict(checked_in("08:00"), handed_off("11:00"), repair("started", "11:30")) == (None, None, None)


@pytest.mark.parametrize("phase", ["started", "paused", "resumed", "completed"])
def test_any_phase_of_a_repair_shows_that_one_has_started(phase: str):
    assert verdict(checked_in("08:00"), repair(phase, "09:00"), handed_off("11:00")) == (True, None, None)


def test_an_order_whose_check_in_was_lost_is_judged_all_the_same():
    assert verdict(*repaired_visit("brakes")[1:]) == (True, None, None)
    assert verdict(*repaired_visit("brakes")[1:], *back(WINDOW, "brakes")) == (False, "comeback", "R2")


# Rework


def test_a_job_started_again_after_it_was_completed_is_rework():
    assert verdict(*repaired_visit()[:-1], repair("started", "10:30"), handed_off("11:00")) == (False, "rework", None)


def test_a_job_resumed_after_it_was_completed_is_none():
    assert verdict(*repaired_visit()[:-1], repair("resumed", "10:30"), handed_off("11:00")) == (True, None, None)


def test_another_job_after_the_first_is_none():
    more = repair("started", "10:30", job_id="J2")

    assert verdict(*repaired_visit()[:-1], more, handed_off("11:00")) == (True, None, None)


def test_a_completed_job_that_was_resumed_and_then_started_again_is_rework():
    again = [repair("resumed", "10:20"), repair("started", "10:30")]

    assert verdict(*repaired_visit()[:-1], *again, handed_off("11:00")) == (False, "rework", None)


def test_a_failed_check_is_rework_even_when_it_is_passed_later():
    assert verdict(*repaired_visit()[:-1], check_failed("10:30"), handed_off("11:00")) == (False, "rework", None)


def test_a_check_failed_before_the_check_in_or_after_the_handoff():
    assert verdict(*repaired_visit(), check_failed("11:30"))[0] is True
    assert verdict(check_failed("07:00"), *repaired_visit())[1] == "rework"


# Open parts


@pytest.mark.parametrize("phase", ["requested", "backordered"])
def test_a_handoff_while_a_part_is_open(phase: str):
    assert verdict(*repaired_visit(), part(phase, "10:30")) == (False, "open_part", None)


def test_a_part_that_came_in_the_millisecond_of_the_handoff_counts_by_its_event_id():
    visit = repaired_visit()
    part_event = part("fulfilled", "11:00", event_id="a")
    came_after = part("fulfilled", "11:00", event_id="z")

    assert verdict(*visit, part("requested", "10:30"), part_event)[0] is True
    assert verdict(*visit, part("requested", "10:30"), came_after)[1] == "open_part"


# Comebacks


def test_a_vehicle_that_returns_with_the_same_fault_was_not_fixed():
    assert verdict(*repaired_visit("brakes"), *back(timedelta(days=9), "brakes")) == (False, "comeback", "R2")


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        (timedelta(0), False),
        (timedelta(milliseconds=1), True),
        (WINDOW - timedelta(milliseconds=1), True),
        (WINDOW, True),
        (WINDOW + timedelta(milliseconds=1), False),
        (-timedelta(minutes=5), False),
    ],
    ids=str,
)
def test_a_comeback_is_checked_in_after_the_handoff_and_within_thirty_days(after: timedelta, counts: bool):
    assert verdict(*repaired_visit("brakes"), *back(after, "brakes"))[0] is not counts


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (10_000, 11_000, True),
        (10_000, 11_000.5, False),
        (4_000.1, 5_000.1, True),
        (4_000.1, 5_000.2, False),
        (10_000, 9_000, True),
        (10_000, None, True),
        (None, 99_000, True),
        (None, None, True),
    ],
)
def test_a_comeback_is_at_most_a_thousand_kilometres_later_where_both_odometers_are_known(
    before: float | None, after: float | None, counts: bool
):
    first = repaired_visit("brakes", odometer_km=before)

    assert verdict(*first, *back(WINDOW, "brakes", odometer_km=after))[0] is not counts


def test_the_odometers_compared_are_those_of_the_check_ins():
    visit = repaired_visit("brakes", odometer_km=10_000)
    driven = handed_off("11:00", event_id="a", odometer_km=500_000)

    assert verdict(*visit[:-1], driven, *back(WINDOW, "brakes", odometer_km=10_400))[1] == "comeback"


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        (("brakes",), ("battery",), False),
        (("brakes", "screen"), ("battery", "screen"), True),
        ((), (), False),
        (("brakes",), (), False),
        (("Brakes",), ("brakes",), False),
    ],
)
def test_a_comeback_shares_at_least_one_fault_group(first: tuple[str, ...], second: tuple[str, ...], counts: bool):
    assert verdict(*repaired_visit(*first), *back(WINDOW, *second))[0] is not counts


def test_a_comeback_at_another_center_counts():
    assert verdict(*repaired_visit("brakes"), *back(WINDOW, "brakes", center_id="C9"))[2] == "R2"


def test_a_comeback_may_have_the_same_number_in_another_center():
    events = [*repaired_visit("brakes"), *back(WINDOW, "brakes", order_id="R1", center_id="C9")]
    first = facts_after(*events)["C1", "R1"]

    assert (first["ftf_cause"], first["comeback_center_id"], first["comeback_order_id"]) == ("comeback", "C9", "R1")


def test_the_same_order_number_of_another_vehicle_is_no_comeback():
    second_visit = [{**event, "vehicle_id": "V2"} for event in back(WINDOW, "brakes")]

    assert verdict(*repaired_visit("brakes"), *second_visit)[0] is True


def test_the_earliest_of_several_comebacks_is_named_and_of_two_at_once_the_lower_center_then_number():
    visits = [
        *back(timedelta(days=9), "brakes", order_id="R9"),
        *back(timedelta(days=5), "brakes", order_id="R8"),
        *back(timedelta(days=5), "brakes", order_id="R7"),
        *back(timedelta(days=5), "brakes", order_id="R5", center_id="C2"),
        *back(timedelta(days=1), "screen", order_id="R6"),
    ]

    assert verdict(*repaired_visit("brakes"), *visits)[2] == "R7"


def test_an_order_can_be_the_comeback_of_one_and_have_one_itself():
    first, second = repaired_visit("brakes"), repaired_visit("brakes", day=10, order_id="R2")
    third = repaired_visit("brakes", day=20, order_id="R3")

    facts = facts_after(*first, *second, *third)

    assert [facts[order]["comeback_order_id"] for order in ("R1", "R2", "R3")] == ["R2", "R3", None]


def test_an_order_that_was_called_off_is_a_comeback_too():
    assert (
        verdict(*repaired_visit("brakes"), *back(WINDOW, "brakes"), called_off("12:00", 31, order_id="R2"))[2] == "R2"
    )


def test_an_order_without_a_check_in_is_no_comeback():
    assert verdict(*repaired_visit("brakes"), diagnosed("08:00", 5, "brakes", order_id="R2"))[0] is True


def test_faults_found_after_the_close_link_no_visits():
    late = diagnosed("12:00", 0, "screen")

    assert verdict(*repaired_visit("brakes"), late, *back(WINDOW, "screen"))[0] is True


# Which cause comes first


def test_rework_comes_before_an_open_part_and_that_before_a_comeback_which_is_named_all_the_same():
    visit, comeback = repaired_visit("brakes"), back(WINDOW, "brakes")
    open_part, failed = part("requested", "10:30"), check_failed("10:40")

    assert verdict(*visit, open_part, failed, *comeback) == (False, "rework", "R2")
    assert verdict(*visit, open_part, *comeback) == (False, "open_part", "R2")
    assert verdict(*visit, failed, *comeback) == (False, "rework", "R2")
    assert verdict(*visit, *comeback) == (False, "comeback", "R2")


# Versions


def test_a_comeback_gives_the_order_it_came_back_from_a_higher_version():
    visit = repaired_visit("brakes")
    before, after = order_after(*visit), order_after(*visit, *back(WINDOW, "brakes"))

    assert (before["ftf"], after["ftf"]) == (True, False)
    assert after["version"] > before["version"]


def test_each_event_of_an_order_gives_it_a_higher_version():
    visit = repaired_visit("brakes")
    versions = [order_after(*visit[:number])["version"] for number in range(1, len(visit) + 1)]

    assert versions == sorted(set(versions))
