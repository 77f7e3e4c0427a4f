"""Intervals of several centers' orders together: wider where centers differ or complainers complain again, in range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.reports.report import NO_INTERVAL
from fixtrail.reports.stats import intervals, pooled
from fixtrail.reports.stats.pooled import Complaints, Votes

center = st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.lists(center, min_size=2, max_size=12))
def test_a_share_of_centers_stays_in_its_range_and_is_never_surer_than_its_orders(centers):
    counts, sizes = zip(*centers, strict=True)
    interval, alone = pooled.share(counts, sizes), intervals.share(sum(counts), sum(sizes))

    assert (
        0 <= interval.low <= sum(counts) / sum(sizes) + 1e-12 and sum(counts) / sum(sizes) - 1e-12 <= interval.high <= 1
    )
    assert interval.high - interval.low >= alone.high - alone.low - 1e-9


@given(st.lists(center, min_size=2, max_size=12))
def test_an_nps_of_centers_stays_on_the_scale_and_has_a_width(centers):
    interval = pooled.nps([Votes(up, (n - up) // 2, n) for up, n in centers])

    assert -100 <= interval.low < interval.high <= 100


def test_centers_that_are_alike_are_as_sure_as_their_orders():
    assert pooled.share([24] * 5, [30] * 5) == intervals.share(120, 150)
    assert pooled.nps([Votes(8, 1, 10)] * 4) == intervals.nps(32, 4, 40)
    assert pooled.share([], []) == pooled.nps([]) == NO_INTERVAL


def test_complaints_that_are_one_each_have_garwoods_interval():
    interval, right = pooled.rate(Complaints(9, 9, 1), 3.0), intervals.count(9, 3.0)

    assert (interval.low, interval.high) == pytest.approx((right.low, right.high))
    assert pooled.rate(Complaints(0, 0, 0), 3.0).low == 0


def test_complainers_who_complain_again_tell_less():
    once, again = pooled.rate(Complaints(12, 12, 1), 1.0), pooled.rate(Complaints(12, 60, 6), 1.0)

    assert again.low < once.low < once.high < again.high


@pytest.mark.parametrize("apart", [0.025, 0.046])
def test_where_centers_differ_the_interval_holds_what_they_are_drawn_around(apart):
    draw = np.random.default_rng(7)
    sizes, together, alone = [300] * 15, 0, 0
    for _ in range(500):
        counts = draw.binomial(sizes, np.clip(draw.normal(0.85, apart, 15), 0, 1)).tolist()
        interval, simple = pooled.share(counts, sizes), intervals.share(sum(counts), sum(sizes))
        together += interval.low <= 0.85 <= interval.high
        alone += simple.low <= 0.85 <= simple.high

    assert together >= 0.93 * 500 > 0.88 * 500 > alone


def test_where_complainers_complain_twice_on_average_the_interval_holds_the_rate():
    draw = np.random.default_rng(8)
    covered = 0
    for _ in range(500):
        sizes = draw.geometric(0.5, draw.poisson(40))
        interval = pooled.rate(Complaints(int(sizes.sum()), float((sizes**2).sum()), float(sizes.max())), 1.0)
        covered += interval.low <= 80 <= interval.high

    assert covered >= 0.93 * 500
