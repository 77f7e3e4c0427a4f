"""Walks over the past: what would have been forecast at each origin, and what was asked for then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixtrail.parts.counts import Floats
from fixtrail.parts.demand import Demand
from fixtrail.parts.plan import ForecastPlan
from fixtrail.parts.rates import METHODS, Ints, mean, tsb
from fixtrail.parts.smoothing import SeriesBlock, best_smooth, series_of
from fixtrail.parts.types import TYPES, demand_types, interval_and_variation


@dataclass(frozen=True, slots=True)
class BucketSums:
    """Sums of some rows over buckets of so many days, the last one ending where the demand does."""

    width: int
    block: SeriesBlock


def sums_of(demand: Floats, first: Ints, bucket: Ints, row: Ints) -> Iterator[BucketSums]:
    """The sums of each width. The oldest bucket is left out where it is incomplete; `row` numbers the rows."""
    days = demand.shape[1]
    for width in np.unique(bucket):
        at = np.flatnonzero(bucket == width)
        number = days // width
        sums = demand[at, days - number * width :].reshape(len(at), number, width).sum(axis=2)
        yield BucketSums(int(width), SeriesBlock(row[at], sums, np.maximum((days - first[at]) // width, 1)))


def adida(sums: Sequence[BucketSums], rates: Floats) -> None:
    """Writes demand a day into the rows that have sums (Nikolopoulos et al. 2011)."""
    if not sums:
        return
    series = series_of([part.block for part in sums])
    width = np.empty(len(rates))
    for part in sums:
        width[part.block.rows] = part.width
    rates[series.rows] = best_smooth(series) / width[series.rows]


@dataclass(frozen=True, slots=True)
class Origin:
    """What is to be known of every row at one origin; `actual` is NaN where it lies ahead.

    `rates` are pieces a day by method (columns as METHODS). `is_usable`: asked for within the window, and with history
    enough. `own` and `pooled` are ratios of variance to mean of the sums of a horizon, the row's and its type's.
    `squares`: mean squared difference of such sums from one to the next, what a naive forecast would be off by.
    """

    column: int
    rates: Floats
    kind: NDArray[np.int8]
    own: Floats
    pooled: Floats
    interval: Floats
    variation: Floats
    squares: Floats
    age: Ints
    is_usable: NDArray[np.bool_]
    actual: Floats


def walk(demand: Demand, plan: ForecastPlan) -> list[Origin]:
    """Every past origin, oldest first, and the present one as the last."""
    columns = [*plan.past_origins(demand.days), demand.days]
    origins = [_empty(demand, column) for column in columns]
    sums: list[list[BucketSums]] = [[] for _ in columns]
    for rows, pieces in demand.blocks():
        by_tsb = tsb(pieces, demand.first[rows], columns)
        for origin, rate, of_origin in zip(origins, by_tsb, sums, strict=True):
            origin.rates[rows, METHODS.index("tsb")] = rate
            _learn(origin, rows, pieces, demand.first[rows], plan)
            of_origin += _sums(origin, rows, pieces, demand.first[rows], plan)
    for origin, of_origin in zip(origins, sums, strict=True):
        adida(of_origin, origin.rates[:, METHODS.index("adida")])
        _pool(origin)
    return origins


def _empty(demand: Demand, column: int) -> Origin:
    numbers = (np.full(demand.size, np.nan) for _ in range(6))
    own, pooled, interval, variation, squares, actual = numbers
    rates, kind = np.zeros((demand.size, len(METHODS))), np.full(demand.size, -1, dtype=np.int8)
    age, usable = np.zeros(demand.size, dtype=np.int64), np.zeros(demand.size, dtype=np.bool_)
    return Origin(column, rates, kind, own, pooled, interval, variation, squares, age, usable, actual)


def _learn(origin: Origin, rows: slice, pieces: Floats, first: Ints, plan: ForecastPlan) -> None:
    """Fills in some rows, of what lies before the origin."""
    begins = max(origin.column - plan.window, 0)
    window = pieces[:, begins : origin.column]
    starts = np.clip(first - begins, 0, window.shape[1] - 1)
    days = window.shape[1] - starts
    origin.age[rows] = np.maximum(origin.column - first, 0)
    interval, variation = interval_and_variation(window, days)
    origin.interval[rows], origin.variation[rows] = interval, variation
    origin.kind[rows] = demand_types(interval, variation)
    origin.rates[rows, METHODS.index("mean_365")] = mean(window, starts, plan.window)
    origin.rates[rows, METHODS.index("mean_90")] = mean(window, starts, plan.short)
    origin.is_usable[rows] = (origin.kind[rows] >= 0) & (origin.age[rows] >= plan.least)
    origin.own[rows], origin.squares[rows] = _spread(window, starts, plan.horizon)
    if origin.column < pieces.shape[1]:
        origin.actual[rows] = pieces[:, origin.column : origin.column + plan.horizon].sum(axis=1)


def _spread(window: Floats, starts: Ints, horizon: int) -> tuple[Floats, Floats]:
    """Variance / mean of the sums over whole horizons, and mean squared difference of successive ones; NaN below 3."""
    number = window.shape[1] // horizon
    sums = window[:, window.shape[1] - number * horizon :].reshape(len(window), number, horizon).sum(axis=2)
    begins = number - (window.shape[1] - starts) // horizon
    inside = np.arange(number) >= begins[:, None]
    count = inside.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        average = np.where(inside, sums, 0).sum(axis=1) / count
        variance = (np.where(inside, sums - average[:, None], 0) ** 2).sum(axis=1) / (count - 1)
        steps = np.where(inside[:, 1:] & inside[:, :-1], np.diff(sums, axis=1), 0)
        squares = (steps**2).sum(axis=1) / (count - 1)
        ratio = variance / average
    is_short = count < 3
    return np.where(is_short | (average <= 0), np.nan, ratio), np.where(is_short, np.nan, squares)


def _sums(origin: Origin, rows: slice, pieces: Floats, first: Ints, plan: ForecastPlan) -> Iterator[BucketSums]:
    """The sums of the usable rows, over buckets of the days that usually lie between two requests."""
    begins = max(origin.column - plan.window, 0)
    usable = np.flatnonzero(origin.is_usable[rows])
    bucket = np.ceil(origin.interval[rows][usable]).astype(np.int64)
    starts = np.maximum(first[usable] - begins, 0)
    return sums_of(pieces[usable, begins : origin.column], starts, bucket, usable + rows.start)


def _pool(origin: Origin) -> None:
    """Fills in the ratio of every type: of what its parts' variances add up to, to what their means do."""
    usable = origin.is_usable & ~np.isnan(origin.own)
    weight = origin.rates[:, METHODS.index("mean_365")]
    everywhere = _ratio(origin.own[usable], weight[usable])
    for kind in range(len(TYPES)):
        of_kind = usable & (origin.kind == kind)
        ratio = _ratio(origin.own[of_kind], weight[of_kind]) if of_kind.any() else everywhere
        origin.pooled[origin.kind == kind] = ratio


def _ratio(own: Floats, weight: Floats) -> float:
    total = float(weight.sum())
    return float((own * weight).sum()) / total if total > 0 else 1.0
