"""95 % intervals of the figures, each by the method that fits what was counted; None where nothing can be said."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy import stats

from fixtrail.reports.report import NO_INTERVAL, Interval

LEVEL = 0.95
Z = float(stats.norm.ppf(0.5 + LEVEL / 2))
# Names of the methods, as printed beside each figure.
WILSON, TRINOMIAL, STUDENT, RANKS, POISSON = "wilson", "trinomial-mean", "t", "order-statistics", "poisson-exact"


def share(count: int, n: int) -> Interval:
    """Wilson's score interval of a share (1927), between 0 and 1; it holds for small n and shares near 0 or 1, too."""
    if n == 0:
        return NO_INTERVAL
    found, spread = count / n, Z * Z / n
    middle = (found + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(found * (1 - found) / n + spread / (4 * n))
    # Where all or none held, its bound is 1 or 0 but for rounding.
    return Interval(0.0 if count == 0 else middle - half, 1.0 if count == n else middle + half)


def nps(promoters: int, detractors: int, n: int) -> Interval:
    """Interval of an NPS, -100 to 100: the mean of the values +1, 0, -1 by normal approximation (docs/metrics.md)."""
    if n == 0:
        return NO_INTERVAL
    up, down = promoters / n, detractors / n
    half = Z * math.sqrt(max(0.0, up + down - (up - down) ** 2) / n)
    return Interval(100 * (up - down - half), 100 * (up - down + half))


def mean(value: float, deviation: float | None, n: int) -> Interval:
    """Student's t interval of a mean, from the deviation of the sample; none for fewer than two values."""
    if n < 2 or deviation is None:
        return NO_INTERVAL
    half = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1)) * deviation / math.sqrt(n)
    return Interval(value - half, value + half)


class Ranks(NamedTuple):
    """Places in the sorted values, counted from 1; None where the sample is too small to have such a value."""

    low: int | None
    high: int | None


def quantile_ranks(level: float, n: int) -> Ranks:
    """Which two values bound a quantile: the number of values below it is binomial (Conover 1999, section 3.2)."""
    if n == 0:
        return Ranks(None, None)
    low = int(stats.binom.ppf((1 - LEVEL) / 2, n, level))
    high = int(stats.binom.ppf((1 + LEVEL) / 2, n, level)) + 1
    return Ranks(low if low >= 1 else None, high if high <= n else None)


def count(events: int, exposure: float) -> Interval:
    """Garwood's exact interval of a Poisson rate (1936): `events` seen per `exposure`."""
    if exposure <= 0:
        return NO_INTERVAL
    low = 0.0 if events == 0 else float(stats.chi2.ppf((1 - LEVEL) / 2, 2 * events)) / 2
    return Interval(low / exposure, float(stats.chi2.ppf((1 + LEVEL) / 2, 2 * (events + 1))) / 2 / exposure)


def rate_ratio(events: int, exposure: float, events_before: int, exposure_before: float) -> Interval:
    """Exact interval of a ratio of two Poisson rates: given their sum, the events are binomial (Clopper, Pearson)."""
    total = events + events_before
    if total == 0 or exposure <= 0 or exposure_before <= 0:
        return NO_INTERVAL
    low = 0.0 if events == 0 else float(stats.beta.ppf((1 - LEVEL) / 2, events, events_before + 1))
    high = 1.0 if events_before == 0 else float(stats.beta.ppf((1 + LEVEL) / 2, events + 1, events_before))
    times = exposure_before / exposure
    return Interval(low / (1 - low) * times, None if high >= 1 else high / (1 - high) * times)
