"""Which centers differ from the others by more than chance, and which ranks that leaves open. Pure.

A center's figure is the ratio of its sums x / d. How far chance alone moves it is the largest of four variances: of its
own orders and of its own days (days as clusters: what happens on one day happens to all of its orders), and the same
two of all centers together, which hold where a center has few orders that happen to be alike. Each center is held
against all others together; a 95 % interval of the difference for all centers at once is Bonferroni's. For ranks every
two centers are compared and Holm's procedure allows for the number of pairs; how many are better or worse for certain
bounds a center's rank (Mogstad, Romano, Shaikh and Wilhelm, Review of Economic Studies 91, 2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from fixtrail.reports.report import NO_INTERVAL, Interval
from fixtrail.reports.stats.randomization import holm

Group = Literal["above", "not_distinguishable", "below", "too_few"]
Vector = npt.NDArray[np.float64]
LEVEL = 0.05
# Below so many orders or days a center is listed, and held against nobody.
LEAST_ORDERS = 10
LEAST_DAYS = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a center stands. `difference` is its figure less that of all others, with the interval of all at once.

    `ranks` are the best and the worst place that the data leave open, None for too few orders; above is better.
    """

    center_id: str
    group: Group
    difference: float | None = None
    interval: Interval = NO_INTERVAL
    ranks: tuple[int, int] | None = None

    @property
    def rank(self) -> int | None:
        """The place, only where no other one is open."""
        return None if self.ranks is None or self.ranks[0] != self.ranks[1] else self.ranks[0]


def standings_of(rows: pd.DataFrame, better: Literal["higher", "lower"]) -> list[Standing]:
    """Each center's standing, from the answer of league.sql; those of a group in the order of their ids.

    Where no center is above or below the others, none has a rank: every place is open.
    """
    rows = rows[rows["d"] > 0].sort_values("center_id").reset_index(drop=True)
    enough = ((rows["orders"] >= LEAST_ORDERS) & (rows["days"] >= LEAST_DAYS)).to_numpy(bool)
    sign = 1.0 if better == "higher" else -1.0
    judged = _judged(rows, sign, enough) if enough.sum() > 1 else {}
    standings = [judged.get(place, Standing(str(center), "too_few")) for place, center in enumerate(rows["center_id"])]
    order: dict[Group, int] = {"above": 0, "not_distinguishable": 1, "below": 2, "too_few": 3}
    return sorted(standings, key=lambda standing: (order[standing.group], standing.rank or 0, standing.center_id))


def _judged(rows: pd.DataFrame, sign: float, enough: npt.NDArray[np.bool_]) -> dict[int, Standing]:
    sums = {name: rows[name].to_numpy(float) for name in ("x", "d", "days")}
    variance = _variances(rows)
    places = np.flatnonzero(enough)
    differences, errors = _against_others(sums["x"], sums["d"], variance)
    freedom = sums["days"] - 1
    halves = special.stdtrit(freedom, 1 - LEVEL / (2 * len(places))) * errors
    groups = [_group(sign * differences[place], halves[place]) for place in places]
    values = sign * sums["x"] / sums["d"]
    ranks = _ranks(values[places], variance[places], freedom[places])
    if all(group == "not_distinguishable" for group in groups):
        ranks = [(1, len(places))] * len(places)
    return {
        int(place): Standing(
            str(rows["center_id"][place]),
            group,
            float(differences[place]),
            Interval(float(differences[place] - halves[place]), float(differences[place] + halves[place])),
            own_ranks,
        )
        for place, group, own_ranks in zip(places, groups, ranks, strict=True)
    }


def _group(gain: float, half: float) -> Group:
    if abs(gain) <= half:
        return "not_distinguishable"
    return "above" if gain > 0 else "below"


def _variances(rows: pd.DataFrame) -> Vector:
    """The variance of each center's figure: the largest of those of orders and days, its own and of all centers."""
    orders, days, d = (rows[name].to_numpy(float) for name in ("orders", "days", "d"))
    rate = rows["x"].to_numpy(float) / d
    of_orders, of_days = (_squares(rows, prefix, rate) for prefix in ("", "days_"))
    own = np.maximum(_sample(of_orders, orders), _sample(of_days, days))
    common = of_orders.sum() / max(1.0, orders.sum() - len(rows))
    crowding = max(1.0, of_days.sum() / of_orders.sum()) if of_orders.sum() > 0 else 1.0
    variances: Vector = np.maximum(own, common * crowding * orders) / d**2
    return variances


def _squares(rows: pd.DataFrame, prefix: str, rate: Vector) -> Vector:
    """The sum over orders, or over days, of (x - rate d) squared."""
    xx, xd, dd = (rows[f"{prefix}{name}"].to_numpy(float) for name in ("xx", "xd", "dd"))
    squares: Vector = np.maximum(0.0, xx - 2 * rate * xd + rate**2 * dd)
    return squares


def _sample(squares: Vector, n: Vector) -> Vector:
    sample: Vector = squares * n / np.maximum(1.0, n - 1)
    return sample


def _against_others(x: Vector, d: Vector, variance: Vector) -> tuple[Vector, Vector]:
    """Each center's figure less that of all others together, and the standard error of that."""
    others_d = d.sum() - d
    parts = d**2 * variance
    errors: Vector = np.sqrt(variance + (parts.sum() - parts) / others_d**2)
    differences: Vector = x / d - (x.sum() - x) / others_d
    return differences, errors


def _ranks(values: Vector, variance: Vector, freedom: Vector) -> list[tuple[int, int]]:
    """The best and the worst place of each; more is better."""
    first, second = np.triu_indices(len(values), 1)
    gaps = values[first] - values[second]
    errors = np.sqrt(variance[first] + variance[second])
    ratios = np.divide(np.abs(gaps), errors, out=np.zeros_like(gaps), where=errors > 0)
    chances: Sequence[float] = (2 * special.stdtr(np.minimum(freedom[first], freedom[second]), -ratios)).tolist()
    apart = np.array([adjusted is not None and adjusted <= LEVEL for adjusted in holm(chances)], dtype=bool)
    best, worst = np.ones(len(values), dtype=int), np.full(len(values), len(values))
    winners = np.where(gaps > 0, first, second)[apart]
    losers = np.where(gaps > 0, second, first)[apart]
    np.add.at(best, losers, 1)
    np.subtract.at(worst, winners, 1)
    return [(int(low), int(high)) for low, high in zip(best, worst, strict=True)]
