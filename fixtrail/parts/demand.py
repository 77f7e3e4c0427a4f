"""The demand for parts: pieces per center, part and day, before a forecast's first day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fixtrail.parts.counts import Floats
from fixtrail.parts.rates import Ints

# Parts whose days are laid out at once: 5,000 of them over 545 days are 22 MB.
ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Demand:
    """Rows are pairs of center and part, columns days: the last one is the day before `origin`.

    `first` is the column where a row's history begins: the later of the center's first request and the part's first
    one anywhere. `at` holds row, column, pieces and requests of every day with demand, by row and column.
    """

    origin: date
    days: int
    centers: tuple[str, ...]
    parts: tuple[str, ...]
    center: Ints
    part: Ints
    first: Ints
    at: pd.DataFrame

    @property
    def size(self) -> int:
        return len(self.center)

    def day(self, column: int) -> date:
        return self.origin - timedelta(days=self.days - column)

    def blocks(self) -> "Iterator[tuple[slice, Floats]]":
        """Some thousand rows at a time, and their pieces by day."""
        rows, columns, pieces = (self.at[name].to_numpy() for name in ("row", "column", "pieces"))
        for start in range(0, self.size, ROWS_AT_ONCE):
            end = min(start + ROWS_AT_ONCE, self.size)
            low, high = np.searchsorted(rows, [start, end])
            demand = np.zeros((end - start, self.days))
            demand[rows[low:high] - start, columns[low:high]] = pieces[low:high]
            yield slice(start, end), demand

    def requests(self, since: int, until: int) -> Floats:
        """Requests of each row from one column to another, the last one excluded."""
        return self._sum("hits", since, until)

    def pieces(self, since: int, until: int) -> Floats:
        """Pieces of each row from one column to another, the last one excluded."""
        return self._sum("pieces", since, until)

    def _sum(self, name: str, since: int, until: int) -> Floats:
        inside = (self.at["column"] >= since) & (self.at["column"] < until)
        rows = self.at[inside]
        return np.bincount(rows["row"], rows[name], minlength=self.size).astype(np.float64)


def demand_of(days: pd.DataFrame, origin: date, reach: int) -> Demand:
    """The demand from rows with center_id, part_no, day, pieces and hits; what lies outside of the reach is left out.

    A history begins within the reach: what was before it nobody asked for.
    """
    column = (pd.to_datetime(days["day"]).dt.tz_localize(None) - pd.Timestamp(origin)).dt.days + reach
    is_usable = (column >= 0) & (column < reach) & (days["pieces"] > 0) & days["center_id"].notna()
    usable = days.assign(column=column)[is_usable]
    center, centers = pd.factorize(usable["center_id"], sort=True)
    part, parts = pd.factorize(usable["part_no"], sort=True)
    pair, pairs = pd.factorize(center.astype(np.int64) * max(len(parts), 1) + part, sort=True)
    at = pd.DataFrame(
        {
            "row": pair,
            "column": usable["column"].to_numpy(dtype=np.int64),
            "pieces": usable["pieces"].to_numpy(dtype=np.float64),
            "hits": usable["hits"].to_numpy(dtype=np.float64),
        }
    )
    at = at.groupby(["row", "column"], as_index=False, sort=True).sum()
    row_center, row_part = np.divmod(np.asarray(pairs, dtype=np.int64), max(len(parts), 1))
    first = np.maximum(_first(center, at_column := usable["column"].to_numpy(), len(centers))[row_center], 0)
    first = np.maximum(first, _first(part, at_column, len(parts))[row_part])
    return Demand(
        origin,
        reach,
        tuple(map(str, centers)),
        tuple(map(str, parts)),
        row_center,
        row_part,
        first.astype(np.int64),
        at,
    )


def _first(group: "NDArray[np.intp]", column: Ints, number: int) -> Ints:
    """The smallest column of each group."""
    first = np.full(number, np.iinfo(np.int64).max)
    np.minimum.at(first, group, column)
    return first
