"""One partition of the watch: alerts open once, escalate, are acknowledged and end; customers are told once."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtrail.watch import alerts as life
from fixtrail.watch.open_order import TickOutput
from fixtrail.watch.shard import Shard
from schemas.facts import Acknowledgement, Alert, Notice, Telling
from schemas.heartbeat import heartbeat_headers
from schemas.times import DAY_MS, MINUTE_MS
from tests.unit.fixtrail.watch.shards import CONFIG, a_record, a_shard, acknowledge, at, learn, rules
from tests.workshop import (
    approved,
    checked_in,
    diagnosis_started,
    handed_off,
    ms,
    order_after,
    part,
    quoted,
    repair,
)

# The life of an alert


def test_an_alert_opens_once_escalates_and_ends():
    shard = a_shard(arrived := checked_in("08:00"))

    assert not at(shard, "08:29").alerts
    (alert,) = at(shard, "08:30").alerts.values()
    assert (alert.rule, alert.state, alert.since, alert.opened_at) == ("reception", "open", ms("08:00"), ms("08:30"))
    assert not at(shard, "08:59").alerts
    (alert,) = at(shard, "09:00").alerts.values()
    assert (alert.level, alert.escalated_at) == (1, ms("09:00"))
    (alert,) = at(shard, "10:30").alerts.values()
    assert alert.level == 2
    learn(shard, arrived, diagnosis_started("10:40"))
    (alert,) = at(shard, "10:41").alerts.values()
    assert (alert.state, alert.closed_by, alert.closed_at) == ("closed", "condition", ms("10:40"))
    assert not at(shard, "12:00").alerts


def test_an_acknowledged_alert_is_closed_and_does_not_come_back():
    shard = a_shard(arrived := checked_in("08:00"))
    (alert,) = at(shard, "08:30").alerts.values()
    acknowledge(shard, alert, "08:45")

    (alert,) = at(shard, "08:46").alerts.values()
    assert (alert.state, alert.closed_at, alert.acknowledged_by) == ("acknowledged", ms("08:45"), "Li Wei")
    assert not at(shard, "11:00").alerts, "it neither escalates nor opens again"
    learn(shard, arrived, diagnosis_started("11:10"))
    (alert,) = at(shard, "11:11").alerts.values()
    assert (alert.state, alert.closed_by, alert.ended_at) == ("closed", "acknowledgement", ms("11:10"))


def test_the_same_trouble_again_is_another_alert():
    requested = [checked_in("08:00"), quoted("08:05"), approved("08:06"), part("requested", "08:10")]
    shard = a_shard(*requested)
    (first,) = at(shard, "08:45").alerts.values()
    arrived = [*requested, part("fulfilled", "08:50"), repair("started", "09:00"), repair("paused", "09:30")]
    learn(shard, *arrived)
    assert rules(at(shard, "09:31")) == [("parts", "closed")]
    learn(shard, *arrived, part("requested", "09:40", request_id="Q2"))
    (second,) = at(shard, "10:15").alerts.values()

    assert (second.rule, second.state) == ("parts", "open")
    assert second.alert_id != first.alert_id


def test_an_alert_stays_the_same_where_a_late_event_moves_its_beginning():
    events = [checked_in("08:00"), quoted("08:05"), approved("08:06"), part("requested", "08:10")]
    shard = a_shard(*events)
    (alert,) = at(shard, "08:45").alerts.values()
    learn(shard, *events, part("requested", "08:08", request_id="Q2"))

    assert not at(shard, "08:46").alerts
    assert [open_alert.alert_id for open_alert in shard.open_alerts()] == [alert.alert_id]


def test_alerts_of_a_rule_that_is_gone_are_closed():
    shard = a_shard(checked_in("08:00"))
    (alert,) = at(shard, "08:30").alerts.values()
    without = Shard(0, CONFIG.model_copy(update={"rule": CONFIG.rule[1:]}), {})
    learn(without, checked_in("08:00"))
    without.apply_alert(a_record(alert.model_dump_json().encode(), alert.alert_id, "alerts"))

    (closed,) = at(without, "08:31").alerts.values()
    assert closed.state == "closed"


def test_what_began_long_ago_opens_nothing():
    shard = a_shard(checked_in("08:00"), part("requested", "08:10", urgency="emergency"))

    assert not at(shard, "09:00", day=4).alerts
    assert not at(shard, "09:00", day=300)


def test_a_replay_of_old_journeys_tells_nobody():
    shard = a_shard(checked_in("08:00", promised="10:00"))

    assert not at(shard, "08:00", day=30)


def test_every_emergency_request_has_its_own_alert():
    events = [checked_in("08:00"), quoted("08:10"), approved("08:20")]
    events += [part("requested", "08:30", request_id=request_id, urgency="emergency") for request_id in ("Q1", "Q2")]
    shard = a_shard(*events)
    output = at(shard, "10:30")
    assert sorted(alert.subject for alert in output.alerts.values() if alert.rule == "emergency") == ["R1/Q1", "R1/Q2"]

    learn(shard, *events, part("fulfilled", "10:40", request_id="Q1"))
    output = at(shard, "10:41")
    assert [(alert.subject, alert.state) for alert in output.alerts.values()] == [("R1/Q1", "closed")]


def test_an_alert_that_is_over_is_forgotten_after_a_month():
    shard = a_shard(arrived := checked_in("08:00"))
    (alert,) = at(shard, "08:30").alerts.values()
    learn(shard, arrived, handed_off("09:00"))
    at(shard, "09:01")

    assert at(shard, "09:00", day=29).deleted_alerts == []
    assert at(shard, "10:00", day=31).deleted_alerts == [alert.alert_id]
    assert shard.alerts == {}


def test_what_could_not_be_written_is_found_again():
    shard = a_shard(checked_in("08:00", promised="08:20"))
    output = shard.tick(ms("09:30"))
    shard.refuse(output)
    again = shard.tick(ms("09:31"))

    assert output.alerts.keys() == again.alerts.keys() != set()
    assert output.notices == again.notices != []


# Customers


def test_a_customer_is_told_where_the_last_notice_went():
    shard = a_shard(checked_in("08:00", promised="10:00"))
    order = {"center_id": "C1", "order_id": "R1"}
    checked_in_notice = {**order, "milestone": "checked_in", "occurred_at": ms("08:00"), "recipients": ["sms:1"]}
    shard.apply_notice(a_record({**checked_in_notice, "notice_id": "a"}))
    shard.apply_notice(
        a_record({**checked_in_notice, "notice_id": "b", "occurred_at": ms("07:00"), "recipients": ["sms:2"]})
    )
    (silence,) = at(shard, "09:00").notices
    (late,) = at(shard, "10:10").notices

    assert [silence["milestone"], late["milestone"]] == ["no_news", "running_late"]
    assert silence["recipients"] == late["recipients"] == ["sms:1"]
    for notice in (silence, late):
        Notice.model_validate_json(orjson.dumps(notice))
    assert not at(shard, "10:20").notices


def test_a_new_promise_that_is_broken_is_told_again():
    first = checked_in("08:00", promised="09:00")
    shard = a_shard(first)
    at(shard, "09:10")
    learn(shard, first, checked_in("09:20", promised="09:50"))

    (late,) = at(shard, "10:05").notices
    assert (late["milestone"], late["promised_at"]) == ("running_late", ms("09:50"))


def test_a_closed_center_leaves_its_customers_in_peace():
    from tests.unit.fixtrail.watch.test_rules import OFFICE

    shard = Shard(0, CONFIG, {"C1": OFFICE})
    shard.live_since = ms("00:00")
    learn(shard, checked_in("15:55"))

    assert not at(shard, "16:54").notices
    assert not at(shard, "17:30").notices, "whoever was away at 16:55 does not tell it now"


# Heartbeats


def beat(shard: Shard, clock: str) -> None:
    shard.apply_journey(SimpleNamespace(**{**vars(a_record(None)), "headers": heartbeat_headers(ms(clock))}))


def test_nothing_new_is_said_of_orders_while_events_wait_for_the_workers():
    shard = a_shard(checked_in("08:00", promised="08:40"))
    beat(shard, "08:20")

    assert rules(at(shard, "08:31")) == [("pipeline", "open")]
    assert not at(shard, "09:10").notices
    beat(shard, "09:11")
    output = at(shard, "09:12")
    assert rules(output) == [("pipeline", "closed"), ("promise", "open"), ("reception", "open")]
    assert [notice["milestone"] for notice in output.notices] == ["running_late", "no_news"]


def test_an_order_whose_events_come_late_is_given_time_to_settle():
    """In an import each order is seen with half of its events before all are there."""
    shard, events = a_shard(), [checked_in("08:00", promised="08:40")]
    shard.apply_journey(a_record(order_after(*events), timestamp=ms("10:00:00")))
    assert not at(shard, "10:00:30")
    shard.apply_journey(a_record(order_after(*events, handed_off("08:50")), timestamp=ms("10:00:40")))
    assert not at(shard, "10:05")

    second = a_shard()
    second.apply_journey(a_record(order_after(*events), timestamp=ms("10:00:00")))
    assert not at(second, "10:00:59")
    output = at(second, "10:01")
    assert rules(output) == [("promise", "open"), ("reception", "open")]
    assert [notice["milestone"] for notice in output.notices] == ["running_late", "no_news"]


def test_whoever_has_just_come_does_not_judge_the_pipeline():
    shard = a_shard(live_since="09:00")
    beat(shard, "08:00")

    assert not at(shard, "09:01").alerts
    assert rules(at(shard, "09:02")) == [("pipeline", "open")]


# Centers


def hour(clock: str, day: int, requests: int, stockouts: int, partition: int = 0, revision: int = 1) -> Any:
    row = {
        "center_id": "C1",
        "hour": ms(clock, day),
        "partition": partition,
        "revision": revision,
        "part_requests": requests,
        "stockouts": stockouts,
    }
    return a_record(row, "C1", "center-hours")


def test_a_stock_out_rate_above_its_limit_is_one_alert_for_the_day():
    shard = a_shard()
    for row in (hour("09:00", -3, 60, 3), hour("09:00", -2, 60, 3, partition=1)):
        shard.apply_hour(row)
    shard.apply_hour(hour("09:00", 0, 6, 0))
    assert not at(shard, "10:00").alerts
    shard.apply_hour(hour("09:00", 0, 9, 4, revision=3))
    shard.apply_hour(hour("09:00", 0, 6, 0, revision=2))

    (alert,) = at(shard, "10:01").alerts.values()
    assert (alert.rule, alert.center_id, alert.value, alert.unit) == ("stockouts", "C1", 0.4444, "share")
    assert not at(shard, "11:30").alerts
    assert rules(at(shard, "00:01", day=1)) == [("stockouts", "closed")]


# The same whoever finds it


def taking_over(shard: Shard, output: TickOutput, *events: dict[str, Any]) -> Shard:
    """Another process with the same partition: it knows what stands in the topics and nothing else."""
    fresh = a_shard(*events)
    for alert in shard.alerts.values():
        fresh.apply_alert(a_record(alert.model_dump_json().encode(), alert.alert_id, "alerts"))
    for notice in output.notices:
        fresh.apply_notice(a_record(notice))
    return fresh


def test_an_alert_that_is_found_late_opens_at_the_level_of_its_age():
    (alert,) = at(a_shard(checked_in("08:00")), "10:40").alerts.values()

    assert (alert.opened_at, alert.level, alert.escalated_at) == (ms("08:30"), 2, ms("10:00"))


def test_whoever_takes_over_says_nothing_again():
    arrived = checked_in("08:00", promised="09:00")
    shard = a_shard(arrived)
    output = at(shard, "09:15")

    assert output.alerts and output.notices
    assert not taking_over(shard, output, arrived).tick(ms("09:16"))


def test_two_that_watch_the_same_write_the_same():
    one_shard, another_shard = a_shard(arrived := checked_in("08:00", promised="09:00")), a_shard(arrived)
    first, second = at(one_shard, "09:15"), at(another_shard, "09:17")

    assert first.alerts == second.alerts
    assert first.notices == second.notices


EVENTS = [
    arrived := checked_in("08:00", promised="10:00"),
    quoted("08:20"),
    approved("08:50"),
    part("requested", "08:55", urgency="emergency"),
    checked_in("09:30", promised="12:00"),
    part("fulfilled", "11:20"),
    repair("started", "11:40"),
    repair("completed", "12:30"),
    handed_off("13:00"),
]
# Every state of the order that a stream worker could have told, with its version.
FACTS = [order_after(*EVENTS[:number]) for number in range(1, len(EVENTS) + 1)]


@given(st.permutations(FACTS), st.integers(0, 6 * 60))
@settings(max_examples=60)
def test_the_order_of_arrival_does_not_matter(facts, minutes):
    now = ms("08:00") + minutes * MINUTE_MS
    shuffled, straight = a_shard(), a_shard()
    for fact in facts:
        shuffled.apply_journey(a_record(fact))
    straight.apply_journey(a_record(max(facts, key=lambda fact: fact["version"])))

    assert shuffled.tick(now) == straight.tick(now)


@given(
    st.lists(st.tuples(st.sampled_from(FACTS), st.integers(0, 40), st.booleans(), st.booleans()), max_size=30),
    st.randoms(use_true_random=False),
)
@settings(max_examples=80)
def test_a_rule_has_at_most_one_open_alert_on_a_subject_and_closed_ones_stay_closed(steps, random):
    """Whatever comes in whatever order, written or not, acknowledged or not, and whoever goes on with it."""
    shard, now = a_shard(), ms("08:00")
    topic: dict[str, Alert] = {}
    for fact, minutes, is_written, is_acknowledged in steps:
        now += minutes * MINUTE_MS
        if random.random() < 0.2:
            shard = taking_over(shard, TickOutput())
        shard.apply_journey(a_record(fact))
        output = shard.tick(now)
        if not is_written:
            shard.refuse(output)
            continue
        for alert in output.alerts.values():
            before = topic.get(alert.alert_id)
            assert before is None or (alert.version > before.version and before.ended_at is None)
            assert before is None or before.closed_at in (None, alert.closed_at)
            topic[alert.alert_id] = alert
        shard.accept(output)
        if is_acknowledged and topic:
            alert = random.choice([*topic.values()])
            acknowledge(shard, alert, "08:00")
        subjects = [(alert.rule, alert.subject) for alert in topic.values() if alert.closed_at is None]
        assert len(subjects) == len(set(subjects))
    shard.apply_journey(a_record(FACTS[-1]))
    shard.accept(last := shard.tick(now + DAY_MS))
    topic.update(last.alerts)
    assert all(alert.ended_at is not None for alert in topic.values())


# Versions


def test_what_is_further_wins_over_what_two_wrote_at_the_same_time():
    (alert,) = at(a_shard(checked_in("08:00")), "08:30").alerts.values()
    rule = next(rule for rule in CONFIG.rule if rule.name == "reception")
    acknowledgement = Acknowledgement(alert_id=alert.alert_id, acknowledged_at=ms("08:40"), acknowledged_by="Li")
    reported = alert
    for step in range(5):
        reported = life.with_tellings(reported, [Telling(step=f"level-{step}", channel="x", outcome="SENT", at=0)])

    escalated = life.escalated(reported, rule, ms("10:00"))
    acknowledged = life.acknowledged(alert, acknowledgement)
    ended = life.ended(alert, ms("08:50"))
    assert escalated.version < acknowledged.version < ended.version < life.ended(acknowledged, ms("09:00")).version


@pytest.mark.parametrize("take", ["apply_journey", "apply_notice", "apply_hour", "apply_alert"])
@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"null", b"\xff", b'{"alert_id": 1}', b'{"order_id": "R"}'])
def test_records_that_are_something_else_are_passed_over(take, value):
    shard = a_shard()
    getattr(shard, take)(a_record(value, "x"))

    assert not shard.tick(ms("08:00"))
