"""Which order the watch tells of: of which center, under which vehicle, and how its center tells ready."""

import pytest

from fixtrail.watch.shard import Shard
from schemas.centers import Center
from schemas.events import VEHICLE_CORRECTED
from tests.unit.fixtrail.watch.shards import CONFIG, a_record, a_shard, at, learn, rules
from tests.workshop import (
    Sent,
    called_off,
    check_passed,
    checked_in,
    diagnosis_started,
    handed_off,
    ms,
    repair,
)

REPAIRED = [checked_in("08:00", promised="08:30"), repair("started", "08:10"), repair("completed", "08:20")]


def a_shard_of_center(tells_ready: str) -> Shard:
    center = Center(id="C1", name="C", region="R", time_zone="UTC", tells_ready=tells_ready, ready_after_min=15)
    shard = Shard(0, CONFIG, {"C1": center}, acks={})
    shard.live_since = ms("00:00")
    return shard


def test_where_the_center_tells_ready_after_the_repair_the_customer_is_told_once_and_nothing_is_late():
    shard = a_shard_of_center("repair")
    learn(shard, *REPAIRED)

    assert [(alert.rule, alert.state) for alert in at(shard, "08:34").alerts.values()] == [("promise", "open")]
    changes = at(shard, "08:35")
    (notice,) = changes.notices
    assert (notice["milestone"], notice["event_id"]) == ("ready", f"finishing:{ms('08:20')}")
    assert rules(changes) == [("promise", "closed")]
    assert not at(shard, "09:30"), "it is told once, and it is not late"


def test_where_the_center_tells_only_proof_the_clock_says_nothing_of_ready():
    shard = a_shard_of_center("proof")
    learn(shard, *REPAIRED)

    assert [notice["milestone"] for clock in ("08:35", "09:30") for notice in at(shard, clock).notices] == [
        "running_late"
    ]


def test_a_center_whose_cars_are_checked_tells_no_ready_by_the_clock():
    shard = a_shard_of_center("auto")
    learn(shard, checked_in("07:00"), repair("started", "07:10"), repair("completed", "07:20"), handed_off("07:30"))
    learn(shard, *(event | {"order_id": "R2", "event_id": f"2-{n}"} for n, event in enumerate(REPAIRED)))
    assert [notice["milestone"] for notice in at(shard, "08:35").notices] == ["ready"]

    shard = a_shard_of_center("auto")
    learn(
        shard,
        *(checked_in("07:00"), repair("started", "07:10"), repair("completed", "07:20")),
        *(check_passed("07:25"), handed_off("07:30")),
    )
    learn(shard, *(event | {"order_id": "R2", "event_id": f"2-{n}"} for n, event in enumerate(REPAIRED)))
    assert not at(shard, "08:35").notices


def test_centers_with_the_same_number_have_alerts_and_customers_of_their_own():
    shard = a_shard(checked_in("08:00", promised="10:00"), checked_in("08:00", center_id="C2", promised="10:00"))
    for center, address in (("C1", "sms:1"), ("C2", "sms:2")):
        notice = {"center_id": center, "order_id": "R1", "milestone": "checked_in", "notice_id": center}
        shard.apply_notice(a_record({**notice, "occurred_at": ms("08:00"), "recipients": [address]}))
    changes = at(shard, "10:10")

    late = [notice for notice in changes.notices if notice["milestone"] == "running_late"]
    assert {notice["center_id"]: notice["recipients"] for notice in late} == {"C1": ["sms:1"], "C2": ["sms:2"]}
    assert len({notice["notice_id"] for notice in late}) == 2
    of_orders = [alert for alert in changes.alerts.values() if alert.rule == next(iter(changes.alerts.values())).rule]
    assert sorted(alert.center_id for alert in of_orders) == ["C1", "C2"]


def test_of_two_vehicles_under_one_order_the_one_with_the_newer_events_is_watched():
    shard = a_shard(checked_in("08:00", promised="10:00"))
    learn(shard, checked_in("09:00", vehicle_id="V2", promised="12:00"))

    assert not [notice for notice in at(shard, "10:10").notices if notice["milestone"] == "running_late"]


WRONG = [checked_in("08:00"), diagnosis_started("08:05")]


RIGHT = [checked_in("08:10", vehicle_id="V2")]


CORRECTED = [*WRONG, called_off("08:30", reason=VEHICLE_CORRECTED)]


@pytest.mark.parametrize(("first", "second"), [(WRONG, RIGHT), (RIGHT, WRONG)])
def test_an_order_under_two_vehicles_is_one_alert_until_it_is_corrected(first: list[Sent], second: list[Sent]):
    shard = a_shard(*first)
    assert rules(at(shard, "08:15")) == []

    learn(shard, *second)
    (alert,) = at(shard, "08:15").alerts.values()
    assert (alert.rule, alert.subject, alert.center_id, alert.since) == ("vehicle", "R1", "C1", ms("08:10"))
    assert rules(at(shard, "08:20")) == []

    learn(shard, *CORRECTED)
    assert rules(at(shard, "08:31")) == [("vehicle", "closed")]


def test_whoever_takes_over_a_corrected_order_knows_one_vehicle():
    shard = a_shard(*CORRECTED)
    learn(shard, *RIGHT)

    assert ("vehicle", "open") not in rules(at(shard, "08:31"))


def test_an_order_closed_under_both_vehicles_is_told_too_and_centers_have_their_own():
    shard = a_shard(checked_in("08:00"), handed_off("09:00"))
    learn(shard, checked_in("08:30", vehicle_id="V2", center_id="C2"))
    assert ("vehicle", "open") not in rules(at(shard, "08:50"))

    learn(shard, checked_in("08:20", vehicle_id="V2"), handed_off("09:00", vehicle_id="V2"))
    assert ("vehicle", "open") in rules(at(shard, "09:01"))
