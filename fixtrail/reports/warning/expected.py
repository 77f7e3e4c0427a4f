"""What is expected of each cell and week: the cells' rate before a gap of eight weeks, drawn to its own. Pure.

All is worked out for one dimension and fault group at once, in arrays of cells by weeks. A cell's rate is held to come
from a Gamma distribution whose mean is the pooled rate of the other ones before the gap, and whose shape says how alike
they are; what is expected is the mean of what its own past makes of that (the Poisson-Gamma model of empirical Bayes).
"""

from dataclasses import dataclass

import numpy as np

from fixtrail.reports.warning.cusum import Floats
from fixtrail.reports.warning.limits import BASELINE_WEEKS, DISPERSIONS, GAP_WEEKS, dispersion_numbers

# Before so many weeks of a past, and so many cases in it, nothing is expected of anything.
LEAST_WEEKS = 4
LEAST_CASES = 5
FIRST_WEEK = GAP_WEEKS + LEAST_WEEKS
_QUARTER_WEEKS = 13
_LEAST_SHAPE, _LARGEST_SHAPE = 0.02, 1e4


@dataclass(frozen=True, slots=True)
class Expectation:
    """By cell and week: the expected count, 0 where none is; `shape` is how sure that is, `baseline` of how many weeks.

    `dispersion` is variance / mean of the other cells' counts about what was expected of them, as it is simulated.
    """

    counts: Floats
    shape: Floats
    baseline: Floats
    dispersion: Floats


def past(values: Floats) -> Floats:
    """The sum over the weeks t-60 … t-9 for each week t, as far back as there are weeks."""
    zero = np.zeros((*values.shape[:-1], 1))
    reached = np.concatenate([zero, np.cumsum(values, axis=-1)], axis=-1)
    weeks = np.arange(values.shape[-1])
    ends = np.maximum(weeks - GAP_WEEKS, 0)
    starts = np.maximum(ends - BASELINE_WEEKS, 0)
    sums: Floats = reached[..., ends] - reached[..., starts]
    return sums


def expect(cases: Floats, exposure: Floats) -> Expectation:
    """What is expected of the cells of one dimension and fault group."""
    own, own_exposure = past(cases), past(exposure)
    # The gap keeps what is happening now out of it; a new cell has no past, so its rate is that of the others.
    rate = _usual_rate(own, own_exposure)
    shape = _shape(own, own_exposure)
    own_rate = (shape + own) * rate / np.maximum(shape + own_exposure * rate, 1e-12)
    counts = np.where(_is_enough(own), exposure * own_rate, 0.0)
    others = _others(own)
    sure = np.where(others <= 0, _LEAST_SHAPE, 1 / (1 / shape + 1 / np.maximum(others, 1.0)))
    baseline = _ratio(own_exposure, lately(exposure))
    return Expectation(counts, sure, baseline, _dispersion(cases, counts))


def lately(values: Floats) -> Floats:
    """The mean of the last quarter's weeks, this one included: a week of few visits is no other kind of cell."""
    reached = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    ends = np.arange(1, values.shape[-1] + 1)
    starts = np.maximum(ends - _QUARTER_WEEKS, 0)
    means: Floats = (reached[..., ends] - reached[..., starts]) / (ends - starts)
    return means


def _usual_rate(own: Floats, exposure: Floats) -> Floats:
    """The pooled rate of the other cells; of all of them where the others have too few cases to tell one."""
    others = _others(own)
    pooled = _ratio(own.sum(axis=0), exposure.sum(axis=0))
    rate: Floats = np.where(others >= LEAST_CASES, _ratio(others, _others(exposure)), pooled)
    return rate


def _is_enough(own: Floats) -> Floats:
    weeks = np.arange(own.shape[-1]) >= FIRST_WEEK
    enough: Floats = weeks & (own.sum(axis=0) >= LEAST_CASES)
    return np.broadcast_to(enough, own.shape)


def _shape(own: Floats, exposure: Floats) -> Floats:
    """The Gamma's shape by moments: how much the cells differ beyond what Poisson counts of one rate would."""
    expected = exposure * _ratio(own.sum(axis=0), exposure.sum(axis=0))
    between = ((own - expected) ** 2 - expected).sum(axis=0)
    spread = np.maximum(_ratio(between, (expected**2).sum(axis=0)), 0.0)
    shape = np.clip(1 / np.maximum(spread, 1 / _LARGEST_SHAPE), _LEAST_SHAPE, _LARGEST_SHAPE)
    return np.broadcast_to(shape, own.shape)


def _dispersion(cases: Floats, expected: Floats) -> Floats:
    """Variance / mean of the other cells in the weeks of the past, one of those that are simulated; 1 is Poisson."""
    is_judged = expected > 0
    squares = past(np.where(is_judged, (cases - expected) ** 2, 0.0))
    means = past(np.where(is_judged, expected, 0.0))
    other_means = _others(means)
    ratio = np.where(other_means >= LEAST_CASES, _ratio(_others(squares), other_means), 1.0)
    simulated: Floats = DISPERSIONS[dispersion_numbers(np.maximum(ratio, 1.0))]
    return simulated


def _others(values: Floats) -> Floats:
    """The sum over all cells but the one itself."""
    others: Floats = values.sum(axis=0) - values
    return others


def _ratio(over: Floats, under: Floats) -> Floats:
    ratio: Floats = np.divide(over, under, out=np.zeros(np.broadcast(over, under).shape), where=under > 0)
    return ratio
