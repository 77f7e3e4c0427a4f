"""Centers before and after a rollout: each center's own change, and how the changes of pilots and others differ.

A center is one unit, however many orders it has: orders of one center share its people, its stock and its customers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fixtrail.reports.stats.precision import standardize
from fixtrail.reports.stats.randomization import ComparisonPart, TreatmentDifference, combined, difference

Vector = NDArray[np.float64]
Days = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure as sums over sums: `times` (plus - minus) / per. `squares` add up to the orders' squared values."""

    plus: str
    per: str
    squares: tuple[str, ...]
    minus: str | None = None
    times: float = 1.0


RATIOS: Mapping[str, Ratio] = {
    "wait_mean_s": Ratio("wait_s", "waits", ("wait_squares",)),
    "ftfr_confirmed": Ratio("fixed", "judged", ("fixed",)),
    "nps": Ratio("promoters", "scores", ("promoters", "detractors"), "detractors", 100.0),
    "complaints_per_100": Ratio("complaints", "handed_off", ("complaint_squares",), None, 100.0),
}
# Only where they are known; without them all centers count as known equally well.
OPTIONAL = ("wait_squares", "complaint_squares", "still_open", "cancelled")
SUMS = ("handed_off", "waits", "wait_s", "judged", "fixed", "scores", "promoters", "detractors", "complaints")
WEEK = 7


@dataclass(frozen=True, slots=True)
class Rollout:
    """When each center changes over, as a day number; never for those that are not named."""

    starts: Mapping[str, int]
    waves: Mapping[str, int]

    def wave_starts(self) -> dict[int, int]:
        """The first day of each wave, the earliest wave first."""
        first: dict[int, int] = {}
        for center, start in self.starts.items():
            wave = self.waves[center]
            first[wave] = min(start, first.get(wave, start))
        return dict(sorted(first.items(), key=lambda item: (item[1], item[0])))

    def members(self, wave: int) -> list[str]:
        return sorted(center for center in self.starts if self.waves[center] == wave)

    def untouched(self, centers: Sequence[str], until: int) -> list[str]:
        """The centers that have not changed over by the end of day `until`."""
        return [center for center in centers if self.starts.get(center, until + 1) > until]


class Panel:
    """Sums by center and day number, for any span of days."""

    def __init__(self, days: pd.DataFrame) -> None:
        """`days` has center_id, day (a number) and SUMS."""
        self.centers = sorted(days["center_id"].unique())
        self.first, self.last = (int(days["day"].min()), int(days["day"].max())) if len(days) else (0, -1)
        shape = (len(self.centers), self.last - self.first + 1)
        row_of = {center: row for row, center in enumerate(self.centers)}
        rows = days["center_id"].map(row_of).to_numpy(dtype=int)
        columns = days["day"].to_numpy(dtype=int) - self.first
        self._sums = {}
        for name in (*SUMS, *OPTIONAL):
            table = np.zeros((shape[0], shape[1] + 1))
            if name in days:
                np.add.at(table, (rows, columns + 1), days[name].to_numpy(dtype=float))
            self._sums[name] = table.cumsum(axis=1)
        self._row_of = row_of

    def total(self, name: str, centers: Sequence[str], span: Days) -> Vector:
        """The sum of each center over the days of the span, both included."""
        low = min(max(span[0] - self.first, 0), self.last - self.first + 1)
        high = min(max(span[1] - self.first + 1, low), self.last - self.first + 1)
        rows = [self._row_of[center] for center in centers]
        totals: Vector = self._sums[name][rows, high] - self._sums[name][rows, low]
        return totals

    def mean(self, figure: str, centers: Sequence[str], spans: Sequence[Days]) -> Vector:
        """The figure of each center over all these spans together; NaN where there is nothing to divide by."""
        ratio = RATIOS[figure]

        def added(name: str) -> Vector:
            sums: Vector = np.sum([self.total(name, centers, span) for span in spans], axis=0)
            return sums

        top = added(ratio.plus) - (added(ratio.minus) if ratio.minus else 0.0)
        per = added(ratio.per)
        means: Vector = ratio.times * np.divide(top, per, out=np.full(len(centers), np.nan), where=per > 0)
        return means

    def sampling(self, figure: str, centers: Sequence[str], before: Sequence[Days], after: Days) -> Vector:
        """The variance of each center's change that its number of orders leaves to chance.

        The variance of one order is pooled over all these centers, before and after apart: a small center's own would
        be too uncertain, and go with its mean.
        """
        ratio, spread, freedom = RATIOS[figure], 0.0, 0.0
        per_order = np.zeros(len(centers))
        for spans in (before, [after]):
            per, plus, minus, squares = (
                np.sum([self._added(names, centers, span) for span in spans], axis=0)
                for names in ((ratio.per,), (ratio.plus,), (ratio.minus,) if ratio.minus else (), ratio.squares)
            )
            usable = per > 0
            top = (plus - minus)[usable]
            spread += float(np.sum(squares[usable] - top**2 / per[usable]))
            freedom += float(np.sum(per[usable] - 1))
            per_order += np.divide(1.0, per, out=np.zeros(len(centers)), where=usable)
        variance: Vector = ratio.times**2 * max(0.0, spread / max(freedom, 1.0)) * per_order
        return variance

    def _added(self, names: Sequence[str], centers: Sequence[str], span: Days) -> Vector:
        sums: Vector = np.sum([self.total(name, centers, span) for name in names], axis=0) + np.zeros(len(centers))
        return sums


@dataclass(frozen=True, slots=True)
class Comparison:
    """The change of the treated centers beside that of the others; `n` of `n_all` handed-off orders could be used.

    Means are over centers, weighted by how well each is known, as the effect is; `each_once` is the effect with every
    center counted once. `left_out` centers had nothing to divide by before or after. `sizes`: usable orders by center.
    """

    figure: str
    before: tuple[Days, ...]
    after: Days
    treated: tuple[str, ...]
    others: tuple[str, ...]
    left_out: tuple[str, ...]
    n: int
    n_all: int
    treated_before: float | None
    treated_after: float | None
    others_before: float | None
    others_after: float | None
    difference: TreatmentDifference
    each_once: float | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    # Orders that checked in after the start and have no handoff: still open, or cancelled.
    treated_open: int = 0
    others_open: int = 0
    treated_cancelled: int = 0
    others_cancelled: int = 0


def compare(
    panel: Panel,
    figure: str,
    treated: Sequence[str],
    controls: Sequence[str],
    before: Sequence[Days],
    after: Days,
    alpha: float = 0.05,
) -> Comparison:
    """Difference in differences of the figure, centers as units."""
    change, usable, is_treated, earlier, later = changes(panel, figure, treated, controls, before, after)
    usable_centers = [center for center, is_usable in zip([*treated, *controls], usable, strict=True) if is_usable]
    per = RATIOS[figure].per
    orders = (
        np.sum([panel.total(per, usable_centers, span) for span in (*before, after)], axis=0)
        if usable_centers
        else np.zeros(0)
    )
    n_all = int(sum(panel.total("handed_off", [*treated, *controls], span).sum() for span in (*before, after)))
    sampling = panel.sampling(figure, usable_centers, before, after) if usable_centers else np.zeros(0)
    both = bool(is_treated.any() and not is_treated.all())
    weights = np.abs(standardize(change, sampling, is_treated).weights) if both else np.ones(len(change))

    def mean(values: Vector, side: bool) -> float | None:
        values_of_side = is_treated == side
        return (
            float(np.average(values[values_of_side], weights=weights[values_of_side])) if values_of_side.any() else None
        )

    def without_handoff(name: str, centers: Sequence[str]) -> int:
        return int(panel.total(name, centers, after).sum())

    return Comparison(
        figure,
        tuple(before),
        after,
        tuple(center for center in usable_centers if center in set(treated)),
        tuple(center for center in usable_centers if center not in set(treated)),
        tuple(center for center, is_usable in zip([*treated, *controls], usable, strict=True) if not is_usable),
        int(orders.sum()),
        n_all,
        mean(earlier, True),
        mean(later, True),
        mean(earlier, False),
        mean(later, False),
        difference(change, is_treated, alpha, sampling),
        float(change[is_treated].mean() - change[~is_treated].mean()) if both else None,
        dict(zip(usable_centers, orders.astype(int).tolist(), strict=True)),
        without_handoff("still_open", treated),
        without_handoff("still_open", controls),
        without_handoff("cancelled", treated),
        without_handoff("cancelled", controls),
    )


def changes(
    panel: Panel, figure: str, treated: Sequence[str], controls: Sequence[str], before: Sequence[Days], after: Days
) -> tuple[Vector, NDArray[np.bool_], NDArray[np.bool_], Vector, Vector]:
    """(change of each usable center, which are usable, which of those are treated, before, after)."""
    centers = [*treated, *controls]
    earlier, later = panel.mean(figure, centers, before), panel.mean(figure, centers, [after])
    usable = np.isfinite(earlier) & np.isfinite(later)
    is_treated = np.array([True] * len(treated) + [False] * len(controls), dtype=bool)[usable]
    return (later - earlier)[usable], usable, is_treated, earlier[usable], later[usable]


def by_week(
    panel: Panel, figure: str, rollout: Rollout, treated: Sequence[str], start: int, alpha: float = 0.05
) -> Iterator[tuple[int, Comparison]]:
    """(week from the start, comparison) for every whole week, against centers untouched at its end.

    Each week is compared with all days before the start, a week before the start with the other ones of them.
    """
    candidates = [center for center in panel.centers if center not in set(treated)]
    for week in range(-((start - panel.first) // WEEK), (panel.last + 1 - start) // WEEK):
        span = (start + WEEK * week, start + WEEK * week + WEEK - 1)
        controls = rollout.untouched(candidates, max(span[1], start - 1))
        before: list[Days] = [(panel.first, start - 1)]
        if week < 0:
            before = [days for days in ((panel.first, span[0] - 1), (span[1] + 1, start - 1)) if days[0] <= days[1]]
        if before and controls:
            yield week, compare(panel, figure, treated, controls, before, span, alpha)


def by_wave(
    panel: Panel, figure: str, rollout: Rollout, alpha: float = 0.05
) -> tuple[dict[int, Comparison], TreatmentDifference | None]:
    """Each wave against the centers untouched when the next one starts, and all waves together, by their centers.

    A wave without untouched centers, such as the last one, has nothing to be compared with and is not among them.
    """
    starts = rollout.wave_starts()
    comparisons: dict[int, Comparison] = {}
    parts = []
    for wave, start in starts.items():
        later = [next_start for next_start in starts.values() if next_start > start]
        until = min([*(day - 1 for day in later), panel.last])
        treated = [center for center in rollout.members(wave) if center in set(panel.centers)]
        controls = rollout.untouched([center for center in panel.centers if center not in set(treated)], until)
        if not treated or not controls or start <= panel.first or until < start:
            continue
        before = [(panel.first, start - 1)]
        comparisons[wave] = compare(panel, figure, treated, controls, before, (start, until), alpha)
        part = _part(panel, comparisons[wave])
        if part is not None:
            parts.append(part)
    return comparisons, combined(parts, alpha) if parts else None


def _part(panel: Panel, comparison: Comparison) -> ComparisonPart | None:
    """A wave's comparison as a part of all waves together."""
    change, usable, is_treated, _, _ = changes(
        panel, comparison.figure, comparison.treated, comparison.others, comparison.before, comparison.after
    )
    if not is_treated.any() or is_treated.all():
        return None
    named = [
        center for center, is_usable in zip([*comparison.treated, *comparison.others], usable, strict=True) if is_usable
    ]
    indices = np.array([panel.centers.index(center) for center in named])
    sampling = panel.sampling(comparison.figure, named, comparison.before, comparison.after)
    return ComparisonPart(change, is_treated, indices, float(is_treated.sum()), sampling)


def placebo_starts(panel: Panel, start: int) -> list[int]:
    """Days before the start at which nothing happened: at a third, half and two thirds of the time before."""
    length = start - panel.first
    days = sorted({panel.first + round(length * share) for share in (1 / 3, 1 / 2, 2 / 3)})
    return [day for day in days if day - panel.first >= WEEK and start - day >= WEEK]
