"""The difference of two shares among comparable orders: strata of the same center and fault group.

The risk difference of Mantel and Haenszel with the variance of Greenland and Robins (Biometrics 41, 1985), whose shares
are drawn towards a half so that it is never 0: each stratum counts by how much of both groups is in it, one that lacks
either counts for nothing. No cause: only what was matched is alike.
"""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from fixtrail.reports.report import NO_INTERVAL, Interval
from fixtrail.reports.stats.intervals import Z


class Outcome(NamedTuple):
    """One order: its stratum, whether it is in the first group, and whether what is counted held."""

    stratum: Hashable
    is_first: bool
    held: bool


@dataclass(frozen=True, slots=True)
class MatchedDifference:
    """The first group's share less the other's, of the matched orders alone; None where nothing can be matched."""

    difference: float | None
    interval: Interval
    n_first: int
    n_other: int
    n_all: int
    strata: int

    @property
    def n(self) -> int:
        """Orders in a stratum that has both groups."""
        return self.n_first + self.n_other


def matched_difference(outcomes: Iterable[Outcome]) -> MatchedDifference:
    counts: dict[Hashable, list[int]] = {}
    for outcome in outcomes:
        cell = counts.setdefault(outcome.stratum, [0, 0, 0, 0])
        cell[0 if outcome.is_first else 2] += outcome.held
        cell[1 if outcome.is_first else 3] += 1
    n_all = sum(n + m for _, n, _, m in counts.values())
    both = [(a, n, b, m) for a, n, b, m in counts.values() if n and m]
    if not both:
        return MatchedDifference(None, NO_INTERVAL, 0, 0, n_all, 0)
    weight = sum(n * m / (n + m) for _, n, _, m in both)
    difference = sum((a * m - b * n) / (n + m) for a, n, b, m in both) / weight
    # Of a stratum in which all or none held, the variance is that of one half more of each.
    variance = sum(_variance(*cell) for cell in both) / weight**2
    half = Z * math.sqrt(variance)
    interval = Interval(max(-1.0, difference - half), min(1.0, difference + half))
    n_first, n_other = sum(n for _, n, _, _ in both), sum(m for _, _, _, m in both)
    return MatchedDifference(difference, interval, n_first, n_other, n_all, len(both))


def _variance(k_first: int, n: int, k_other: int, m: int) -> float:
    """The stratum's part of the variance's numerator: that of weight times difference."""
    shares = ((k_first + 0.5) / (n + 1), (k_other + 0.5) / (m + 1))
    weight = n * m / (n + m)
    return weight**2 * (shares[0] * (1 - shares[0]) / n + shares[1] * (1 - shares[1]) / m)
