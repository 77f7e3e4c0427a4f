"""What else a visit tells: promises, money, parts, faults, voices, and how it stands at a given now."""

from tests.workshop import (
    QUOTE,
    QUOTED,
    approved,
    at,
    called_off,
    check_failed,
    checked_in,
    complained,
    diagnosed,
    diagnosis_started,
    followed_up,
    handed_off,
    minutes,
    ms,
    order_after,
    part,
    quoted,
    refused,
    repair,
    repaired_visit,
    stages,
    surveyed,
)

# From check-in to close


def test_the_visit_belongs_to_its_first_check_in():
    order = order_after(
        checked_in("08:00", lane="quick", odometer_km=10_000.5, customer_id="K7", center_id="C3", locale="zh-CN"),
        checked_in("09:00", lane="standard", odometer_km=99, customer_id="K8", center_id="C3", locale="en"),
    )

    assert (order["lane"], order["odometer_km"], order["customer_id"]) == ("quick", 10_000.5, "K7")
    assert (order["center_id"], order["locale"], order["checked_in_at"]) == ("C3", "zh-CN", ms("08:00"))


def test_the_first_handoff_or_cancellation_closes_the_visit():
    order = order_after(checked_in("08:00"), called_off("09:00"), handed_off("10:00", amount=5))

    assert (order["status"], order["closed_at"], order["lead_s"]) == ("cancelled", ms("09:00"), 3600)
    assert order["final_amount"] is None


def test_of_a_handoff_and_a_cancellation_in_one_millisecond_the_lower_event_id_closes():
    late = called_off("09:00", event_id="b")
    early = handed_off("09:00", event_id="a")

    assert order_after(checked_in("08:00", event_id="0"), late, early)["status"] == "handed_off"


def test_a_handoff_stamped_before_the_check_in_closes_nothing():
    order = order_after(handed_off("07:00", amount=5), checked_in("08:00"), handed_off("09:00", amount=7))

    assert (order["status"], order["closed_at"], order["final_amount"]) == ("handed_off", ms("09:00"), "7")


def test_without_a_check_in_there_are_no_times_but_the_rest_is_told():
    order = order_after(quoted("08:10", 0, "brakes"), part("backordered", "08:20"), handed_off("09:00", amount=12.5))

    assert (order["status"], order["closed_at"]) == ("handed_off", ms("09:00"))
    assert {order[name] for name in ("lane", "checked_in_at", "ready_at", "activity")} == {None}
    assert {value for name, value in order.items() if name.endswith("_s")} == {None}
    assert (order["stages"], order["promised_at"]) == ([], None)
    assert (order["fault_groups"], order["stockouts"], order["quoted_amount"]) == (["brakes"], 1, QUOTED)
    assert order["final_amount"] == "12.5"


def test_milliseconds_are_cut_not_rounded():
    order = order_after(checked_in("08:00:00.000999"), handed_off("08:00:01.001999"))

    assert (order["checked_in_at"], order["lead_s"]) == (ms("08:00"), 1.001)


def test_the_offset_of_a_time_changes_nothing():
    order = order_after(
        checked_in("08:00", occurred_at="2026-03-02T16:00:00+08:00"),
        handed_off("09:00", occurred_at="2026-03-02T05:30:00.000-03:30"),
    )

    assert order["lead_s"] == 3600


# Promises


def test_the_promise_is_the_last_one_before_the_car_was_ready():
    order = order_after(
        checked_in("08:00", promised="12:00"),
        checked_in("08:30", promised="10:00"),
        repair("started", "09:00"),
        repair("completed", "09:30"),
        checked_in("09:40", promised="17:00"),
        handed_off("10:00"),
    )

    assert (order["promised_at"], order["ready_at"]) == (ms("10:00"), ms("09:30"))


def test_a_check_in_without_a_promise_takes_none_back():
    assert order_after(checked_in("08:00", promised="12:00"), checked_in("08:30"))["promised_at"] == ms("12:00")


def test_a_car_that_was_never_ready_keeps_the_last_promise_before_the_close():
    order = order_after(
        checked_in("08:00", promised="12:00"), called_off("09:00"), checked_in("10:00", promised="13:00")
    )

    assert (order["promised_at"], order["ready_at"]) == (ms("12:00"), None)


# Money


def test_a_quote_comes_to_its_labour_and_its_parts():
    order = order_after(checked_in("08:00"), quoted("08:30"))

    assert (order["quoted_amount"], order["approved_amount"], order["final_amount"]) == (QUOTED, None, None)


def test_the_last_quote_counts_and_an_approval_without_amount_approves_it():
    cheaper = {**QUOTE, "parts": []}
    order = order_after(checked_in("08:00"), quoted("08:30"), quoted("08:40", quote=cheaper), approved("09:00"))

    assert (order["quoted_amount"], order["approved_amount"]) == ("570", "570")


def test_the_customer_may_approve_another_amount():
    order = order_after(checked_in("08:00"), quoted("08:30"), approved("09:00", amount=600))

    assert order["approved_amount"] == "600"


def test_a_refusal_after_an_approval_leaves_nothing_approved():
    order = order_after(checked_in("08:00"), quoted("08:30"), approved("09:00"), refused("09:10"))

    assert order["approved_amount"] is None


def test_what_was_quoted_or_approved_after_the_close_counts_for_nothing():
    order = order_after(checked_in("08:00"), handed_off("09:00", amount="99.90"), quoted("09:10"), approved("09:20"))

    assert (order["quoted_amount"], order["approved_amount"], order["final_amount"]) == (None, None, "99.9")


# Parts


def test_requests_stockouts_and_emergencies_are_counted_by_request():
    order = order_after(
        checked_in("08:00"),
        part("requested", "08:10", request_id="Q1", urgency="emergency"),
        part("backordered", "08:20", request_id="Q1"),
        part("backordered", "08:30", request_id="Q1"),
        part("fulfilled", "08:40", request_id="Q1"),
        part("requested", "08:10", request_id="Q2"),
        part("fulfilled", "08:50", request_id="Q2", urgency="emergency"),
        part("cancelled", "08:50", request_id="Q3", urgency="normal"),
        handed_off("09:00"),
        part("backordered", "09:10", request_id="Q4"),
    )

    assert (order["part_requests"], order["stockouts"], order["emergencies"]) == (3, 1, 2)


def test_a_part_request_tells_when_it_reached_each_phase_and_what_was_last_said():
    order = order_after(
        checked_in("08:00"),
        part("requested", "08:10", quantity=2, unit_price=10),
        part("backordered", "08:20", quantity=2, expected_at=at("12:00").isoformat()),
        part("backordered", "08:30", quantity=3, expected_at=at("15:00").isoformat()),
        part("fulfilled", "08:40", quantity=3, part_no="P-2", unit_price=11.5),
    )

    assert order["parts"] == [
        {
            **{"request_id": "Q1", "part_no": "P-2", "quantity": "3", "emergency": False, "unit_price": "11.5"},
            **{"requested_at": ms("08:10"), "backordered_at": ms("08:20"), "fulfilled_at": ms("08:40")},
            **{"cancelled_at": None, "expected_at": ms("15:00")},
        }
    ]


# Faults


def test_fault_groups_are_those_of_all_completed_diagnoses_and_the_origin_is_the_last_one_named():
    order = order_after(
        checked_in("08:00"),
        diagnosis_started("08:05", fault_groups=["screen"]),
        diagnosed("08:10", 0, "brakes", "battery", fault_origin="product"),
        diagnosed("08:20", 0, "空调", "brakes", fault_origin="misuse"),
        diagnosed("08:30"),
        handed_off("09:00"),
        diagnosed("09:10", 0, "suspension", fault_origin="maintenance"),
    )

    assert (order["fault_groups"], order["fault_origin"]) == (["battery", "brakes", "空调"], "misuse")


# Voices


def test_the_last_survey_counts_even_when_it_arrives_first():
    order = order_after(
        *repaired_visit(),
        surveyed("18:00", 3, score=4, reasons=["wait"]),
        surveyed("12:00", 1, score=10, reasons=["friendly"]),
    )

    assert (order["score"], order["survey_reasons"]) == (4, ["wait"])
    assert [survey["score"] for survey in order["surveys"]] == [10, 4]


def test_complaints_count_before_and_after_the_close():
    order = order_after(
        complained("07:30"), *repaired_visit(), complained("12:00", 2, category="price", severity="high")
    )

    assert order["complaints"] == 2
    second = order["complaint_list"][1]
    assert second == {
        **{"event_id": second["event_id"], "complaint_id": second["event_id"], "complained_at": ms("12:00", 2)},
        **{"category": "price", "severity": "high", "phases": ["opened"], "reached_at": [ms("12:00", 2)]},
    }


def test_a_complaint_counts_once_however_much_is_heard_of_it():
    order = order_after(
        *repaired_visit(),
        complained("12:00", 1, event_id="k1", severity="low"),
        complained("13:00", 1, complaint_id="k1", phase="contacted", severity="high"),
        complained("14:00", 1, complaint_id="k1", phase="resolved", category="price"),
        complained("15:00", 1, complaint_id="k2"),
    )

    assert order["complaints"] == 2
    assert order["complaint_list"][0] == {
        **{"event_id": "k1", "complaint_id": "k1", "complained_at": ms("12:00", 1)},
        **{"category": "price", "severity": "high"},
        "phases": ["opened", "contacted", "resolved"],
        "reached_at": [ms("12:00", 1), ms("13:00", 1), ms("14:00", 1)],
    }


def test_who_got_in_touch_with_the_customer_is_remembered_in_order():
    order = order_after(
        *repaired_visit(),
        followed_up("15:00", 2, event_id="f2"),
        followed_up("09:00", 2, event_id="f1", phase="no_answer"),
    )

    assert order["follow_ups"] == [
        {"event_id": "f1", "followed_up_at": ms("09:00", 2), "of": "k1", "phase": "no_answer"},
        {"event_id": "f2", "followed_up_at": ms("15:00", 2), "of": "k1", "phase": "contacted"},
    ]


def test_a_survey_is_the_last_that_is_heard_of_an_order():
    order = order_after(*repaired_visit(), surveyed("12:00", 2))

    assert (order["last_event_at"], order["closed_at"], order["event_count"]) == (ms("12:00", 2), ms("11:00"), 7)


# Live


def test_a_wait_that_runs_grows_with_now():
    waiting = [checked_in("08:00"), diagnosis_started("08:20"), diagnosed("08:40"), part("requested", "08:50")]

    assert minutes(order_after(*waiting, now=at("09:00"))) == {
        **{"lead": 60, "wait": 40, "touch": 20, "diagnosis": 20},
        **{"wait_reception": 20, "wait_bay": 10, "wait_parts": 10},
    }
    assert minutes(order_after(*waiting, now=at("09:00:30")))["wait_parts"] == 10.5


def test_a_stored_fact_runs_to_its_last_event_and_says_since_when_what_runs():
    order = order_after(checked_in("08:00"), diagnosis_started("08:20"), check_failed("08:30"))

    assert (order["activity"], order["activity_since"]) == ("diagnosis", ms("08:20"))
    assert (order["lead_s"], order["diagnosis_s"]) == (30 * 60, 10 * 60)
    assert stages(order)[-1] == ("diagnosis", "08:20", None)


def test_a_wait_for_a_bay_that_was_taken_for_finishing_began_when_the_work_was_done():
    order = order_after(
        checked_in("08:00"), repair("started", "08:10"), repair("completed", "09:00"), check_failed("09:20")
    )

    assert (order["activity"], order["activity_since"]) == ("bay", ms("09:00"))
    assert stages(order)[-1] == ("bay", "09:00", None)


def test_a_now_before_the_last_event_is_no_earlier_than_that():
    assert order_after(checked_in("08:00"), repair("started", "09:00"), now=at("08:30"))["lead_s"] == 3600


def test_what_is_closed_no_longer_depends_on_now():
    visit = repaired_visit("brakes")

    assert order_after(*visit, now=at("20:00", 9)) == order_after(*visit)


# What the customer sees of it


def test_a_quote_tells_its_lines_by_name_and_each_decision_is_remembered():
    lines = {
        "parts": [{"part_no": "P-1", "quantity": 2, "unit_price": "99.95", "name": "oil filter", "line_id": "p1"}],
        "labour": [{"name": "oil service", "hours": 1.5, "line_id": "l1"}],
    }
    order = order_after(
        checked_in("08:00"),
        quoted("08:30", quote={**QUOTE, **lines}),
        approved("09:00", amount=570, lines=["l1"]),
        refused("09:01"),
    )

    assert order["quote"]["labour"] == [{"name": "oil service", "hours": "1.5", "line_id": "l1"}]
    (part_line,) = order["quote"]["parts"]
    assert (part_line["name"], part_line["line_id"]) == ("oil filter", "p1")
    assert order["decisions"] == [
        {"at": ms("09:00"), "approved": True, "amount": "570", "lines": ["l1"]},
        {"at": ms("09:01"), "approved": False, "amount": None, "lines": None},
    ]


def test_what_the_car_and_the_advisor_are_called_is_what_was_said_last():
    order = order_after(
        checked_in("08:00", vehicle_label="A-345", advisor="Wang Fang"),
        checked_in("09:00", advisor="Li Qiang"),
    )

    assert (order["vehicle_label"], order["advisor"]) == ("A-345", "Li Qiang")
