"""Hours of centers that work at night, all day, not on holidays, and on days made up for."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fixtrail.estimates.clock import OpeningClock
from schemas.centers import Center, read_centers
from schemas.opening_hours import hours_of, is_open, opening_ms_between, opening_time_after, openings
from schemas.times import to_ms
from schemas.toml_file import TomlFileError

HOUR = 3_600_000
BERLIN = ZoneInfo("Europe/Berlin")
# Opens on Saturdays and Sundays at ten in the evening.
NIGHT = Center(
    id="N", name="夜", region="R", time_zone="Europe/Berlin", opens=time(22), closes=time(6), weekdays=(6, 7)
)
ALL_DAY = Center(id="A", name="全", region="R", time_zone="Europe/Berlin", opens=time(0), closes=time(0))
HOLIDAYS = Center(
    id="H",
    name="假",
    region="R",
    time_zone="UTC",
    opens=time(9),
    closes=time(17),
    weekdays=(1, 2, 3, 4, 5),
    closed_on=frozenset({date(2026, 10, 1)}),
    open_on=frozenset({date(2026, 10, 10)}),
)


def at(*fields: int, zone: ZoneInfo = BERLIN) -> int:
    return to_ms(datetime(*fields, tzinfo=zone))


def test_a_night_belongs_to_the_day_on_which_it_began():
    monday = (2026, 6, 8)
    assert is_open(at(*monday, 5, 59), NIGHT)
    assert not is_open(at(*monday, 6), NIGHT)
    assert not is_open(at(*monday, 23), NIGHT)
    # From Sunday, noon, until Tuesday, noon, it is open for one night.
    assert opening_ms_between(at(2026, 6, 7, 12), at(2026, 6, 9, 12), NIGHT) == 8 * HOUR
    assert opening_time_after(at(*monday, 1), 3 * HOUR, NIGHT) == at(*monday, 4)
    assert opening_time_after(at(*monday, 1), 6 * HOUR, NIGHT) == at(2026, 6, 13, 23)


def test_a_night_is_an_hour_longer_when_the_clocks_are_put_back_and_shorter_when_forward():
    assert opening_ms_between(at(2026, 10, 24, 12), at(2026, 10, 25, 12), NIGHT) == 9 * HOUR
    assert opening_ms_between(at(2026, 3, 28, 12), at(2026, 3, 29, 12), NIGHT) == 7 * HOUR


def test_who_is_always_open_has_no_closed_time_even_where_the_clocks_change():
    first, last = at(2026, 10, 20), at(2026, 10, 30)
    assert opening_ms_between(first, last, ALL_DAY) == last - first
    assert is_open(at(2026, 10, 25, 2, 30), ALL_DAY)


def test_a_holiday_is_closed_and_a_day_made_up_for_is_open():
    utc = ZoneInfo("UTC")
    assert not is_open(at(2026, 10, 1, 10, zone=utc), HOLIDAYS)
    assert is_open(at(2026, 10, 10, 10, zone=utc), HOLIDAYS)
    assert not is_open(at(2026, 10, 17, 10, zone=utc), HOLIDAYS)
    # Wednesday to Friday without Thursday.
    assert opening_ms_between(at(2026, 9, 30, zone=utc), at(2026, 10, 3, zone=utc), HOLIDAYS) == 16 * HOUR


@pytest.mark.parametrize("center", [NIGHT, ALL_DAY, HOLIDAYS])
def test_positions_on_the_opening_clock_differ_by_the_opening_time(center: Center):
    clock = OpeningClock(center)
    first = datetime(2026, 9, 25, 3, 17, tzinfo=UTC)
    instants = [to_ms(first + timedelta(hours=7 * step)) for step in range(200)]
    for start, end in zip(instants, instants[5:], strict=False):
        assert clock.position(end) - clock.position(start) == opening_ms_between(start, end, center)


def test_a_day_that_is_closed_and_open_is_refused(tmp_path: Path):
    file = tmp_path / "centers.toml"
    file.write_text(
        '[[center]]\nid = "a"\nname = "A"\nregion = "E"\nclosed_on = [2026-10-01]\nopen_on = [2026-10-01]\n'
    )
    with pytest.raises(TomlFileError, match="2026-10-01 is in closed_on and in open_on"):
        read_centers(file)


@pytest.mark.parametrize(
    ("zone", "day", "opens", "closes"),
    [
        # There was no such day in Samoa.
        ("Pacific/Apia", date(2011, 12, 30), time(23, 59), time(0)),
        ("Pacific/Apia", date(2011, 12, 30), time(8), time(18)),
        # From two to three there is no time in the night in which clocks are put forward.
        ("Europe/Berlin", date(2026, 3, 29), time(2, 30), time(3)),
    ],
)
def test_a_center_stays_closed_in_hours_that_clocks_leave_out(zone: str, day: date, opens: time, closes: time):
    center = Center(id="A", name="A", region="R", time_zone=zone, opens=opens, closes=closes)
    of_day = [hours_of(day + timedelta(days=number), center, ZoneInfo(zone)) for number in (-1, 0, 1)]

    assert of_day[1] is None
    assert all(hours is not None and hours[1] - hours[0] > 0 for hours in (of_day[0], of_day[2]))
    passed = [before for _, _, before in islice(openings(center), 12_000)]
    assert passed == sorted(set(passed))
