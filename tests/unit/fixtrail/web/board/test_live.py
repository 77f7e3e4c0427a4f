"""Live figures are the contract's at now; the board says who waits, what is late and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.web.accounts.users import person_of
from fixtrail.web.board.board import Thresholds, board
from fixtrail.web.board.board_filter import BoardFilter, filter_of, visible_centers
from fixtrail.web.board.live import TIMES, times_at
from schemas.centers import Center
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from streams.journey.batch import journey_facts
from tests.histories import histories
from tests.workshop import (
    Sent,
    approved,
    checked_in,
    diagnosed,
    diagnosis_started,
    event_of,
    facts_after,
    handed_off,
    ms,
    part,
    quoted,
    repair,
    said_ready,
)

MINUTE = 60_000


def journeys(*events: Sent) -> list[JourneyFact]:
    return [JourneyFact.model_validate(fact) for fact in facts_after(*events).values()]


@given(histories(), st.integers(-30, 600))
def test_live_figures_are_those_of_the_contract_at_any_now(events, minutes):
    """CONTRACT section 2: the live figures are the same at now, and a closed order's do not move."""
    decoded = [event_of(event) for event in events]
    now = ms("08:00") + minutes * MINUTE + 1
    at_now = {OrderKey.of(fact): fact for fact in journey_facts(decoded, now)}
    for fact in journey_facts(decoded):
        live = times_at(JourneyFact.model_validate(fact), now)
        stated = at_now[OrderKey.of(fact)]
        assert {name: live[name] for name in TIMES} == pytest.approx({name: stated[name] for name in TIMES})


def test_a_wait_that_runs_grows_by_the_second():
    fact = journeys(checked_in("08:00"), diagnosis_started("08:10"), quoted("08:25"))[0]
    assert times_at(fact, ms("08:40"))["wait_s"] == (10 + 15) * 60
    assert times_at(fact, ms("08:40") + 1000)["wait_approval_s"] == 15 * 60 + 1
    assert times_at(fact, ms("08:40"))["lead_s"] == 40 * 60


def board_of(*events: Sent, now: str, centers: tuple[str | None, ...] = ("C1",), choice: BoardFilter | None = None):
    return board(journeys(*events), ms(now), Thresholds(), centers, choice)


def test_customers_who_wait_are_listed_longest_first_and_those_being_served_are_not():
    view = board_of(
        checked_in("08:00", order_id="R1", vehicle_id="V1"),
        checked_in("07:00", order_id="R2", vehicle_id="V2"),
        checked_in("06:00", order_id="R3", vehicle_id="V3"),
        diagnosis_started("06:10", order_id="R3", vehicle_id="V3"),
        checked_in("05:00", order_id="R4", vehicle_id="V4"),
        handed_off("06:00", order_id="R4", vehicle_id="V4"),
        now="08:30",
    )
    assert [(order.order_id, order.wait_s) for order in view.waiting] == [("R2", 90 * 60), ("R1", 30 * 60)]
    assert view.open == 3
    assert {name: n for name, n in view.by_activity.items() if n} == {"reception": 2, "diagnosis": 1}
    assert (view.centers[0].waiting, view.centers[0].longest_s) == (2, 90 * 60)


def test_a_quick_lane_order_is_at_risk_from_ten_minutes_on_and_late_after_fifteen():
    quick = checked_in("08:00", lane="quick")
    assert not board_of(quick, now="08:09").quick
    assert [due.late for due in board_of(quick, now="08:10").quick] == [False]
    assert [due.late for due in board_of(quick, now="08:15").quick] == [False]
    assert [due.late for due in board_of(quick, now="08:15:01").quick] == [True]
    done = [repair("started", "08:02"), repair("completed", "08:12"), said_ready("08:13")]
    assert not board_of(quick, *done, now="08:20").quick


def test_a_promise_is_at_risk_half_an_hour_before_and_broken_after_it():
    promised = checked_in("08:00", promised="10:00")
    assert not board_of(promised, now="09:29").promises
    assert [due.late for due in board_of(promised, now="09:30").promises] == [False]
    assert [due.late for due in board_of(promised, now="10:00:01").promises] == [True]
    ready = [repair("started", "08:30"), repair("completed", "09:40"), said_ready("09:45")]
    assert not board_of(promised, *ready, now="11:00").promises


def test_emergency_parts_run_until_they_are_there_and_stock_outs_say_since_when():
    requested = [checked_in("08:00"), part("requested", "08:30", urgency="emergency")]
    view = board_of(*requested, part("backordered", "08:31", expected_at="2026-03-02T11:00:00+00:00"), now="10:31")
    assert [(due.part.part_no, due.late) for due in view.emergencies] == [("P-1", True)]
    assert [(out.part_no, out.since, out.expected_at) for _, out in view.stockouts] == [
        ("P-1", ms("08:31"), ms("11:00"))
    ]
    assert view.centers[0].late == 1
    arrived = board_of(*requested, part("fulfilled", "09:00"), now="10:31")
    assert not arrived.emergencies
    assert not arrived.stockouts


def test_an_order_without_check_in_is_counted_and_waits_nowhere():
    view = board_of(diagnosis_started("08:00"), now="09:00")
    assert (view.open, view.without_check_in, list(view.waiting)) == (1, 1, [])


def test_an_order_without_any_event_for_thirty_days_is_told_apart_and_waits_nowhere():
    events = [checked_in("08:00"), checked_in("08:00", day=1, order_id="R2", vehicle_id="V2")]
    facts = [JourneyFact.model_validate(fact) for fact in facts_after(*events).values()]
    view = board(facts, ms("08:00", 30) + 1, Thresholds(), ["C1"])

    assert (view.open, view.never_closed, [order.order_id for order in view.waiting]) == (1, 1, ["R2"])
    assert board(facts, ms("08:00", 30), Thresholds(), ["C1"]).never_closed == 0
    assert view.centers[0].open == 1


def test_the_lane_that_is_chosen_is_the_only_one_counted():
    both = [checked_in("08:00"), checked_in("08:00", order_id="R2", vehicle_id="V2", lane="quick")]
    assert board_of(*both, now="08:20", choice=BoardFilter(lane="quick")).open == 1
    assert board_of(*both, now="08:20").open == 2


@given(histories(), st.integers(0, 300))
def test_the_centers_add_up_to_the_whole(events, minutes):
    facts = [JourneyFact.model_validate(fact) for fact in facts_after(*events).values()]
    centers = sorted({fact.center_id for fact in facts}, key=str)
    view = board(facts, ms("08:00") + minutes * MINUTE, Thresholds(), centers)
    assert (
        view.open
        == sum(center.open for center in view.centers)
        == sum(view.by_activity.values()) + view.without_check_in
    )
    assert len(view.waiting) == sum(center.waiting for center in view.centers)
    assert len(view.quick) == sum(center.quick[0] for center in view.centers)


CENTERS = {
    center.id: center
    for center in (
        Center(id="east-01", name="浦东", region="East", wave=1),
        Center(id="east-02", name="闵行", region="East", wave=2),
        Center(id="west-01", name="高新", region="West", wave=2),
    )
}
CHIEF = person_of("chief", "admin", ["*"])


def seen_by(person, choice=BoardFilter(), further=("new-01", None)):  # noqa: B008
    return visible_centers(choice, person, CENTERS, further)


def test_a_filter_picks_centers_by_region_wave_and_id():
    assert seen_by(CHIEF) == ["east-01", "east-02", "west-01", "new-01", None]
    assert seen_by(CHIEF, BoardFilter(region="East")) == ["east-01", "east-02"]
    assert seen_by(CHIEF, BoardFilter(wave=2)) == ["east-02", "west-01"]
    assert seen_by(CHIEF, BoardFilter(region="East", wave=2)) == ["east-02"]
    assert seen_by(CHIEF, BoardFilter(center="new-01")) == ["new-01"]


def test_whoever_may_see_some_centers_finds_no_other_by_any_filter():
    lin = person_of("lin", "manager", ["east-01", "new-01"])
    assert seen_by(lin) == ["east-01", "new-01"]
    assert seen_by(lin, BoardFilter(wave=2)) == []
    assert seen_by(lin, BoardFilter(center="west-01")) == []


choices = st.builds(
    BoardFilter,
    region=st.none() | st.text(min_size=1, max_size=8),
    wave=st.none() | st.integers(0, 99),
    center=st.none() | st.text(min_size=1, max_size=8),
    lane=st.sampled_from([None, "quick", "standard"]),
    wall=st.booleans(),
)


@given(choices)
def test_a_filter_survives_its_address(choice):
    from urllib.parse import parse_qsl

    assert filter_of(dict(parse_qsl(choice.query().removeprefix("?")))) == choice


def test_an_approved_quote_ends_the_wait_for_it():
    events = [checked_in("08:00"), diagnosis_started("08:01"), diagnosed("08:02"), quoted("08:03"), approved("08:20")]
    assert [order.activity for order in board_of(*events, now="08:30").waiting] == ["bay"]
