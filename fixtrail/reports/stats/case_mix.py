"""What each person adds to a share once the cases are reckoned with: a logistic model with a random effect of persons.

logit P(held) = what the case lets expect + u, with u normal around 0 for each person (a mixed model of log-odds).
How much persons differ is found by maximum likelihood in Laplace's approximation (Breslow and Clayton, JASA 88, 1993);
each u is drawn towards 0 the more, the fewer orders tell of it. The likelihood is multiplied by the spread, so that it
is never estimated to be 0 and every interval has a width (Chung and others, Psychometrika 78, 2013).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from fixtrail.reports.report import Interval
from fixtrail.reports.stats.intervals import Z

Floats = NDArray[np.float64]
PRIOR_DEVIATION = 2.5
_ROUNDS = 40
_TURNS = 25
_SMALLEST, _LARGEST = 1e-3, 3.0


@dataclass(frozen=True, slots=True)
class Effects:
    """Log-odds that each person adds, with its standard error; `spread` is the persons' standard deviation."""

    spread: float
    effects: Floats
    errors: Floats

    def share(self, person: int, usual: Floats) -> tuple[float, Interval]:
        """The share with the usual cases (their log-odds), and its 95 % interval."""
        effect, half = float(self.effects[person]), Z * float(self.errors[person])
        low, middle, high = (float(special.expit(usual + effect + by).mean()) for by in (-half, 0.0, half))
        return middle, Interval(low, high)


def mixed_model(outcomes: Floats, columns: Floats, persons: Sequence[int]) -> tuple[Floats, Effects]:
    """(what each order's kind lets expect, what persons add), each found with the other reckoned with.

    Persons who get the hard cases would otherwise make these look easy, or hard.
    """
    person = np.asarray(persons)
    offset = np.zeros(len(outcomes))
    for _ in range(_TURNS):
        expected = expected_log_odds(outcomes, columns, offset)
        effects = fit_effects(outcomes, expected, persons)
        before, offset = offset, effects.effects[person]
        if float(abs(offset - before).max()) < 1e-4:
            break
    return expected, effects


def expected_log_odds(outcomes: Floats, columns: Floats, offset: Floats) -> Floats:
    """What each order's kind (0/1 columns) lets expect beside an offset; coefficients have a prior around 0.

    Its deviation of 2.5 hardly draws and keeps a coefficient finite where all of a kind held (after Gelman and others,
    Annals of Applied Statistics 2, 2008).
    """
    rows = np.column_stack([np.ones(len(outcomes)), columns])
    penalty = np.diag([1e-6, *[1 / PRIOR_DEVIATION**2] * columns.shape[1]])
    beta = np.zeros(rows.shape[1])
    for _ in range(_ROUNDS):
        share = special.expit(rows @ beta + offset)
        slope = rows.T @ (outcomes - share) - penalty @ beta
        step = np.linalg.solve(rows.T @ (rows * (share * (1 - share))[:, None]) + penalty, slope)
        beta = beta + np.clip(step, -2.0, 2.0)
        if float(abs(step).max()) < 1e-9:
            break
    return np.asarray(rows @ beta)


def fit_effects(outcomes: Floats, expected: Floats, persons: Sequence[int]) -> Effects:
    """The effects of persons 0, 1 …, from whether each order held, its expected log-odds and its person."""
    person = np.asarray(persons)

    def surprise(log_spread: float) -> float:
        variance = math.exp(2 * log_spread)
        effects, information = _modes(outcomes, expected, person, variance)
        at = expected + effects[person]
        likely = float((outcomes * at - np.logaddexp(0.0, at)).sum())
        return -(likely - 0.5 * float((effects**2 / variance + np.log(variance * information)).sum())) - log_spread

    limits = math.log(_SMALLEST), math.log(_LARGEST)
    spread = math.exp(float(optimize.minimize_scalar(surprise, bounds=limits, method="bounded").x))
    effects, information = _modes(outcomes, expected, person, spread**2)
    return Effects(spread, effects, 1 / np.sqrt(information))


def _modes(outcomes: Floats, expected: Floats, person: NDArray[np.int64], variance: float) -> tuple[Floats, Floats]:
    """Each person's likeliest effect and the information there, by Newton's method."""
    number = int(person.max()) + 1
    effects, information = np.zeros(number), np.full(number, 1 / variance)
    for _ in range(_ROUNDS):
        share = special.expit(expected + effects[person])
        slope = np.bincount(person, outcomes - share, number) - effects / variance
        information = np.bincount(person, share * (1 - share), number) + 1 / variance
        step = slope / information
        effects += np.clip(step, -2.0, 2.0)
        if float(abs(step).max()) < 1e-9:
            break
    return effects, information
