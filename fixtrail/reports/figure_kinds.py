"""Figures of the usual kinds: share, NPS, quantile, matched difference; each with its interval and what it lacks."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.reports.report import NO_INTERVAL, Figure, Interval
from fixtrail.reports.stats import intervals, pooled
from fixtrail.reports.stats.matched import MatchedDifference
from fixtrail.reports.stats.pooled import Votes

LeftOut = Mapping[str, int]


def pairs_of(rows: Sequence[Mapping[Any, Any]], count: str, n: str) -> list[tuple[int, int]]:
    return [(int(row[count]), int(row[n])) for row in rows]


def share_figure(
    name: str, count: int, n: int, n_all: int, left_out: LeftOut, centers: Sequence[tuple[int, int]] = ()
) -> Figure:
    """A share with its interval, centers as clusters where there are two or more. `centers`: (count, n) of each."""
    clusters = [(held, size) for held, size in centers if size]
    alone, several = intervals.share(count, n), len(clusters) > 1
    return Figure(
        name,
        count / n if n else None,
        n,
        n_all,
        pooled.share(*zip(*clusters, strict=True)) if several else alone,
        count,
        method=pooled.WILSON if several else intervals.WILSON,
        centers=len(clusters) if several else None,
        of_orders=alone if several else NO_INTERVAL,
        left_out=left_out,
    )


def share_of_rows(
    name: str, held: Iterable[Any], center_ids: Iterable[Hashable], n_all: int, left_out: LeftOut
) -> Figure:
    """A share figure from rows: whether each one holds, and its center."""
    counts, sizes = _by_cluster(held, center_ids)
    return share_figure(name, sum(counts), sum(sizes), n_all, left_out, list(zip(counts, sizes, strict=True)))


def clustered_share(
    name: str, held: Iterable[Any], clusters: Iterable[Hashable], n_all: int, left_out: LeftOut, method: str
) -> Figure:
    """A share of rows of which those of one cluster resemble each other; `method` names the kind of cluster."""
    counts, sizes = _by_cluster(held, clusters)
    count, n = sum(counts), sum(sizes)
    interval = pooled.share(counts, sizes)
    return Figure(name, count / n if n else None, n, n_all, interval, count, method=method, left_out=left_out)


def _by_cluster(held: Iterable[Any], clusters: Iterable[Hashable]) -> tuple[list[int], list[int]]:
    """How many rows hold, and how many there are, of each cluster in order of their names."""
    counts, sizes = Counter[Any](), Counter[Any]()
    for cluster, is_held in zip(clusters, held, strict=True):
        counts[cluster] += bool(is_held)
        sizes[cluster] += 1
    return [counts[cluster] for cluster in sorted(sizes)], [sizes[cluster] for cluster in sorted(sizes)]


def with_bounds(rows: pd.DataFrame, count: str, n: str) -> pd.DataFrame:
    """The rows with `low` and `high` of the share that their column `count` is of column `n`."""
    bounds = [intervals.share(int(held), int(size)) for held, size in zip(rows[count], rows[n], strict=True)]
    return rows.assign(low=[bound.low for bound in bounds], high=[bound.high for bound in bounds])


def nps_figure(name: str, votes: Sequence[Votes], n_all: int, left_out: LeftOut) -> Figure:
    """An NPS with its interval, centers as clusters where there are two or more. `votes`: of each center."""
    clusters = [votes_of_center for votes_of_center in votes if votes_of_center.n]
    promoters, detractors, n = (sum(numbers) for numbers in zip(*clusters, strict=True)) if clusters else (0, 0, 0)
    alone, several = intervals.nps(promoters, detractors, n), len(clusters) > 1
    return Figure(
        name,
        100 * (promoters - detractors) / n if n else None,
        n,
        n_all,
        pooled.nps(clusters) if several else alone,
        method=pooled.ADJUSTED_WALD if several else intervals.ADJUSTED_WALD,
        centers=len(clusters) if several else None,
        of_orders=alone if several else NO_INTERVAL,
        left_out=left_out,
    )


def quantile_figure(name: str, values: "pd.Series[Any]", level: float, n_all: int, left_out: LeftOut) -> Figure:
    """A quantile, linear between ranks, between the two values that bound it by the binomial distribution of ranks."""
    ordered = np.sort(values.to_numpy(float))
    n = len(ordered)
    low, high = (None if rank is None else float(ordered[rank - 1]) for rank in intervals.quantile_ranks(level, n))
    return Figure(
        name,
        float(np.quantile(ordered, level)) if n else None,
        n,
        n_all,
        Interval(low, high),
        method=intervals.RANKS,
        left_out=left_out,
        no_interval="too_few" if n > 1 and None in (low, high) else None,
    )


def difference_figure(name: str, matched: MatchedDifference, n_all: int) -> Figure:
    """A difference of two groups' shares within strata; what has no partner in its stratum is left out."""
    left_out = {"not_matched": n_all - matched.n}
    difference, interval = matched.difference, matched.interval
    return Figure(name, difference, matched.n, n_all, interval, method="mantel-haenszel", left_out=left_out)
