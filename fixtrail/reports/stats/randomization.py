"""Randomization tests for few units: the effects that other assignments of the same units would show.

Randomization inference (Fisher 1935; Young, QJE 2019): under the hypothesis of no effect any `k` of the centers could
have been the pilots, so the difference between pilots and others is one of as many as there are ways to choose them.
That holds of units that are known equally well; others are put on one scale first (`precision`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, floor

import numpy as np
from numpy.typing import NDArray
from scipy import special

from fixtrail.reports.stats.precision import standardize

Vector = NDArray[np.float64]

EXACT_UP_TO = 20_000
DRAWS = 9_999
SEED = 20260301
# Ties, such as two centers that swap places, count as equally far whatever the last digit says.
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class TreatmentDifference:
    """Treated minus others in the means of their units: with interval, p-value, and how both were come by.

    `ways` is the number of assignments compared; `smallest_p` the least p-value that these few units can give. None
    where there is nothing to compare: `reason` says why. An end of the interval is infinite where the units are too
    few to bound it.
    """

    value: float | None
    low: float | None
    high: float | None
    p_value: float | None
    n_treated: int
    n_others: int
    ways: int
    smallest_p: float | None
    method: str
    reason: str | None = None


EXACT, SAMPLED, BY_WAVE = "randomization_exact", "randomization_sampled", "t_by_wave"


def difference(
    change: Vector, treated: NDArray[np.bool_], alpha: float = 0.05, sampling: Vector | None = None
) -> TreatmentDifference:
    """Compare the units' changes, two-sided; the interval holds every constant effect that the test does not reject.

    `sampling`: the variance that each unit's own number of orders leaves to chance; None where all are known alike.
    """
    k, n = int(treated.sum()), len(change)
    if k == 0 or k == n:
        return TreatmentDifference(
            None, None, None, None, k, n - k, 0, None, EXACT, "no_pilots" if k == 0 else "no_controls"
        )
    standard = standardize(change, sampling, treated)
    drawn_assignments, method = assignments(n, k, treated)
    own = treated[None, :]
    by_effect = float(_differences(standard.unit, own)[0])
    observed = float(_differences(standard.shown, own)[0]) / by_effect
    differences = _differences(standard.shown, drawn_assignments) / by_effect
    overlap = _differences(standard.unit, drawn_assignments) / by_effect
    span = TIE * max(float(np.ptp(change)), 1e-300)
    p_value = float(np.mean(np.abs(differences) >= abs(observed) - span))
    least = _smallest_p(n, k) if method == EXACT else 1 / len(drawn_assignments)
    low, high = _interval(observed, differences, overlap, alpha)
    return TreatmentDifference(observed, low, high, p_value, k, n - k, len(drawn_assignments), least, method)


def assignments(n: int, k: int, treated: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], str]:
    """All ways to choose k of n units, or the real one and DRAWS random ones: (ways, n), and the method's name."""
    if comb(n, k) <= EXACT_UP_TO:
        return _every_choice(n, k), EXACT
    draw = np.random.default_rng(SEED)
    order = np.argsort(draw.random((DRAWS, n)), axis=1)
    return np.vstack([treated[None, :], order < k]), SAMPLED


@lru_cache(maxsize=8)
def _every_choice(n: int, k: int) -> NDArray[np.bool_]:
    chosen = np.zeros((comb(n, k), n), dtype=bool)
    for row, units in zip(chosen, combinations(range(n), k), strict=True):
        row[list(units)] = True
    chosen.flags.writeable = False
    return chosen


def joint_p(changes: Sequence[Vector], treated: NDArray[np.bool_]) -> float | None:
    """One p-value for several changes of the same units: how often the largest of them, each in its own spread, is as
    large in another assignment. It allows for their number and for what they have in common (Westfall and Young 1993).
    """
    k, n = int(treated.sum()), len(treated)
    spreads = [float(change.std()) for change in changes]
    if k in (0, n) or not any(spreads):
        return None
    chosen, _ = assignments(n, k, treated)
    pairs = [(change, spread) for change, spread in zip(changes, spreads, strict=True) if spread > 0]
    largest = np.max([np.abs(_differences(change, chosen)) / spread for change, spread in pairs], axis=0)
    observed = max(abs(float(change[treated].mean() - change[~treated].mean())) / spread for change, spread in pairs)
    return float(np.mean(largest >= observed * (1 - TIE)))


@dataclass(frozen=True, slots=True)
class ComparisonPart:
    """One of several comparisons: changes of the units at these places, and the share of it in the whole."""

    change: Vector
    treated: NDArray[np.bool_]
    places: NDArray[np.int_]
    share: float
    sampling: Vector | None = None


def combined(parts: Sequence[ComparisonPart], alpha: float = 0.05) -> TreatmentDifference:
    """Several comparisons of overlapping units added up by their shares, with Student's t over the units.

    A center that is a control of one wave and changes over in the next is in both comparisons, so that they are no
    independent draws: what a center adds to the sum, over all waves, is one term of the variance (cluster-robust,
    Cameron, Gelbach and Miller, Review of Economics and Statistics 90, 2008), with Satterthwaite's degrees of freedom.
    """
    total = sum(part.share for part in parts)
    units = 1 + max(int(part.places.max()) for part in parts)
    value, residual, expected = 0.0, np.zeros(units), np.zeros(units)
    for part in parts:
        share, standard = part.share / total, standardize(part.change, part.sampling, part.treated)
        value += share * float(standard.weights @ part.change)
        for side in (part.treated, ~part.treated):
            own = np.abs(standard.weights[side])
            own = own / own.sum()
            rest = part.change[side] - own @ part.change[side]
            # What a group's own mean takes away of its members' scatter.
            rest = rest / np.sqrt(np.maximum(1 - own, 1 / len(part.change)))
            np.add.at(residual, part.places[side], share * standard.weights[side] * rest)
        np.add.at(expected, part.places, (share * standard.weights) ** 2 * standard.variance)
    error = float(np.sqrt(np.sum(residual**2)))
    freedom = max(1.0, float(expected.sum() ** 2 / np.sum(expected**2)) - len(parts))
    half = float(special.stdtrit(freedom, 1 - alpha / 2)) * error
    p_value = 2 * float(special.stdtr(freedom, -abs(value) / error)) if error else None
    treated_units = sum(int(part.treated.sum()) for part in parts)
    n_others = max(len(part.change) - int(part.treated.sum()) for part in parts)
    return TreatmentDifference(value, value - half, value + half, p_value, treated_units, n_others, 0, 0.0, BY_WAVE)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values (Scandinavian Journal of Statistics 6, 1979): of several tests, one is wrong in 5 %."""
    ranked = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(ranked):
        highest = max(highest, min(1.0, (len(ranked) - rank) * p))
        adjusted[index] = highest
    return adjusted


def _differences(values: Vector, chosen: NDArray[np.bool_]) -> Vector:
    k = int(chosen[0].sum())
    inside: Vector = chosen @ values
    gaps: Vector = inside / k - (values.sum() - inside) / (len(values) - k)
    return gaps


def _interval(observed: float, differences: Vector, overlap: Vector, alpha: float) -> tuple[float, float]:
    """The effects that the test does not reject.

    Take an effect t off the treated units: an assignment then shows |shown - t·overlap|, the real one |observed - t|.
    It is at least as far for every t between two roots, on either side of the observed effect. The test rejects t
    where no more than alpha of the assignments are as far.
    """
    # The real assignment, and its mirror image, are as far whatever the effect.
    always = 1 - np.abs(overlap) < 1e-9
    plus, minus = np.where(always, 1.0, 1 + overlap), np.where(always, 1.0, 1 - overlap)
    lower_roots, upper_roots = (observed - differences) / minus, (observed + differences) / plus
    low = np.where(always, -np.inf, np.minimum(lower_roots, upper_roots))
    high = np.where(always, np.inf, np.maximum(lower_roots, upper_roots))
    index = floor(alpha * len(differences) + 1e-9)
    return float(np.sort(low)[index]), float(np.sort(high)[::-1][index])


def _smallest_p(n: int, k: int) -> float:
    # With as many pilots as others, swapping them shows the same difference with the other sign.
    return (2 if 2 * k == n else 1) / comb(n, k)
