"""ADIDA: the demand is added up over as many days as usually lie between two requests, and the sums are smoothed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fixtrail.parts.counts import Floats
from fixtrail.parts.rates import Ints
from fixtrail.parts.smoothing import Block, best_smooth, series_of


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of some rows over buckets of so many days, the last one ending where the demand does."""

    width: int
    block: Block


def sums_of(demand: Floats, first: Ints, bucket: Ints, row: Ints) -> Iterator[Sums]:
    """The sums of each width. The oldest bucket is left out where it is incomplete; `row` numbers the rows."""
    days = demand.shape[1]
    for width in np.unique(bucket):
        at = np.flatnonzero(bucket == width)
        number = days // width
        sums = demand[at, days - number * width :].reshape(len(at), number, width).sum(axis=2)
        yield Sums(int(width), Block(row[at], sums, np.maximum((days - first[at]) // width, 1)))


def adida(sums: Sequence[Sums], rates: Floats) -> None:
    """Writes demand a day into the rows that have sums (Nikolopoulos et al. 2011)."""
    if not sums:
        return
    series = series_of([part.block for part in sums])
    width = np.empty(len(rates))
    for part in sums:
        width[part.block.rows] = part.width
    rates[series.rows] = best_smooth(series) / width[series.rows]
