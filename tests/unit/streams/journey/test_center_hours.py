"""Center hours: what an order adds to its center's hours, and what an hour comes to."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.facts import CenterHour
from schemas.times import HOUR_MS
from streams.journey.center_hours import (
    BUCKET_GROWTH,
    center_hour,
    contributions_of,
    hour_of,
    shortened,
    wait_bucket,
)
from tests.workshop import (
    Sent,
    called_off,
    check_failed,
    checked_in,
    complained,
    facts_after,
    handed_off,
    ms,
    order_after,
    part,
    repair,
    repaired_visit,
    surveyed,
)

NAMES = [name for name in CenterHour.model_fields if name not in ("center_id", "hour", "partition", "revision")]


def hours_after(*events: Sent) -> dict[tuple[str, int], dict[str, Any]]:
    """What is not zero in each (center, hour of the day), over all orders."""
    added: dict[tuple[str, int], list[Any]] = {}
    for fact in facts_after(*events).values():
        for (center, hour), contribution in contributions_of(fact).items():
            added.setdefault((center, (hour - ms("00:00")) // HOUR_MS), []).append(contribution)
    rows = {key: center_hour(key[0], key[1], 0, 1, contributions) for key, contributions in added.items()}
    return {key: {name: row[name] for name in NAMES if row[name]} for key, row in rows.items()}


def test_an_order_counts_in_the_hour_it_came_and_in_the_hour_it_went():
    hours = hours_after(*repaired_visit("brakes"))

    assert hours.keys() == {("C1", 8), ("C1", 11)}
    assert hours["C1", 8] == {"check_ins": 1}
    assert hours["C1", 11] == {
        **{"handed_off": 1, "judged": 1, "fixed_first_time": 1},
        **{"lead_s": 10_800.0, "wait_s": 3000.0, "wait_reception_s": 1200.0, "wait_bay_s": 1800.0},
        **{"touch_s": 4800.0, "pickup_s": 3000.0},
        "wait_buckets": {str(wait_bucket(3000)): 1},
    }


def test_an_order_that_came_and_went_in_one_hour_counts_once_in_it():
    hours = hours_after(checked_in("08:00"), handed_off("08:59:59.999"))

    assert list(hours) == [("C1", 8)]
    assert (hours["C1", 8]["check_ins"], hours["C1", 8]["handed_off"]) == (1, 1)


def test_of_an_order_called_off_no_times_are_counted():
    assert hours_after(checked_in("08:00"), part("requested", "08:10"), called_off("09:00"))["C1", 9] == {
        "cancelled": 1
    }
    assert hours_after(checked_in("08:00"), called_off("08:30")) == {("C1", 8): {"check_ins": 1, "cancelled": 1}}


def test_an_order_without_a_check_in_has_no_center_to_count_in():
    assert hours_after(*repaired_visit()[1:]) == {}


def test_what_another_center_sends_under_the_same_number_does_not_count_here():
    assert hours_after(checked_in("08:00"), handed_off("09:00", center_id="C2")).keys() == {("C1", 8)}


def test_what_an_order_handed_off_brought_is_counted_in_the_hour_of_its_handoff():
    hour = hours_after(
        checked_in("08:00", lane="quick", promised="08:12"),
        part("backordered", "08:01", urgency="emergency"),
        part("fulfilled", "08:02"),
        repair("started", "08:03"),
        repair("completed", "08:10"),
        check_failed("08:11"),
        repair("started", "08:12"),
        repair("completed", "08:15"),
        handed_off("10:00"),
        surveyed("12:00", 3, score=9),
        complained("12:00", 4),
        complained("12:00", 5),
    )["C1", 10]

    counted = {name: value for name, value in hour.items() if not name.endswith("_s") and name != "wait_buckets"}
    assert counted == {
        **{"handed_off": 1, "judged": 1, "part_requests": 1, "stockouts": 1, "emergencies": 1},
        **{"surveys": 1, "promoters": 1, "complaints": 2, "quick_ready": 1, "quick_in_time": 1, "promise_both": 1},
    }


@pytest.mark.parametrize(
    ("score", "counted"),
    [(0, {"detractors": 1}), (6, {"detractors": 1}), (7, {}), (8, {}), (9, {"promoters": 1}), (10, {"promoters": 1})],
)
def test_promoters_give_nine_or_ten_and_detractors_up_to_six(score: int, counted: dict[str, int]):
    hour = hours_after(*repaired_visit(), surveyed("12:00", score=score))["C1", 11]

    assert {name: hour[name] for name in ("promoters", "detractors") if name in hour} == counted
    assert hour["surveys"] == 1


@pytest.mark.parametrize(("ready", "in_time"), [("08:15", True), ("08:15:00.001", False)])
def test_a_quick_car_is_ready_within_fifteen_minutes(ready: str, in_time: bool):
    hour = hours_after(checked_in("08:00", lane="quick"), repair("completed", ready), handed_off("09:00"))["C1", 9]

    assert (hour["quick_ready"], hour.get("quick_in_time", 0)) == (1, int(in_time))


@pytest.mark.parametrize(("ready", "is_kept"), [("08:30", True), ("08:30:00.001", False)])
def test_a_promise_is_kept_by_a_car_ready_by_then(ready: str, is_kept: bool):
    hour = hours_after(checked_in("08:00", promised="08:30"), repair("completed", ready), handed_off("09:00"))["C1", 9]

    assert (hour["promise_both"], hour.get("promise_kept", 0)) == (1, int(is_kept))


def test_a_car_that_was_never_ready_is_in_neither_rate():
    hour = hours_after(checked_in("08:00", lane="quick", promised="08:30"), called_off("09:00"))["C1", 9]

    assert not {"quick_ready", "quick_in_time", "promise_both", "promise_kept"} & hour.keys()


# Buckets


@given(st.floats(1, 1e8))
def test_a_wait_lies_in_its_bucket(wait_s: float):
    bucket = wait_bucket(wait_s)

    # With the width of a rounding error at the borders.
    assert BUCKET_GROWTH ** (bucket - 1) <= wait_s * (1 + 1e-9)
    assert wait_s < BUCKET_GROWTH**bucket * (1 + 1e-9)


def test_a_wait_below_a_second_is_in_the_bucket_of_none():
    assert [wait_bucket(wait_s) for wait_s in (0.0, 0.999, 1.0)] == [0, 0, 1]


def test_a_quantile_read_from_buckets_is_off_by_no_more_than_eight_percent():
    assert math.isclose(BUCKET_GROWTH ** wait_bucket(2700) / 2700, 1, abs_tol=0.08)


# The row


def test_an_hour_nobody_counts_in_any_more_is_all_zero():
    row = center_hour("C1", 0, 2, 7, [])

    assert {row[name] or 0 for name in NAMES if name != "wait_buckets"} == {0}
    assert (row["partition"], row["revision"], row["wait_buckets"]) == (2, 7, {})


def test_a_row_is_a_center_hour():
    contributions = list(contributions_of(order_after(*repaired_visit())).values())
    row = center_hour("C1", hour_of(ms("11:30")), 3, 12, contributions)

    assert CenterHour.model_validate(row).model_dump() == {
        **row,
        "wait_buckets": {int(bucket): count for bucket, count in row["wait_buckets"].items()},
    }


def test_an_hour_begins_on_the_hour_before_the_epoch_too():
    assert [hour_of(at) for at in (HOUR_MS, HOUR_MS + 1, 2 * HOUR_MS - 1, -1)] == [HOUR_MS, HOUR_MS, HOUR_MS, -HOUR_MS]


@given(st.permutations(range(5)))
def test_an_hour_comes_to_the_same_in_whatever_order_it_is_added_up(order: list[int]):
    facts = [order_after(checked_in("08:00"), handed_off(f"08:0{n}:00.00{n + 1}")) for n in range(5)]
    contributions = [next(iter(contributions_of(fact).values())) for fact in facts]

    assert center_hour("C1", 0, 0, 1, [contributions[n] for n in order]) == center_hour("C1", 0, 0, 1, contributions)


def test_an_order_that_only_came_in_this_hour_is_one_number_in_its_state_and_adds_the_same():
    arrived, closed = contributions_of(order_after(*repaired_visit())).values()

    assert len(shortened(arrived)) == 1 and shortened(closed) == closed
    for shares in ([arrived], [arrived, closed], [closed, arrived, arrived]):
        assert center_hour("C1", 0, 0, 1, map(shortened, shares)) == center_hour("C1", 0, 0, 1, shares)
