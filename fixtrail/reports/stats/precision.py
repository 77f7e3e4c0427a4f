"""Units that are known with different precision: their changes put on one scale, so that any of them could swap places.

A center of 40 orders swings more than one of 600 whatever anybody does. The variance of a center's change is what its
few orders leave to chance, plus what centers differ by beside that (`between`: Paule and Mandel, Journal of Research of
the National Bureau of Standards 87, 1982). Divided by its standard error, a change is as likely to be large in a small
center as in a large one; only then does randomization keep its size (Janssen, Statistics and Probability Letters 36,
1997, for why it does not without).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Standard:
    """Changes on one scale: `shown`, and what an effect of 1 on the treated would add to each, `unit`.

    `weights` make the estimate of the effect out of the changes: those of the treated add up to 1, of the others to -1.
    """

    shown: Vector
    unit: Vector
    weights: Vector
    variance: Vector


def standardize(change: Vector, sampling: Vector | None, treated: Flags) -> Standard:
    """The changes of units with these sampling variances; None where all are alike."""
    noise = np.zeros(len(change)) if sampling is None else np.maximum(sampling, 0.0)
    variance = noise + between(change, noise, treated)
    # All changes the same, and no noise: one weight for all.
    variance = np.where(variance > 0, variance, variance.max() if variance.max() > 0 else 1.0)
    weight = 1 / variance
    part = weight / weight.sum()
    # A unit that draws the common mean towards itself lies nearer to it.
    scale = np.sqrt(weight / np.maximum(1 - part, 1e-12))
    middle, pull = float(part @ change), float(part[treated].sum())
    sides = np.where(treated, 1 / treated.sum(), -1 / (~treated).sum()) * scale
    unit = (treated - pull) * scale
    weights = (sides - sides.sum() * part) / float(sides @ (treated - pull))
    return Standard((change - middle) * scale, unit, weights, variance)


def between(change: Vector, noise: Vector, treated: Flags) -> float:
    """The variance between units beside their sampling variance: with it the two groups scatter as they should."""
    freedom = len(change) - 2
    span = float(np.ptp(change))
    if freedom < 1 or span == 0:
        return 0.0
    extra, precise = span**2 * 1e-12, span**2 * 1e-9
    # The scatter is convex in what is added: Newton's steps come near from below and never too far.
    for _ in range(60):
        weight = 1 / (noise + extra)
        middles = [float(weight[side] @ change[side] / weight[side].sum()) for side in (treated, ~treated)]
        square = (change - np.where(treated, *middles)) ** 2
        excess = float(weight @ square) - freedom
        if excess <= 0:
            break
        step = excess / float(weight**2 @ square)
        extra += step
        if step < precise:
            break
    return extra if extra > span**2 * 1e-12 else 0.0
