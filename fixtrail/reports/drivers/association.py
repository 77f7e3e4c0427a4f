"""Association with the score: of each driver alone, and of all of them in one ordinal model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fixtrail.reports.drivers.visits import BY_CAUSE, CONTROLS, DRIVERS, JOINT, MARKS, Driver, modelled
from fixtrail.reports.stats.correlation import IntervalEstimate, pearson, pearson_textbook, slope, spearman
from fixtrail.reports.stats.models import SMALLEST_LEVEL, Fit, controls_of, ordinal

# The likelihood of 20,000 answers is as narrow as anyone needs, and found in seconds.
MOST_ROWS = 20_000
MODELS = {"together": JOINT, "wait_by_cause": BY_CAUSE}


@dataclass(frozen=True, slots=True)
class Association:
    """One driver and the score: `n` orders have both; of `n_all` handed off, these lack the one or the other."""

    driver: Driver
    n: int
    n_all: int
    no_score: int
    score_but_no_driver: int
    pearson: IntervalEstimate
    textbook: IntervalEstimate
    spearman: IntervalEstimate
    change: IntervalEstimate


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """A model of the score on several drivers at once; `used` of `scored` orders had all that it needs."""

    name: str
    fit: Fit
    used: int
    scored: int
    waits_cut: int


def associations(rows: pd.DataFrame) -> list[Association]:
    """Each driver against the score, over the orders that have both."""
    result = []
    scored = rows["score"].notna()
    for driver in DRIVERS.values():
        has_value = rows[driver.name].notna()
        x = rows.loc[scored & has_value, driver.name].to_numpy(float)
        y = rows.loc[scored & has_value, "score"].to_numpy(float)
        result.append(
            Association(
                driver,
                len(x),
                len(rows),
                int((~scored).sum()),
                int((scored & ~has_value).sum()),
                pearson(x, y),
                pearson_textbook(x, y),
                spearman(x, y),
                slope(x, y).times(driver.step),
            )
        )
    return result


def model(name: str, rows: pd.DataFrame, longest_wait_min: float) -> ScoreModel:
    """The ordinal model `name` of MODELS: log-odds of a lower score per step of each driver."""
    usable, drivers = modelled(rows, MODELS[name], longest_wait_min)
    if len(usable) > MOST_ROWS:
        sample = np.sort(np.random.default_rng(1).choice(len(usable), MOST_ROWS, replace=False))
        usable, drivers = usable.iloc[sample], drivers.iloc[sample]
    score = usable["score"].to_numpy(float)
    marks = [
        mark
        for mark in MARKS.values()
        if usable[mark].sum() >= SMALLEST_LEVEL and len(np.unique(score[usable[mark] == 1])) > 1
    ]
    adjusted = pd.concat([controls_of(usable, CONTROLS, score), usable[marks]], axis=1)
    cut = int((usable["wait"] > longest_wait_min).sum())
    return ScoreModel(name, ordinal(score, drivers, adjusted), len(usable), int(rows["score"].notna().sum()), cut)
