"""The independent computation: which events are the same, which come first, and whose they are."""

import pytest

from tests.oracle import orders_of
from tests.unit.tests.oracle_visits import (
    EVENING,
    at,
    check_in,
    diagnosis,
    event,
    handoff,
    order_after,
    repair,
    repaired_visit,
    stages_of,
)


@pytest.mark.parametrize(("event_id", "is_ready"), [("a", True), ("z", False)])
def test_of_events_in_one_millisecond_the_smaller_id_comes_first(event_id: str, is_ready: bool):
    order = order_after(
        check_in("08:00"),
        repair("started", "08:10"),
        repair("completed", "09:00", event_id=event_id),
        handoff("09:00"),
    )

    assert stages_of(order)[-1][0] == ("pickup" if is_ready else "repair")
    assert order["ready_at"] == at("09:00")
    assert order["anomalies"] == ([] if is_ready else ["activity_after_close"])


def test_event_ids_are_compared_by_code_point():
    order = order_after(
        check_in("08:00"),
        event("survey", "10:00", event_id="\U0001f527", score=3),
        event("survey", "10:00", event_id="\uffe5", score=9),
    )

    assert order["score"] == 3


def test_times_are_cut_to_milliseconds_before_they_are_compared():
    order = order_after(
        check_in("08:00:00.000999"),
        repair("completed", "09:00:00.001999", event_id="a"),
        handoff("09:00:00.001001", event_id="b"),
    )

    assert order["checked_in_at"] == at("08:00")
    assert order["ready_at"] == order["closed_at"] == at("09:00:00.001")
    assert order["lead_s"] == 3600.001


def test_offsets_are_only_a_way_to_write_the_time():
    order = order_after(
        check_in("08:00", occurred_at="2026-03-02T16:00:00+08:00"),
        handoff("09:00", occurred_at="2026-03-02T05:30:00.5-03:30"),
    )

    assert (order["checked_in_at"], order["lead_s"]) == (at("08:00"), 3600.5)


def test_the_same_number_in_another_center_is_another_order():
    orders = orders_of([diagnosis("started", "07:00", center_id="C2"), check_in("08:00"), handoff("09:00")], EVENING)

    assert orders["C1", "R1"]["anomalies"] == []
    assert orders["C2", "R1"]["anomalies"] == ["missing_check_in"]


def test_the_first_of_two_events_with_one_id_counts():
    first = event("survey", "10:00", score=9)
    order = order_after(check_in("08:00"), first, {**first, "score": 1})

    assert (order["score"], order["event_count"]) == (9, 2)


def test_an_event_id_means_something_in_its_order_only():
    first = event("survey", "10:00", score=9)
    others = {**first, "order_id": "R2", "score": 1}, {**first, "center_id": "C2", "score": 2}
    orders = orders_of([first, *others], EVENING)

    assert {key: order["score"] for key, order in orders.items()} == {
        ("C1", "R1"): 9,
        ("C1", "R2"): 1,
        ("C2", "R1"): 2,
    }


def test_another_vehicle_may_use_the_same_event_id():
    orders = orders_of(
        [check_in("08:00", event_id="1"), check_in("08:00", event_id="1", vehicle_id="V2", order_id="R2")], EVENING
    )

    assert set(orders) == {("C1", "R1"), ("C1", "R2")}


def test_the_order_of_arrival_changes_nothing():
    visit = repaired_visit()

    assert order_after(*reversed(visit), visit[3]) == order_after(*visit)
