"""Delays of which only bounds are known are estimated as well as if they had been seen."""

import random

import pytest

from fixtrail.whatif.delays import DelayDistribution, estimate_delays


def mean(delays: DelayDistribution) -> float:
    before = (0.0, *delays.at_most)
    return sum(
        value * (until - since) for value, since, until in zip(delays.values, before, delays.at_most, strict=False)
    )


def test_exact_delays_are_their_own_distribution():
    delays = estimate_delays([60, 60, 120, 300], [60, 60, 120, 300])

    assert delays.values == (60, 120, 300)
    assert delays.at_most == pytest.approx((0.5, 0.75, 1.0))


def test_delays_hidden_behind_busy_people_leave_no_trace_in_the_mean():
    """The true delays are 10 min on average; for every other car nobody is free for the first 12 min on average."""
    draw = random.Random(5)
    lows, highs = [], []
    for number in range(3000):
        delay, busy = draw.gammavariate(2, 300), draw.expovariate(1 / 720) if number % 2 else 0.0
        lows.append(delay if delay > busy else 0.0)
        highs.append(max(delay, busy))

    assert mean(estimate_delays(lows, highs)) == pytest.approx(600, rel=0.05)


def test_a_drawn_delay_lies_within_its_bounds():
    delays, draw = estimate_delays(range(0, 600, 10), range(0, 600, 10)), random.Random(1)

    drawn = {delays.between(100, 200, draw) for _ in range(500)}

    assert drawn == set(range(110, 201, 10))


def test_bounds_that_hold_none_of_the_values_give_the_upper_one():
    delays = estimate_delays([60], [60])

    assert delays.between(70, 90, random.Random(1)) == 90
    assert delays.between(90, 90, random.Random(1)) == 90


def test_without_any_delay_nobody_waits():
    assert estimate_delays([], []).between(0, 0, random.Random(1)) == 0
