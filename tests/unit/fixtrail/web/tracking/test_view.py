"""What a customer sees of a visit at each moment, and that nothing is shown that no event proves."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.web.tracking.view import QUIET_AFTER_MS, JourneyView, journey_view
from schemas.facts import JourneyFact
from schemas.times import MINUTE_MS
from tests.workshop import (
    approved,
    called_off,
    check_failed,
    check_started,
    checked_in,
    diagnosis_started,
    handed_off,
    ms,
    order_after,
    part,
    quoted,
    refused,
    repair,
    said_ready,
    surveyed,
)

ARRIVED = [checked_in("08:00", promised="12:00")]
QUOTED = [*ARRIVED, diagnosis_started("08:20"), quoted("08:40")]
AGREED = [*QUOTED, approved("09:00")]
ORDERED = [*AGREED, part("requested", "09:05"), part("backordered", "09:10", expected_at="2026-03-02T13:00:00Z")]
FINISHED = [*AGREED, repair("started", "09:10"), repair("completed", "10:00")]
REPAIRED = [*FINISHED, said_ready("10:00")]
DONE = [*REPAIRED, handed_off("11:00", amount=780)]


def fact_after(events: list[dict[str, Any]]) -> JourneyFact:
    return JourneyFact.model_validate(order_after(*events))


def view_after(events: list[dict[str, Any]], clock: str = "12:30") -> JourneyView:
    return journey_view(fact_after(events), ms(clock))


def steps(view: JourneyView) -> dict[str, str]:
    return {step.name: step.state for step in view.steps}


@pytest.mark.parametrize(
    ("events", "name", "since"),
    [
        (ARRIVED, "reception", "08:00"),
        ([*ARRIVED, diagnosis_started("08:20")], "diagnosis", "08:20"),
        (QUOTED, "approval", "08:40"),
        (AGREED, "bay", "09:00"),
        (ORDERED, "parts", "09:05"),
        ([*AGREED, repair("started", "09:10")], "repair", "09:10"),
        (FINISHED, "finishing", "10:00"),
        (REPAIRED, "pickup", "10:00"),
        ([*REPAIRED, check_started("10:05")], "quality", "10:05"),
        (DONE, "handed_off", "11:00"),
        ([*ARRIVED, called_off("08:30")], "cancelled", "08:30"),
    ],
)
def test_what_is_going_on_is_told_with_its_beginning(events, name, since):
    now = view_after(events).now

    assert (now.name, now.since) == (name, ms(since))


def test_a_failed_check_is_an_extra_check_until_a_repair_begins():
    failed = [*REPAIRED, check_started("10:05"), check_failed("10:20")]

    assert view_after(failed).now.name == "extra_check"
    assert view_after([*failed, repair("started", "10:30")]).now.name == "repair"


def test_parts_are_expected_when_all_of_them_are_told_for():
    assert view_after(ORDERED).now.expected_at == ms("13:00")
    assert view_after([*ORDERED, part("requested", "09:20", request_id="Q2")]).now.expected_at is None


def test_steps_ahead_are_those_that_no_event_has_proven():
    view = view_after(QUOTED)

    assert steps(view) == {
        "checked_in": "done",
        "diagnosis": "done",
        "quote": "now",
        "repair": "ahead",
        "ready": "ahead",
        "handed_off": "ahead",
    }


def test_a_step_passed_over_without_an_event_is_left_out():
    view = view_after([*ARRIVED, repair("started", "09:00")])

    assert steps(view) == {"checked_in": "done", "repair": "now", "ready": "ahead", "handed_off": "ahead"}


def test_a_car_that_was_called_ready_too_soon_is_not_ready():
    again = [*REPAIRED, check_started("10:05"), check_failed("10:20"), repair("started", "10:30")]
    view = view_after(again)

    assert steps(view)["ready"] == "ahead"
    assert "ready" not in [step.name for step in view.happened]
    assert view.promise is not None and view.promise.ready_at is None


def test_a_running_wait_grows_and_the_others_stand_still():
    first, later = view_after(ORDERED, "10:00"), view_after(ORDERED, "10:30")

    assert {wait.cause: (wait.seconds, wait.runs) for wait in first.waits} == {
        "reception": (20 * 60, False),
        "approval": (20 * 60, False),
        "parts": (55 * 60, True),
        "bay": (5 * 60, False),
    }
    assert later.waited_s - first.waited_s == 30 * 60


def test_changes_of_the_promise_are_all_told_and_the_last_one_holds():
    view = view_after([*ORDERED, checked_in("09:12", promised="14:00")])

    assert view.promise is not None
    assert (view.promise.at, view.promise.late_from) == (ms("14:00"), ms("14:00"))
    assert view.promise.promises == ((ms("08:00"), ms("12:00")), (ms("09:12"), ms("14:00")))


def test_ready_in_time_keeps_the_promise():
    assert view_after(REPAIRED).promise.is_kept is True
    assert (
        view_after(
            [*ARRIVED, repair("started", "11:00"), repair("completed", "12:10"), said_ready("12:10")]
        ).promise.is_kept
        is False
    )
    assert view_after(FINISHED).promise.is_kept is None


def test_a_quote_waits_for_its_answer_and_then_shows_it():
    assert view_after(QUOTED).quoted.answer == "pending"
    assert view_after(AGREED).quoted.answer == "approved"
    assert view_after([*QUOTED, refused("09:00")]).quoted.answer == "declined"
    assert view_after([*QUOTED, called_off("09:00")]).quoted is None


@pytest.mark.parametrize(("paid", "verdict"), [(769.9, "same"), (777, "same"), (780, "more"), (700, "less")])
def test_the_price_is_held_against_what_was_approved(paid, verdict):
    assert view_after([*REPAIRED, handed_off("11:00", amount=paid)]).price.verdict == verdict


def test_the_page_says_itself_when_there_is_no_news():
    assert view_after(ORDERED).quiet_from == ms("09:10") + QUIET_AFTER_MS
    assert view_after(REPAIRED).quiet_from is None
    assert view_after(DONE).quiet_from is None


def test_the_survey_is_asked_once_after_the_handover():
    assert not view_after(REPAIRED).may_rate
    assert view_after(DONE).may_rate
    rated = view_after([*DONE, surveyed("11:30", score=9)])
    assert (rated.may_rate, rated.score) == (False, 9)


def test_nothing_has_lasted_less_than_no_time_where_clocks_differ():
    view = journey_view(fact_after(ORDERED), ms("08:00"))

    assert all(wait.seconds >= 0 for wait in view.waits)


@given(st.integers(0, 2**32), st.integers(0, 600))
def test_every_step_and_line_is_proven_by_an_event_at_that_time(seed, minutes):
    """Whatever part of the events has come, in whatever order: all times shown are times of events."""
    every = [
        *ORDERED,
        part("fulfilled", "10:40"),
        repair("started", "10:45"),
        repair("completed", "11:30"),
        check_started("11:35"),
        check_failed("11:40"),
        repair("started", "11:45"),
        repair("completed", "12:00"),
        said_ready("12:30"),
        handed_off("13:00", amount=780),
    ]
    draw = random.Random(seed)
    events = draw.sample(every, draw.randint(1, len(every)))
    fact = fact_after(events)
    view = journey_view(fact, ms("08:00") + minutes * MINUTE_MS)
    times = {ms(event["occurred_at"][11:19]) for event in events}

    assert {step.at for step in view.steps if step.at is not None} <= times
    assert {step.at for step in view.happened} <= times
    assert view.now.since is None or view.now.since in times
    assert all((step.at is None) is (step.state == "ahead") for step in view.steps)
    assert sum(step.state == "now" for step in view.steps) <= 1
    assert "fail" not in " ".join(step.name for step in view.happened)
