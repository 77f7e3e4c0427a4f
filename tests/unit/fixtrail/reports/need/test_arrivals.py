"""Arrivals to expect: days that are alike, holidays and make-up days, and what is booked."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest

from fixtrail.reports.need.arrivals import NEVER, Booking, CheckIns, check_ins_by_slot, expected_check_ins, smoothed
from fixtrail.reports.need.holidays import Holidays, read_holidays
from fixtrail.reports.need.slots import open_slots
from fixtrail.reports.need.work import opening_seconds
from runtime.failure import ExitError
from schemas.centers import Center
from schemas.opening_hours import is_open, opening_ms_between

CENTER = Center(
    id="C1", name="一", region="r", time_zone="UTC", opens=time(9), closes=time(11), weekdays=(1, 2, 3, 4, 5)
)
FIRST = date(2026, 3, 2)  # a Monday
HOUR = 3_600_000


def at(day: date, hour: float = 9.0) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000 + hour * HOUR)


def days(weeks, holidays=None):
    return open_slots("C1", CENTER, FIRST, FIRST + timedelta(days=7 * weeks - 1), holidays or Holidays())


def check_ins(*instants, booked=()):
    return CheckIns(
        np.array(instants), np.zeros(len(instants), np.int64), np.array(list(booked) or [NEVER] * len(instants))
    )


def expected(slots, cars, bookings=(), now=None):
    return expected_check_ins(slots, cars, bookings, 1, now or at(slots.days[-1] + timedelta(days=9)))


def test_the_newest_of_the_like_days_weighs_most():
    weights = [0.3 * 0.7**age for age in range(8)]
    by_hand = sum(weight * cars for weight, cars in zip(weights, range(8, 0, -1), strict=True)) / sum(weights)

    assert smoothed(np.arange(1.0, 9.0)) == pytest.approx(by_hand)


def test_a_monday_is_expected_like_the_mondays_before_it():
    slots = days(6)
    mondays = [FIRST + timedelta(days=7 * week) for week in range(6)]
    cars = check_ins(*(at(day, 9.7) for week, day in enumerate(mondays) for _ in range(week)), at(FIRST, 8.9))

    result = expected(slots, cars)

    last = slots.days.index(mondays[5])
    history = [0.0, 1.0, 2.0, 3.0, 4.0]
    assert result.cars[last, 1, 0] == pytest.approx(float(smoothed(np.array(history))))
    assert result.cars[last, 2:].sum() == 0
    assert result.is_known[last] and not result.is_known[slots.days.index(mondays[3])]


def test_a_car_before_opening_or_after_closing_counts_for_the_nearest_half_hour():
    slots = days(1)
    tuesday = FIRST + timedelta(days=1)

    assert list(slots.index(np.array([at(tuesday, 8.2), at(tuesday, 9.4), at(tuesday, 12.5)]))) == [4, 4, 7]


def test_a_holiday_counts_for_no_later_day_and_needs_nobody():
    holiday = FIRST + timedelta(days=7 * 4)
    slots = days(6, Holidays(closed={holiday}))
    cars = check_ins(*(at(FIRST + timedelta(days=7 * week), 9.0) for week in range(6)))

    result = expected(slots, cars)

    assert holiday not in slots.days
    assert result.cars[slots.days.index(FIRST + timedelta(days=35)), 0, 0] == pytest.approx(1.0)


def test_a_sunday_that_is_worked_is_like_the_working_days_before_it():
    sunday = FIRST + timedelta(days=7 * 2 - 1)
    slots = days(2, Holidays(working={sunday}))
    weekdays = [FIRST + timedelta(days=day) for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)]
    cars = check_ins(*(at(day, 10.1) for day in weekdays for _ in range(2)))

    result = expected(slots, cars)

    worked = slots.days.index(sunday)
    assert slots.kinds[worked] == 0
    assert result.cars[worked].sum() == pytest.approx(2.0) and result.cars[worked, 2, 0] == pytest.approx(2.0)


def test_what_is_booked_stands_where_it_is_booked_and_is_not_expected_twice():
    """Each Monday one car books the day before and comes at ten; next Monday's is booked for half past ten."""
    slots, mondays = days(6), [FIRST + timedelta(days=7 * week) for week in range(5)]
    booked_at = [at(day - timedelta(days=1), 8) for day in mondays]
    cars = check_ins(*(at(day, 10.0) for day in mondays), booked=booked_at)
    bookings = [
        Booking(((said_at, at(day, 10.0)),), at(day, 10.0)) for day, said_at in zip(mondays, booked_at, strict=True)
    ]
    next_monday = FIRST + timedelta(days=35)
    to_come = Booking(((at(next_monday - timedelta(days=2)), at(next_monday, 10.5)),))

    result = expected(slots, cars, [*bookings, to_come], now=at(next_monday, 8))

    assert list(result.cars[slots.days.index(next_monday), :, 0]) == pytest.approx([0, 0, 0, 1])


def test_a_cancelled_or_moved_appointment_counts_as_it_stood_last():
    booking = Booking(((1, 100), (5, 200), (9, None)))

    assert [booking.starts_at(as_of) for as_of in (0, 1, 6, 9)] == [None, 100, 200, None]


def test_a_holidays_file_that_contradicts_itself_is_refused_in_one_line(tmp_path):
    file = tmp_path / "holidays.toml"
    file.write_text("closed = [2026-10-01]\nworking = [2026-10-01]\n")

    with pytest.raises(ExitError, match="2026-10-01 is both closed and working"):
        read_holidays(file)


@pytest.mark.parametrize(
    ("opens", "closes", "half_hours"), [(time(22), time(6), 16), (time(0), time(0), 48), (time(8), time(18), 20)]
)
@pytest.mark.parametrize("first", [date(2026, 3, 20), date(2026, 10, 20)])
def test_where_clocks_are_set_no_day_has_half_hours_of_another_nor_any_while_it_is_closed(
    opens: time, closes: time, half_hours: int, first: date
):
    center = Center(id="N", name="N", region="r", time_zone="Europe/Berlin", opens=opens, closes=closes)
    slots = open_slots("N", center, first, first + timedelta(days=13), Holidays())

    assert slots.per_day == half_hours
    assert (np.diff(slots.starts.ravel()) >= 0).all()
    closed = [start for start in slots.starts.ravel().tolist() if not is_open(start, center)]
    assert len(closed) <= 2, "those that the night put forward does not have"
    begin, end = int(slots.starts[0, 0]), int(slots.ends[-1, -1])
    open_s = opening_ms_between(begin, end, center) / 1000
    stretch = np.array([begin]), np.array([end])
    assert slots.seconds_within(*stretch).sum() == open_s == opening_seconds(slots, *stretch)[0]


def test_check_ins_after_the_last_day_count_for_none_of_its_half_hours():
    slots = open_slots("C1", None, FIRST, FIRST + timedelta(days=1), Holidays())
    cars = check_ins(
        at(FIRST, 10),
        at(FIRST + timedelta(days=1), 23.9),
        at(FIRST + timedelta(days=2), 0),
        at(FIRST + timedelta(days=9), 10),
    )

    assert check_ins_by_slot(slots, cars, 1).sum(axis=(1, 2)).tolist() == [1, 1]


def test_an_appointment_within_the_last_half_hour_is_expected():
    slots = days(6)
    mondays = [FIRST + timedelta(days=7 * week) for week in range(6)]
    booking = Booking(((at(FIRST), at(mondays[5], 10.75)),))

    cars = expected(slots, check_ins(*(at(day, 9) for day in mondays[:5])), [booking], now=at(mondays[5], 8)).cars

    assert cars[slots.days.index(mondays[5]), :, 0] == pytest.approx([1, 0, 0, 1])
