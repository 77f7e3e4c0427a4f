"""Correlations and a slope of two columns, each with n, interval and the name of its method."""

from dataclasses import dataclass
from math import atanh, sqrt, tanh

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Vector = NDArray[np.float64]

FEWEST = 10
Z95 = float(stats.norm.ppf(0.975))
FISHER_ROBUST = "fisher_z_influence"
FISHER = "fisher_z"
BONETT_WRIGHT = "fisher_z_bonett_wright"
OLS_HC3 = "least_squares_hc3"


@dataclass(frozen=True, slots=True)
class IntervalEstimate:
    """A figure with its 95 % interval, or none and the reason why it is not estimable."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    reason: str | None = None

    def times(self, factor: float) -> "IntervalEstimate":
        """The estimate in another unit."""
        if self.value is None or self.low is None or self.high is None:
            return self
        low, high = sorted((self.low * factor, self.high * factor))
        return IntervalEstimate(self.value * factor, low, high, self.n, self.method)


def unknown(reason: str, n: int, method: str) -> IntervalEstimate:
    """A figure that cannot be estimated, and why."""
    return IntervalEstimate(None, None, None, n, method, reason)


def pearson(x: Vector, y: Vector) -> IntervalEstimate:
    """Pearson's r; Fisher z with the standard error of r's influence function.

    Fisher's own 1/sqrt(n - 3) supposes two normal variables. With scores that crowd at 9 and 10 its 95 % interval
    holds the true r in about 86 % of samples, this one in 94 % (benchmarks/recovery.py correlations).
    """
    if reason := _hindrance(x, y):
        return unknown(reason, len(x), FISHER_ROBUST)
    r = _correlation(x, y)
    zx, zy = _standard(x), _standard(y)
    influence = zx * zy - r / 2 * (zx**2 + zy**2)
    return _fisher(r, float(influence.std()) / sqrt(len(x)) / (1 - r * r) if abs(r) < 1 else 0.0, x, FISHER_ROBUST)


def pearson_textbook(x: Vector, y: Vector) -> IntervalEstimate:
    """Pearson's r with Fisher's z interval as in the textbook (two normal variables): for comparison."""
    if reason := _hindrance(x, y):
        return unknown(reason, len(x), FISHER)
    return _fisher(_correlation(x, y), 1 / sqrt(len(x) - 3), x, FISHER)


def spearman(x: Vector, y: Vector) -> IntervalEstimate:
    """Spearman's rho, ties at their mean rank; Fisher z with variance (1 + rho²/2)/(n - 3).

    Bonett and Wright, Psychometrika 65 (2000) 23-28.
    """
    if reason := _hindrance(x, y):
        return unknown(reason, len(x), BONETT_WRIGHT)
    rho = _correlation(stats.rankdata(x), stats.rankdata(y))
    return _fisher(rho, sqrt((1 + rho * rho / 2) / (len(x) - 3)), x, BONETT_WRIGHT)


def slope(x: Vector, y: Vector) -> IntervalEstimate:
    """Least-squares change of y per unit of x; interval by HC3 errors (MacKinnon and White 1985), normal."""
    if reason := _hindrance(x, y):
        return unknown(reason, len(x), OLS_HC3)
    centered = x - x.mean()
    spread = float(centered @ centered)
    b = float(centered @ (y - y.mean())) / spread
    leverage = 1 / len(x) + centered**2 / spread
    # A point that alone decides the line has leverage 1 and no residual left.
    residual = (y - y.mean() - b * centered) / np.maximum(1 - leverage, 1e-12)
    half = Z95 * sqrt(float((centered**2) @ (residual**2))) / spread
    return IntervalEstimate(b, b - half, b + half, len(x), OLS_HC3)


def _hindrance(x: Vector, y: Vector) -> str | None:
    if len(x) < FEWEST:
        return "few_data"
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return "constant"
    return None


def _correlation(x: Vector, y: Vector) -> float:
    return float(np.clip(np.mean(_standard(x) * _standard(y)), -1, 1))


def _standard(x: Vector) -> Vector:
    standard: Vector = (x - x.mean()) / x.std()
    return standard


def _fisher(r: float, error: float, x: Vector, method: str) -> IntervalEstimate:
    if abs(r) >= 1 - 1e-12:
        return IntervalEstimate(r, r, r, len(x), method)
    z = atanh(r)
    return IntervalEstimate(r, tanh(z - Z95 * error), tanh(z + Z95 * error), len(x), method)
