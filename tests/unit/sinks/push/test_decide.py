"""Who is told what, when, and why not: the decision about each message, as sentences about a customer."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.centers import Center
from schemas.opening_hours import day_began, is_open, next_day, quiet_until
from sinks.push.decide import (
    ALREADY_DELIVERED,
    ASK_AGAIN_MS,
    CAP,
    GAP,
    QUIET,
    Drop,
    Go,
    Hold,
    Policy,
    SendContext,
    decide,
)
from sinks.push.ledger.ledger import EXPIRED, HELD, RETRY, SUPERSEDED, SUPPRESSED, UNKNOWN
from sinks.push.ledger.recipients import Preference
from tests.providers.messages import CENTER, HOUR, MINUTE, a_fact, a_notice, a_send

SHANGHAI = ZoneInfo("Asia/Shanghai")
POLICY = Policy()


def at(clock: str, day: int = 2, zone: str = "Asia/Shanghai") -> int:
    """That local time on a day of March 2026."""
    hour, minute = map(int, clock.split(":"))
    return round(datetime(2026, 3, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def decided(
    clock: str,
    milestone: str = "repair_started",
    *,
    happened: int | None = None,
    later: tuple[str, ...] = (),
    shown: bool = True,
    rings: bool = True,
    now: int | None = None,
    notice: dict[str, Any] | None = None,
    fact: dict[str, Any] | None = None,
    **context: Any,
) -> Go | Hold | Drop:
    """What is decided at that time about a message that has just come; `later` milestones have followed."""
    now = at(clock) if now is None else now
    sent_notice = notice or a_notice(milestone, at=now - MINUTE if happened is None else happened)
    followed = [a_notice(name, at=sent_notice["occurred_at"] + 1) for name in later]
    state = context.pop("state", "PLANNED")
    planned_at = context.pop("planned_at", now)
    fact = fact or (a_fact("R1", sent_notice, *followed) if shown else a_fact("R1"))
    send = a_send(sent_notice, state=state, planned_at=planned_at, reason="the provider was away")
    return decide(send, sent_notice, SendContext(fact, **context), POLICY, now, interrupts=rings)


def test_by_day_a_message_goes_at_once():
    assert decided("10:00") == Go()


def test_at_night_it_waits_for_the_morning():
    assert decided("22:30", "promise_changed") == Hold(at("08:00", day=3), QUIET)
    assert decided("07:59") == Hold(at("08:00"), QUIET)
    assert decided("08:00") == Go()


def test_what_is_of_no_use_in_the_morning_is_not_told_at_all():
    assert decided("22:30", "checked_in") == Drop(SUPPRESSED, f"{QUIET} until it would have been too late")


def test_a_machine_is_never_asleep():
    assert decided("23:00", rings=False) == Go()


def test_a_car_that_is_ready_is_told_while_somebody_hands_it_over():
    night_shift = CENTER.model_copy(update={"opens": time(18), "closes": time(23)})

    assert decided("22:00", "ready", center=night_shift) == Go()
    assert isinstance(decided("22:00", "ready", center=CENTER), Hold)
    assert isinstance(decided("22:00", "ready"), Hold)
    assert isinstance(decided("22:00", "promise_changed", center=night_shift), Hold)


def test_it_is_night_where_the_customer_is():
    urumqi = Center(id="C2", name="乌鲁木齐", region="West", time_zone="Asia/Urumqi")

    assert decided("22:30", center=urumqi) == Go()
    assert decided("08:30", center=urumqi) == Hold(at("10:00"), QUIET)
    assert decided("08:30", center=urumqi, preference=Preference(time_zone="Asia/Shanghai")) == Go()


def test_two_messages_keep_their_distance():
    assert decided("10:00", messaged_at=[at("10:00") - 20_000]) == Hold(at("10:00") + 40_000, GAP)
    assert decided("10:00", messaged_at=[at("09:59")]) == Go()


def test_enough_is_enough_for_one_day():
    nine = [at("08:10") + minutes * MINUTE for minutes in range(9)]

    assert decided("12:00", messaged_at=nine) == Drop(SUPPRESSED, f"{CAP} until it would have been too late")
    assert decided("12:00", "quote_ready", messaged_at=nine) == Hold(at("00:00", day=3), CAP)
    assert decided("12:00", "ready", messaged_at=nine) == Go(), "the last one is kept for this"
    assert decided("12:00", messaged_at=[sent_at - 24 * HOUR for sent_at in nine]) == Go(), "yesterday is over"


@pytest.mark.parametrize("milestone", ["checked_in", "diagnosis_started", "repair_started", "ready", "handed_off"])
def test_a_late_event_that_only_proves_it_anew_is_not_told(milestone: str):
    """The repair is told to have begun at 10:02; then comes an event of another job that began at 10:00."""
    assert decided("10:05", milestone, delivered_events=[("E-of-before", at("10:02"))]) == Drop(
        SUPERSEDED, ALREADY_DELIVERED
    )


def test_what_happens_again_after_that_is_told():
    """Ready at 10:02, as was told; or rather at 10:00, as a late event shows; and once more at 11:00."""
    first, again = a_notice("ready", at=at("10:00")), a_notice("ready", at=at("11:00"), event_id="E-again")
    fact, delivered_events = a_fact("R1", first, again), [("E-of-before", at("10:02"))]

    assert decided("11:05", "ready", notice=first, fact=fact, delivered_events=delivered_events) == Drop(
        SUPERSEDED, ALREADY_DELIVERED
    )
    assert decided("11:05", "ready", notice=again, fact=fact, delivered_events=delivered_events) == Go()


def test_another_part_is_told_of():
    assert decided("10:05", "part_arrived", delivered_events=[("E-of-another-part", at("10:02"))]) == Go()


def test_what_happens_again_is_told_again():
    first, again = a_notice("ready", at=at("10:00")), a_notice("ready", at=at("11:00"), event_id="E-again")
    delivered_events = [(first["event_id"], first["occurred_at"])]

    assert (
        decided("11:05", "ready", notice=again, fact=a_fact("R1", first, again), delivered_events=delivered_events)
        == Go()
    )


def test_who_opted_out_is_told_nothing():
    assert decided("10:00", preference=Preference(opted_out=True)) == Drop(SUPPRESSED, "no consent: opted out")


def test_who_wants_only_some_milestones_gets_those():
    preference = Preference(milestones=frozenset({"ready"}))

    assert decided("10:00", preference=preference) == Drop(SUPPRESSED, "no consent: this milestone is not wanted")
    assert decided("10:00", "ready", preference=preference) == Go()


def test_what_a_later_milestone_made_pointless_is_not_told():
    assert decided("10:00", "diagnosis_started", later=("repair_started",)) == Drop(
        SUPERSEDED, "made pointless by a later milestone: repair_started"
    )


def test_a_quote_that_was_decided_is_not_asked_for_again():
    quote = a_notice("quote_ready", at=at("09:59"))

    assert decided("10:00", notice=quote) == Go()
    assert decided("10:00", notice=quote, fact=a_fact("R1", quote, quote_pending=False)) == Drop(
        SUPERSEDED, "the quote was decided"
    )


def test_a_car_that_is_being_worked_on_again_is_not_ready():
    ready = a_notice("ready", at=at("09:50"))

    assert decided("10:00", notice=ready, fact=a_fact("R1", ready, activity="repair")) == Drop(
        SUPERSEDED, "the car is being worked on again"
    )


def test_a_journey_may_come_a_moment_after_its_notice():
    assert decided("10:00", shown=False) == Hold(
        at("10:00") + ASK_AGAIN_MS[0], "its journey is not here yet", "PLANNED"
    )
    assert decided("10:00", shown=False, planned_at=at("09:58")) == Hold(
        at("10:00") + 30_000, "its journey is not here yet", "PLANNED"
    )
    assert decided("10:00", shown=False, planned_at=at("09:50")) == Drop(
        SUPERSEDED, "taken back: the events as they are now do not show it"
    )


def test_what_is_too_old_is_not_told():
    old = at("10:00") - 7 * HOUR

    assert decided("10:00", happened=old) == Drop(EXPIRED, "already too old when it came")
    assert decided("10:00", happened=old, planned_at=old) == Drop(EXPIRED, "too old before its turn came")
    assert decided("10:00", happened=old, planned_at=old, state=HELD) == Drop(
        EXPIRED, "too old in the end: the provider was away"
    )


@pytest.mark.parametrize(
    "context_fields",
    [{"preference": Preference(opted_out=True)}, {"later": ("ready",)}, {"happened": at("10:00") - 8 * HOUR}],
)
def test_what_may_have_been_taken_and_is_not_to_be_sent_again_stays_unknown(context_fields: dict[str, Any]):
    verdict = decided("10:00", state=RETRY, rings=False, **context_fields)

    assert isinstance(verdict, Drop)
    assert verdict.state == UNKNOWN


def test_what_is_tried_again_at_night_waits_as_what_it_is():
    assert decided("22:30", "promise_changed", state=RETRY) == Hold(at("08:00", day=3), QUIET, RETRY)


# The hours themselves

clocks = st.times().map(lambda clock: clock.replace(microsecond=0, fold=0))
zones = st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"])
instants = st.integers(min_value=1_700_000_000_000, max_value=1_900_000_000_000)


@given(instants, zones, clocks, clocks)
def test_quiet_hours_end_and_then_it_is_not_quiet(now: int, zone: str, begins: time, ends: time):
    until = quiet_until(now, ZoneInfo(zone), begins, ends)

    assert until is None or now < until <= now + 26 * HOUR
    if until is not None and "Lord" not in zone:
        assert quiet_until(until, ZoneInfo(zone), begins, ends) is None or begins > ends


@given(instants, zones)
def test_a_day_begins_before_it_ends(now: int, zone: str):
    began, ends = day_began(now, ZoneInfo(zone)), next_day(now, ZoneInfo(zone))

    assert began <= now < ends
    assert 22 * HOUR < ends - began < 26 * HOUR


def test_no_quiet_hours_are_quiet_never():
    assert quiet_until(at("03:00"), SHANGHAI, time(0), time(0)) is None


def test_quiet_hours_may_lie_within_a_day():
    assert quiet_until(at("13:00"), SHANGHAI, time(12), time(14)) == at("14:00")
    assert quiet_until(at("15:00"), SHANGHAI, time(12), time(14)) is None


def test_a_center_is_open_on_its_days():
    weekdays_only = CENTER.model_copy(update={"weekdays": (1, 2, 3, 4, 5)})

    assert is_open(at("10:00", day=2), weekdays_only)
    assert not is_open(at("10:00", day=1), weekdays_only)
    assert not is_open(at("19:00", day=2), weekdays_only)


def test_the_night_when_clocks_are_put_forward_still_ends():
    berlin = ZoneInfo("Europe/Berlin")

    assert quiet_until(at("01:00", day=29, zone="Europe/Berlin"), berlin, time(21), time(8)) == at(
        "08:00", day=29, zone="Europe/Berlin"
    )


def test_a_proof_of_what_the_center_has_told_already_is_no_news():
    ready = a_notice("ready", at=at("10:00") - MINUTE)
    without_proof = ("finishing:1", ready["occurred_at"] - 20 * MINUTE)

    assert decided("10:00", notice=ready, delivered_events=[without_proof]) == Drop(SUPERSEDED, ALREADY_DELIVERED)
    assert decided("10:00", notice=ready) == Go()


def test_ready_once_more_after_further_work_is_news():
    first = a_notice("ready", at=at("09:00"), event_id="first")
    second = a_notice("ready", at=at("10:00") - MINUTE, event_id="second")
    delivered_events = [("finishing:1", at("08:30"))]

    assert decided("10:00", notice=second, fact=a_fact("R1", first, second), delivered_events=delivered_events) == Go()
