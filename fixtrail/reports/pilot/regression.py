"""Pilots that were the worst before: how much of their change is only that bad luck does not last.

A center's figure before is what the center is like plus what those weeks were like. Who is chosen for a bad figure was
mostly unlucky, too, and comes back by that part without any help (regression to the mean, Galton 1886). How much of the
difference between centers lasts is seen before the start: in how far their first half agrees with their second half.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.stats.panel import RATIOS, Days, Panel, Vector, changes
from fixtrail.reports.stats.precision import standardize
from fixtrail.reports.stats.randomization import TreatmentDifference, assignments, difference

# So seldom would a choice by chance be as bad: then the pilots count as chosen for it.
SELDOM = 0.1


@dataclass(frozen=True, slots=True)
class Regression:
    """`worst`: pilots among as many centers that were the worst before; `seldom`: the share of choices of as many
    centers that would have been as bad. `explained` is the part of the effect that their coming back explains,
    `adjusted` the effect without it.
    """

    worst: tuple[str, ...]
    seldom: float
    lasting: float
    explained: float
    adjusted: TreatmentDifference

    @property
    def chosen_for_it(self) -> bool:
        """Whether the pilots were so bad before that chance alone would seldom have chosen them."""
        return self.seldom <= SELDOM


def regression(
    panel: Panel, figure: str, treated: Sequence[str], others: Sequence[str], after: Days, alpha: float
) -> Regression | None:
    """What regression to the mean explains of a figure's effect; None where too little is known of before."""
    start = after[0]
    before = [(panel.first, start - 1)]
    change, usable, is_treated, earlier, _ = changes(panel, figure, treated, others, before, after)
    named = [center for center, is_usable in zip([*treated, *others], usable, strict=True) if is_usable]
    if not is_treated.any() or is_treated.all() or len(named) < 4:
        return None
    noise = _noise(panel, figure, named, before[0])
    lasting = _lasting(panel, figure, named, before[0])
    if noise is None or lasting is None:
        return None
    transient = noise + max(0.0, float(earlier.var(ddof=1)) - lasting - float(noise.mean()))
    total = np.where(lasting + transient > 0, lasting + transient, 1.0)
    middle = float(np.average(earlier, weights=1 / total))
    back = (transient / total) * (middle - earlier)
    sampling = panel.sampling(figure, named, before, after)
    weights = standardize(change, sampling, is_treated).weights
    badness = earlier if DEFINITIONS[figure].better == "lower" else -earlier
    k = int(is_treated.sum())
    chosen, _ = assignments(len(named), k, is_treated)
    sums = chosen @ badness
    span = 1e-9 * max(float(np.ptp(badness)), 1e-300)
    seldom = float(np.mean(sums >= float(badness[is_treated].sum()) - span))
    worst = set(np.argsort(-badness, kind="stable")[:k].tolist())
    return Regression(
        tuple(center for index, center in enumerate(named) if is_treated[index] and index in worst),
        seldom,
        float(np.mean(lasting / total)),
        float(weights @ back),
        difference(change - back, is_treated, alpha, sampling),
    )


def _noise(panel: Panel, figure: str, centers: Sequence[str], days: Days) -> Vector | None:
    """The variance that each center's number of orders before leaves to chance."""
    both = panel.sampling(figure, centers, [days], days)
    return both / 2 if np.isfinite(both).all() else None


def _lasting(panel: Panel, figure: str, centers: Sequence[str], days: Days) -> float | None:
    """The variance between centers that is there in both halves of the days; at least 0."""
    half = days[0] + (days[1] - days[0] + 1) // 2
    first, second = (panel.mean(figure, centers, [span]) for span in ((days[0], half - 1), (half, days[1])))
    is_finite = np.isfinite(first) & np.isfinite(second)
    if is_finite.sum() < 4 or figure not in RATIOS:
        return None
    return max(0.0, float(np.cov(first[is_finite], second[is_finite])[0, 1]))
