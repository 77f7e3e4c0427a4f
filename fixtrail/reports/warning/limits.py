"""Limits of the CUSUM by simulation: how large a sum chance makes, and how soon a raised rate is above it. Seeded.

A class of cells is simulated as a whole: its true rate varies about the usual one as the cells do, and what is expected
is estimated week by week from the cell's own past, as it is of real cells.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fixtrail.reports.warning.cusum import LEAST_DISPERSION, Floats, Ints, chart, draw_counts, scores

RUNS = 8_000
RUN_WEEKS = 52
# Expected counts come from the weeks t-60 … t-9: a fault that grows for eight weeks does not raise what is expected.
GAP_WEEKS, BASELINE_WEEKS = 8, 52
# What a report and an alert look at: the largest sum of the last four weeks.
WINDOW_WEEKS = 4
# So old a run goes on as it always will; six windows of it count.
_FIRST_WINDOW = 28
_SEED = 19_850_213
# Beyond this probability the tail is exponential, as that of every CUSUM of log likelihood ratios is.
_TAIL = 0.01

_STEP = 1.25
MEANS = 0.02 * _STEP ** np.arange(36)
SHAPES = np.array([0.5, 2.0, 8.0, 30.0, 150.0])
BASELINES = np.array([0.0, 4.0, 9.0, 20.0, 44.0])
DISPERSIONS = np.array([1.0, 1.5, 2.0, 3.0, 5.0])


# The rest of the class of a cell of which the rate is known, and Poisson.
CERTAIN = (len(SHAPES) - 1, len(BASELINES) - 1, 0)


class Class(NamedTuple):
    """Numbers in MEANS, SHAPES, BASELINES and DISPERSIONS."""

    mean: int
    shape: int
    baseline: int
    dispersion: int


@dataclass(frozen=True, slots=True)
class CusumLimits:
    """The largest sums of simulated runs without any change, ascending: of four weeks, and of all 52."""

    windows: Floats
    years: Floats

    def p_value(self, sums: Floats) -> Floats:
        """How probable it is that chance alone reaches these sums within four weeks."""
        n = len(self.windows)
        count = n - np.searchsorted(self.windows, sums, side="left")
        border = self.windows[int(n * (1 - _TAIL))]
        excess = self.windows[self.windows > border] - border
        mean_excess = float(excess.mean()) if len(excess) else 1.0
        share_above = max(len(excess), 1) / n
        tail = share_above * np.exp(-(sums - border) / mean_excess)
        p: Floats = np.where(sums > border, np.minimum(tail, share_above), np.maximum(count, 1) / n)
        return np.where(sums <= 0, 1.0, p)

    def limit(self, p: float) -> float:
        """The sum that a cell's 52 weeks reach with probability `p`, or less, though nothing has changed."""
        return limit_of(self.years, p)


def limit_of(largest: Floats, p: float) -> float:
    """The smallest of these ascending sums that at most a share `p` of them reaches; above all where there is none."""
    reached = len(largest) - np.searchsorted(largest, largest, side="left")
    enough = largest[reached <= p * len(largest) + 1e-9]
    return float(enough[0]) if len(enough) else float(np.nextafter(largest[-1], np.inf))


def class_numbers(means: Floats, shapes: Floats, baselines: Floats, dispersions: Floats) -> Ints:
    """The class of each cell and week, its four numbers on the last axis: the next mean, else the less certain one."""
    mean = np.clip(np.rint(np.log(np.maximum(means, 1e-9) / MEANS[0]) / np.log(_STEP)), 0, len(MEANS) - 1)
    shape = np.clip(np.searchsorted(SHAPES, shapes, side="right") - 1, 0, None)
    baseline = np.clip(np.searchsorted(BASELINES, baselines + 0.5, side="right") - 1, 0, None)
    return np.stack([mean.astype(np.int64), shape, baseline, dispersion_numbers(dispersions)], axis=-1)


def dispersion_numbers(dispersions: Floats) -> Ints:
    """The next dispersion that is simulated and not smaller; 0 is Poisson."""
    number = np.clip(np.searchsorted(DISPERSIONS, dispersions - 1e-9), 1, len(DISPERSIONS) - 1)
    numbers: Ints = np.where(dispersions <= LEAST_DISPERSION, 0, number)
    return numbers


@lru_cache(maxsize=4096)
def limits_of(number: Class) -> CusumLimits:
    """The limits of a class; the same in every process."""
    random = np.random.default_rng((_SEED, *number))
    sums = simulate_sums(
        random,
        float(MEANS[number.mean]),
        float(SHAPES[number.shape]),
        int(BASELINES[number.baseline]),
        float(DISPERSIONS[number.dispersion]),
    )
    starts = range(_FIRST_WINDOW, RUN_WEEKS, WINDOW_WEEKS)
    windows = np.concatenate([sums[:, start : start + WINDOW_WEEKS].max(axis=1) for start in starts])
    return CusumLimits(np.sort(windows), np.sort(sums.max(axis=1)))


def simulate_sums(random: np.random.Generator, mean: float, shape: float, baseline: int, dispersion: float) -> Floats:
    """The sums of 52 weeks in which nothing changes, run by run."""
    # Where cells hardly differ, each has the usual rate, and it is known.
    is_certain = shape >= SHAPES[-1]
    rates = mean * (np.ones(RUNS) if is_certain else random.gamma(shape, 1 / shape, RUNS))
    before = 0 if is_certain or not baseline else baseline + GAP_WEEKS
    counts = draw_counts(random, rates[:, None], dispersion, (RUNS, before + RUN_WEEKS))
    if not before:
        return chart(scores(counts, mean, dispersion))
    reached = np.concatenate([np.zeros((RUNS, 1)), np.cumsum(counts, axis=1)], axis=1)
    past = reached[:, baseline : baseline + RUN_WEEKS] - reached[:, :RUN_WEEKS]
    expected = (shape + past) / (shape / mean + baseline)
    return chart(scores(counts[:, before:], expected, dispersion))


class Sight(NamedTuple):
    """How soon a rate that becomes `factor` times as high is detected.

    `weeks` is the median, None where it takes longer than SIGHT_WEEKS; `share` are those seen within eight weeks.
    """

    expected: float
    p: float
    limit: float
    weeks: int | None
    share: float


SIGHT_MEANS = (0.05, 0.2, 1.0, 5.0)
SIGHT_LEVELS = (0.05, 0.01, 0.001)
SIGHT_WEEKS, SOON_WEEKS = 60, 8
SIGHT_RUNS = 20_000
FACTOR = 3.0


@lru_cache
def sights() -> tuple[Sight, ...]:
    """What can be seen of a threefold rate, by expected count a week and false alarms a year, from a sum of 0 on."""
    rows = []
    for number, mean in enumerate(SIGHT_MEANS):
        random = np.random.default_rng((_SEED, 99, number))
        years = chart(scores(draw_counts(random, mean, 1.0, (SIGHT_RUNS, RUN_WEEKS)), mean)).max(axis=1)
        raised = chart(scores(draw_counts(random, FACTOR * mean, 1.0, (SIGHT_RUNS, SIGHT_WEEKS)), mean))
        for p in SIGHT_LEVELS:
            limit = limit_of(np.sort(years), p)
            rows.append(_sight(mean, p, limit, raised))
    return tuple(rows)


def _sight(mean: float, p: float, limit: float, raised: Floats) -> Sight:
    above = raised >= limit
    week = np.where(above.any(axis=1), above.argmax(axis=1) + 1, SIGHT_WEEKS + 1)
    median = int(np.quantile(week, 0.5, method="higher"))
    return Sight(mean, p, limit, None if median > SIGHT_WEEKS else median, float((week <= SOON_WEEKS).mean()))
