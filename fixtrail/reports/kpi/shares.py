"""Shares and NPS of the KPI report as figures, with centers as clusters where there are two or more."""

from collections.abc import Mapping, Sequence

from fixtrail.reports.kpi.answers import Row
from fixtrail.reports.report import NO_INTERVAL, Figure
from fixtrail.reports.stats import intervals, pooled
from fixtrail.reports.stats.pooled import Votes


def pairs_of(rows: Sequence[Row], count: str, n: str) -> list[tuple[int, int]]:
    return [(int(row[count]), int(row[n])) for row in rows]


def share_figure(
    name: str,
    count: int,
    n: int,
    n_all: int,
    left_out: Mapping[str, int],
    centers: Sequence[tuple[int, int]] = (),
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
        no_interval=None if n else "no_data",
    )


def nps_figure(
    name: str, votes: Sequence[Votes], sums: tuple[int, int, int], n_all: int, left_out: Mapping[str, int]
) -> Figure:
    """An NPS with its interval, centers as clusters where there are two or more. `sums`: promoters, detractors, n."""
    promoters, detractors, n = sums
    clusters = [each for each in votes if each.n]
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
        no_interval=None if n else "no_data",
    )
