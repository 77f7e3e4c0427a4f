"""Correlations and slopes are those of scipy and statsmodels, with the methods they name."""

from math import atanh, sqrt, tanh

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fixtrail.reports.stats.correlation import pearson, pearson_textbook, slope, spearman


@pytest.fixture(scope="module")
def waits_and_scores() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(3)
    wait = draw.gamma(2.0, 20.0, 400)
    score = np.clip(np.round(10 - wait / 25 - draw.exponential(0.8, 400)), 0, 10)
    return wait, score


def test_r_and_rho_are_those_of_scipy(waits_and_scores) -> None:
    wait, score = waits_and_scores

    assert pearson(wait, score).value == pytest.approx(stats.pearsonr(wait, score).statistic, rel=1e-12)
    assert spearman(wait, score).value == pytest.approx(stats.spearmanr(wait, score).statistic, rel=1e-12)


def test_the_textbook_interval_is_that_of_scipy(waits_and_scores) -> None:
    estimate, expected = (
        pearson_textbook(*waits_and_scores),
        stats.pearsonr(*waits_and_scores).confidence_interval(0.95),
    )

    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_the_interval_of_r_agrees_with_a_bootstrap_and_not_with_the_textbook(waits_and_scores) -> None:
    wait, score = waits_and_scores
    draw = np.random.default_rng(5)
    again = []
    for _ in range(2_000):
        sample = draw.integers(0, len(wait), len(wait))
        again.append(np.corrcoef(wait[sample], score[sample])[0, 1])
    spread = float(np.std(np.arctanh(again)))

    def spread_of(estimate) -> float:
        return (atanh(estimate.high) - atanh(estimate.low)) / 2 / stats.norm.ppf(0.975)

    assert spread_of(pearson(wait, score)) == pytest.approx(spread, rel=0.1)
    assert spread_of(pearson_textbook(wait, score)) < 0.8 * spread


def test_the_interval_of_rho_is_bonett_and_wrights(waits_and_scores) -> None:
    estimate = spearman(*waits_and_scores)
    half = stats.norm.ppf(0.975) * sqrt((1 + estimate.value**2 / 2) / (estimate.n - 3))

    assert estimate.low == pytest.approx(tanh(atanh(estimate.value) - half))
    assert estimate.high == pytest.approx(tanh(atanh(estimate.value) + half))


def test_the_slope_is_that_of_least_squares_with_hc3_errors(waits_and_scores) -> None:
    wait, score = waits_and_scores
    fitted = sm.OLS(score, sm.add_constant(wait)).fit(cov_type="HC3")
    estimate = slope(wait, score).times(10)

    assert estimate.value == pytest.approx(10 * fitted.params[1])
    assert (estimate.low, estimate.high) == pytest.approx(tuple(10 * fitted.conf_int()[1]))


@pytest.mark.parametrize("figure", [pearson, pearson_textbook, spearman, slope])
def test_what_never_differs_or_is_too_rare_is_not_estimable(figure) -> None:
    score = np.arange(20.0) % 11

    assert figure(np.ones(20), score).reason == "constant"
    assert figure(score, np.full(20, 10.0)).reason == "constant"
    assert figure(score[:9], score[:9]).reason == "few_data"
    assert figure(np.array([]), np.array([])).value is None


def test_a_perfect_line_has_no_uncertainty() -> None:
    x = np.arange(30.0)

    assert (pearson(x, 2 * x).value, pearson(x, 2 * x).low) == (1.0, 1.0)
    assert slope(x, 2 * x).value == pytest.approx(2)


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 10)), min_size=10, max_size=60))
def test_intervals_hold_their_figure(pairs) -> None:
    x, y = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))

    for estimate in (pearson(x, y), pearson_textbook(x, y), spearman(x, y), slope(x, y)):
        if estimate.value is None:
            assert estimate.reason
        else:
            assert estimate.low <= estimate.value + 1e-9 and estimate.value <= estimate.high + 1e-9
