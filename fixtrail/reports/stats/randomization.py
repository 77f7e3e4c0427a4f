"""Few units, no normal distribution needed: what assigning the same units otherwise would have shown.

Randomization inference (Fisher 1935; Young, QJE 2019): under the hypothesis of no effect any `k` of the centers could
have been the pilots, so the difference between pilots and others is one of as many as there are ways to choose them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, floor

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

EXACT_UP_TO = 20_000
DRAWS = 9_999
SEED = 20260301
# Ties, such as two centers that swap places, count as equally far whatever the last digit says.
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
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


EXACT, SAMPLED = "randomization_exact", "randomization_sampled"


def difference(change: Vector, treated: NDArray[np.bool_], alpha: float = 0.05) -> Difference:
    """Compare the units' changes, two-sided; the interval holds every constant effect that the test does not reject."""
    k, n = int(treated.sum()), len(change)
    if k == 0 or k == n:
        return Difference(None, None, None, None, k, n - k, 0, None, EXACT, "no_pilots" if k == 0 else "no_controls")
    observed = float(change[treated].mean() - change[~treated].mean())
    chosen, method = assignments(n, k, treated)
    shown, overlap = _differences(change, chosen), _differences(treated.astype(float), chosen)
    span = TIE * max(float(np.ptp(change)), 1e-300)
    p_value = float(np.mean(np.abs(shown) >= abs(observed) - span))
    least = _smallest_p(n, k) if method == EXACT else 1 / len(chosen)
    low, high = _interval(observed, shown, overlap, alpha)
    return Difference(observed, low, high, p_value, k, n - k, len(chosen), least, method)


def assignments(n: int, k: int, treated: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], str]:
    """Every way to choose k of n units, or the one that happened and DRAWS others: (ways, n) and the method's name."""
    if comb(n, k) <= EXACT_UP_TO:
        chosen = np.zeros((comb(n, k), n), dtype=bool)
        for row, units in zip(chosen, combinations(range(n), k), strict=True):
            row[list(units)] = True
        return chosen, EXACT
    draw = np.random.default_rng(SEED)
    order = np.argsort(draw.random((DRAWS, n)), axis=1)
    return np.vstack([treated[None, :], order < k]), SAMPLED


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


def combined(parts: Sequence[tuple[Vector, NDArray[np.bool_], float]], alpha: float = 0.05) -> Difference:
    """Several comparisons added up by their weights, each assigned anew for itself, DRAWS times.

    Of staggered waves each was a choice among the centers not yet changed over, so they are drawn independently.
    """
    total = sum(weight for _, _, weight in parts)
    draw = np.random.default_rng(SEED)
    observed, shown, overlap = 0.0, np.zeros(DRAWS + 1), np.zeros(DRAWS + 1)
    for change, treated, weight in parts:
        k, n, share = int(treated.sum()), len(change), weight / total
        chosen = np.vstack([treated[None, :], np.argsort(draw.random((DRAWS, n)), axis=1) < k])
        observed += share * float(change[treated].mean() - change[~treated].mean())
        shown += share * _differences(change, chosen)
        overlap += share * _differences(treated.astype(float), chosen)
    p_value = float(np.mean(np.abs(shown) >= abs(observed) - TIE * abs(observed)))
    low, high = _interval(observed, shown, overlap, alpha)
    treated_units = sum(int(treated.sum()) for _, treated, _ in parts)
    others = max(len(change) - int(treated.sum()) for change, treated, _ in parts)
    return Difference(
        observed, low, high, p_value, treated_units, others, DRAWS + 1, 1 / (DRAWS + 1), "randomization_by_wave"
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values (Scandinavian Journal of Statistics 6, 1979): of several tests, one is wrong in 5 %."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = highest
    return adjusted


def _differences(values: Vector, chosen: NDArray[np.bool_]) -> Vector:
    k = int(chosen[0].sum())
    inside: Vector = chosen @ values
    gaps: Vector = inside / k - (values.sum() - inside) / (len(values) - k)
    return gaps


def _interval(observed: float, shown: Vector, overlap: Vector, alpha: float) -> tuple[float, float]:
    """The effects that the test does not reject.

    Take an effect t off the treated units: an assignment then shows |shown - t·overlap|, the real one |observed - t|.
    It is at least as far for every t between two roots, on either side of the observed effect. The test rejects t
    where no more than alpha of the assignments are as far.
    """
    # The real assignment, and its mirror image, are as far whatever the effect.
    always = 1 - np.abs(overlap) < 1e-12
    plus, minus = np.where(always, 1.0, 1 + overlap), np.where(always, 1.0, 1 - overlap)
    one, other = (observed - shown) / minus, (observed + shown) / plus
    low = np.where(always, -np.inf, np.minimum(one, other))
    high = np.where(always, np.inf, np.maximum(one, other))
    place = floor(alpha * len(shown) + 1e-9)
    return float(np.sort(low)[place]), float(np.sort(high)[::-1][place])


def _smallest_p(n: int, k: int) -> float:
    # With as many pilots as others, swapping them shows the same difference with the other sign.
    return (2 if 2 * k == n else 1) / comb(n, k)
