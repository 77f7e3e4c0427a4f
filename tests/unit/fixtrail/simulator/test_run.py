"""The simulated workshops: what they send, and that the same run is always the same."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, get_args

import orjson
import pytest

from fixtrail.simulator.feed import Event
from fixtrail.simulator.identity import with_check_digit
from fixtrail.simulator.run import simulate, workshops
from fixtrail.simulator.scenario import Scenario, load_scenario
from fixtrail.simulator.stock import erlang_loss, level_for
from fixtrail.simulator.visit import SimulatedVisit
from fixtrail.simulator.voice import Experience
from fixtrail.simulator.workshop import Workshop
from schemas.events import EVENT_TYPES, SERVICE_EVENT, ComplaintPhase, Quote, QuotedLabour, QuotedPart
from schemas.order_key import OrderKey
from streams.journey.batch import journey_facts
from tests.oracle import orders_of
from tests.paths import ROOT

CHINA = timezone(timedelta(hours=8))
MONDAY = datetime(2026, 7, 6, tzinfo=CHINA)
ANOMALIES = {"missing_check_in", "activity_after_close", "center_changed", "negative_gap"}


def story(**changes: dict[str, Any]) -> Scenario:
    """The owner's story with some tables changed."""
    scenario = load_scenario("owners-story")
    tables = {name: getattr(scenario, name).model_copy(update=table) for name, table in changes.items()}
    return scenario.model_copy(update=tables)


def events_of(scenario: Scenario, days: int, centers: int, seed: int = 1, start: datetime = MONDAY) -> list[Event]:
    return [event for _, event in simulate(scenario, seed, days, centers, start)]


@pytest.fixture(scope="module")
def two_weeks() -> list[tuple[datetime, Event]]:
    return list(simulate(load_scenario("owners-story"), 1, 14, 6, MONDAY))


def test_every_event_type_is_sent_and_every_event_is_valid(two_weeks: list[tuple[datetime, Event]]) -> None:
    for _, event in two_weeks:
        SERVICE_EVENT.validate_json(orjson.dumps(event))

    assert {event["type"] for _, event in two_weeks} == set(EVENT_TYPES)


def test_every_field_of_the_contract_is_sent(two_weeks: list[tuple[datetime, Event]]) -> None:
    sent = {(event["type"], name) for _, event in two_weeks for name in event}
    quotes = [event["quote"] for _, event in two_weeks if "quote" in event]

    assert sent == {(kind, name) for kind, model in EVENT_TYPES.items() for name in model.model_fields}
    assert {name for quote in quotes for name in quote} == set(Quote.model_fields)
    assert {name for quote in quotes for line in quote["parts"] for name in line} == set(QuotedPart.model_fields)
    assert {name for quote in quotes for line in quote["labour"] for name in line} == set(QuotedLabour.model_fields)


@pytest.fixture(scope="module")
def clean_week() -> list[Event]:
    """A week without anomalies: every event arrives when it happens."""
    clean = dict.fromkeys(ANOMALIES | {"duplicate", "late", "lost_phase", "delay_s"}, 0.0)
    return events_of(story(anomalies=clean), 7, 3)


def test_the_lines_of_a_quote_add_up_and_are_the_ones_decided_on(clean_week: list[Event]) -> None:
    lines: dict[str, list[str]] = {}
    for event in clean_week:
        if quote := event.get("quote"):
            hours = sum(item["hours"] for item in quote["labour"])
            assert hours == pytest.approx(quote["labour_hours"])
            lines[event["order_id"]] = [line["line_id"] for line in (*quote["labour"], *quote["parts"])]
        if decided := event.get("lines"):
            assert decided == lines[event["order_id"]]


def test_ready_is_said_when_the_work_is_done_and_nothing_but_voices_come_after_the_close(
    clean_week: list[Event],
) -> None:
    last: dict[str, str] = {}
    for event in clean_week:
        before = last.get(event["order_id"])
        if event["type"] == "ready":
            assert before in {"repair", "quality_check", "check_in"}
        if event["type"] not in {"survey", "complaint", "follow_up"}:
            assert before not in {"handoff", "cancellation"}
            last[event["order_id"]] = event["type"]
    sent = Counter(event["type"] for event in clean_week)

    assert sent["ready"] > 0.6 * sent["handoff"]


def test_every_phase_and_pause_of_the_contract_is_sent() -> None:
    events = events_of(load_scenario("owners-story"), days=42, centers=4)
    phases = {(event["type"], event["phase"]) for event in events if "phase" in event}
    pauses = {event["pause_reason"] for event in events if "pause_reason" in event}

    assert phases == {
        *(("diagnosis", phase) for phase in ("started", "completed")),
        *(("part_request", phase) for phase in ("requested", "backordered", "fulfilled", "cancelled")),
        *(("repair", phase) for phase in ("started", "paused", "resumed", "completed")),
        *(("quality_check", phase) for phase in ("started", "completed")),
        *(("expert", phase) for phase in ("requested", "joined", "resolved", "closed")),
        *(("complaint", phase) for phase in get_args(ComplaintPhase)),
        *(("follow_up", phase) for phase in ("contacted", "no_answer", "resolved")),
        *(("appointment", phase) for phase in ("booked", "moved", "cancelled")),
    }
    assert pauses == {"parts", "approval", "expert", "shift_end"}


def test_events_come_in_order_of_arrival_and_nothing_is_stamped_after_it(
    two_weeks: list[tuple[datetime, Event]],
) -> None:
    end = MONDAY + timedelta(days=14)

    assert all(earlier[0] <= later[0] for earlier, later in pairwise(two_weeks))
    assert all(datetime.fromisoformat(event["occurred_at"]) <= arrived < end for arrived, event in two_weeks)


def test_an_event_sent_twice_is_the_same_event(two_weeks: list[tuple[datetime, Event]]) -> None:
    first: dict[str, Event] = {}
    for _, event in two_weeks:
        assert first.setdefault(event["event_id"], event) == event

    assert 1.005 < len(two_weeks) / len(first) < 1.02


def test_another_process_with_another_hash_seed_makes_the_same_run() -> None:
    code = (
        "import hashlib, sys; from datetime import datetime; from fixtrail.simulator.run import simulate;"
        "from fixtrail.simulator.scenario import load_scenario;"
        "run = simulate(load_scenario('default'), 7, 2, 3, datetime.fromisoformat('2026-07-06T00:00:00+08:00'));"
        "print(hashlib.sha256(repr(list(run)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "4711")
    }

    assert len(digests) == 1


def test_a_further_center_changes_none_of_the_others() -> None:
    scenario = load_scenario("owners-story")
    three, four = events_of(scenario, 4, 3), events_of(scenario, 4, 4)
    fourth = scenario.center[3].id

    assert [event for event in four if f"-{fourth}-" not in event["order_id"]] == three
    assert len(four) > len(three)


def test_more_days_only_add_to_the_run() -> None:
    scenario = load_scenario("owners-story")
    short, long = events_of(scenario, 2, 3), events_of(scenario, 4, 3)

    assert long[: len(short)] == short


def test_centers_past_the_list_are_invented() -> None:
    events = events_of(load_scenario("quiet-day"), days=1, centers=8)

    assert {"more-007", "more-008"} <= {event["center_id"] for event in events}


def test_two_runs_never_share_an_order_or_a_vehicle() -> None:
    scenario = load_scenario("quiet-day")
    runs = [
        events_of(scenario, 1, 6, seed=1),
        events_of(scenario, 1, 6, seed=2),
        events_of(scenario, 1, 6, seed=1, start=MONDAY + timedelta(days=1)),
    ]

    for key in ("order_id", "vehicle_id", "event_id"):
        runs_by_id = Counter(identifier for run in runs for identifier in {event[key] for event in run})
        assert set(runs_by_id.values()) == {1}, key


def test_vins_have_17_characters_and_the_right_check_digit(two_weeks: list[tuple[datetime, Event]]) -> None:
    assert with_check_digit("11111111111111111") == "11111111111111111"
    assert with_check_digit("1M8GDM9A0KP042788") == "1M8GDM9AXKP042788"
    for vin in {event["vehicle_id"] for _, event in two_weeks}:
        assert len(vin) == 17
        assert vin == with_check_digit(vin)


def test_contacts_reach_nobody(two_weeks: list[tuple[datetime, Event]]) -> None:
    contacts = {address for _, event in two_weeks for address in event.get("contact", ())}

    assert contacts
    for address in contacts:
        assert address.startswith(("sms:+861000", "sms:+1202555")) or address.endswith(".example.com")


def test_customers_come_in_opening_hours_of_the_center() -> None:
    for event in events_of(story(anomalies={"center_changed": 0.0}, work={"comeback_elsewhere_share": 0.0}), 14, 15):
        if event["type"] != "check_in" or not event["event_id"].endswith("-001"):
            continue
        at = datetime.fromisoformat(event["occurred_at"]).astimezone(CHINA)
        assert 8 <= at.hour < 17
        assert event["center_id"] != "south-04" or at.isoweekday() != 7, "Xiamen is closed on Sundays"


def test_without_anomalies_the_feed_is_clean() -> None:
    clean = dict.fromkeys(ANOMALIES | {"duplicate", "late", "lost_phase", "delay_s"}, 0.0)
    run = list(simulate(story(anomalies=clean), 1, 7, 3, MONDAY))
    orders = orders_of([event for _, event in run], MONDAY + timedelta(days=7))

    assert len({event["event_id"] for _, event in run}) == len(run)
    assert [event["occurred_at"] for _, event in run] == sorted(event["occurred_at"] for _, event in run)
    assert not [order["anomalies"] for order in orders.values() if order["anomalies"]]


@pytest.mark.parametrize("kind", sorted(ANOMALIES))
def test_each_anomaly_is_switched_on_by_its_share(kind: str) -> None:
    shares = {**dict.fromkeys(ANOMALIES | {"duplicate", "late", "lost_phase"}, 0.0), kind: 0.5}
    orders = orders_of(events_of(story(anomalies=shares), 3, 4), MONDAY + timedelta(days=3))
    counts = Counter(anomaly for order in orders.values() for anomaly in order["anomalies"])

    # What names another center is an order of that center, of which nothing else is known.
    shown_as = "missing_check_in" if kind == "center_changed" else kind
    assert set(counts) == {shown_as}
    assert counts[shown_as] > 0.2 * len(orders)


def test_lost_and_late_events_are_as_many_as_the_scenario_says() -> None:
    quiet = {**dict.fromkeys(ANOMALIES | {"duplicate", "late", "lost_phase"}, 0.0), "delay_s": 0.0}
    complete = list(simulate(story(anomalies=quiet), 1, 5, 3, MONDAY))
    lossy = list(simulate(story(anomalies={**quiet, "lost_phase": 0.2}), 1, 5, 3, MONDAY))
    late = list(simulate(story(anomalies={**quiet, "late": 0.2}), 1, 5, 3, MONDAY))
    delays = [arrived - datetime.fromisoformat(event["occurred_at"]) for arrived, event in late]

    assert 0.05 < 1 - len(lossy) / len(complete) < 0.15
    assert 0.15 < sum(delay > timedelta(seconds=1) for delay in delays) / len(delays) < 0.25


def test_comebacks_are_later_visits_of_the_same_vehicle_for_the_same_fault() -> None:
    rate = {"comeback_share": 0.5}
    events = events_of(story(baseline=rate), 28, 2)
    orders = orders_of(events, MONDAY + timedelta(days=28))
    comebacks = [order for order in orders.values() if order["comeback_order_id"]]

    assert len(comebacks) > 50
    for order in comebacks:
        later = orders[order["comeback_order_id"]]
        assert later["vehicle_id"] == order["vehicle_id"]
        assert set(later["fault_groups"]) & set(order["fault_groups"])


def test_customers_judge_the_wait_that_the_contract_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted driver and the published figure are the same minutes."""
    experiences: dict[str, Experience] = {}
    experience = SimulatedVisit.experience

    def remembered(visit: SimulatedVisit, comes_back: bool) -> Experience:
        experiences[visit.order.order_id] = experience(visit, comes_back)
        return experiences[visit.order.order_id]

    monkeypatch.setattr(SimulatedVisit, "experience", remembered)
    clean = dict.fromkeys(ANOMALIES | {"late", "lost_phase"}, 0.0)
    events = events_of(story(anomalies=clean), 7, 3)
    orders = orders_of(events, MONDAY + timedelta(days=7))

    assert len(experiences) > 100
    for order_id, felt in experiences.items():
        order = orders[order_id]
        if order["status"] != "handed_off":
            continue  # closed in the last second, not yet arrived
        assert order["wait_s"] / 60 == pytest.approx(felt.wait_min, abs=0.01)
        assert (order["stockouts"] > 0) == felt.stockout
        if order["ftf"] is False:
            assert not felt.fixed_first_time


def test_the_stream_rules_and_the_independent_ones_agree_on_a_run() -> None:
    events, now = events_of(load_scenario("owners-story"), 5, 3), MONDAY + timedelta(days=5)
    expected = orders_of(events, now)
    decoded = (SERVICE_EVENT.validate_json(orjson.dumps(event)) for event in events)
    facts = {OrderKey.of(fact): fact for fact in journey_facts(decoded, int(now.timestamp() * 1000))}

    assert set(facts) == set(expected)
    for order, fact in facts.items():
        for key in ("status", "wait_s", "touch_s", "pickup_s", "ftf", "ftf_cause", "score", "stockouts", "anomalies"):
            assert fact[key] == expected[order][key], (order, key)


def test_a_shelf_runs_out_as_often_as_it_was_asked_to() -> None:
    for share in (0.06, 0.15):
        level = level_for(demand_per_day=0.8, replenishment_days=2.0, loss=share)
        assert level.delivery_days <= 2.0
        assert erlang_loss(level.pieces, 0.8 * level.delivery_days) == pytest.approx(share, abs=1e-6)


def test_a_run_may_begin_at_any_hour_and_lasts_full_days() -> None:
    start = datetime(2026, 7, 6, 5, 17, 3, tzinfo=UTC)
    run = list(simulate(load_scenario("quiet-day"), 3, 1, 6, start))

    assert run[0][0] >= start
    assert len({event["order_id"] for _, event in run}) > 40


def test_a_center_knows_its_profile_by_its_wave() -> None:
    scenario = load_scenario("owners-story")
    shops: list[Workshop] = workshops(scenario, 1, 126, None, MONDAY)
    changed = []
    for shop in shops:
        shop.env.run(until=64 * 86_400.0)
        changed.append(shop.profile() == scenario.improved)

    assert changed == [center.wave in (1, 2) for center in scenario.center]


def test_events_are_json_as_they_are(two_weeks: list[tuple[datetime, Event]]) -> None:
    for _, event in two_weeks[:500]:
        assert json.loads(json.dumps(event)) == event
