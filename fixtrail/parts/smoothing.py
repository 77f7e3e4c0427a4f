"""Exponential smoothing of many series at once, each with the constant that suits it best."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fixtrail.parts.counts import Floats
from fixtrail.parts.rates import Ints

# The bounds of the smoothing constant, as usual for intermittent demand (Syntetos and Boylan 2005).
BOUNDS = (0.1, 0.3)
_GOLDEN = (math.sqrt(5) + 1) / 2
_NEAR = 1e-12


@dataclass(frozen=True, slots=True)
class Series:
    """Series that end together, the longest first: `steps` are the values of one time, of all that have begun by then.

    `rows` says which series stands at which position.
    """

    steps: Sequence[Floats]
    rows: Ints

    @property
    def size(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class SeriesBlock:
    """Some rows' values, right-aligned; of each only the last `length` count."""

    rows: Ints
    values: Floats
    length: Ints


def series_of(blocks: Sequence[SeriesBlock]) -> Series:
    """The blocks' rows by length."""
    rows = np.concatenate([block.rows for block in blocks])
    length = np.concatenate([block.length for block in blocks])
    order = np.argsort(-length, kind="stable")
    position = np.empty(len(rows), dtype=np.int64)
    position[order] = np.arange(len(rows))
    longest = int(length.max(initial=0))
    # So many have begun by a step: those at least as long as what is left from it.
    n_begun = np.searchsorted(-length[order], -np.arange(longest, 0, -1), side="right")
    steps = [np.empty(number) for number in n_begun]
    at = 0
    for block in blocks:
        positions, at = position[at : at + len(block.rows)], at + len(block.rows)
        for left in range(1, int(block.length.max(initial=0)) + 1):
            inside = block.length >= left
            steps[longest - left][positions[inside]] = block.values[inside, -left]
    return Series(steps, rows[order])


def smooth(series: Series, constant: Floats) -> Floats:
    """The next value of each series by simple exponential smoothing; it begins with the first value."""
    level, n_begun = np.empty(series.size), 0
    for values in series.steps:
        level[:n_begun] = constant[:n_begun] * values[:n_begun] + (1 - constant[:n_begun]) * level[:n_begun]
        level[n_begun : len(values)] = values[n_begun:]
        n_begun = len(values)
    return level


def _squared_errors(series: Series, constant: Floats) -> Floats:
    level, errors, n_begun = np.empty(series.size), np.zeros(series.size), 0
    rest = 1 - constant
    for values in series.steps:
        error = values[:n_begun] - level[:n_begun]
        errors[:n_begun] += error * error
        level[:n_begun] *= rest[:n_begun]
        level[:n_begun] += constant[:n_begun] * values[:n_begun]
        level[n_begun : len(values)] = values[n_begun:]
        n_begun = len(values)
    return errors


def best_smooth(series: Series) -> Floats:
    """The next value by the constant of least squared errors within BOUNDS."""
    return smooth(series, _best_constant(series))


def _best_constant(series: Series) -> Floats:
    """Golden section search of all series at once."""
    low, high = (np.full(series.size, bound) for bound in BOUNDS)
    left, right = high - (high - low) / _GOLDEN, low + (high - low) / _GOLDEN
    at_left, at_right = _squared_errors(series, left), _squared_errors(series, right)
    while np.any(is_open := (np.abs(high - low) >= _NEAR) & (at_left != at_right)):
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
