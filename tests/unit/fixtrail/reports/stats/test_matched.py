"""The matched difference: worked out by hand, against one made of regression, and what cannot be matched."""

import numpy as np
import pytest
import statsmodels.api as sm

from fixtrail.reports.stats.matched import Outcome, matched_difference


def outcomes(*strata: tuple[int, int, int, int]) -> list[Outcome]:
    """Of each stratum (held, not held) of the first group, then of the other."""
    return [
        Outcome(number, is_first, is_held)
        for number, (a, b, c, d) in enumerate(strata)
        for is_first, is_held, count in ((True, True, a), (True, False, b), (False, True, c), (False, False, d))
        for _ in range(count)
    ]


def test_the_difference_is_the_mean_of_the_strata_weighted_by_how_much_of_both_is_there():
    result = matched_difference(outcomes((8, 2, 10, 10), (30, 10, 5, 5)))

    weights = 10 * 20 / 30, 40 * 10 / 50
    assert result.difference == pytest.approx((weights[0] * 0.3 + weights[1] * 0.25) / sum(weights))
    assert (result.n_first, result.n_other, result.strata) == (50, 30, 2)


def test_the_difference_is_that_of_a_regression_with_a_level_for_each_stratum():
    """Least squares on group and strata weighs strata by n m / (n + m), too."""
    rows = outcomes((8, 2, 10, 10), (30, 10, 5, 5), (3, 9, 4, 2))
    design = np.array([[row.is_first, *(row.stratum == s for s in range(3))] for row in rows], float)
    fit = sm.OLS(np.array([row.held for row in rows], float), design).fit(cov_type="HC0")
    result = matched_difference(rows)

    assert result.difference == pytest.approx(fit.params[0])
    half = (result.interval.high - result.interval.low) / 2
    assert half == pytest.approx(1.96 * fit.bse[0], rel=0.12)


def test_a_stratum_with_one_group_alone_says_nothing():
    result = matched_difference(outcomes((8, 2, 10, 10), (50, 0, 0, 0)))

    assert result.difference == pytest.approx(0.3) and (result.n, result.n_all) == (30, 80)
    assert matched_difference(outcomes((5, 5, 0, 0))).difference is None


def test_the_interval_holds_the_truth_nineteen_times_in_twenty():
    draw, covered = np.random.default_rng(8), 0
    for _ in range(400):
        rows = []
        for stratum, base in enumerate((0.6, 0.8, 0.9)):
            for is_first, share in ((True, base + 0.08), (False, base)):
                rows += [Outcome(stratum, is_first, bool(draw.random() < share)) for _ in range(40)]
        interval = matched_difference(rows).interval
        covered += interval.low <= 0.08 <= interval.high

    assert 0.92 <= covered / 400 <= 0.985
