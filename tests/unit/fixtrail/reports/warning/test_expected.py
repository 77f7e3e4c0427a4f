"""What is expected of a cell: the others' rate before the gap, drawn to its own past; and how far counts scatter."""

import math

import numpy as np
import pytest

from fixtrail.reports.warning.cusum import draw_counts, scores
from fixtrail.reports.warning.expected import expect, past

WEEKS = 90


def counts(rates: list[float], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(np.array(rates)[:, None], (len(rates), WEEKS)).astype(float)


def test_the_past_of_a_week_are_the_weeks_from_sixty_to_nine_before_it():
    weeks = np.arange(WEEKS, dtype=float)[None]

    sums = past(weeks)[0]

    assert sums[8] == 0 and sums[9] == 0 + 0 and sums[10] == 0 + 1
    assert sums[80] == sum(range(20, 72))


def test_a_fault_that_grows_for_eight_weeks_does_not_raise_what_is_expected():
    cases, exposure = counts([1.0] * 10), np.full((10, WEEKS), 100.0)
    grown = cases.copy()
    grown[0, -8:] += 20

    assert expect(grown, exposure).counts[0, -1] == expect(cases, exposure).counts[0, -1]


def test_a_new_cell_is_expected_to_be_as_the_others():
    cases, exposure = counts([2.0] * 20), np.full((20, WEEKS), 100.0)
    cases[0, :-4], exposure[0, :-4] = 0, 0

    expectation = expect(cases, exposure)

    others = cases[1:, WEEKS - 61 : WEEKS - 9].sum() / (19 * 52)
    assert expectation.counts[0, -1] == pytest.approx(others)
    assert expectation.baseline[0, -1] == 0


def test_the_rate_that_a_cell_is_held_against_is_that_of_the_others():
    """Of two cells, one with four times the cases: the other one is not held against a rate that has itself in it."""
    cases, exposure = counts([1.0, 4.0]), np.full((2, WEEKS), 100.0)
    before = slice(WEEKS - 61, WEEKS - 9)
    own, others = cases[:, before].sum(axis=1), cases[::-1, before].sum(axis=1)

    expectation = expect(cases, exposure)

    mean = own.sum() / 2
    shape = 1 / max((((own - mean) ** 2).sum() - 2 * mean) / (2 * mean**2), 1e-4)
    drawn = (shape + own) * others / (shape + others) / 52
    assert expectation.counts[:, -1] == pytest.approx(drawn)


def test_where_the_others_have_hardly_any_cases_the_rate_is_that_of_all():
    cases, exposure = np.zeros((3, WEEKS)), np.full((3, WEEKS), 100.0)
    cases[0], cases[1, ::40] = 1.0, 1.0

    expectation = expect(cases, exposure)

    assert 0.3 < expectation.counts[0, -1] <= 1.0


def test_where_cells_differ_each_is_expected_to_stay_as_it_was():
    """Of one that has always had four times as many, as many go on to be expected, but for a little."""
    cases, exposure = counts([1.0, 2.0, 0.5, 1.5, 8.0, 1.0]), np.full((6, WEEKS), 100.0)

    expectation = expect(cases, exposure)

    assert expectation.counts[4, -1] == pytest.approx(cases[4, WEEKS - 61 : WEEKS - 9].mean(), rel=0.1)
    assert expectation.shape[4, -1] < 10


def test_where_cells_are_alike_the_rate_is_that_of_all():
    cases, exposure = counts([1.0] * 60), np.full((60, WEEKS), 100.0)

    expectation = expect(cases, exposure)

    assert expectation.counts[:, -1].std() < 0.08
    assert np.median(expectation.shape[:, -1]) > 50


def test_twice_the_visits_are_twice_the_expected_cases():
    cases, exposure = counts([1.0] * 20), np.full((20, WEEKS), 100.0)
    exposure[0, -1] *= 2

    expected = expect(cases, exposure).counts[0]

    assert expected[-1] == pytest.approx(2 * expected[-2], rel=0.1)


def test_nothing_is_expected_before_there_is_a_past():
    expectation = expect(counts([1.0] * 20), np.full((20, WEEKS), 100.0))

    assert not expectation.counts[:, :12].any()
    assert expectation.counts[:, 12].all()


@pytest.mark.parametrize(("dispersion", "estimate"), [(1.0, 1.0), (1.2, 1.0), (2.6, 3.0)])
def test_the_dispersion_is_estimated_from_the_other_cells(dispersion: float, estimate: float):
    random = np.random.default_rng(4)
    size = 3.0 / max(dispersion - 1, 1e-9)
    cases = random.poisson(3.0 if dispersion == 1 else random.gamma(size, dispersion - 1, (40, WEEKS)), (40, WEEKS))

    expectation = expect(cases.astype(float), np.full((40, WEEKS), 100.0))

    assert set(expectation.dispersion[:, -1]) == {estimate}


def test_scores_are_log_likelihood_ratios_of_twice_the_rate():
    def poisson(mean: float) -> float:
        return 3 * math.log(mean) - mean - math.lgamma(4)

    def negative_binomial(mean: float, size: float) -> float:
        ways = math.lgamma(3 + size) - math.lgamma(size) - math.lgamma(4)
        return ways + size * math.log(size / (size + mean)) + 3 * math.log(mean / (size + mean))

    assert scores(3.0, 1.5) == pytest.approx(poisson(3.0) - poisson(1.5))
    # A variance of twice the mean.
    assert scores(3.0, 1.5, 2.0) == pytest.approx(negative_binomial(3.0, 1.5) - negative_binomial(1.5, 1.5))


def test_counts_are_drawn_with_their_mean_and_dispersion():
    values = draw_counts(np.random.default_rng(1), 2.0, 3.0, (100_000,))

    assert values.mean() == pytest.approx(2.0, rel=0.03)
    assert values.var() / values.mean() == pytest.approx(3.0, rel=0.05)
