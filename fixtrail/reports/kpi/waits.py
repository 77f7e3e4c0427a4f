"""The KPI table's waits: mean, median and 90th percentile, with intervals that know that centers differ."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from fixtrail.reports.queries import Ask
from fixtrail.reports.report import NO_INTERVAL, Figure, Interval, plain
from fixtrail.reports.stats import intervals
from fixtrail.reports.stats.intervals import Spread

_MEDIAN, _P90 = 0.5, 0.9
# A text may be read back as the number beside it; waits are whole milliseconds.
_NEAR_S = 1e-6


def keys_of(frame: pd.DataFrame) -> list[str]:
    """The keys of an answer, in its order."""
    return [key_of(key) for key in frame["key"]]


def key_of(key: Any) -> str:
    """A key as the queries name it: no key is the empty text."""
    return "" if pd.isna(key) else str(key)


class Spreads(NamedTuple):
    """How much the centers of a key differ: in the mean wait, and in the shares up to median and 90th percentile."""

    centers: int
    mean: Spread
    up_to_median: Spread
    up_to_p90: Spread


Ends = tuple[float | None, ...]


class WaitSpreads(NamedTuple):
    """A key's spreads, None for one center; and the waits that bound median and 90th percentile, two of each.

    `of_orders` by the orders alone, `of_centers` with the difference between centers.
    """

    spread: Spreads | None
    of_orders: Ends
    of_centers: Ends


def spreads_of(centers: pd.DataFrame) -> dict[str, Spreads]:
    """By key, from the answer of kpi_centers, for each that has two centers or more."""
    by_key = {}
    waited = centers.assign(key=keys_of(centers))[centers["waits"].astype(int) > 0]
    for key, rows in waited.groupby("key"):
        sizes = rows["waits"].tolist()
        spreads = [
            intervals.between_centers(sizes, rows[name].tolist()) for name in ("mean_s", "up_to_median", "up_to_p90")
        ]
        mean, median, p90 = spreads
        if mean and median and p90:
            by_key[str(key)] = Spreads(len(rows), mean, median, p90)
    return by_key


def wait_ranks(n: int, spread: Spreads | None = None) -> list[int]:
    """Places of the four waits that bound median and 90th percentile; 0 where there is none."""
    bounds = []
    for level, share in ((_MEDIAN, spread and spread.up_to_median), (_P90, spread and spread.up_to_p90)):
        ranks = intervals.quantile_ranks(level, n)
        if share is not None:
            ranks = intervals.wider_ranks(ranks, intervals.woodruff_ranks(level, n, share))
        bounds += [ranks.low or 0, ranks.high or 0]
    return bounds


def quantiles_of(counts: pd.DataFrame) -> dict[str, list[Any]]:
    """The parameters by which kpi_centers knows each key's median and 90th percentile, from the answer of kpi."""
    sizes = {key: int(n) for key, n in zip(keys_of(counts), counts["waits"], strict=True) if n}
    quantiles = dict(zip(keys_of(counts), counts["wait_quantiles_s"], strict=True))
    medians, p90s = ([quantiles[key][index] + _NEAR_S for key in sizes] for index in (0, 1))
    return {"names": list(sizes), "medians": medians, "p90s": p90s}


def ask_waits(
    ask: Ask, counts: pd.DataFrame, centers: pd.DataFrame, parameters: Mapping[str, Any]
) -> dict[str, WaitSpreads]:
    """What bounds the waits of each key, given the answers of kpi and kpi_centers."""
    sizes = {key: int(n) for key, n in zip(keys_of(counts), counts["waits"], strict=True) if n}
    if not sizes:
        return {}
    spreads = spreads_of(centers)
    ranks = {key: [*wait_ranks(n), *wait_ranks(n, spreads.get(key))] for key, n in sizes.items()}
    answer = ask("kpi_wait_ranks", ranks=ranks, **parameters)
    waits = {}
    for key, values in zip(keys_of(answer), answer["waits_s"], strict=True):
        ends = tuple(float(value) if rank else None for value, rank in zip(values, ranks[key], strict=True))
        waits[key] = WaitSpreads(spreads.get(key), ends[:4], ends[4:])
    return waits


def wait_figures(row: Mapping[Any, Any], waits: WaitSpreads | None) -> Iterator[Figure]:
    """One key's three waits, from its row of kpi and what bounds them."""
    n, closed, handed_off = (int(row[name]) for name in ("waits", "closed", "handed_off"))
    left = {"open": row["orders"] - closed, "cancelled": closed - handed_off, "no_check_in": handed_off - n}
    about = _About(n, int(row["orders"]), left)
    if n == 0 or waits is None:
        for name in ("wait_mean_s", "wait_median_s", "wait_p90_s"):
            yield Figure(name, None, n, about.n_all, left_out=left)
        return
    mean, spread = float(row["wait_mean_s"]), waits.spread
    order_interval = not_below_0(intervals.mean(mean, plain(row["wait_deviation_s"]), n))
    if spread is None:
        yield about.figure("wait_mean_s", mean, order_interval, intervals.STUDENT)
    else:
        half = spread.mean.half
        combined = intervals.wider(order_interval, not_below_0(Interval(mean - half, mean + half)))
        yield about.figure("wait_mean_s", mean, combined, intervals.CENTERS, spread, order_interval)
    for index, name in enumerate(("wait_median_s", "wait_p90_s")):
        value = float(row["wait_quantiles_s"][index])
        order_interval = Interval(*waits.of_orders[2 * index : 2 * index + 2])
        if spread is None:
            yield about.figure(name, value, order_interval, intervals.RANKS)
        else:
            combined = Interval(*waits.of_centers[2 * index : 2 * index + 2])
            yield about.figure(name, value, combined, intervals.RANKS_OF_CENTERS, spread, order_interval)


class _About(NamedTuple):
    n: int
    n_all: int
    left_out: Mapping[str, int]

    def figure(
        self,
        name: str,
        value: float,
        interval: Interval,
        method: str,
        spread: Spreads | None = None,
        alone: Interval = NO_INTERVAL,
    ) -> Figure:
        centers = None if spread is None else spread.centers
        reason = None
        if interval.low is None or interval.high is None:
            reason = "one_value" if self.n == 1 else "all_alike" if interval == NO_INTERVAL else "too_few"
        return Figure(
            name,
            value,
            self.n,
            self.n_all,
            interval,
            method=method,
            centers=centers,
            of_orders=alone,
            left_out=self.left_out,
            no_interval=reason,
        )


def not_below_0(interval: Interval) -> Interval:
    """The part of an interval in which a time can lie."""
    return Interval(None if interval.low is None else max(0.0, interval.low), interval.high)
