"""How long a car would wait if nobody were busy, where often only bounds of that are known. Pure.

A car that begins as somebody becomes free would have been ready earlier: how much earlier is not told. What is known is
an interval, and the distribution comes from all of them: Turnbull's self-consistent estimate (JRSS B 38, 1976).
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_VALUES = 250
_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class DelayDistribution:
    """Values in ascending order, and the probability of at most each of them."""

    values: tuple[float, ...]
    at_most: tuple[float, ...]

    def between(self, low: float, high: float, draw: random.Random) -> float:
        """A delay longer than `low` and of at most `high`, by chance; `high` where none of the values lies there."""
        if low >= high:
            return high
        first, last = bisect_right(self.values, low), bisect_right(self.values, high)
        if first >= last:
            return high
        before = self.at_most[first - 1] if first else 0.0
        share = before + draw.random() * (self.at_most[last - 1] - before)
        return self.values[min(max(bisect_right(self.at_most, share), first), last - 1)]


def estimate_delays(lows: Sequence[float], highs: Sequence[float]) -> DelayDistribution:
    """The distribution of delays of which each lies in (low, high]; where both are equal it is that one."""
    low, high = np.asarray(lows, np.float64), np.asarray(highs, np.float64)
    exact = low >= high
    values = _support(low, high, exact)
    if not len(values):
        return DelayDistribution((0.0,), (1.0,))
    inside = (values[None, :] > low[~exact, None]) & (values[None, :] <= high[~exact, None])
    counts = np.bincount(_nearest(values, high[exact]), minlength=len(values)).astype(np.float64)
    weights = np.full(len(values), 1 / len(values))
    for _ in range(_ROUNDS):
        chances = inside * weights
        weights = counts + (chances / np.maximum(chances.sum(axis=1, keepdims=True), 1e-300)).sum(axis=0)
        weights /= weights.sum()
    return DelayDistribution(tuple(values.tolist()), tuple(np.cumsum(weights).tolist()))


def _support(low: NDArray[np.float64], high: NDArray[np.float64], exact: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The exact values, or as many quantiles of them; and the end of each interval in which there is none."""
    values = np.unique(high[exact])
    if len(values) > MOST_VALUES:
        values = np.unique(np.quantile(values, np.linspace(0, 1, MOST_VALUES)))
    empty = np.searchsorted(values, low[~exact], "right") >= np.searchsorted(values, high[~exact], "right")
    return np.unique(np.concatenate([values, high[~exact][empty]]))


def _nearest(values: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.int64]:
    after = np.clip(np.searchsorted(values, of), 0, len(values) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(values[before] - of) < np.abs(values[after] - of), before, after).astype(np.int64)
