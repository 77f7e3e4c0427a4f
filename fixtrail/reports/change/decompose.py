"""A figure's change between two periods as a sum of pieces: what each center, lane and fault group adds to it.

A figure is R = sum(x) / sum(d) over orders. Of each cell (center, lane, groups) w is its share of d and r its own rate.
The change is the sum over cells of mix, (w1 - w0) times how far the cell's mean rate lies from the mean of both R, and
rate, (w0 + w1) / 2 times (r1 - r0). (Kitagawa, JASA 50, 1955; a cell that one period lacks is mix alone.)
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from fixtrail.reports.report import Interval

DIMENSIONS = {"center": "center_id", "lane": "lane_name", "group": "groups"}
CELL = tuple(DIMENSIONS.values())
SUMS = ("orders", "x", "d", "xx", "xd", "dd")
LEVEL = 0.05
# Of what is named: the delta method's intervals of small keys are a little short, and half the level makes up for it.
NAMING_LEVEL = 0.025
_Z = NormalDist().inv_cdf(1 - LEVEL / 2)

Sums = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Verdict = Literal["better", "worse", "not_distinguishable"]


@dataclass(frozen=True, slots=True)
class FigureChange:
    """A figure in two periods, and the difference with its 95 % interval. None where a period has no order of it."""

    before: float | None
    after: float | None
    value: float | None
    interval: Interval
    n_before: int
    n_after: int

    def verdict(self, better: Literal["higher", "lower"] | None) -> Verdict | None:
        """Whether it got better: never where the interval holds 0, or where there is none."""
        low, high = self.interval.low, self.interval.high
        if self.value is None or better is None:
            return None
        if low is None or high is None or low <= 0 <= high:
            return "not_distinguishable"
        return "better" if (low > 0) == (better == "higher") else "worse"


@dataclass(frozen=True, slots=True)
class Piece:
    """What one center, lane or group adds to the change. `is_named`: more than chance, all pieces considered."""

    dimension: str
    key: str
    n_before: int
    n_after: int
    mix: float
    rate: float
    interval: Interval
    is_named: bool = False

    @property
    def total(self) -> float:
        return self.mix + self.rate


@dataclass(frozen=True, slots=True)
class _Moments:
    """Sums over the orders of a period: n, x, d, x², xd and d²."""

    n: float
    x: float
    d: float
    xx: float
    xd: float
    dd: float

    def product(self, a: float, b: float) -> float:
        """The sum over orders of (x - a d) (x - b d)."""
        return self.xx - (a + b) * self.xd + a * b * self.dd

    def times_d(self, a: float) -> float:
        """The sum over orders of d (x - a d)."""
        return self.xd - a * self.dd


def moments_of(cells: pd.DataFrame) -> _Moments:
    """The sums over all rows of the answer of change.sql."""
    return _Moments(*(float(cells[name].sum()) for name in SUMS))


def change_of(before: pd.DataFrame, after: pd.DataFrame) -> FigureChange:
    """The change of the whole figure."""
    first, second = moments_of(before), moments_of(after)
    rates = [_rate(moments) for moments in (first, second)]
    sizes = (int(first.n), int(second.n))
    if rates[0] is None or rates[1] is None:
        return FigureChange(rates[0], rates[1], None, Interval(None, None), *sizes)
    variances = [_variance(m.product(r, r), m) for m, r in ((first, rates[0]), (second, rates[1]))]
    value = rates[1] - rates[0]
    return FigureChange(rates[0], rates[1], value, _interval(value, sum(variances)), *sizes)


def pieces_of(before: pd.DataFrame, after: pd.DataFrame) -> list[Piece]:
    """The pieces by center, by lane and by group, largest first; those of each dimension add up to the change.

    Empty where a period has no order.
    """
    totals = (moments_of(before), moments_of(after))
    if not totals[0].d or not totals[1].d:
        return []
    cells = _Cells.of(before, after)
    added = cells.added(totals)
    pieces = [
        _piece(dimension, key, sums, totals)
        for dimension, column in DIMENSIONS.items()
        for key, sums in cells.by(column, added)
    ]
    return sorted(_named(pieces), key=lambda piece: -abs(piece.total))


class _Cells(NamedTuple):
    """The sums of each cell: `sums[side, sum, cell]`, side 0 before and 1 after; and the keys of each cell."""

    sums: Sums
    keys: Mapping[str, tuple[Codes, list[str]]]

    @classmethod
    def of(cls, before: pd.DataFrame, after: pd.DataFrame) -> "_Cells":
        """Both periods side by side; a cell that one of them lacks has zeros there."""
        both, sides = pd.concat([before, after], ignore_index=True), (slice(0, len(before)), slice(len(before), None))
        codes = {column: pd.factorize(both[column], sort=True) for column in CELL}
        cell_number = np.zeros(len(both), dtype=np.int64)
        for numbers, names in codes.values():
            cell_number = cell_number * len(names) + numbers
        _, first, cell = np.unique(cell_number, return_index=True, return_inverse=True)
        values = both[list(SUMS)].to_numpy(dtype=float)
        sums = np.array(
            [[np.bincount(cell[side], values[side, i], len(first)) for i in range(len(SUMS))] for side in sides]
        )
        keys = {column: (numbers[first], [str(name) for name in names]) for column, (numbers, names) in codes.items()}
        return cls(sums, keys)

    def added(self, totals: tuple[_Moments, _Moments]) -> Sums:
        """What each cell adds by mix, and by rate."""
        x, d = self.sums[:, SUMS.index("x")], self.sums[:, SUMS.index("d")]
        sizes = np.array([[totals[0].d], [totals[1].d]])
        middle = (totals[0].x / totals[0].d + totals[1].x / totals[1].d) / 2
        shares = d / sizes
        rates = np.divide(x, d, out=np.zeros_like(x), where=(d > 0).all(axis=0))
        rate = shares.mean(axis=0) * (rates[1] - rates[0])
        return np.array([np.diff(x / sizes - middle * shares, axis=0)[0] - rate, rate])

    def by(self, column: str, added: Sums) -> Iterator[tuple[str, Sums]]:
        """Of each key of a column the sums of its cells, those of each period and then mix and rate."""
        numbers, names = self.keys[column]
        rows = np.concatenate([self.sums[0], self.sums[1], added])
        sums = np.array([np.bincount(numbers, row, len(names)) for row in rows])
        return zip(names, sums.T, strict=True)


def _piece(dimension: str, key: str, sums: Sums, totals: tuple[_Moments, _Moments]) -> Piece:
    sides = [_Moments(*map(float, sums[start : start + len(SUMS)])) for start in (0, len(SUMS))]
    middle = (totals[0].x / totals[0].d + totals[1].x / totals[1].d) / 2
    shift = (sides[1].d / totals[1].d - sides[0].d / totals[0].d) / 2
    variance = sum(
        _piece_variance(part, all_, middle, sign * shift)
        for part, all_, sign in zip(sides, totals, (-1, 1), strict=True)
    )
    mix, rate = map(float, sums[-2:])
    return Piece(dimension, key, int(sides[0].n), int(sides[1].n), mix, rate, _interval(mix + rate, variance))


def _piece_variance(part: _Moments, totals: _Moments, middle: float, shift: float) -> float:
    """The variance that one period's orders give to a piece: the sum of their squared influences on it.

    Influence: of the piece itself, of the whole that it is a share of, and of the middle that it is measured from.
    """
    own_rate, share = totals.x / totals.d, (part.x - middle * part.d) / totals.d
    squares = (
        part.product(middle, middle)
        - 2 * share * part.times_d(middle)
        - 2 * shift * part.product(middle, own_rate)
        + share**2 * totals.dd
        + 2 * share * shift * totals.times_d(own_rate)
        + shift**2 * totals.product(own_rate, own_rate)
    )
    return _variance(squares, totals)


def _variance(squares: float, totals: _Moments) -> float:
    if totals.n < 2:
        return float("nan")
    return max(0.0, squares) / totals.d**2 * totals.n / (totals.n - 1)


def _named(pieces: list[Piece]) -> list[Piece]:
    """The same with those named that Holm's procedure (1979) finds beyond chance among all of them."""
    chances = [_chance(piece) for piece in pieces]
    names: set[int] = set()
    for rank, index in enumerate(np.argsort(chances)):
        if chances[index] > NAMING_LEVEL / (len(pieces) - rank):
            break
        names.add(int(index))
    return [replace(piece, is_named=index in names) for index, piece in enumerate(pieces)]


def _chance(piece: Piece) -> float:
    """How probable so large a piece is where nothing has changed; 1 where its interval is not known."""
    low, high = piece.interval.low, piece.interval.high
    if low is None or high is None or high <= low:
        return 1.0
    half = (high - low) / 2
    return math.erfc(abs(piece.total) / half * _Z / math.sqrt(2))


def _interval(value: float, variance: float) -> Interval:
    if not math.isfinite(variance):
        return Interval(None, None)
    half = _Z * math.sqrt(variance)
    return Interval(value - half, value + half)


def _rate(moments: _Moments) -> float | None:
    return moments.x / moments.d if moments.d else None
