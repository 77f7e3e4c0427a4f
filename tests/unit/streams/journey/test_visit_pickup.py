"""When a car is ready, and how long it waits for its customer: CONTRACT section 2."""

from tests.workshop import (
    approved,
    at,
    called_off,
    check_failed,
    check_passed,
    check_started,
    checked_in,
    diagnosed,
    handed_off,
    order_after,
    part,
    quoted,
    refused,
    repair,
    said_ready,
    stages,
)


def test_the_car_is_ready_when_a_job_is_completed_and_nothing_else_is_left():
    order = order_after(
        checked_in("08:00"), repair("started", "08:10"), repair("completed", "08:40"), handed_off("09:00")
    )

    assert stages(order)[-1] == ("pickup", "08:40", "09:00")
    assert order["ready_at"] == order["stages"][-1]["started_at"]


def test_a_customer_who_refuses_can_fetch_the_car():
    order = order_after(checked_in("08:00"), quoted("08:10"), refused("08:40"), handed_off("09:00"))

    assert stages(order)[-1] == ("pickup", "08:40", "09:00")


def test_a_refusal_taken_back_makes_the_car_wait_for_a_bay_again():
    order = order_after(checked_in("08:00"), quoted("08:10"), refused("08:20"), approved("08:30"), now=at("09:00"))

    assert stages(order)[1:] == [("approval", "08:10", "08:20"), ("bay", "08:20", None)]
    assert order["ready_at"] is None


def test_a_paused_job_holds_the_pickup_back():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10", job_id="J1"),
        repair("paused", "08:20", job_id="J1"),
        repair("started", "08:20", job_id="J2"),
        repair("completed", "08:50", job_id="J2"),
        now=at("09:00"),
    )

    assert (order["activity"], order["ready_at"]) == ("bay", None)


def test_a_failed_check_holds_the_pickup_back_until_a_repair_is_started_on_it():
    before = [checked_in("08:00"), repair("started", "08:10"), repair("completed", "08:40"), check_failed("08:50")]
    after = [repair("started", "09:00", job_id="J2"), repair("completed", "09:20", job_id="J2")]

    assert order_after(*before, now=at("08:55"))["activity"] == "bay"
    assert order_after(*before, repair("resumed", "09:00"), repair("completed", "09:20"))["activity"] == "bay"
    assert order_after(*before, *after)["activity"] == "finishing"
    assert order_after(*before, *after, check_passed("09:30"))["activity"] == "pickup"


def test_only_the_last_stretch_of_pickup_is_pickup():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10"),
        repair("completed", "08:40"),
        check_started("09:00"),
        check_passed("09:15"),
        handed_off("10:00"),
    )

    assert stages(order) == [
        ("reception", "08:00", "08:10"),
        ("repair", "08:10", "08:40"),
        ("bay", "08:40", "09:00"),
        ("quality", "09:00", "09:15"),
        ("pickup", "09:15", "10:00"),
    ]
    assert (order["wait_bay_s"], order["pickup_s"]) == (20 * 60, 45 * 60)


def test_an_earlier_pickup_joins_the_wait_for_a_bay_beside_it():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10"),
        repair("completed", "08:40"),
        repair("paused", "09:00"),
        repair("completed", "09:30"),
        handed_off("10:00"),
    )

    assert stages(order)[2:] == [("bay", "08:40", "09:30"), ("pickup", "09:30", "10:00")]


def test_a_car_that_is_worked_on_again_was_not_ready():
    order = order_after(
        checked_in("08:00"),
        repair("started", "08:10"),
        repair("completed", "08:40"),
        said_ready("08:50"),
        repair("started", "09:00", job_id="J2"),
        now=at("09:30"),
    )

    assert stages(order)[1:] == [("repair", "08:10", "08:40"), ("bay", "08:40", "09:00"), ("repair", "09:00", None)]
    assert (order["activity"], order["pickup_s"], order["wait_bay_s"]) == ("repair", 0, 20 * 60)
    assert order["ready_at"] is None


def test_work_that_is_done_is_finishing_until_somebody_says_that_the_car_is_ready():
    events = [checked_in("08:00"), repair("started", "08:10"), repair("completed", "08:40")]
    open_order = order_after(*events, now=at("09:00"))

    assert (open_order["activity"], open_order["finishing_s"], open_order["ready_at"]) == ("finishing", 20 * 60, None)
    for proof in (said_ready("08:50"), check_passed("08:50"), refused("08:50")):
        order = order_after(*events, proof, now=at("09:00"))
        assert stages(order)[2:] == [("bay", "08:40", "08:50"), ("pickup", "08:50", None)]
        assert (order["finishing_s"], order["ready_at"]) == (0, order["stages"][3]["started_at"])


def test_work_after_the_proof_needs_another_one():
    events = [checked_in("08:00"), repair("completed", "08:40"), said_ready("08:50")]

    assert order_after(*events, diagnosed("08:55"), now=at("09:00"))["activity"] == "finishing"
    assert order_after(*events, diagnosed("08:55"), said_ready("08:56"), now=at("09:00"))["activity"] == "pickup"


def test_the_close_shows_that_a_car_in_finishing_was_ready():
    events = [checked_in("08:00"), repair("started", "08:10"), repair("completed", "08:40", event_id="done")]

    for closing in (handed_off("09:00"), called_off("09:00")):
        order = order_after(*events, closing)
        assert stages(order)[2:] == [("pickup", "08:40", "09:00")]
        assert (order["pickup_s"], order["finishing_s"], order["ready_at"]) == (
            20 * 60,
            0,
            order["closed_at"] - 1_200_000,
        )


def test_a_car_handed_off_from_anything_else_was_ready_at_the_handoff():
    waiting = [checked_in("08:00", promised="08:30"), part("requested", "08:10")]

    assert (
        order_after(*waiting, handed_off("09:00"))["ready_at"]
        == order_after(*waiting, handed_off("09:00"))["closed_at"]
    )
    assert order_after(*waiting, called_off("09:00"))["ready_at"] is None


def test_the_word_ready_without_any_work_done_is_no_pickup():
    assert order_after(checked_in("08:00"), said_ready("08:10"), now=at("09:00"))["activity"] == "reception"


def test_a_car_ready_in_the_moment_of_the_handoff_was_ready():
    order = order_after(
        checked_in("08:00"), repair("started", "08:10"), repair("completed", "09:00"), handed_off("09:00")
    )

    assert (order["ready_at"], order["pickup_s"]) == (order["closed_at"], 0)
    assert stages(order)[-1] == ("pickup", "09:00", "09:00")
