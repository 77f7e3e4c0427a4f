"""The milestones of a visit, of which notices are made, and the ids by which a notice is told twice from told again."""

from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given

from schemas.facts import Notice
from schemas.order_key import OrderKey
from streams.journey.entries import sort_key
from streams.journey.ids import notice_id
from streams.journey.notices import is_still_true, notice_of, notices_to_make
from streams.journey.order import Order
from streams.journey.visit import fold
from tests.histories import CHANCES, histories
from tests.workshop import (
    QUOTED,
    R1,
    R2,
    Sent,
    approved,
    at,
    called_off,
    check_failed,
    check_passed,
    checked_in,
    complained,
    diagnosed,
    diagnosis_started,
    entries_of,
    handed_off,
    ms,
    order_after,
    part,
    quoted,
    repair,
    said_ready,
    surveyed,
)


def milestones(*events: Sent) -> list[str]:
    return [step.name for step in fold(entries_of(events)).timeline]


def test_an_ordinary_visit_passes_its_milestones():
    assert milestones(
        checked_in("08:00"),
        diagnosis_started("08:20"),
        quoted("08:40"),
        approved("09:00"),
        part("requested", "09:05"),
        part("fulfilled", "09:30"),
        repair("started", "09:40"),
        repair("completed", "10:10"),
        said_ready("10:20"),
        handed_off("11:00"),
        surveyed("12:00"),
        complained("12:30"),
    ) == [
        *("checked_in", "diagnosis_started", "quote_ready", "part_ordered", "part_arrived"),
        *("repair_started", "ready", "handed_off"),
    ]


def test_a_promise_is_told_again_only_when_it_has_changed():
    assert milestones(
        checked_in("08:00", promised="12:00"),
        checked_in("08:10", promised="12:00"),
        checked_in("08:20"),
        checked_in("08:30", promised="13:00"),
    ) == ["checked_in", "promise_changed"]


def test_only_the_first_diagnosis_and_the_first_repair_are_milestones():
    assert milestones(
        checked_in("08:00"),
        diagnosis_started("08:10"),
        diagnosed("08:20"),
        diagnosis_started("08:30"),
        repair("started", "09:00"),
        repair("started", "09:10", job_id="J2"),
    ) == ["checked_in", "diagnosis_started", "repair_started"]


def test_a_part_is_delayed_when_it_is_out_of_stock_or_expected_at_another_time():
    soon, later = at("12:00").isoformat(), at("15:00").isoformat()

    assert milestones(
        checked_in("08:00"),
        part("requested", "08:10", expected_at=soon),
        part("requested", "08:20", expected_at=later),
        part("backordered", "08:30", expected_at=later),
        part("cancelled", "08:40"),
    ) == ["checked_in", "part_ordered", "part_delayed", "part_delayed"]


def test_a_part_is_told_of_again_only_when_there_is_something_new():
    soon, later, sooner = (at(clock).isoformat() for clock in ("12:00", "15:00", "10:00"))

    assert milestones(
        checked_in("08:00"),
        part("requested", "08:10", expected_at=soon),
        part("requested", "08:11", expected_at=soon),
        part("requested", "08:12"),
        part("requested", "08:13", expected_at=sooner),
        part("backordered", "08:20", expected_at=later),
        part("backordered", "08:21", expected_at=later),
        part("requested", "08:22"),
    ) == ["checked_in", "part_ordered", "part_ordered", "part_delayed"]


def test_a_request_that_is_settled_is_told_of_no_more():
    settled = [checked_in("08:00"), part("requested", "08:10"), part("fulfilled", "08:20")]
    again = [part(phase, f"08:3{minute}") for minute, phase in enumerate(("requested", "backordered", "fulfilled"))]

    assert milestones(*settled, *again) == ["checked_in", "part_ordered", "part_arrived"]
    assert milestones(*settled[:2], part("cancelled", "08:20"), *again) == ["checked_in", "part_ordered"]


def test_a_failed_check_means_that_the_car_is_looked_at_once_more():
    failed = [checked_in("08:00"), repair("completed", "09:00"), check_failed("09:30")]

    assert milestones(*failed) == ["checked_in", "repair_started", "extra_check"]
    assert milestones(*failed[:2], check_passed("09:30")) == ["checked_in", "repair_started", "ready"]


def test_ready_is_told_again_after_other_work():
    assert (
        milestones(
            checked_in("08:00"),
            repair("completed", "09:00"),
            said_ready("09:10"),
            repair("started", "09:30", job_id="J2"),
            repair("completed", "10:00", job_id="J2"),
            said_ready("10:10"),
        ).count("ready")
        == 2
    )


def test_work_that_is_done_is_not_told_as_ready_on_a_guess():
    assert milestones(checked_in("08:00"), repair("completed", "09:00")) == ["checked_in", "repair_started"]


def test_nothing_is_a_milestone_after_the_close():
    assert milestones(checked_in("08:00"), called_off("09:00"), quoted("09:10"), handed_off("10:00")) == [
        *("checked_in", "cancelled")
    ]


def test_without_a_check_in_there_is_no_ready_but_a_handoff():
    assert milestones(repair("completed", "09:00"), handed_off("10:00")) == ["repair_started", "handed_off"]


# Notices


def notices_after(*events: Sent) -> list[dict[str, Any]]:
    entries = entries_of(events)
    visit, proofs = fold(entries), {entry.event_id: entry for entry in entries}
    return [notice_of(R1, visit, milestone, proofs[milestone.event_id]) for milestone in visit.timeline]


def notice_after(milestone: str, *events: Sent) -> Notice:
    """The first notice of that milestone, as a reader of the topic gets it."""
    return next(Notice.model_validate(notice) for notice in notices_after(*events) if notice["milestone"] == milestone)


def still_true(milestone: str, *events: Sent) -> bool:
    """Whether the first notice of that milestone is true in the end."""
    notice = next(candidate for candidate in notices_after(*events) if candidate["milestone"] == milestone)
    return is_still_true(notice, order_after(*events))


def test_a_notice_is_the_same_however_often_it_is_made():
    assert notice_id(R1, "ready", "e1") == notice_id(R1, "ready", "e1")
    other_milestones = (R2, "ready", "e1"), (R1, "ready", "e2"), (OrderKey("C2", "R1"), "ready", "e1")
    assert len({notice_id(*named) for named in ((R1, "ready", "e1"), *other_milestones)}) == 4


def test_parts_of_an_id_cannot_run_into_each_other():
    assert notice_id(R1, "ready", "e1") != notice_id(OrderKey("C1", "R"), "1ready", "e1")
    assert notice_id(R1, "ready", "e1") != notice_id(OrderKey("C", "1R1"), "ready", "e1")


def test_a_notice_says_where_it_happened_and_whom_to_tell():
    notice = notice_after("checked_in", checked_in("08:00", locale="zh-CN", event_id="e1", contact=["sms:+861"]))

    assert (notice.center_id, notice.locale, notice.event_id) == ("C1", "zh-CN", "e1")
    assert (notice.recipients, notice.occurred_at) == (("sms:+861",), ms("08:00"))


def test_a_notice_comes_to_be_of_no_use_in_time():
    notice = notice_after("diagnosis_started", checked_in("08:00"), diagnosis_started("08:10"))

    assert notice.occurred_at == notice.not_before < notice.expires_at
    assert "quote_ready" in notice.superseded_by


def test_that_a_car_is_ready_is_told_only_when_no_check_began_at_once():
    notice = notice_after("ready", checked_in("08:00"), repair("completed", "08:50"), said_ready("09:00"))

    assert notice.not_before == ms("09:02")


def test_a_notice_of_a_quote_carries_the_quote():
    notice = notice_after("quote_ready", checked_in("08:00"), quoted("08:10"))

    assert notice.quote is not None
    assert (notice.quote.total, notice.quote.currency) == (Decimal(QUOTED), "CNY")


def test_a_notice_of_a_delayed_part_says_which_and_until_when():
    delayed = part("backordered", "08:20", part_no="P-7", expected_at=at("15:00").isoformat())
    notice = notice_after("part_delayed", checked_in("08:00"), part("requested", "08:10"), delayed)

    assert (notice.part_no, notice.expected_at) == ("P-7", ms("15:00"))


def test_each_notice_of_a_part_says_which_and_what_was_told_then():
    """Two requests in the same second, and one of them put off twice."""
    times = [at(clock).isoformat() for clock in ("12:00", "15:00")]
    events = [
        checked_in("08:00"),
        part("requested", "08:10", request_id="Q1", part_no="P-1"),
        part("requested", "08:10", request_id="Q2", part_no="P-2"),
        part("backordered", "08:20", request_id="Q2", part_no="P-2", expected_at=times[0]),
        part("backordered", "08:30", request_id="Q2", part_no="P-2", expected_at=times[1]),
        part("fulfilled", "08:40", request_id="Q2", part_no="P-2"),
    ]
    rows = [(notice["milestone"], notice["part_no"], notice["expected_at"]) for notice in notices_after(*events)[1:]]

    assert rows == [
        ("part_ordered", "P-1", None),
        ("part_ordered", "P-2", ms("15:00")),
        ("part_delayed", "P-2", ms("12:00")),
        ("part_delayed", "P-2", ms("15:00")),
        ("part_arrived", "P-2", ms("15:00")),
    ]


# Still true


def test_that_a_part_is_late_stays_true_while_another_one_arrives():
    visit = [
        checked_in("08:00"),
        part("backordered", "08:20", request_id="Q1", part_no="P-1", expected_at=at("15:00").isoformat()),
        part("fulfilled", "08:30", request_id="Q2", part_no="P-2"),
    ]

    assert still_true("part_delayed", *visit)
    assert not still_true("part_delayed", *visit, part("fulfilled", "09:00", request_id="Q1", part_no="P-1"))
    assert not still_true("part_delayed", *visit, part("cancelled", "09:00", request_id="Q1", part_no="P-1"))
    newer = part("backordered", "09:00", request_id="Q1", part_no="P-1", expected_at=at("17:00").isoformat())
    assert not still_true("part_delayed", *visit, newer)


def test_several_parts_ordered_one_after_the_other_are_told_once():
    visit = [checked_in("08:00"), part("requested", "08:10", request_id="Q1", part_no="P-1")]

    assert still_true("part_ordered", *visit)
    assert not still_true("part_ordered", *visit, part("requested", "08:11", request_id="Q2", part_no="P-2"))
    assert not still_true("part_ordered", *visit, part("backordered", "08:11", request_id="Q1", part_no="P-1"))


def test_a_notice_is_true_until_what_makes_it_pointless():
    visit = [checked_in("08:00"), diagnosis_started("08:10"), quoted("08:20")]

    assert still_true("quote_ready", *visit)
    assert not still_true("quote_ready", *visit, approved("08:30"))
    assert not still_true("checked_in", *visit)
    assert not still_true("quote_ready", *visit, quoted("08:30"))


def test_ready_is_no_longer_true_when_a_check_fails():
    ready = [checked_in("08:00"), repair("completed", "08:50"), said_ready("09:00")]

    assert still_true("ready", *ready)
    assert not still_true("ready", *ready, check_failed("09:01"))
    assert not still_true("ready", *ready, repair("started", "09:30", job_id="J2"))


def test_a_milestone_that_a_late_event_takes_back_was_never_true():
    ready = [checked_in("08:00"), repair("started", "08:30"), repair("completed", "09:00"), said_ready("09:00")]
    (notice,) = [row for row in notices_after(*ready) if row["milestone"] == "ready"]

    assert not is_still_true(notice, order_after(*ready, repair("paused", "08:40", job_id="J2")))


# In whatever order


@given(histories(), CHANCES)
def test_in_whatever_order_events_arrive_what_holds_in_the_end_is_told(history: list[Sent], chance: Random):
    arrived = list(history)
    chance.shuffle(arrived)
    order, milestones = Order(R1), set()

    for offset, entry in enumerate(entries_of(arrived)):
        milestones |= {(step.name, step.event_id, step.at) for step in order.apply(entry, offset)[1]}

    assert {(step.name, step.event_id, step.at) for step in fold(entries_of(history)).timeline} <= milestones


def test_what_lay_between_a_handoff_and_the_check_in_it_did_not_close_is_told():
    early = [handed_off("07:00"), repair("started", "07:30"), checked_in("08:00")]
    order, milestones = Order(R1), []

    for offset, entry in enumerate(entries_of(early)):
        milestones += [milestone.name for milestone in order.apply(entry, offset)[1]]

    assert milestones == ["handed_off", "repair_started", "checked_in"]


@given(histories())
def test_in_the_order_of_time_a_milestone_is_told_once(history: list[Sent]):
    entries = sorted(entries_of([checked_in("07:59"), *history]), key=sort_key)
    order, milestones = Order(R1), []

    for offset, entry in enumerate(entries):
        milestones += order.apply(entry, offset)[1]

    assert milestones == fold(entries).timeline


# What is too old to be told


def told_at(now: int, *events: Sent) -> list[str]:
    """The milestones of which a worker makes notices that gets all the events at that moment (ms)."""
    visit = fold(entries_of(events))
    return [step.name for step in notices_to_make(visit, visit.timeline, now)]


def test_what_has_expired_is_not_made_a_notice_of():
    visit = [checked_in("08:00"), repair("started", "09:00"), repair("completed", "10:00"), handed_off("11:00")]

    assert told_at(ms("11:00"), *visit) == ["repair_started", "handed_off"]
    assert told_at(ms("11:00", day=2), *visit) == ["handed_off"]
    assert told_at(ms("11:00", day=3), *visit) == []
    assert told_at(0, *visit) == ["checked_in", "repair_started", "handed_off"]


def test_of_a_car_in_the_workshop_the_last_expired_notice_tells_the_watch_who_its_customer_is():
    visit = [checked_in("08:00"), repair("started", "09:00")]

    assert told_at(ms("20:00"), *visit) == ["repair_started"]
    assert told_at(ms("09:00", day=29), *visit) == ["repair_started"]
    assert told_at(ms("09:00", day=30), *visit) == []
