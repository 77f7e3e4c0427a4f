"""Daily rates of demand by four methods. Rows are parts, columns days; `first` is the column where history begins."""

import numpy as np
from numpy.typing import NDArray

from fixtrail.parts.counts import Floats

Ints = NDArray[np.int64]

METHODS = ("mean_365", "mean_90", "tsb", "adida")
TSB_SIZE, TSB_OCCURRENCE = 0.1, 0.1


def mean(demand: Floats, first: Ints, days: int) -> Floats:
    """Demand a day over the last `days`, or over what there is."""
    span = np.minimum(demand.shape[1] - first, days)
    return np.asarray(demand[:, -days:].sum(axis=1) / np.maximum(span, 1))


def tsb(demand: Floats, first: Ints, ends: list[int]) -> list[Floats]:
    """Chance of a request a day times its size, smoothed, at each of the `ends` (Teunter, Syntetos and Babai 2011)."""
    chance, size = np.zeros(len(demand)), np.full(len(demand), np.nan)
    rates = {}
    for day in range(demand.shape[1] + 1):
        if day in ends:
            rates[day] = chance * np.nan_to_num(size)
        if day < demand.shape[1]:
            _tsb_step(demand[:, day], day, first, chance, size)
    return [rates[end] for end in ends]


def _tsb_step(pieces: Floats, day: int, first: Ints, chance: Floats, size: Floats) -> None:
    """Takes in one day."""
    occurs = pieces > 0
    smoothed = TSB_OCCURRENCE * occurs + (1 - TSB_OCCURRENCE) * chance
    chance[:] = np.where(first == day, occurs, smoothed)
    new = TSB_SIZE * pieces[occurs] + (1 - TSB_SIZE) * size[occurs]
    size[occurs] = np.where(np.isnan(size[occurs]), pieces[occurs], new)
