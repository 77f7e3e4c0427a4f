"""The independent computation: what was fixed the first time, and what came back."""

from typing import Any

import pytest

from tests.unit.tests.oracle_visits import (
    QUOTE,
    check,
    check_in,
    decision,
    diagnosis,
    handoff,
    order_after,
    part,
    repair,
    repaired_visit,
)


def test_a_job_started_again_is_rework_and_a_resumed_one_is_not():
    events = [check_in("08:00"), repair("started", "08:00"), repair("completed", "09:00")]
    again = order_after(*events, repair("started", "09:10"), handoff("10:00"))
    resumed = order_after(*events, repair("resumed", "09:10"), handoff("10:00"))

    assert (again["ftf"], again["ftf_cause"]) == (False, "rework")
    assert resumed["ftf"] is True


def test_handed_off_while_a_part_was_open_is_no_first_time_fix():
    order = order_after(check_in("08:00"), repair("completed", "09:00"), part("requested", "09:10"), handoff("10:00"))

    assert (order["ftf"], order["ftf_cause"]) == (False, "open_part")


def comeback(clock: str, day: int, order_id: str = "R2", **fields: Any) -> list[dict[str, Any]]:
    groups = fields.pop("fault_groups", ["brakes"])
    center = {"center_id": fields.get("center_id", "C1")}
    return [
        check_in(clock, day, order_id=order_id, **fields),
        diagnosis("completed", "23:00", day, order_id=order_id, fault_groups=groups, **center),
    ]


@pytest.mark.parametrize(
    ("again", "is_comeback"),
    [
        (comeback("11:00:00.001", 0), True),
        (comeback("11:00", 0), False),
        (comeback("10:00", 0), False),
        (comeback("11:00", 30), True),
        (comeback("11:00:00.001", 30), False),
        (comeback("09:00", 5, fault_groups=["screen"]), False),
        (comeback("09:00", 5, fault_groups=["screen", "battery"], center_id="C9"), True),
        (comeback("09:00", 5, odometer_km=11_000), True),
        (comeback("09:00", 5, odometer_km=11_000.5), False),
        (comeback("09:00", 5, odometer_km=9_000), True),
        (comeback("09:00", 5, vehicle_id="V1"), True),
        (comeback("09:00", 5)[1:], False),
    ],
)
def test_a_comeback_is_a_shared_fault_within_thirty_days_and_a_thousand_kilometres(again: Any, is_comeback: bool):
    order = order_after(*repaired_visit(), *again)

    assert order["comeback_order_id"] == ("R2" if is_comeback else None)
    assert (order["ftf"], order["ftf_cause"]) == ((False, "comeback") if is_comeback else (True, None))


@pytest.mark.parametrize(("after", "is_comeback"), [(5_000.1, True), (5_000.2, False)])
def test_kilometres_are_reckoned_as_written_not_as_binary_fractions(after: float, is_comeback: bool):
    arrival, *visit = repaired_visit()

    order = order_after({**arrival, "odometer_km": 4_000.1}, *visit, *comeback("09:00", 5, odometer_km=after))

    assert order["comeback_order_id"] == ("R2" if is_comeback else None)


def test_another_vehicle_never_is_a_comeback():
    second_visit = [{**e, "vehicle_id": "V2"} for e in comeback("09:00", 5)]

    assert order_after(*repaired_visit(), *second_visit)["ftf"] is True


def test_the_earliest_comeback_is_named_even_behind_another_cause():
    later, first, tied = comeback("09:00", 9, "R4"), comeback("09:00", 5, "R3"), comeback("09:00", 5, "R2")
    order = order_after(*repaired_visit()[:-1], check(False, "10:30"), handoff("11:00"), *later, *first, *tied)

    assert (order["ftf_cause"], order["comeback_order_id"]) == ("rework", "R2")


def test_an_order_that_cannot_be_judged_has_no_comeback():
    refused = [
        check_in("08:00"),
        diagnosis("completed", "08:30", quote=QUOTE, fault_groups=["brakes"]),
        decision(False, "09:00"),
        handoff("11:00"),
    ]
    order = order_after(*refused, *comeback("09:00", 5))

    assert (order["ftf"], order["comeback_order_id"]) == (None, None)
