"""Who is there on a day: those whose shift was planned, for its hours, and those who worked without one."""

from dataclasses import replace

import pytest

from fixtrail.whatif.changes import parse_changes
from fixtrail.whatif.duty import Presence, duty_of
from fixtrail.whatif.history import history_of
from fixtrail.whatif.records import CenterRecords
from fixtrail.whatif.staffing import technicians_of
from fixtrail.whatif.usage import pools_of
from tests.whatif_history import Workshop, records

ALL_DAY = tuple((f"t{number}", 8.0, 18.0) for number in range(3))
QUIET = Workshop(weeks=2, cars_a_day=3.0)


def counts(past: CenterRecords, day: int) -> list[tuple[float, float, int]]:
    """Of a day, in hours after its opening: from when to when how many technicians are there."""
    opens_s, _ = past.hours(day)
    duty = duty_of(past, technicians_of(past.visits))
    return [
        (round((start_s - opens_s) / 3600, 2), round((end_s - opens_s) / 3600, 2), number[0])
        for start_s, end_s, number in duty.days[day]
    ]


def names_at_work(past: CenterRecords, day: int) -> set[str]:
    touches = [touch for visit in past.visits for touch in visit.touches]
    days = past.day_of([touch.starts_s for touch in touches])
    return {touch.technician for touch, of in zip(touches, days, strict=True) if of == day}


@pytest.fixture(scope="module")
def quiet() -> CenterRecords:
    return records(QUIET, 1)


@pytest.fixture(scope="module")
def slow_day(quiet: CenterRecords) -> int:
    """A day on which not everybody had something to do."""
    return next(day for day in range(12) if 0 < len(names_at_work(quiet, day)) < 3)


def test_who_had_nothing_to_do_all_day_is_there_where_a_shift_was_planned(quiet: CenterRecords, slow_day: int):
    planned = records(replace(QUIET, shifts=ALL_DAY), 1)

    assert {number for *_, number in counts(quiet, slow_day)} == {len(names_at_work(quiet, slow_day))}
    assert {number for *_, number in counts(planned, slow_day)} == {3}
    assert history_of(planned).duty.planned_days == 12


def test_who_comes_at_noon_is_there_from_noon(quiet: CenterRecords, slow_day: int):
    idle = ({"t0", "t1", "t2"} - names_at_work(quiet, slow_day)).pop()
    shifts = tuple((name, 12.0 if name == idle else 8.0, 18.0) for name, *_ in ALL_DAY)

    day = counts(records(replace(QUIET, shifts=shifts), 1), slow_day)

    assert [(start, number) for start, _, number in day][-2:] == [(day[0][0], 2), (4.0, 3)]


def test_who_works_without_a_shift_is_there_all_the_same():
    past = records(replace(QUIET, shifts=ALL_DAY[:2]), 1)
    rostered = replace(past, shifts=[shift for shift in past.shifts if shift.technician != "t1"])
    busy = next(day for day in range(12) if "t2" in names_at_work(past, day))

    assert {number for *_, number in counts(past, busy)} == {3}
    # Where those with a shift do less than nine tenths of the work the shifts are somebody else's.
    assert history_of(rostered).duty.planned_days == 0


def test_shifts_of_those_who_do_no_work_are_none():
    strangers = records(replace(QUIET, shifts=(("advisor-1", 8.0, 18.0),)), 1)

    assert history_of(strangers).duty.planned_days == 0


def test_one_technician_more_is_there_in_every_shift_of_the_day():
    early_and_late = (("t0", 8.0, 13.0), ("t1", 13.0, 18.0), ("t2", 8.0, 18.0))
    past = history_of(records(replace(QUIET, shifts=early_and_late), 1))

    (now,) = pools_of(past, parse_changes(["technicians=+1"]))

    assert 2.0 <= now.technicians < 3.0
    assert now.used_after == pytest.approx(now.used * now.technicians / (now.technicians + 1))


def test_a_presence_counts_within_opening_hours_alone():
    presence = Presence(100.0, 500.0, (2,))

    assert presence.seconds_within((200.0, 900.0)) == 300
    assert presence.seconds_within((600.0, 900.0)) == 0
    assert presence.later(50.0) == Presence(150.0, 550.0, (2,))
