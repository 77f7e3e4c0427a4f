"""What is going on with the car at each instant: the activities of CONTRACT section 2 and which comes first."""

from itertools import combinations

import pytest

from tests.workshop import (
    approved,
    at,
    called_off,
    check_failed,
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


# Pickup and ready


def test_the_car_is_ready_when_a_job_is_completed_and_nothing_else_is_left():
    order = order_after(
        checked_in("08:00"), repair("started", "08:10"), repair("completed", "08:40"), handed_off("09:00")
    )

    assert stages(order)[-1] == ("pickup", "08:40", "09:00")
    assert order["ready_at"] == order["stages"][-1]["started_at"]


def test_a_customer_who_refuses_can_fetch_the_car():
    order = order_after(checked_in("08:00"), quoted("08:10"), refused("08:40"), handed_off("09:00"))

    assert stages(order)[-1] == ("pickup", "08:40", "09:00")


def test_a_refusal_taken_back_makes_the_car_wait_for_a_bay_again():
    order = order_after(checked_in("08:00"), quoted("08:10"), refused("08:20"), approved("08:30"), now=at("09:00"))

    assert stages(order)[1:] == [("approval", "08:10", "08:20"), ("bay", "08:20", None)]
    assert order["ready_at"] is None


def test_a_paused_job_holds_the_pickup_back():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10", job_id="J1"),
        repair("paused", "08:20", job_id="J1"),
        repair("started", "08:20", job_id="J2"),
        repair("completed", "08:50", job_id="J2"),
        now=at("09:00"),
    )

    assert (order["activity"], order["ready_at"]) == ("bay", None)


def test_a_failed_check_holds_the_pickup_back_until_a_repair_is_started_on_it():
    before = [checked_in("08:00"), repair("started", "08:10"), repair("completed", "08:40"), check_failed("08:50")]
    after = [repair("started", "09:00", job_id="J2"), repair("completed", "09:20", job_id="J2")]

    assert order_after(*before, now=at("08:55"))["activity"] == "bay"
    assert order_after(*before, repair("resumed", "09:00"), repair("completed", "09:20"))["activity"] == "bay"
    assert order_after(*before, *after)["activity"] == "finishing"
    assert order_after(*before, *after, check_passed("09:30"))["activity"] == "pickup"


def test_only_the_last_stretch_of_pickup_is_pickup():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10"),
        repair("completed", "08:40"),
        check_started("09:00"),
        check_passed("09:15"),
        handed_off("10:00"),
    )

    assert stages(order) == [
        ("reception", "08:00", "08:10"),
        ("repair", "08:10", "08:40"),
        ("bay", "08:40", "09:00"),
        ("quality", "09:00", "09:15"),
        ("pickup", "09:15", "10:00"),
    ]
    assert (order["wait_bay_s"], order["pickup_s"]) == (20 * 60, 45 * 60)


def test_an_earlier_pickup_joins_the_wait_for_a_bay_beside_it():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10"),
        repair("completed", "08:40"),
        repair("paused", "09:00"),
        repair("completed", "09:30"),
        handed_off("10:00"),
    )

    assert stages(order)[2:] == [("bay", "08:40", "09:30"), ("pickup", "09:30", "10:00")]


def test_a_car_that_is_worked_on_again_was_not_ready():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10"),
        repair("completed", "08:40"),
        said_ready("08:50"),
        repair("started", "09:00", job_id="J2"),
        now=at("09:30"),
    )

    assert stages(order)[1:] == [("repair", "08:10", "08:40"), ("bay", "08:40", "09:00"), ("repair", "09:00", None)]
    assert (order["activity"], order["pickup_s"], order["wait_bay_s"]) == ("repair", 0, 20 * 60)
    assert order["ready_at"] is None


def test_work_that_is_done_is_finishing_until_somebody_says_that_the_car_is_ready():
    done = [checked_in("08:00"), repair("started", "08:10"), repair("completed", "08:40")]
    open_order = order_after(*done, now=at("09:00"))

    assert (open_order["activity"], open_order["finishing_s"], open_order["ready_at"]) == ("finishing", 20 * 60, None)
    for proof in (said_ready("08:50"), check_passed("08:50"), refused("08:50")):
        order = order_after(*done, proof, now=at("09:00"))
        assert stages(order)[2:] == [("bay", "08:40", "08:50"), ("pickup", "08:50", None)]
        assert (order["finishing_s"], order["ready_at"]) == (0, order["stages"][3]["started_at"])


def test_work_after_the_proof_needs_another_one():
    done = [checked_in("08:00"), repair("completed", "08:40"), said_ready("08:50")]

    assert order_after(*done, diagnosed("08:55"), now=at("09:00"))["activity"] == "finishing"
    assert order_after(*done, diagnosed("08:55"), said_ready("08:56"), now=at("09:00"))["activity"] == "pickup"


def test_the_close_shows_that_a_car_in_finishing_was_ready():
    done = [checked_in("08:00"), repair("started", "08:10"), repair("completed", "08:40", event_id="done")]

    for closing in (handed_off("09:00"), called_off("09:00")):
        order = order_after(*done, closing)
        assert stages(order)[2:] == [("pickup", "08:40", "09:00")]
        assert (order["pickup_s"], order["finishing_s"], order["ready_at"]) == (
            20 * 60,
            0,
            order["closed_at"] - 1_200_000,
        )


def test_a_car_handed_off_from_anything_else_was_ready_at_the_handoff():
    waiting = [checked_in("08:00", promised="08:30"), part("requested", "08:10")]

    assert (
        order_after(*waiting, handed_off("09:00"))["ready_at"]
        == order_after(*waiting, handed_off("09:00"))["closed_at"]
    )
    assert order_after(*waiting, called_off("09:00"))["ready_at"] is None


def test_the_word_ready_without_any_work_done_is_no_pickup():
    assert order_after(checked_in("08:00"), said_ready("08:10"), now=at("09:00"))["activity"] == "reception"


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


def test_a_car_ready_in_the_moment_of_the_handoff_was_ready():
    order = order_after(
        checked_in("08:00"), repair("started", "08:10"), repair("completed", "09:00"), handed_off("09:00")
    )

    assert (order["ready_at"], order["pickup_s"]) == (order["closed_at"], 0)
    assert stages(order)[-1] == ("pickup", "09:00", "09:00")


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
