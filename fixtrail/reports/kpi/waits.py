"""The KPI table's waits: mean, median and 90th percentile, with intervals that know that centers differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from fixtrail.reports.ask import Ask
from fixtrail.reports.report import Figure, Interval, plain
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


class Waits(NamedTuple):
    """A key's spreads, None for one center; and the waits that bound median and 90th percentile, two of each.

    `of_orders` by the orders alone, `of_centers` with the difference between centers.
    """

    spread: Spreads | None
    of_orders: Ends
    of_centers: Ends


def spreads_of(centers: pd.DataFrame) -> dict[str, Spreads]:
    """By key, from the answer of kpi_centers, for each that has two centers or more."""
    found = {}
    for key, rows in centers.assign(key=keys_of(centers)).groupby("key"):
        sizes = rows["waits"].tolist()
        spreads = [
            intervals.between_centers(sizes, rows[name].tolist()) for name in ("mean_s", "up_to_median", "up_to_p90")
        ]
        mean, median, p90 = spreads
        if mean and median and p90:
            found[str(key)] = Spreads(len(rows), mean, median, p90)
    return found


def wait_ranks(n: int, spread: Spreads | None = None) -> list[int]:
    """Places of the four waits that bound median and 90th percentile; 0 where there is none."""
    found = []
    for level, share in ((_MEDIAN, spread and spread.up_to_median), (_P90, spread and spread.up_to_p90)):
        ranks = intervals.quantile_ranks(level, n)
        if share is not None:
            ranks = intervals.wider_ranks(ranks, intervals.woodruff_ranks(level, n, share))
        found += [ranks.low or 0, ranks.high or 0]
    return found


def ask_waits(ask: Ask, counts: pd.DataFrame, parameters: Mapping[str, Any]) -> dict[str, Waits]:
    """What bounds the waits of each key, given the answer of kpi."""
    sizes = {key: int(n) for key, n in zip(keys_of(counts), counts["waits"], strict=True) if n}
    if not sizes:
        return {}
    quantiles = dict(zip(keys_of(counts), counts["wait_quantiles_s"], strict=True))
    medians, p90s = ([quantiles[key][place] + _NEAR_S for key in sizes] for place in (0, 1))
    spreads = spreads_of(ask("kpi_centers", names=list(sizes), medians=medians, p90s=p90s, **parameters))
    ranks = {key: [*wait_ranks(n), *wait_ranks(n, spreads.get(key))] for key, n in sizes.items()}
    found = ask("kpi_wait_ranks", ranks=ranks, **parameters)
    waits = {}
    for key, values in zip(keys_of(found), found["waits_s"], strict=True):
        ends = tuple(float(value) if rank else None for value, rank in zip(values, ranks[key], strict=True))
        waits[key] = Waits(spreads.get(key), ends[:4], ends[4:])
    return waits


def wait_figures(row: Mapping[Any, Any], known: Waits | None) -> Iterator[Figure]:
    """One key's three waits, from its row of kpi and what bounds them."""
    n, n_all = int(row["waits"]), int(row["handed_off"])
    if n == 0 or known is None:
        names = ("wait_mean_s", "wait_median_s", "wait_p90_s")
        yield from (Figure(name, None, n, n_all) for name in names)
        return
    mean, spread = float(row["wait_mean_s"]), known.spread
    alone = intervals.mean(mean, plain(row["wait_deviation_s"]), n)
    if spread is None:
        yield Figure("wait_mean_s", mean, n, n_all, alone, method=intervals.STUDENT)
    else:
        both = intervals.wider(alone, Interval(mean - spread.mean.half, mean + spread.mean.half))
        yield _clustered("wait_mean_s", mean, (n, n_all), both, alone, intervals.CENTERS, spread)
    for place, name in enumerate(("wait_median_s", "wait_p90_s")):
        value = float(row["wait_quantiles_s"][place])
        alone = Interval(*known.of_orders[2 * place : 2 * place + 2])
        if spread is None:
            yield Figure(name, value, n, n_all, alone, method=intervals.RANKS)
        else:
            both = Interval(*known.of_centers[2 * place : 2 * place + 2])
            yield _clustered(name, value, (n, n_all), both, alone, intervals.RANKS_OF_CENTERS, spread)


def _clustered(
    name: str, value: float, n: tuple[int, int], both: Interval, alone: Interval, method: str, spread: Spreads
) -> Figure:
    return Figure(name, value, *n, both, method=method, centers=spread.centers, of_orders=alone)
