"""What each person adds to a time once the cases are reckoned with: a linear model of its logarithm, persons at random.

log(time) = what the case lets expect + u + e, with u normal around 0 for each person. The ratio of both variances is
found by restricted maximum likelihood (Patterson and Thompson, Biometrika 58, 1971); each u is drawn towards 0 the
more, the fewer orders tell of it. The likelihood is multiplied by the spread, so that it is never estimated to be 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Floats = NDArray[np.float64]
_SMALLEST, _LARGEST = 1e-6, 1e3
# Keeps the equations solvable where kinds of orders cannot be told apart.
_RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class TouchEffects:
    """By order the expected logarithm; by person what is added to it, with its standard error."""

    expected: Floats
    effects: Floats
    errors: Floats
    spread: float


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the likelihood needs of the orders: of all together, and of each person's."""

    rows: Floats
    logs: Floats
    person: NDArray[np.int64]
    n: Floats
    row_sums: Floats
    log_sums: Floats

    @classmethod
    def of(cls, rows: Floats, logs: Floats, person: NDArray[np.int64]) -> "_Sums":
        number = int(person.max()) + 1
        row_sums = np.zeros((number, rows.shape[1]))
        np.add.at(row_sums, person, rows)
        n = np.bincount(person, minlength=number).astype(float)
        return cls(rows, logs, person, n, row_sums, np.asarray(np.bincount(person, logs, number), np.float64))

    def solved(self, ratio: float) -> tuple[Floats, float, float]:
        """Coefficients, variance of one order, and minus twice the restricted log-likelihood."""
        weights = ratio / (1 + self.n * ratio)
        information = self.rows.T @ self.rows - self.row_sums.T @ (self.row_sums * weights[:, None])
        information = information + _RIDGE * np.eye(self.rows.shape[1])
        moment = self.rows.T @ self.logs - self.row_sums.T @ (self.log_sums * weights)
        beta = np.linalg.solve(information, moment)
        residual = float(self.logs @ self.logs - (weights * self.log_sums**2).sum() - moment @ beta)
        freedom = len(self.logs) - self.rows.shape[1]
        variance = max(residual, 1e-12) / freedom
        surprise = freedom * math.log(variance) + float(np.log1p(self.n * ratio).sum())
        return np.asarray(beta), float(variance), surprise + float(np.linalg.slogdet(information)[1])


def touch_model(seconds: Floats, columns: Floats, persons: Sequence[int]) -> TouchEffects:
    """The model of positive times, from 0/1 columns of the orders' kinds and each order's person 0, 1 …"""
    rows = np.column_stack([np.ones(len(seconds)), columns])
    sums = _Sums.of(rows, np.log(seconds), np.asarray(persons))

    def surprise(log_ratio: float) -> float:
        return sums.solved(math.exp(log_ratio))[2] - log_ratio

    limits = math.log(_SMALLEST), math.log(_LARGEST)
    ratio = math.exp(float(optimize.minimize_scalar(surprise, bounds=limits, method="bounded").x))
    beta, variance, _ = sums.solved(ratio)
    expected = np.asarray(rows @ beta)
    residuals = np.bincount(sums.person, sums.logs - expected, len(sums.n))
    effects = ratio * residuals / (1 + sums.n * ratio)
    errors = np.sqrt(variance * ratio / (1 + sums.n * ratio))
    return TouchEffects(expected, effects, errors, math.sqrt(variance * ratio))
