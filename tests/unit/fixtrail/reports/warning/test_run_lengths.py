"""Run lengths of the CUSUM, held against published ones and against a Markov chain that shares no code with it.

Lucas's scheme (Technometrics 27, 1985) is S = max(0, S + x - k), which signals from h on; ours is the same in units of
ln 2 with the expected count k ln 2. 438 and, with a head start of h/2, 333 are of his tables 2 and 3, as the manual of
Knoth's R package spc quotes them (pois.cusum.arl); the others stand in that of Lawson's IAcsSPCR (arl).
"""

import math

import numpy as np
import pytest

from fixtrail.reports.warning.cusum import chart, scores
from fixtrail.reports.warning.limits import limit_of

LN2 = math.log(2)
# reference value k, decision interval h, mean, average run length, the same with a head start of h/2
PUBLISHED = [
    (0.25, 10.0, 0.25, 438.0, 333.0),
    (2.0, 6.0, 1.88, 37.2, 29.19),
    (2.0, 6.0, 1.88 + 0.9627 * math.sqrt(1.88), 5.49, 3.33),
]


def chain(k: float, h: float, mean: float) -> np.ndarray:
    """The transitions between the sums below h, in quarters (Brook and Evans, Biometrika 59, 1972)."""
    step = 0.25
    states = round(h / step)
    matrix = np.zeros((states, states))
    for state in range(states):
        for count in range(200):
            after = max(0, state + round((count - k) / step))
            if after < states:
                matrix[state, after] += math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    return matrix


def exact_run_lengths(k: float, h: float, mean: float) -> tuple[float, float]:
    """(from 0, from h/2): the expected number of weeks until the sum is h or more."""
    matrix = chain(k, h, mean)
    lengths = np.linalg.solve(np.eye(len(matrix)) - matrix, np.ones(len(matrix)))
    return float(lengths[0]), float(lengths[len(matrix) // 2])


def simulated_run_lengths(k: float, h: float, mean: float, head_start: float, runs: int, weeks: int) -> np.ndarray:
    """Run lengths of our chart; a head start is the score of a week before the first."""
    counts = np.random.default_rng(7).poisson(mean, (runs, weeks))
    week_scores = scores(counts, k * LN2)
    first = np.full((runs, 1), head_start * LN2)
    is_above = chart(np.concatenate([first, week_scores], axis=1))[:, 1:] >= h * LN2 - 1e-9
    assert is_above.any(axis=1).mean() > 0.995
    return np.where(is_above.any(axis=1), is_above.argmax(axis=1) + 1, weeks)


@pytest.mark.parametrize(("k", "h", "mean", "published", "with_head_start"), PUBLISHED)
def test_the_markov_chain_of_these_tests_gives_the_published_run_lengths(k, h, mean, published, with_head_start):
    assert exact_run_lengths(k, h, mean) == pytest.approx((published, with_head_start), rel=0.0015)


@pytest.mark.parametrize(("k", "h", "mean", "published", "with_head_start"), PUBLISHED)
@pytest.mark.parametrize("is_head_start", [False, True])
def test_run_lengths_are_the_published_ones_within_simulation_error(
    k, h, mean, published, with_head_start, is_head_start
):
    expected = with_head_start if is_head_start else published
    runs, weeks = (1000, 3000) if expected > 100 else (8000, 350)

    lengths = simulated_run_lengths(k, h, mean, h / 2 if is_head_start else 0.0, runs, weeks)

    assert lengths.mean() == pytest.approx(expected, abs=3.5 * lengths.std() / math.sqrt(runs) + 0.005)


@pytest.mark.parametrize("mean", [0.25, 1.0, 3.0])
def test_the_largest_sum_of_a_year_is_distributed_as_the_markov_chain_says(mean: float):
    """With k in quarters of a case the chain is exact: what remains of it after 52 weeks has not reached h."""
    k = round(mean / LN2 * 4) / 4
    counts = np.random.default_rng(11).poisson(mean, (40_000, 52))
    largest = chart(scores(counts, k * LN2)).max(axis=1)

    for h in (2.0, 4.0, 6.0):
        matrix = np.linalg.matrix_power(chain(k, h, mean), 52)
        exact = 1 - matrix[0].sum()
        error = math.sqrt(exact * (1 - exact) / len(largest))
        assert (largest >= h * LN2 - 1e-9).mean() == pytest.approx(exact, abs=4 * error + 1e-4)


def test_a_limit_is_reached_by_no_more_than_its_share_of_the_runs():
    largest = np.sort(np.repeat([1.0, 2.0, 3.0, 4.0], [50, 30, 15, 5]))

    assert [limit_of(largest, p) for p in (0.5, 0.2, 0.1, 0.05)] == [2.0, 3.0, 4.0, 4.0]
    assert limit_of(largest, 0.01) > 4.0
