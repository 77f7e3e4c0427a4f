"""Judges every cell in every week: which sums are beyond chance, and since when. Pure, numpy alone.

Of the cells watched in a week those are named that Benjamini and Hochberg's procedure (JRSS B 57, 1995) names at a
false discovery rate of 10 %: of what a report names, one in ten is expected to be chance, and where nothing has
changed at most one report in ten names anything.
"""

from dataclasses import dataclass

import numpy as np

from fixtrail.reports.warning.cells import CellWeeks
from fixtrail.reports.warning.cusum import Bools, Floats, Ints, chart, scores
from fixtrail.reports.warning.expected import Expectation, expect, lately
from fixtrail.reports.warning.limits import CERTAIN, RUN_WEEKS, WINDOW_WEEKS, Class, class_numbers, limits_of

FALSE_DISCOVERIES = 0.10
# A cell's own limit, which once in fifty years is reached by chance: worth a look, no alarm.
LOOK = 0.02
LEAST_EXPECTED = 0.02
LEAST_VEHICLES, LEAST_CENTERS = 3, 2
# Below that no sum is beyond chance, and above that p-value none is named.
_LEAST_SUM, _WORTH_A_LOOK = 1.5, 0.02


@dataclass(frozen=True, slots=True)
class Judgement:
    """By cell and week: expected counts, sums, the largest sum of four weeks, its p-value, and what follows.

    `is_named`: among the false discovery rate's; `is_above`: above the cell's own limit; `limit` is that limit.
    """

    expected: Floats
    sums: Floats
    largest: Floats
    p: Floats
    limit: Floats
    is_watched: Bools
    is_named: Bools
    is_above: Bools

    def rise(self, cell: int, week: int) -> int:
        """The week since which the sum has risen that is the largest of the four weeks up to `week`."""
        first = max(0, week - WINDOW_WEEKS + 1)
        top = first + int(np.argmax(self.sums[cell, first : week + 1]))
        zeros = np.flatnonzero(self.sums[cell, :top] <= 0)
        return int(zeros[-1]) + 1 if len(zeros) else 0


def judge(cells: CellWeeks) -> Judgement:
    """The judgement of all cells in the last 52 weeks; before them all is 0."""
    expected, shape, baseline, dispersion = _expectations(cells)
    first = max(0, len(cells.weeks) - RUN_WEEKS)
    sums = np.zeros_like(expected)
    # What nothing was expected of adds nothing: it is too young to be judged.
    week_scores = np.where(expected > 0, scores(cells.cases, expected, dispersion), 0.0)
    sums[:, first:] = chart(week_scores[:, first:], cells.is_reset[:, first:])
    largest = _largest(sums, cells.is_reset)
    usual = lately(expected)
    is_watched = (usual >= LEAST_EXPECTED) & (expected > 0)
    is_watched[:, :first] = False
    # A sum is as uncertain as what it was made of when less was known.
    numbers = class_numbers(usual, _least(shape, sums), _least(baseline, sums), dispersion)
    p, limit = _p_values(largest, is_watched, numbers)
    return Judgement(
        expected, sums, largest, p, limit, is_watched, discoveries(p, is_watched), is_watched & (largest >= limit)
    )


def discoveries(p: Floats, is_watched: Bools, rate: float = FALSE_DISCOVERIES) -> Bools:
    """Those named in each week (column), by the step-up procedure over the cells watched in it."""
    named = np.zeros_like(is_watched)
    for week in range(p.shape[1]):
        rows = np.flatnonzero(is_watched[:, week])
        order = rows[np.argsort(p[rows, week], kind="stable")]
        passes = np.flatnonzero(p[order, week] <= rate * np.arange(1, len(order) + 1) / max(len(order), 1))
        if len(passes):
            named[order[: passes[-1] + 1], week] = True
    return named


def _expectations(cells: CellWeeks) -> tuple[Floats, Floats, Floats, Floats]:
    shape = cells.cases.shape
    arrays = tuple(np.zeros(shape) for _ in range(4))
    for rows in cells.blocks():
        block: Expectation = expect(cells.cases[rows], cells.exposure[rows])
        for array, values in zip(arrays, (block.counts, block.shape, block.baseline, block.dispersion), strict=True):
            array[rows] = values
    counts, sure, baseline, dispersion = arrays
    return counts, sure, baseline, dispersion


def _largest(sums: Floats, is_reset: Bools) -> Floats:
    """The largest sum of the last four weeks, of those since a reset alone."""
    largest = sums.copy()
    for back in range(1, WINDOW_WEEKS):
        before = np.zeros_like(sums)
        before[:, back:] = sums[:, :-back]
        for between in range(back):
            is_cut = np.zeros_like(is_reset)
            is_cut[:, between:] = is_reset[:, : is_reset.shape[1] - between]
            before = np.where(is_cut, 0.0, before)
        largest = np.maximum(largest, before)
    return largest


def _least(values: Floats, sums: Floats) -> Floats:
    """The least of the values since the sum began to rise."""
    least = values.copy()
    for week in range(1, values.shape[1]):
        rises = sums[:, week - 1] > 0
        least[:, week] = np.where(rises, np.minimum(least[:, week - 1], values[:, week]), values[:, week])
    return least


def _p_values(largest: Floats, is_watched: Bools, numbers: Ints) -> tuple[Floats, Floats]:
    """(p-value, own limit) of the cells watched.

    First as if what is expected were certain: only what that lets stand out is worth the simulation of its class.
    """
    certain = np.broadcast_to(np.array([0, *CERTAIN]), numbers.shape).copy()
    certain[..., 0] = numbers[..., 0]
    p, limit = _class_by_class(largest, is_watched & (largest >= _LEAST_SUM), certain)
    stands_out = (p <= _WORTH_A_LOOK) | (largest >= limit)
    looked_at = _class_by_class(largest, stands_out, numbers)
    return np.where(stands_out, looked_at[0], p), np.where(stands_out, looked_at[1], limit)


def _class_by_class(largest: Floats, chosen_cells: Bools, numbers: Ints) -> tuple[Floats, Floats]:
    p, limit = np.ones_like(largest), np.full_like(largest, np.inf)
    at = np.nonzero(chosen_cells)
    classes, members = np.unique(numbers[at], axis=0, return_inverse=True)
    for number, row in enumerate(classes):
        limits = limits_of(Class(*(int(part) for part in row)))
        chosen = tuple(axis[members.ravel() == number] for axis in at)
        p[chosen] = limits.p_value(largest[chosen])
        limit[chosen] = limits.limit(LOOK)
    return p, limit
