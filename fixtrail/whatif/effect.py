"""What a change would do to the waits: pairs of runs that differ in nothing else. Pure."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from fixtrail.reports.report import Interval
from fixtrail.whatif.changes import WhatIfChange
from fixtrail.whatif.history import PastVisit, WhatIfHistory, delays_of
from fixtrail.whatif.levers import Levers
from fixtrail.whatif.runs import RunWaits, play, resampled

LEVEL = 0.95
FIGURES = ("mean_s", "p90_s")
# Where the people's time is used to a larger share than this the queue grows without end.
MOST_USED = 0.97
# The same where people stay until all cars are done, and do so up to this share of the opening hours.
MOST_USED_OVERTIME = 1.2


@dataclass(frozen=True, slots=True)
class WhatIfEffect:
    """One figure: without the change, with it, and the difference with its 95 % interval."""

    figure: str
    before: float
    after: float
    change: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class WhatIfEffects:
    """The effect on each figure, and how many orders each run had on average."""

    of: Mapping[str, WhatIfEffect]
    orders: float


def effects_of(
    history: WhatIfHistory, change: WhatIfChange, runs: int, seed: int, moved: Callable[[int], object] = lambda _: None
) -> WhatIfEffects:
    """The effects of a change. Each pair of runs plays another sample of the history's days."""
    draw, delays = random.Random(f"{seed}/effect"), delays_of(history.visits)
    levers = Levers(history, change, delays, seed)
    of_day: defaultdict[int, list[PastVisit]] = defaultdict(list)
    for visit in history.visits:
        of_day[visit.day].append(visit)
    days = range(min(of_day), len(history.records.slots.days))
    pairs: list[tuple[RunWaits, RunWaits]] = []
    for _ in range(runs):
        run = resampled(history, of_day, days, delays, draw, change.factor("arrivals"))
        pairs.append((play(history, run), play(levers.history, levers.changed(run), change)))
        moved(1)
    orders = float(np.mean([before.n for before, _ in pairs]))
    return WhatIfEffects({figure: _effect(figure, pairs) for figure in FIGURES}, orders)


def _effect(figure: str, pairs: list[tuple[RunWaits, RunWaits]]) -> WhatIfEffect:
    values = np.array([[getattr(waits, figure) for waits in pair] for pair in pairs])
    differences = values[:, 1] - values[:, 0]
    before, after = (float(value) for value in values.mean(axis=0))
    change, spread = float(differences.mean()), float(differences.std(ddof=1))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(pairs) - 1)) * spread * (1 + 1 / len(pairs)) ** 0.5
    return WhatIfEffect(figure, before, after, change, Interval(change - reach, change + reach))
