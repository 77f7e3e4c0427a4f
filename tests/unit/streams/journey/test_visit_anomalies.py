"""What is odd about an order is counted and shown, never hidden: CONTRACT section 5."""

import pytest

from tests.workshop import (
    Sent,
    called_off,
    checked_in,
    complained,
    diagnosed,
    handed_off,
    order_after,
    part,
    repair,
    repaired_visit,
    sent,
    surveyed,
)


def anomalies(*events: Sent) -> list[str]:
    return order_after(*events)["anomalies"]


def test_an_ordinary_visit_shows_none():
    assert anomalies(*repaired_visit(), surveyed("12:00", 2), complained("12:00", 3)) == []


def test_an_order_without_a_check_in():
    assert anomalies(diagnosed("08:10"), handed_off("09:00")) == ["missing_check_in"]


def test_surveys_and_complaints_alone_are_no_visit():
    order = order_after(surveyed("08:10", score=3), complained("08:20", 2))

    assert (order["is_visit"], order["anomalies"], order["score"]) == (False, ["missing_check_in"], 3)
    assert order["center_id"] is not None


def test_an_appointment_alone_is_no_visit_yet():
    booked = sent("appointment", "08:10", phase="booked", starts_at="2026-03-02T09:00:00Z")

    assert (order_after(booked)["is_visit"], order_after(booked)["anomalies"]) == (False, [])
    assert order_after(booked, checked_in("09:00"))["is_visit"]


def test_a_repair_beside_a_survey_is_a_visit_without_a_check_in():
    order = order_after(surveyed("08:10", score=3), repair("started", "08:20"))

    assert (order["is_visit"], order["anomalies"]) == (True, ["missing_check_in"])


@pytest.mark.parametrize(
    "after",
    [
        handed_off("12:00"),
        called_off("12:00"),
        checked_in("12:00"),
        repair("started", "12:00"),
        diagnosed("12:00"),
        part("fulfilled", "12:00"),
        sent("quote_decision", "12:00", approved=True),
        sent("quality_check", "12:00", passed=True),
    ],
    ids=lambda event: event["type"],
)
def test_whatever_happens_after_the_close_but_a_survey_or_a_complaint(after: Sent):
    assert anomalies(*repaired_visit(), after) == ["activity_after_close"]


def test_activity_after_the_close_changes_nothing_else():
    visit = repaired_visit("brakes")
    before, after = (
        order_after(*visit),
        order_after(*visit, repair("started", "12:00"), diagnosed("12:30", 0, "screen")),
    )
    # That a repair was started again is no first-time fix.
    unchanged = before.keys() - {"anomalies", "event_count", "last_event_at", "version", "ftf", "ftf_cause"}

    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}


@pytest.mark.parametrize(
    "before", [part("requested", "07:59:59.999"), complained("07:00"), handed_off("07:00")], ids=lambda e: e["type"]
)
def test_anything_stamped_before_the_check_in(before: Sent):
    assert anomalies(checked_in("08:00"), before) == ["negative_gap"]


def test_an_event_in_the_same_millisecond_as_the_check_in_is_not_before_it():
    assert anomalies(diagnosed("08:00", event_id="a"), checked_in("08:00", event_id="b")) == []


def test_an_earlier_check_in_is_the_check_in():
    assert anomalies(checked_in("08:00"), checked_in("07:00"), diagnosed("07:30")) == []


def test_several_at_once_are_sorted():
    events = [handed_off("07:00"), checked_in("08:00"), handed_off("09:00"), repair("started", "10:00")]

    assert anomalies(*events) == ["activity_after_close", "negative_gap"]
