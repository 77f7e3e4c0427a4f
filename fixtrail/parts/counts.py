"""Demand as a distribution: negative binomial, by its mean and k, the ratio of variance to mean; k = 1 is Poisson."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

# Above this mean, exp(-mean) is near the smallest number, and the quantile is searched from the normal one.
_LARGE_MEAN = 200.0
# Nearer to Poisson than this nobody can tell them apart, and mean / (k - 1) would be too large a number.
_POISSON_K = 1 + 1e-6


def cdf(count: Floats, mean: Floats, k: Floats) -> Floats:
    """P(demand <= count); `count` may be -1."""
    count, mean, k = np.broadcast_arrays(count, mean, k)
    is_poisson = k <= _POISSON_K
    size = np.where(is_poisson, 1.0, mean / np.where(is_poisson, 1.0, k - 1))
    above = np.maximum(count, 0.0) + 1
    poisson = special.gammaincc(above, mean)
    binomial = special.betainc(np.maximum(size, 1e-300), above, 1 / np.where(is_poisson, 2.0, k))
    shares = np.where(mean <= 0, 1.0, np.where(is_poisson, poisson, binomial))
    return np.where(count < 0, 0.0, shares)


def quantile(share: Floats | float, mean: Floats, k: Floats) -> Floats:
    """The smallest whole number that demand does not exceed with at least this probability."""
    share, mean, k = (
        np.array(values, dtype=np.float64) for values in np.broadcast_arrays(share, mean, np.maximum(k, 1.0))
    )
    counts = np.zeros(mean.shape)
    is_large = mean > _LARGE_MEAN
    counts[~is_large] = _by_summing(share[~is_large], mean[~is_large], k[~is_large])
    counts[is_large] = _by_bisection(share[is_large], mean[is_large], k[is_large])
    return counts


def _by_summing(share: Floats, mean: Floats, k: Floats) -> Floats:
    """Adds up the probabilities from 0 on, of all at once; those that have reached their share drop out."""
    counts = np.zeros(mean.size)
    excess = k - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(excess > 1e-6, np.log(k) / excess, 1 - excess / 2)
    probability = np.exp(-mean * rate)
    reached = probability.copy()
    rows = np.flatnonzero(reached < share)
    count = 0
    while rows.size:
        probability[rows] *= (mean[rows] + count * excess[rows]) / k[rows] / (count + 1)
        reached[rows] += probability[rows]
        count += 1
        counts[rows] = count
        # Beyond the mean nothing is added where rounding keeps the sum below the share for ever.
        is_open = (reached[rows] < share[rows]) & ((probability[rows] > 1e-18) | (count < mean[rows]))
        rows = rows[is_open]
    return counts


def _by_bisection(share: Floats, mean: Floats, k: Floats) -> Floats:
    low = np.full(mean.size, -1.0)
    high = np.ceil(mean + 10 * np.sqrt(mean * k) + 10 * k)
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        is_enough = cdf(middle, mean, k) >= share
        low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
    return np.asarray(high)


def shortage(level: Floats, mean: Floats, k: Floats) -> Floats:
    """Pieces that are asked for beyond `level`, on average: E[max(demand - level, 0)]."""
    level, mean, k = np.broadcast_arrays(level, mean, k)
    # Of a count weighted by itself the size grows by one: E[D; D > s] = mean * P(D' > s - 1), D' with mean + k - 1.
    weighted = mean * (1 - cdf(level - 1, mean + np.maximum(k - 1, 0.0), k))
    return np.maximum(weighted - level * (1 - cdf(level, mean, k)), 0.0)


def pinball(actual: Floats, forecast: Floats, share: Floats | float) -> Floats:
    """Pinball loss of a forecast quantile (Koenker and Bassett 1978)."""
    below = actual - forecast
    return np.maximum(share * below, (share - 1) * below)


def dispersion(own: Floats, pooled: Floats) -> Floats:
    """k of a part: half its own ratio of variance to mean, half its type's, at least 1. NaN of its own: the type's."""
    return np.maximum(np.where(np.isnan(own), pooled, (own + pooled) / 2), 1.0)
