"""Daily rates of demand by four methods. Rows are parts, columns days; `first` is the column where history begins."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fixtrail.parts.counts import Floats

Ints = NDArray[np.int64]

METHODS = ("mean_365", "mean_90", "tsb", "adida")
TSB_SIZE, TSB_OCCURRENCE = 0.1, 0.1
# The bounds of the smoothing constant, as usual for intermittent demand (Syntetos and Boylan 2005).
SES_BOUNDS = (0.1, 0.3)
_GOLDEN = (math.sqrt(5) + 1) / 2


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


def adida(demand: Floats, first: Ints, bucket: Ints) -> Floats:
    """Demand a day by smoothed sums of `bucket` days (Nikolopoulos et al. 2011); an incomplete first one is left out."""
    rates = np.zeros(len(demand))
    days = demand.shape[1]
    for width in np.unique(bucket):
        rows = np.flatnonzero(bucket == width)
        number = days // width
        sums = demand[rows, days - number * width :].reshape(len(rows), number, width).sum(axis=2)
        begins = number - np.maximum((days - first[rows]) // width, 1)
        rates[rows] = optimized_ses(sums, begins) / width
    return rates


def optimized_ses(values: Floats, first: Ints, bounds: tuple[float, float] = SES_BOUNDS) -> Floats:
    """The next value by exponential smoothing, its constant the one of least squared errors within the bounds."""
    rates = np.empty(len(values))
    # Most histories begin together: then nothing has to be looked up by row.
    for begin in np.unique(first):
        rows = np.flatnonzero(first == begin)
        series = np.ascontiguousarray(values[rows, begin:].T)
        rates[rows] = ses(series, _best_constant(series, bounds))
    return rates


def ses(series: Floats, constant: Floats | float) -> Floats:
    """The next value of each column by simple exponential smoothing; it begins with the first value."""
    *_, level = _levels(series, constant)
    return level


def _levels(series: Floats, constant: Floats | float) -> Iterator[Floats]:
    """What was forecast for the second value, the third …, and for the one after the last."""
    level = series[0]
    if len(series) == 1:
        yield level
    for number, value in enumerate(series):
        level = value if number == 0 else constant * value + (1 - constant) * level
        if number or len(series) > 1:
            yield level


def _squared_errors(series: Floats, constant: Floats) -> Floats:
    errors = np.zeros(series.shape[1])
    for value, level in zip(series[1:], _levels(series, constant), strict=False):
        error = value - level
        errors += error * error
    return errors


def _best_constant(series: Floats, bounds: tuple[float, float]) -> Floats:
    """Golden section search of all columns at once."""
    low, high = (np.full(series.shape[1], bound) for bound in bounds)
    left, right = high - (high - low) / _GOLDEN, low + (high - low) / _GOLDEN
    at_left, at_right = _squared_errors(series, left), _squared_errors(series, right)
    while np.any(is_open := (np.abs(high - low) >= 1e-12) & (at_left != at_right)):
        goes_left, goes_right = is_open & (at_left < at_right), is_open & (at_right < at_left)
        high, low = np.where(goes_left, right, high), np.where(goes_right, left, low)
        new_left, new_right = high - (high - low) / _GOLDEN, low + (high - low) / _GOLDEN
        errors = _squared_errors(series, np.where(goes_left, new_left, new_right))
        left, right, at_left, at_right = (
            np.where(goes_left, new_left, np.where(goes_right, right, left)),
            np.where(goes_left, left, np.where(goes_right, new_right, right)),
            np.where(goes_left, errors, np.where(goes_right, at_right, at_left)),
            np.where(goes_left, at_left, np.where(goes_right, errors, at_right)),
        )
    return np.asarray((low + high) / 2)
