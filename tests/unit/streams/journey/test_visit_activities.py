"""What is going on with the car at each instant: the activities of CONTRACT section 2 and which comes first."""

from itertools import combinations

import pytest

from tests.workshop import (
    approved,
    at,
    check_passed,
    check_started,
    checked_in,
    diagnosed,
    diagnosis_started,
    handed_off,
    minutes,
    order_after,
    part,
    quoted,
    refused,
    repair,
    said_ready,
    stages,
)

# In the order of CONTRACT section 2.
ACTIVITIES = ("repair", "diagnosis", "quality", "parts", "approval", "pickup", "finishing", "reception", "bay")
# What makes each activity hold at half past eight, all else being equal.
REASONS = {
    "repair": [repair("started", "08:20")],
    "diagnosis": [diagnosis_started("08:10")],
    "quality": [check_started("08:30")],
    "parts": [part("requested", "08:15")],
    "approval": [quoted("08:05")],
    "pickup": [repair("started", "08:01", job_id="J9"), repair("completed", "08:02", job_id="J9"), said_ready("08:29")],
    "finishing": [repair("started", "08:01", job_id="J9"), repair("completed", "08:02", job_id="J9")],
    "reception": [],
    "bay": [diagnosed("08:03")],
}


def test_an_ordinary_visit_is_split_into_its_activities():
    order = order_after(
        checked_in("08:00"),
        diagnosis_started("08:20"),
        quoted("08:40"),
        approved("09:00"),
        repair("started", "09:10"),
        repair("completed", "10:10"),
        check_started("10:15"),
        check_passed("10:25"),
        handed_off("11:00"),
    )

    assert stages(order) == [
        ("reception", "08:00", "08:20"),
        ("diagnosis", "08:20", "08:40"),
        ("approval", "08:40", "09:00"),
        ("bay", "09:00", "09:10"),
        ("repair", "09:10", "10:10"),
        ("bay", "10:10", "10:15"),
        ("quality", "10:15", "10:25"),
        ("pickup", "10:25", "11:00"),
    ]
    assert minutes(order) == {
        **{"lead": 180, "wait": 55, "touch": 90, "pickup": 35},
        **{"wait_reception": 20, "wait_approval": 20, "wait_bay": 15},
        **{"repair": 60, "diagnosis": 20, "quality": 10},
    }


def test_a_car_that_nobody_has_looked_at_waits_at_the_reception():
    order = order_after(checked_in("08:00"), now=at("08:25"))

    assert (order["activity"], minutes(order)) == ("reception", {"lead": 25, "wait": 25, "wait_reception": 25})


def test_a_diagnosed_car_without_quote_or_part_waits_for_a_bay():
    order = order_after(checked_in("08:00"), diagnosis_started("08:10"), diagnosed("08:30"), now=at("09:00"))

    assert stages(order)[-1] == ("bay", "08:30", None)
    assert order["wait_bay_s"] == 30 * 60


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_each_activity_has_what_makes_it_hold(activity: str):
    order = order_after(checked_in("08:00"), *REASONS[activity], now=at("09:00"))

    assert order["activity"] == activity


@pytest.mark.parametrize(("first", "second"), list(combinations(ACTIVITIES[:6], 2)))
def test_of_two_activities_that_hold_the_first_of_the_list_counts(first: str, second: str):
    events = sorted([*REASONS[first], *REASONS[second]], key=lambda event: event["occurred_at"])

    assert order_after(checked_in("08:00"), *events, now=at("09:00"))["activity"] == first


@pytest.mark.parametrize("activity", ACTIVITIES[:6])
def test_whatever_is_going_on_is_neither_reception_nor_a_wait_for_a_bay(activity: str):
    order = order_after(checked_in("08:00"), diagnosed("08:00"), *REASONS[activity], now=at("09:00"))

    assert order["activity"] == activity


# Repair


def test_two_jobs_side_by_side_are_one_repair():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10", job_id="J1"),
        repair("started", "08:20", job_id="J2"),
        repair("completed", "08:30", job_id="J1"),
        repair("completed", "08:50", job_id="J2"),
        handed_off("09:00"),
    )

    assert stages(order)[1] == ("repair", "08:10", "08:50")


def test_a_paused_job_is_no_repair_until_it_is_resumed():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10"),
        repair("paused", "08:30", pause_reason="shift_end"),
        repair("resumed", "09:30"),
        repair("completed", "09:40"),
        handed_off("09:50"),
    )

    assert [(name, since) for name, since, _ in stages(order)] == [
        *(("reception", "08:00"), ("repair", "08:10"), ("bay", "08:30")),
        *(("repair", "09:30"), ("pickup", "09:40")),
    ]
    assert order["repair_s"] == 30 * 60


def test_a_job_that_is_resumed_is_running_even_when_its_start_was_lost():
    assert order_after(checked_in("08:00"), repair("resumed", "08:10"), now=at("09:00"))["activity"] == "repair"


def test_a_job_that_was_only_paused_or_completed_shows_that_a_repair_has_started():
    paused = order_after(checked_in("08:00"), repair("paused", "08:10"), now=at("09:00"))
    completed = order_after(checked_in("08:00"), repair("completed", "08:10"), now=at("09:00"))

    assert (paused["activity"], completed["activity"]) == ("bay", "finishing")


def test_a_completed_diagnosis_whose_start_was_lost_ends_the_wait_at_the_reception():
    order = order_after(checked_in("08:00"), diagnosed("08:30"), now=at("09:00"))

    assert stages(order) == [("reception", "08:00", "08:30"), ("bay", "08:30", None)]


# Parts


@pytest.mark.parametrize("phase", ["requested", "backordered"])
def test_a_part_is_waited_for_from_the_first_that_is_heard_of_it(phase: str):
    order = order_after(checked_in("08:00"), part(phase, "08:10"), now=at("09:00"))

    assert stages(order) == [("reception", "08:00", "08:10"), ("parts", "08:10", None)]


@pytest.mark.parametrize("phase", ["fulfilled", "cancelled"])
def test_a_part_that_came_or_was_cancelled_is_waited_for_no_longer(phase: str):
    order = order_after(checked_in("08:00"), part("requested", "08:10"), part(phase, "08:40"), now=at("09:00"))

    assert order["wait_parts_s"] == 30 * 60


@pytest.mark.parametrize("settled", ["fulfilled", "cancelled"])
def test_a_part_request_that_is_settled_stays_settled(settled: str):
    order = order_after(
        checked_in("08:00"),
        part("requested", "08:10"),
        part(settled, "08:40"),
        part("requested", "08:50"),
        now=at("09:00"),
    )

    assert (order["activity"], order["wait_parts_s"]) == ("reception", 30 * 60)


def test_the_last_of_two_parts_ends_the_wait():
    order = order_after(
        checked_in("08:00"),
        part("requested", "08:10", request_id="Q1"),
        part("requested", "08:15", request_id="Q2"),
        part("fulfilled", "08:30", request_id="Q1"),
        part("fulfilled", "08:55", request_id="Q2"),
        now=at("09:00"),
    )

    assert order["wait_parts_s"] == 45 * 60


def test_a_part_ordered_before_the_check_in_is_waited_for_from_the_check_in_on():
    order = order_after(part("requested", "07:00"), checked_in("08:00"), now=at("08:10"))

    assert stages(order) == [("parts", "08:00", None)]
    assert order["lead_s"] == 10 * 60


# Approval


def test_a_quote_is_waited_for_until_any_decision_answers_it():
    yes = order_after(checked_in("08:00"), quoted("08:10"), approved("08:40"), now=at("09:00"))
    no = order_after(checked_in("08:00"), quoted("08:10"), refused("08:40"), now=at("09:00"))

    assert (yes["wait_approval_s"], yes["activity"]) == (30 * 60, "bay")
    assert (no["wait_approval_s"], no["activity"]) == (30 * 60, "pickup")


def test_a_second_quote_has_to_be_answered_again():
    order = order_after(checked_in("08:00"), quoted("08:10"), approved("08:20"), quoted("08:30"), now=at("09:00"))

    assert order["wait_approval_s"] == (10 + 30) * 60


def test_a_decision_before_the_quote_answers_nothing():
    order = order_after(checked_in("08:00"), approved("08:05"), quoted("08:10"), now=at("09:00"))

    assert order["activity"] == "approval"


def test_a_diagnosis_without_a_quote_needs_no_approval():
    assert order_after(checked_in("08:00"), diagnosed("08:10"), now=at("09:00"))["activity"] == "bay"


def test_of_the_wait_for_a_bay_what_passed_under_an_expert_or_a_shift_end_is_told_apart():
    paused = [
        checked_in("08:00"),
        repair("started", "08:00"),
        repair("paused", "08:10", pause_reason="expert"),
        repair("started", "08:30", job_id="J2"),
        repair("paused", "08:40", job_id="J2", pause_reason="shift_end"),
    ]
    running = order_after(*paused, now=at("09:00"))
    resumed = order_after(
        *paused, repair("resumed", "09:00"), repair("paused", "09:10", pause_reason="other"), handed_off("09:30")
    )

    assert (running["wait_bay_s"], running["bay_expert_s"], running["bay_shift_end_s"]) == (2400, 2400, 1200)
    assert running["paused_for"] == ["expert", "shift_end"]
    assert (resumed["wait_bay_s"], resumed["bay_expert_s"], resumed["bay_shift_end_s"]) == (3600, 2400, 2400)
    assert resumed["paused_for"] == []


def test_a_stretch_that_lasted_no_time_is_none():
    order = order_after(
        checked_in("08:00"),
        diagnosis_started("08:10"),
        diagnosed("08:10"),
        repair("started", "08:10"),
        repair("completed", "08:40"),
        repair("started", "08:40", job_id="J2"),
        repair("completed", "08:40", job_id="J2"),
        handed_off("09:00"),
    )

    assert stages(order) == [
        ("reception", "08:00", "08:10"),
        ("repair", "08:10", "08:40"),
        ("pickup", "08:40", "09:00"),
    ]
