"""Complaints and bad scores as cases: what counts as contact, resolved and reopened, in whatever order it is heard."""

import random
from typing import Any

import pytest

from fixtrail.voices.cases import VoiceCase, cases_of
from tests.workshop import complained, diagnosed, followed_up, ms, order_after, repaired_visit, surveyed


def only_case(*events: dict[str, Any]) -> VoiceCase:
    (case,) = cases_of(order_after(*repaired_visit(), *events))
    return case


def test_a_complaint_is_open_and_waits_for_a_contact_from_the_moment_it_is_heard():
    case = only_case(complained("12:00", 1, event_id="k1", severity="high"))

    assert (case.kind, case.case_id, case.opened_at, case.severity) == ("complaint", "k1", ms("12:00", 1), "high")
    assert (case.phase, case.is_open, case.is_contacted, case.contacted_at) == ("opened", True, False, None)


def test_a_follow_up_of_a_complaint_is_a_contact_and_nobody_answering_is_none():
    opened = complained("12:00", 1, event_id="k1")
    unanswered = only_case(opened, followed_up("13:00", 1, of="k1", phase="no_answer"))
    case = only_case(opened, followed_up("13:00", 1, of="k1", phase="no_answer"), followed_up("14:00", 1, of="k1"))

    assert (unanswered.is_contacted, unanswered.attempts) == (False, 1)
    assert (case.contacted_at, case.phase) == (ms("14:00", 1), "contacted")


def test_a_complaint_that_is_opened_again_waits_for_another_contact():
    case = only_case(
        complained("09:00", 1, event_id="k1"),
        complained("10:00", 1, complaint_id="k1", phase="contacted"),
        complained("11:00", 1, complaint_id="k1", phase="resolved"),
        complained("12:00", 2, complaint_id="k1", phase="reopened"),
    )

    assert (case.is_open, case.is_reopened, case.is_contacted, case.resolved_at) == (True, True, False, None)
    assert (case.contacted_at, case.asked_at) == (ms("10:00", 1), ms("12:00", 2))


def test_the_last_resolved_counts_unless_it_is_reopened_after():
    case = only_case(
        complained("09:00", 1, event_id="k1"),
        complained("10:00", 1, complaint_id="k1", phase="resolved"),
        complained("11:00", 1, complaint_id="k1", phase="reopened"),
        complained("12:00", 1, complaint_id="k1", phase="resolved"),
        complained("13:00", 1, complaint_id="k1", phase="closed"),
    )

    assert (case.resolved_at, case.is_open) == (ms("12:00", 1), False)


def test_a_further_call_about_what_is_resolved_does_not_open_it_again():
    case = only_case(
        complained("09:00", 1, event_id="k1"),
        complained("10:00", 1, complaint_id="k1", phase="resolved"),
        followed_up("11:00", 3, of="k1"),
    )

    assert (case.phase, case.is_open, case.contacted_at) == ("resolved", False, ms("10:00", 1))


@pytest.mark.parametrize(("score", "origin", "is_case"), [(6, None, True), (7, None, False), (8, "product", True)])
def test_a_bad_score_is_a_case_and_so_is_a_middling_one_where_the_product_was_at_fault(
    score: int, origin: str | None, is_case: bool
):
    events = [*repaired_visit(), surveyed("12:00", 2, event_id="s1", score=score)]
    if origin:
        events.append(diagnosed("08:30", fault_origin=origin))

    assert bool(cases_of(order_after(*events))) is is_case


def test_only_the_last_survey_counts_and_a_better_one_ends_the_case():
    bad = surveyed("12:00", 2, event_id="s1", score=2)
    worse = surveyed("12:00", 4, event_id="s2", score=1)

    assert only_case(bad, worse).case_id == "s2"
    assert cases_of(order_after(*repaired_visit(), bad, surveyed("12:00", 3, score=9))) == []
    # What was said about the first answer before the second came was no answer to the second.
    assert not only_case(bad, followed_up("12:00", 3, of="s1"), worse).is_contacted
    assert only_case(bad, worse, followed_up("12:00", 5, of="s1")).is_contacted


def test_a_contact_stamped_before_the_opening_was_at_the_opening():
    case = only_case(surveyed("12:00", 2, event_id="s1", score=2), followed_up("11:59", 2, of="s1"))

    assert (case.contacted_at, case.is_contacted) == (ms("12:00", 2), True)


def test_a_case_as_it_was_knows_nothing_of_later():
    case = only_case(complained("09:00", 1, event_id="k1"), complained("10:00", 1, complaint_id="k1", phase="closed"))

    assert (case.as_of(ms("09:30", 1)).phase, case.as_of(ms("10:00", 1)).phase) == ("opened", "closed")


def test_cases_are_the_same_in_whatever_order_their_events_come():
    events = [
        *repaired_visit(),
        complained("09:00", 1, event_id="k1"),
        complained("10:00", 1, event_id="k2", complaint_id="k1", phase="contacted"),
        complained("10:00", 1, event_id="k3", complaint_id="k1", phase="resolved"),
        followed_up("10:00", 1, of="k1", phase="no_answer"),
        surveyed("12:00", 2, event_id="s1", score=2),
        followed_up("13:00", 2, of="s1"),
    ]
    cases = cases_of(order_after(*events))

    for seed in range(20):
        shuffled = random.Random(seed).sample(events, len(events))
        assert cases_of(order_after(*shuffled)) == cases
