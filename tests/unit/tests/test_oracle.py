"""The independent computation, against histories worked out by hand from CONTRACT.md."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.oracle import orders_of
from tests.oracle_figures import center_hours_of, figures_of
from tests.oracle_terms import merged_stages

DAY = datetime(2026, 3, 2, tzinfo=UTC)
EVENING = DAY + timedelta(hours=20)
QUOTE = {
    "labour_hours": 1.5,
    "labour_rate": 380,
    "parts": [{"part_no": "P-1", "quantity": 2, "unit_price": 99.95}],
    "currency": "CNY",
}
_ids = count(1)


def at(clock: str, day: int = 0) -> datetime:
    """That time of day, so many days after the first; "08:00", "08:00:30" or "08:00:00.001"."""
    return datetime.fromisoformat(f"2026-03-02T{clock}+00:00") + timedelta(days=day)


def event(type_: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    common = {"event_id": f"m{next(_ids):06d}", "order_id": "R1", "vehicle_id": "V1", "center_id": "C1"}
    return {**common, "type": type_, "occurred_at": at(clock, day).isoformat(), **fields}


def check_in(clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("check_in", clock, day, **{"customer_id": "K1", "lane": "standard", **fields})


def diagnosis(phase: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("diagnosis", clock, day, phase=phase, **fields)


def decision(approved: bool, clock: str, **fields: Any) -> dict[str, Any]:
    return event("quote_decision", clock, approved=approved, **fields)


def part(phase: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event(
        "part_request", clock, day, **{"phase": phase, "request_id": "Q1", "part_no": "P-1", "quantity": 1} | fields
    )


def repair(phase: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("repair", clock, day, **{"phase": phase, "job_id": "J1"} | fields)


def check(passed: bool, clock: str, **fields: Any) -> dict[str, Any]:
    return event("quality_check", clock, passed=passed, **fields)


def handoff(clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("handoff", clock, day, **fields)


def order_after(*events: dict[str, Any], now: datetime = EVENING) -> dict[str, Any]:
    return orders_of(events, now)["R1"]


def stages_of(order: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(name, f"{since:%H:%M}", until and f"{until:%H:%M}") for name, since, until in order["stages"]]


def minutes(order: dict[str, Any]) -> dict[str, float]:
    """Every duration that is not zero, in minutes."""
    return {name.removesuffix("_s"): value / 60 for name, value in order.items() if name.endswith("_s") and value}


def repaired_visit(**handoff_fields: Any) -> list[dict[str, Any]]:
    return [
        check_in("08:00", promised_at="2026-03-02T12:00:00+00:00", odometer_km=10_000),
        diagnosis("started", "08:20"),
        diagnosis("completed", "08:40", quote=QUOTE, fault_groups=["brakes", "battery"], fault_origin="product"),
        decision(True, "09:00"),
        repair("started", "09:10"),
        repair("completed", "10:10"),
        event("quality_check", "10:15", phase="started"),
        check(True, "10:25"),
        handoff("11:00", **handoff_fields),
    ]


# Where the time goes


def test_an_ordinary_visit_is_split_into_its_activities():
    order = order_after(*repaired_visit(amount=769.9))

    assert stages_of(order) == [
        ("reception", "08:00", "08:20"),
        ("diagnosis", "08:20", "08:40"),
        ("approval", "08:40", "09:00"),
        ("bay", "09:00", "09:10"),
        ("repair", "09:10", "10:10"),
        ("bay", "10:10", "10:15"),
        ("quality", "10:15", "10:25"),
        ("pickup", "10:25", "11:00"),
    ]
    assert minutes(order) == {
        **{"lead": 180, "wait": 55, "touch": 90, "pickup": 35},
        **{"wait_reception": 20, "wait_approval": 20, "wait_bay": 15},
        **{"repair": 60, "diagnosis": 20, "quality": 10},
    }
    assert order["checked_in_at"] == at("08:00")
    assert order["ready_at"] == at("10:25")
    assert order["closed_at"] == at("11:00")
    assert order["promised_at"] == at("12:00")
    assert (order["status"], order["activity"], order["lane"]) == ("handed_off", None, "standard")
    assert (order["fault_groups"], order["fault_origin"], order["odometer_km"]) == (
        ["battery", "brakes"],
        "product",
        10_000,
    )
    assert (order["ftf"], order["ftf_cause"], order["comeback_order_id"]) == (True, None, None)
    assert (order["event_count"], order["last_event_at"], order["anomalies"]) == (9, at("11:00"), [])


def test_work_on_the_car_hides_every_wait_and_an_open_part_hides_the_approval():
    order = order_after(
        part("requested", "07:00"),
        check_in("08:00"),
        diagnosis("started", "08:10"),
        diagnosis("completed", "08:30", quote=QUOTE),
        repair("started", "09:00"),
        repair("completed", "09:30"),
        part("fulfilled", "10:00"),
        decision(True, "10:30"),
        handoff("11:00"),
    )

    assert stages_of(order) == [
        ("parts", "08:00", "08:10"),
        ("diagnosis", "08:10", "08:30"),
        ("parts", "08:30", "09:00"),
        ("repair", "09:00", "09:30"),
        ("parts", "09:30", "10:00"),
        ("approval", "10:00", "10:30"),
        ("pickup", "10:30", "11:00"),
    ]


def test_two_jobs_side_by_side_are_one_repair_and_a_paused_one_holds_the_pickup_back():
    order = order_after(
        check_in("08:00"),
        repair("started", "08:10", job_id="A"),
        repair("started", "08:20", job_id="B"),
        repair("paused", "08:30", job_id="B"),
        repair("completed", "08:40", job_id="A"),
        repair("resumed", "09:00", job_id="B"),
        repair("completed", "09:20", job_id="B"),
        handoff("09:30"),
    )

    assert stages_of(order) == [
        ("reception", "08:00", "08:10"),
        ("repair", "08:10", "08:40"),
        ("bay", "08:40", "09:00"),
        ("repair", "09:00", "09:20"),
        ("pickup", "09:20", "09:30"),
    ]
    assert order["ftf"] is True


def test_a_failed_check_waits_for_a_bay_until_a_repair_starts():
    order = order_after(
        check_in("08:00"),
        repair("started", "08:00"),
        repair("completed", "09:00"),
        check(False, "09:10"),
        repair("started", "09:40", job_id="J2"),
        repair("completed", "10:00", job_id="J2"),
        handoff("10:30"),
    )

    assert stages_of(order) == [
        ("repair", "08:00", "09:00"),
        ("bay", "09:00", "09:40"),
        ("repair", "09:40", "10:00"),
        ("pickup", "10:00", "10:30"),
    ]
    assert (order["ftf"], order["ftf_cause"]) == (False, "rework")


def test_a_failed_check_that_only_a_resumed_job_follows_is_never_ready():
    order = order_after(
        check_in("08:00"),
        repair("started", "08:00"),
        check(False, "08:30"),
        repair("resumed", "08:40"),
        repair("completed", "09:00"),
        check(True, "09:10"),
        handoff("09:30"),
    )

    assert stages_of(order) == [("repair", "08:00", "09:00"), ("bay", "09:00", "09:30")]
    assert order["ready_at"] == at("09:30")


def test_a_refused_quote_makes_the_car_ready_and_a_new_quote_takes_that_back():
    order = order_after(
        check_in("08:00"),
        diagnosis("started", "08:10"),
        diagnosis("completed", "08:30", quote=QUOTE),
        decision(False, "09:00"),
        diagnosis("completed", "09:20", quote=QUOTE),
        decision(False, "10:00"),
        handoff("10:45"),
    )

    assert stages_of(order)[2:] == [
        ("approval", "08:30", "09:00"),
        ("bay", "09:00", "09:20"),
        ("approval", "09:20", "10:00"),
        ("pickup", "10:00", "10:45"),
    ]
    assert order["approved_amount"] is None
    assert order["ftf"] is None, "nothing was repaired, so nothing can be judged"


def test_a_decision_before_the_quote_does_not_answer_it():
    order = order_after(
        check_in("08:00"),
        decision(True, "08:20", amount=500),
        diagnosis("completed", "08:30", quote=QUOTE),
        handoff("09:00"),
    )

    assert stages_of(order) == [("reception", "08:00", "08:30"), ("approval", "08:30", "09:00")]
    assert order["approved_amount"] == Decimal(500)


def test_a_diagnosis_whose_start_was_lost_ends_the_wait_at_the_reception():
    order = order_after(check_in("08:00"), diagnosis("completed", "08:30"), handoff("09:00"))

    assert stages_of(order) == [("reception", "08:00", "08:30"), ("bay", "08:30", "09:00")]


def test_a_pickup_that_a_repair_ended_was_a_wait_for_a_bay():
    order = order_after(
        check_in("08:00"),
        repair("started", "08:00"),
        repair("completed", "09:00"),
        repair("started", "09:30"),
        handoff("10:00"),
    )

    assert stages_of(order) == [
        ("repair", "08:00", "09:00"),
        ("bay", "09:00", "09:30"),
        ("repair", "09:30", "10:00"),
    ]
    assert order["ready_at"] == at("10:00")


def test_events_that_change_nothing_do_not_cut_a_pickup_in_two():
    order = order_after(
        check_in("08:00"),
        repair("completed", "08:30"),
        check(True, "08:40"),
        event("ready", "08:50"),
        repair("started", "08:55"),
        repair("completed", "08:55"),
        check(True, "08:55"),
        handoff("09:00"),
    )

    assert stages_of(order) == [
        ("reception", "08:00", "08:30"),
        ("bay", "08:30", "08:40"),
        ("pickup", "08:40", "09:00"),
    ]
    assert order["ready_at"] == at("08:40")


def test_a_car_ready_in_the_moment_of_the_handoff_has_an_empty_pickup():
    """The earlier pickup run is then not the last one, so it was a wait for a bay."""
    order = order_after(
        check_in("08:00"),
        repair("started", "08:00"),
        repair("completed", "09:00"),
        repair("started", "09:15"),
        repair("completed", "10:00"),
        handoff("10:00"),
    )

    assert order["ready_at"] == order["closed_at"] == at("10:00")
    assert minutes(order) == {"lead": 120, "wait": 15, "wait_bay": 15, "touch": 105, "repair": 105}
    assert stages_of(order)[-1] == ("pickup", "10:00", "10:00")
    assert [name for name, _, _ in merged_stages(order["stages"])] == ["repair", "bay", "repair"]


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


def test_an_open_order_grows_until_now():
    order = order_after(check_in("08:00"), diagnosis("started", "08:20"), now=at("09:00"))

    assert minutes(order) == {"lead": 60, "wait": 20, "wait_reception": 20, "touch": 40, "diagnosis": 40}
    assert (order["status"], order["activity"], order["closed_at"]) == ("open", "diagnosis", None)
    assert stages_of(order) == [("reception", "08:00", "08:20"), ("diagnosis", "08:20", None)]


def test_an_open_order_reaches_at_least_its_last_event():
    events = [check_in("08:00"), repair("completed", "08:20"), event("complaint", "09:00", category="wait")]
    order = order_after(*events, now=at("08:10"))

    assert minutes(order) == {"lead": 60, "wait": 20, "wait_reception": 20, "finishing": 40}
    assert (order["activity"], order["ready_at"]) == ("finishing", None)


def test_an_order_just_checked_in_waits_at_the_reception():
    order = order_after(check_in("08:00"), now=at("08:00"))

    assert (order["activity"], order["lead_s"], stages_of(order)) == ("reception", 0, [("reception", "08:00", None)])


# What counts


def test_events_before_the_check_in_count_but_take_no_time():
    order = order_after(repair("started", "07:30"), check_in("08:00"), repair("completed", "08:30"), handoff("09:00"))

    assert stages_of(order) == [("repair", "08:00", "08:30"), ("pickup", "08:30", "09:00")]
    assert order["anomalies"] == ["negative_gap"]


def test_a_handoff_before_the_check_in_closes_nothing():
    order = order_after(handoff("07:00", amount=5), check_in("08:00"), now=at("09:00"))

    assert (order["status"], order["final_amount"], order["lead_s"]) == ("open", None, 3600)


def test_after_the_close_only_surveys_and_complaints_count():
    order = order_after(
        *repaired_visit(amount=700),
        diagnosis(
            "completed", "12:00", fault_groups=["screen"], fault_origin="misuse", quote={**QUOTE, "labour_rate": 1}
        ),
        part("backordered", "12:10", urgency="emergency"),
        decision(True, "12:20", amount=1),
        repair("started", "12:30"),
        handoff("12:40", amount=1),
        event("survey", "13:00", score=9, reasons=["fixed"]),
        event("survey", "14:00", score=4),
        event("complaint", "15:00", category="price"),
    )

    assert order["closed_at"] == at("11:00")
    assert (order["fault_groups"], order["fault_origin"], order["part_requests"]) == (
        ["battery", "brakes"],
        "product",
        0,
    )
    assert (order["quoted_amount"], order["approved_amount"], order["final_amount"]) == (
        Decimal("769.90"),
        Decimal("769.90"),
        Decimal(700),
    )
    assert (order["ftf"], order["ftf_cause"]) == (False, "reopened")
    assert (order["score"], order["survey_reasons"], order["complaints"]) == (4, [], 1)
    assert [survey["score"] for survey in order["surveys"]] == [9, 4]
    assert (order["event_count"], order["last_event_at"]) == (17, at("15:00"))
    assert order["anomalies"] == ["activity_after_close"]


def test_an_order_without_check_in_has_no_times_but_is_judged():
    order = order_after(repair("started", "08:00"), handoff("09:00", amount=100))

    assert (order["status"], order["ftf"], order["final_amount"]) == ("handed_off", True, Decimal(100))
    assert order["anomalies"] == ["missing_check_in"]
    assert order["closed_at"] is not None
    for name in (
        "lane",
        "customer_id",
        "checked_in_at",
        "ready_at",
        "lead_s",
        "wait_s",
        "pickup_s",
    ):
        assert order[name] is None, name
    assert order["stages"] == []


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


# Promises, money, parts


def test_the_promise_is_the_last_one_given_before_the_car_was_ready():
    order = order_after(
        check_in("08:00", promised_at="2026-03-02T10:00:00Z"),
        check_in("08:30", promised_at="2026-03-02T19:00:00+08:00"),
        check_in("08:40"),
        repair("completed", "09:00", event_id="n1"),
        check_in("09:00", event_id="n2", promised_at="2026-03-02T20:00:00Z"),
        handoff("12:00"),
    )

    assert order["promised_at"] == at("11:00")


def test_a_car_that_never_was_ready_keeps_the_last_promise():
    order = order_after(
        check_in("08:00", promised_at="2026-03-02T10:00:00Z"),
        check_in("09:00", promised_at="2026-03-02T11:00:00Z"),
        event("cancellation", "09:30"),
        check_in("09:40", promised_at="2026-03-02T12:00:00Z"),
    )

    assert (order["status"], order["ready_at"], order["promised_at"]) == ("cancelled", None, at("11:00"))


def test_an_approval_without_amount_approves_its_quote():
    requoted = {**QUOTE, "labour_hours": 2}
    order = order_after(
        check_in("08:00"),
        diagnosis("completed", "08:30", quote=QUOTE),
        decision(True, "08:40"),
        diagnosis("completed", "08:50", quote=requoted),
        handoff("09:00"),
    )

    assert (order["quoted_amount"], order["approved_amount"]) == (Decimal("959.90"), Decimal("769.90"))


def test_a_part_request_is_counted_once_and_stays_fulfilled():
    order = order_after(
        check_in("08:00"),
        part("requested", "08:10", urgency="normal", unit_price=10),
        part("backordered", "08:20", urgency="emergency", expected_at="2026-03-03T08:00:00Z"),
        part("backordered", "08:30", expected_at="2026-03-04T08:00:00Z"),
        part("fulfilled", "09:00", unit_price=12.5),
        part("requested", "09:10"),
        part("requested", "09:20", request_id="Q2", part_no="P-2", quantity=4),
        part("cancelled", "09:30", request_id="Q2", part_no="P-2", quantity=4),
        now=at("10:00"),
    )

    assert (order["part_requests"], order["stockouts"], order["emergencies"]) == (2, 1, 1)
    assert order["wait_parts_s"] == 60 * 60
    assert order["activity"] == "reception"
    assert order["parts"][0] == {
        "request_id": "Q1",
        "part_no": "P-1",
        "quantity": Decimal(1),
        "urgency": "emergency",
        "requested_at": at("08:10"),
        "backordered_at": at("08:20"),
        "fulfilled_at": at("09:00"),
        "cancelled_at": None,
        "expected_at": at("08:00", day=2),
        "unit_price": Decimal("12.5"),
    }
    assert order["parts"][1]["cancelled_at"] == at("09:30")


# First-time fix


def test_a_job_started_again_is_rework_and_a_resumed_one_is_not():
    begun = [check_in("08:00"), repair("started", "08:00"), repair("completed", "09:00")]
    again = order_after(*begun, repair("started", "09:10"), handoff("10:00"))
    resumed = order_after(*begun, repair("resumed", "09:10"), handoff("10:00"))

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
    other = [{**e, "vehicle_id": "V2"} for e in comeback("09:00", 5)]

    assert order_after(*repaired_visit(), *other)["ftf"] is True


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


# Figures over many orders


def quick_order(number: int, ready: str, score: int | None = None, **fields: Any) -> list[dict[str, Any]]:
    names = {"order_id": f"S{number}", "vehicle_id": f"W{number}"}
    voice = [] if score is None else [event("survey", "18:00", score=score, **names)]
    return [
        check_in("08:00", lane="quick", promised_at="2026-03-02T08:20:00Z", **names),
        repair("started", "08:05", **names),
        repair("completed", ready, **names),
        handoff("09:30", **names),
        *voice,
    ]


def test_figures_over_a_few_orders():
    orders = orders_of(
        [
            *repaired_visit(amount=777.59),
            *quick_order(1, "08:15", score=10),
            *quick_order(2, "08:15:00.001", score=9),
            *quick_order(3, "08:20", score=8),
            *quick_order(4, "08:30", score=6),
            part("requested", "08:10", order_id="S1", vehicle_id="W1", urgency="emergency"),
            part("fulfilled", "10:10", order_id="S1", vehicle_id="W1", urgency="emergency"),
            event("complaint", "19:00", order_id="S4", vehicle_id="W4", category="wait"),
        ],
        EVENING,
    )
    figures = figures_of(orders)

    # S1 was handed off with its part still open: a wait for parts from 08:15 on, ready when it was handed off.
    assert orders["S1"]["ready_at"] == at("09:30")
    assert figures["quick_in_time"] == 0
    assert figures["promise_kept"] == 3 / 5
    assert figures["ftfr"] == 4 / 5
    assert (figures["nps"], figures["nps_n"]) == (25, 4)
    assert figures["nps_high"] - 25 == pytest.approx(195.9964 * ((0.5 + 0.25 - 0.0625) / 4) ** 0.5, rel=1e-5)
    assert (figures["stockout_rate"], figures["emergency_parts_in_time"]) == (0, 0)
    assert figures["quote_kept"] == 1, "777.59 is 0.99 % above 769.90"
    assert figures["complaints_per_100"] == 20
    assert figures["wait_mean_s"] == (55 + 80 + 3 * 5) * 60 / 5
    assert figures["wait_median_s"] == 5 * 60
    assert figures["wait_p90_s"] == pytest.approx((55 + 0.6 * 25) * 60)


def test_a_center_hour_holds_the_check_ins_and_the_orders_closed_in_it():
    orders = orders_of(
        [
            *quick_order(1, "08:15", score=10),
            *quick_order(2, "08:30", score=3),
            check_in("08:40", order_id="S3", vehicle_id="W3"),
            event("cancellation", "09:00", order_id="S3", vehicle_id="W3"),
            repair("started", "09:00", order_id="S4", vehicle_id="W4"),
        ],
        EVENING,
    )
    hours = center_hours_of(orders)

    assert set(hours) == {("C1", at("08:00")), ("C1", at("09:00"))}
    assert {name: value for name, value in hours["C1", at("08:00")].items() if value} == {"check_ins": 3}
    assert {name: value for name, value in hours["C1", at("09:00")].items() if value} == {
        **{"handed_off": 2, "cancelled": 1, "judged": 2, "fixed_first_time": 2},
        **{"lead_s": 10_800, "wait_s": 600, "wait_reception_s": 600, "touch_s": 2100, "pickup_s": 8100},
        **{"surveys": 2, "promoters": 1, "detractors": 1},
        **{"quick_ready": 2, "quick_in_time": 1, "promise_both": 2, "promise_kept": 1},
    }


def test_nothing_to_divide_by_gives_no_figure():
    figures = figures_of({})

    assert figures.pop("nps_n") == 0
    assert set(figures.values()) == {None}
