"""The CUSUM of counts: each week's log likelihood ratio of twice the expected rate, summed up, never below 0. Pure."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# The rate against which the expected one is held.
RATIO = 2.0
# From which dispersion on (variance / mean) counts are taken for negative binomial; below it for Poisson.
LEAST_DISPERSION = 1.3


def scores(cases: Any, expected: Any, dispersion: Any = 1.0) -> Floats:
    """ln(likelihood at RATIO times the expected count / likelihood at the expected one) of each week.

    Poisson: x ln 2 - mu, which is Lucas's scheme with reference value mu / ln 2 (Technometrics 27, 1985), in units of
    ln 2. Above LEAST_DISPERSION the counts are negative binomial with that variance / mean.
    """
    x, mu = np.asarray(cases, dtype=float), np.asarray(expected, dtype=float)
    phi = np.asarray(dispersion, dtype=float)
    poisson = x * np.log(RATIO) - (RATIO - 1) * mu
    is_over = (phi > LEAST_DISPERSION) & (mu > 0)
    size = np.where(is_over, mu / np.where(is_over, phi - 1, 1.0), 1.0)
    more, usual = size + RATIO * mu, size + mu
    negative_binomial = x * np.log(RATIO * usual / more) - size * np.log(more / usual)
    ratio: Floats = np.where(is_over, negative_binomial, poisson)
    return ratio


def chart(week_scores: Floats, is_reset: Bools | None = None) -> Floats:
    """The sums by week (the last axis), from 0; where `is_reset` the week begins from 0 again."""
    sums = np.zeros_like(week_scores)
    total = np.zeros(week_scores.shape[:-1])
    for week in range(week_scores.shape[-1]):
        if is_reset is not None:
            total = np.where(is_reset[..., week], 0.0, total)
        total = np.maximum(0.0, total + week_scores[..., week])
        sums[..., week] = total
    return sums


def draw_counts(random: np.random.Generator, mean: Any, dispersion: float, shape: tuple[int, ...]) -> Floats:
    """Counts with this mean, Poisson or negative binomial as in `scores`."""
    if dispersion <= LEAST_DISPERSION:
        return random.poisson(mean, shape).astype(float)
    # A Gamma mixture of Poissons, which takes a mean of 0, too.
    size = np.broadcast_to(np.asarray(mean, dtype=float) / (dispersion - 1), shape)
    return random.poisson(random.gamma(size, dispersion - 1)).astype(float)
