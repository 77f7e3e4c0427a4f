"""Shares of many small groups, drawn towards what is usual: empirical Bayes with a beta-binomial model.

Each group's true share comes from one beta distribution, whose two numbers are found from all groups at once by maximum
likelihood (Skellam 1948 for the distribution; Casella, "An Introduction to Empirical Bayes Data Analysis", The American
Statistician 39, 1985, for the method). What a group is then believed to have is the beta distribution that its own
count makes of it: a group of few orders stays near the usual, one of many near its own share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from fixtrail.reports.report import Interval
from fixtrail.reports.stats.intervals import TAIL

LEAST_ORDERS = 0.1


@dataclass(frozen=True, slots=True)
class Prior:
    """What is usual: the mean share, and for how many orders of a group this knowledge stands."""

    mean: float
    orders: float

    @property
    def alpha(self) -> float:
        return self.mean * self.orders

    @property
    def beta(self) -> float:
        return (1 - self.mean) * self.orders


def fit(counts: Sequence[int], ns: Sequence[int]) -> Prior | None:
    """The prior under which these counts of so many are likeliest; None where there is nothing to learn from."""
    successes, trials = np.asarray(counts, dtype=float), np.asarray(ns, dtype=float)
    successes, trials = successes[trials > 0], trials[trials > 0]
    if not len(trials) or successes.sum() in (0.0, trials.sum()):
        return None
    overall = float(successes.sum() / trials.sum())

    def surprise(parameters: np.ndarray) -> float:
        mean, orders = float(special.expit(parameters[0])), math.exp(float(parameters[1]))
        alpha, beta = mean * orders, (1 - mean) * orders
        likely = special.betaln(successes + alpha, trials - successes + beta) - special.betaln(alpha, beta)
        return -float(likely.sum())

    # What is usual cannot be known better than from all orders: where groups do not differ, that is what it is worth.
    limits = (math.log(LEAST_ORDERS), math.log(max(10.0, float(trials.sum()))))
    starts = [np.array([special.logit(overall), min(math.log(orders), limits[1])]) for orders in (10.0, 300.0, 1e4)]
    solutions = [optimize.minimize(surprise, start, method="L-BFGS-B", bounds=[(-12, 12), limits]) for start in starts]
    best = min(solutions, key=lambda solution: float(solution.fun))
    return Prior(float(special.expit(best.x[0])), math.exp(float(best.x[1])))


def shrunk(prior: Prior, count: int, n: int) -> tuple[float, Interval]:
    """A group's share with what is usual taken into account, and the middle 95 % of what it may be."""
    alpha, beta = prior.alpha + count, prior.beta + n - count
    low, high = special.betaincinv(alpha, beta, TAIL), special.betaincinv(alpha, beta, 1 - TAIL)
    return alpha / (alpha + beta), Interval(float(low), float(high))
