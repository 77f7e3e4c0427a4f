"""The independent computation, against histories worked out by hand from CONTRACT.md: where the time goes."""

from decimal import Decimal

from tests.oracle_terms import merged_stages
from tests.unit.tests.oracle_visits import (
    QUOTE,
    at,
    check,
    check_in,
    decision,
    diagnosis,
    event,
    handoff,
    minutes,
    order_after,
    part,
    repair,
    repaired_visit,
    stages_of,
)

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
