"""From who did what when comes whose lane somebody is, who was free, and what of a wait was queueing."""

import pytest

from fixtrail.whatif.staffing import allocate, both, delay_bounds, free_spans

MINUTE = 60.0


def test_each_lane_has_its_own_people_where_they_hardly_help_out():
    pools = allocate({("anna", 0): 900, ("bo", 1): 900, ("bo", 0): 30})

    assert pools.of_lane == (0, 1)
    assert pools.members == {"anna": 0, "bo": 1}


def test_people_who_work_in_both_lanes_are_one_pool():
    pools = allocate({("anna", 0): 900, ("anna", 1): 400, ("bo", 1): 900})

    assert pools.is_shared
    assert pools.count(0) == 2


def test_work_without_a_name_counts_for_nobody():
    pools = allocate({("anna", 1): 300, ("", 1): 100})

    assert pools.members == {"anna": 0}
    assert pools.named_share == pytest.approx(0.75)


def test_a_technician_is_free_between_two_cars_unless_the_break_is_short():
    """Two are there from 0 to 100 min; one works to 50, the other from 10 to 30, from 30 and from 40.5 on."""
    changes = [(0, 2), (100, -2), (0, -1), (50, 1), (10, -1), (30, 1), (30, -1), (40, 1), (40.5, -1), (100, 1)]

    spans = free_spans([(minute * MINUTE, change) for minute, change in changes])

    assert spans == [(0, 600), (50 * MINUTE, 100 * MINUTE)]


def test_a_repair_could_begin_when_technician_and_bay_were_free():
    assert both([(0, 600), (900, 2000)], [(300, 1200), (1230, 1800)]) == [(300, 600), (900, 1200), (1230, 1800)]


@pytest.mark.parametrize(
    ("free", "bounds"),
    [
        ([], (0, 900)),
        ([(0, 2000)], (900, 900)),
        ([(500, 1900)], (900, 900)),
        ([(0, 1300)], (300, 900)),
        ([(0, 1100), (1200, 1500)], (500, 900)),
        ([(0, 1100), (1880, 2500)], (100, 900)),
        ([(0, 900)], (0, 900)),
    ],
    ids=["never", "all along", "at the end", "at first", "at times", "just before the end", "before it came"],
)
def test_a_car_was_not_ready_as_long_as_somebody_was_free(free: list[tuple[float, float]], bounds: tuple[float, float]):
    """It waited from 1000 to 1900 s."""
    assert delay_bounds(free, 1000, 1900) == bounds
