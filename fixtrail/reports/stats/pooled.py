"""95 % intervals of figures of several centers together: orders of one center resemble each other.

How much less so many orders tell than their number says is the design effect: the variance with centers as clusters
(`between_centers`: CR2, Bell and McCaffrey 2002) over that of as many independent orders. Each interval is the one of
`intervals`, of the *effective* number of orders, with Student's t in place of the normal quantile (Korn and Graubard,
Survey Methodology 24, 1998, for shares), and never narrower than that of the orders alone. So it stays in its range.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import special

from fixtrail.reports.report import NO_INTERVAL, Interval
from fixtrail.reports.stats.intervals import TAIL, Spread, Z, adjusted_wald, between_centers, wilson

# Names of the methods, as printed beside each figure.
WILSON, ADJUSTED_WALD, GAMMA = "wilson-centers", "adjusted-wald-centers", "gamma-centers"
GAMMA_OF_ORDERS = "gamma"


class Votes(NamedTuple):
    """Answers of one center: promoters, detractors, all."""

    promoters: int
    detractors: int
    n: int


def share(counts: Sequence[int], sizes: Sequence[int]) -> Interval:
    """Interval of a share of all orders, each center with its count of so many; within 0 to 1."""
    n, count = sum(sizes), sum(counts)
    if n == 0:
        return NO_INTERVAL
    value = count / n
    spread = _spread(sizes, [count / size if size else 0.0 for count, size in zip(counts, sizes, strict=True)])
    return wilson(value, effective(n, value * (1 - value), spread))


def nps(centers: Sequence[Votes]) -> Interval:
    """Interval of the NPS of all answers, within -100 to 100 and never of no width. One center: adjusted Wald."""
    n = sum(votes.n for votes in centers)
    if n == 0:
        return NO_INTERVAL
    up, down = sum(votes.promoters for votes in centers) / n, sum(votes.detractors for votes in centers) / n
    means = [(votes.promoters - votes.detractors) / votes.n if votes.n else 0.0 for votes in centers]
    spread = _spread([votes.n for votes in centers], means)
    return adjusted_wald(up, down, effective(n, up + down - (up - down) ** 2, spread))


def effective(n: float, variance: float, spread: Spread | None) -> float:
    """How many independent orders, each of this variance, would tell as much; at most n."""
    if spread is None or variance <= 0 or spread.error <= 0:
        return n
    return min(n, variance / (spread.half / Z) ** 2)


class Complaints(NamedTuple):
    """So many complaints; the sum of the squares of each complainer's, and the most of one of them."""

    events: int
    squares: float
    most: float


def rate(complaints: Complaints, exposure: float, counts: Sequence[int] = (), sizes: Sequence[float] = ()) -> Interval:
    """Interval of complaints per exposure, for complainers who complain more than once; 0 or more.

    The gamma interval of a weighted sum of Poisson counts (Fay and Feuer, Statistics in Medicine 16, 1997): with one
    complaint each it is Garwood's exact one. `counts` of `sizes` orders at each center widen it by their spread.
    """
    if exposure <= 0:
        return NO_INTERVAL
    events, most = complaints.events, max(1.0, complaints.most)
    variance = max(float(complaints.squares), float(events))
    total = sum(sizes)
    spread = _spread(sizes, [count / size if size else 0.0 for count, size in zip(counts, sizes, strict=True)])
    if spread is not None and events:
        variance = max(variance, (total * spread.half / Z) ** 2)
        most = max(most, variance / events)
    low = 0.0 if events == 0 else _gamma(events, variance, TAIL)
    return Interval(low / exposure, _gamma(events + most, variance + most**2, 1 - TAIL) / exposure)


def _gamma(mean: float, variance: float, probability: float) -> float:
    """A quantile of the gamma distribution of this mean and variance."""
    return float(special.gammaincinv(mean**2 / variance, probability)) * variance / mean


def _spread(sizes: Sequence[float], means: Sequence[float]) -> Spread | None:
    spread = between_centers(sizes, means) if sum(sizes) else None
    return spread if spread is not None and math.isfinite(spread.error) else None
