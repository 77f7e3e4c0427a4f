"""What the clock finds due of an order, a center and a partition, and when."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.watch.config import DEFAULTS, Customers, Threshold, WatchConfig, read_watch_config
from fixtrail.watch.rules import (
    DAY_MS,
    MINUTE_MS,
    Requests,
    due_by,
    notice_dues,
    order_dues,
    pipeline_due,
    stockout_due,
    upper_limit,
    wait_limit_at,
)
from schemas.centers import Center
from schemas.opening_hours import opening_time_after
from schemas.toml_file import TomlFileError
from streams.journey.clock_notices import clock_notice, clock_notice_objection
from streams.journey.notices import is_still_true
from tests.paths import ROOT
from tests.workshop import (
    approved,
    called_off,
    checked_in,
    diagnosis_started,
    handed_off,
    ms,
    order_after,
    part,
    quoted,
    repair,
    said_ready,
)

EXAMPLE = ROOT / "examples/watch.toml"
# Open from 09:00 to 17:00 UTC on weekdays; 2 March 2026 is a Monday.
OFFICE = Center(
    id="C1", name="C", region="R", time_zone="UTC", opens=time(9), closes=time(17), weekdays=(1, 2, 3, 4, 5)
)


def rule(kind: str, **fields):
    return WatchConfig.model_validate({"rule": [{"name": kind.replace("_", "-"), "kind": kind, **fields}]}).rule[0]


def due_at(fact, kind: str, known_centers=(), **fields) -> int | None:
    dues = order_dues(fact, [rule(kind, **fields)], {center.id: center for center in known_centers})
    return dues[0].due_at if dues else None


# Orders


def test_a_wait_is_due_so_many_minutes_after_it_began():
    fact = order_after(checked_in("10:00"), diagnosis_started("10:20"), part("requested", "10:30"))

    assert due_at(fact, "wait", activity="parts", minutes=45) is None, "the car is being diagnosed"
    fact = order_after(checked_in("10:00"), quoted("10:20"), approved("10:25"), part("requested", "10:30"))
    assert due_at(fact, "wait", activity="parts", minutes=45) == ms("11:15")
    assert due_at(fact, "wait", activity="reception", minutes=45) is None


def test_all_waits_of_a_visit_count_together():
    fact = order_after(
        checked_in("10:00"),
        diagnosis_started("10:20"),
        quoted("10:30"),
        approved("10:40"),
        repair("started", "11:00"),
        repair("paused", "12:00"),
    )

    # 20 for reception, 10 for approval, 20 for a bay, and the wait that runs since 12:00.
    assert due_at(fact, "wait", activity="any", minutes=60) == ms("12:10")
    assert due_at(fact, "wait", activity="any", minutes=45) == ms("10:55")


def test_opening_time_alone_counts_where_the_center_is_known():
    fact = order_after(checked_in("16:40"))

    assert due_at(fact, "wait", activity="reception", minutes=30) == ms("17:10")
    assert due_at(fact, "wait", [OFFICE], activity="reception", minutes=30) == ms("09:10", 1)
    assert due_at(fact, "wait", [OFFICE], activity="reception", minutes=30, counted="all") == ms("17:10")


@pytest.mark.parametrize("kind", ["wait", "no_news", "quick_lane", "promise", "emergency_part", "stuck"])
def test_nothing_is_due_of_a_car_that_is_ready_or_gone(kind):
    fields = {"activity": "any", "minutes": 1} if kind == "wait" else {"minutes": 1}
    events = [checked_in("08:00", lane="quick", promised="09:00"), repair("started", "08:30")]

    assert due_at(order_after(*events, repair("completed", "09:00"), said_ready("09:00")), kind, **fields) is None
    assert (
        due_at(
            order_after(*events, repair("completed", "09:00"), said_ready("09:00"), handed_off("09:30")), kind, **fields
        )
        is None
    )
    assert due_at(order_after(*events, called_off("09:30")), kind, **fields) is None


def test_the_quick_lane_has_its_fifteen_minutes():
    assert due_at(order_after(checked_in("08:00", lane="quick")), "quick_lane") == ms("08:15")
    assert due_at(order_after(checked_in("08:00", lane="standard")), "quick_lane") is None


def test_a_promise_is_at_risk_before_its_time():
    fact = order_after(checked_in("08:00", promised="11:00"))

    assert due_at(fact, "promise", minutes=30) == ms("10:30")
    later = order_after(checked_in("08:00", promised="11:00"), checked_in("10:00", promised="13:00"))
    assert due_at(later, "promise", minutes=30) == ms("12:30")
    assert due_at(order_after(checked_in("08:00", promised="08:10")), "promise", minutes=30) == ms("08:00")


def test_every_open_emergency_request_is_a_case_of_its_own():
    fact = order_after(
        checked_in("08:00"),
        part("requested", "09:00", request_id="Q1", urgency="emergency"),
        part("requested", "09:30", request_id="Q2", urgency="emergency"),
        part("fulfilled", "09:40", request_id="Q2"),
        part("requested", "09:50", request_id="Q3"),
    )
    dues = order_dues(fact, [rule("emergency_part")], {})

    assert [(due.subject, due.due_at) for due in dues] == [("R1/Q1", ms("11:00"))]


def test_an_order_is_stuck_when_it_stays_in_one_activity():
    fact = order_after(checked_in("08:00"), repair("started", "08:10"), repair("resumed", "09:00"))

    assert due_at(fact, "stuck", minutes=60) == ms("09:10")
    assert due_at(fact, "no_news", minutes=60) == ms("10:00")


def test_a_rule_holds_for_its_centers_and_lanes():
    fact = order_after(checked_in("08:00", lane="quick"))

    assert due_at(fact, "no_news", minutes=5, lanes=["standard"]) is None
    assert due_at(fact, "no_news", minutes=5, centers=["C2"]) is None
    assert due_at(fact, "no_news", minutes=5, lanes=["quick"]) is not None


def test_the_same_beginning_is_the_same_alert():
    waiting = order_after(checked_in("08:00"))
    ids = {due.alert_id for due in order_dues(waiting, [rule("no_news", minutes=5)], {})}
    more = order_after(checked_in("08:00"), part("requested", "08:20"))

    assert ids == {due.alert_id for due in order_dues(waiting, [rule("no_news", minutes=7)], {})}
    assert ids.isdisjoint(due.alert_id for due in order_dues(more, [rule("no_news", minutes=5)], {}))


@given(
    spans=st.lists(st.tuples(st.sampled_from(["parts", "repair", "bay"]), st.integers(0, 50)), min_size=1, max_size=8),
    limit=st.integers(1, 120),
)
def test_the_moment_that_waits_reach_a_limit_is_when_their_sum_does(spans, limit):
    clock, stages = 0, []
    for activity, span in spans:
        stages.append({"activity": activity, "started_at": clock, "ended_at": clock + span})
        clock += span
    instants = [
        second
        for stage in stages
        if stage["activity"] != "repair"
        for second in range(stage["started_at"] + 1, stage["ended_at"] + 1)
    ]

    assert wait_limit_at(stages, limit) == (instants[limit - 1] if len(instants) >= limit else None)


# Customers


def customers(**minutes: float) -> Customers:
    return Customers(**{name: (Threshold(minutes=value),) for name, value in minutes.items()})


def test_a_broken_promise_is_told_once_for_each_promise():
    customer_rules = customers(running_late=10)
    first = order_after(checked_in("08:00", promised="10:00"))
    again = order_after(checked_in("08:00", promised="10:00"), part("requested", "10:05"))
    moved = order_after(checked_in("08:00", promised="10:00"), checked_in("10:30", promised="12:00"))

    (late,), (same,), (new,) = (notice_dues(fact, customer_rules, {}) for fact in (first, again, moved))
    assert (late.due_at, new.due_at) == (ms("10:10"), ms("12:10"))
    assert late.notice["notice_id"] == same.notice["notice_id"] != new.notice["notice_id"]
    assert late.notice["expires_at"] == ms("22:10")


def test_silence_is_told_while_the_customer_waits_for_the_workshop():
    customer_rules = customers(no_news=60)
    waiting = order_after(checked_in("08:00"), part("requested", "09:00"))

    (silence,) = notice_dues(waiting, customer_rules, {})
    assert (silence.due_at, silence.notice["occurred_at"]) == (ms("10:00"), ms("09:00"))
    for busy in (repair("started", "09:10"), quoted("09:10")):
        assert notice_dues(order_after(checked_in("08:00"), busy), customer_rules, {}) == []


def test_silence_is_not_counted_out_of_opening_hours():
    (silence,) = notice_dues(order_after(checked_in("16:30")), customers(no_news=60), {"C1": OFFICE})

    assert silence.due_at == ms("09:30", 1)


def test_the_first_threshold_that_fits_counts():
    customer_rules = Customers(no_news=(Threshold(lanes=("quick",), minutes=5), Threshold(minutes=60)))

    assert [
        notice_dues(order_after(checked_in("08:00", lane=lane)), customer_rules, {})[0].due_at
        for lane in ("quick", "standard")
    ] == [ms("08:05"), ms("09:00")]


def test_a_clock_notice_is_true_until_the_order_moves_on():
    events = [checked_in("08:00", promised="10:00")]
    fact = order_after(*events)
    late = clock_notice(fact, "running_late", ms("10:00"), ms("10:10"))
    silent = clock_notice(fact, "no_news", ms("08:00"), ms("09:00"))

    assert is_still_true(late, fact) and is_still_true(silent, fact)
    busy = order_after(*events, diagnosis_started("08:30"))
    assert is_still_true(late, busy) and clock_notice_objection(silent, busy) == ("there has been news", False)
    ready = order_after(*events, repair("started", "08:30"), repair("completed", "09:30"), said_ready("09:30"))
    assert clock_notice_objection(late, ready) == ("the car is ready", False)
    moved = order_after(*events, checked_in("09:00", promised="12:00"))
    assert clock_notice_objection(late, moved) == ("there is a new promise", False)


def test_a_journey_that_is_late_may_still_come_to_show_what_the_clock_told():
    new = order_after(checked_in("08:00", promised="10:00"), checked_in("09:00", promised="12:00"))
    old = order_after(checked_in("08:00", promised="10:00"))

    assert clock_notice_objection(clock_notice(new, "running_late", ms("12:00"), ms("12:10")), old)[1]
    assert clock_notice_objection(clock_notice(new, "no_news", ms("09:00"), ms("10:00")), old)[1]


# Centers and partitions


def test_a_centers_stock_out_rate_is_held_against_its_own_control_limit():
    now = ms("12:00")
    before = {ms("08:00") - day * DAY_MS: Requests(20, 2) for day in range(1, 11)}
    zone = "UTC"

    def result(all_: int, stockouts: int):
        by_hour = {**before, ms("09:00"): Requests(all_, stockouts)}
        return stockout_due(rule("stockout_rate"), "C1", by_hour, None, zone, now)

    # p = 0.1, n = 25: 0.1 + 3 × 0.06 = 0.28
    assert upper_limit(0.1, 25, 3) == pytest.approx(0.28)
    assert result(25, 7) is None
    alert = result(25, 8)
    assert (alert.value, alert.limit, alert.opening) == (0.32, 0.28, "day:2026-03-02")
    assert result(5, 5) is None, "too few to judge"
    assert stockout_due(rule("stockout_rate"), "C1", {now: Requests(50, 50)}, None, zone, now) is None, "no baseline"


def test_yesterday_does_not_count_for_today():
    hours = {ms("20:00", -1): Requests(100, 100), ms("01:00", -2): Requests(100, 5)}

    assert stockout_due(rule("stockout_rate"), "C1", hours, None, "UTC", ms("12:00")) is None


def test_a_partition_whose_heartbeats_stay_away_is_late():
    due = pipeline_due(rule("pipeline_lag", minutes=2), 3, ms("08:00"))

    assert due_by([due], ms("08:01:59")) == {}
    assert due_by([due], ms("08:02")) == {("pipeline-lag", "partition 3"): due}
    assert pipeline_due(rule("pipeline_lag"), 3, None) is None


# Opening time


@given(start=st.integers(0, 14 * 24 * 60), span=st.integers(0, 600))
def test_so_much_opening_time_lies_between(start, span):
    """Counted minute by minute."""
    began = ms("00:00") + start * MINUTE_MS
    ends = opening_time_after(began, span * MINUTE_MS, OFFICE)

    def is_open(at: int) -> bool:
        clock = datetime.fromtimestamp(at / 1000, UTC)
        return clock.isoweekday() < 6 and 9 <= clock.hour < 17

    assert sum(is_open(at) for at in range(began, ends, MINUTE_MS)) == span
    assert is_open(ends)


def test_opening_time_goes_by_the_local_clock_when_clocks_change():
    berlin = OFFICE.model_copy(update={"time_zone": "Europe/Berlin", "weekdays": (1, 2, 3, 4, 5, 6, 7)})
    zone = ZoneInfo("Europe/Berlin")
    evening = datetime(2026, 3, 28, 16, 30, tzinfo=zone)
    morning = datetime(2026, 3, 29, 9, 30, tzinfo=zone)

    after = opening_time_after(round(evening.timestamp() * 1000), 60 * MINUTE_MS, berlin)
    assert after == round(morning.timestamp() * 1000)


# The configuration


def test_the_example_says_what_holds_without_a_file(monkeypatch):
    for name in ("OPS_WECOM_URL", "OPS_MAIL_URL"):
        monkeypatch.setenv(name, "json://127.0.0.1")
    example, defaults = read_watch_config(EXAMPLE), read_watch_config(None)

    assert example.model_copy(update={"ops": {}}) == defaults
    assert example.ops
    assert {rule.kind for rule in defaults.rule} == {
        *("wait", "no_news", "quick_lane", "promise", "emergency_part", "stuck", "stockout_rate", "pipeline_lag"),
        *("vehicle_changed", "complaint_age", "detractor", "check_missing"),
        *("source_silent", "clock_skew", "field_lost", "quality_warning"),
    }
    assert DEFAULTS.is_file()


@pytest.mark.parametrize(
    ("text", "error_text"),
    [
        ("rule = [{name='a', kind='wait'}]", "activity"),
        ("rule = [{name='a', kind='wave', minutes=1}]", "kind"),
        ("rule = [{name='A!', kind='stuck', minutes=1}]", "name"),
        ("rule = [{name='a', kind='stuck', minutes=1}, {name='a', kind='stuck', minutes=2}]", "more than one rule"),
        ("rule = [{name='a', kind='stuck', minutes=1, escalate_minutes=[5, 5]}]", "ascend"),
        ("ops.x.url = 'slack://a/b/c'", "not written down"),
        ("colour = 1", "colour"),
        ("=", "Invalid"),
    ],
)
def test_a_wrong_file_is_named_with_its_place(tmp_path, text, error_text):
    file = tmp_path / "watch.toml"
    file.write_text(text)

    with pytest.raises(TomlFileError, match=error_text):
        read_watch_config(file)


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(TomlFileError, match="No such file"):
        read_watch_config(tmp_path / "none.toml")
