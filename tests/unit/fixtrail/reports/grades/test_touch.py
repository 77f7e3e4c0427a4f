"""How long technicians take with their cases reckoned with: planted effects come back, as statsmodels says, too."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM

from fixtrail.reports.grades.touch import touch_mix_of
from fixtrail.reports.stats.touch_mix import touch_model


def planted(seed: int, persons: int = 25, orders: int = 40, spread: float = 0.25):
    """Hard cases take twice as long, and some persons get more of them."""
    draw = np.random.default_rng(seed)
    effects = draw.normal(0, spread, persons)
    person = np.repeat(np.arange(persons), orders)
    hard = (draw.random(len(person)) < draw.random(persons)[person]).astype(float)
    logs = np.log(2400) + np.log(2) * hard + effects[person] + draw.normal(0, 0.5, len(person))
    return person, hard, np.exp(logs), effects


def test_the_model_is_that_of_statsmodels():
    """MixedLM, restricted maximum likelihood; ours is multiplied by the spread, which changes it little."""
    person, hard, seconds, _ = planted(3)
    ours = touch_model(seconds, hard[:, None], person)
    theirs = MixedLM(np.log(seconds), np.column_stack([np.ones(len(hard)), hard]), person).fit(reml=True)

    blup = np.array([float(theirs.random_effects[number].iloc[0]) for number in range(25)])
    assert ours.effects == pytest.approx(blup, abs=0.01)
    assert ours.spread == pytest.approx(float(np.sqrt(theirs.cov_re[0, 0])), rel=0.06)
    assert ours.expected == pytest.approx(np.asarray(theirs.model.exog @ theirs.fe_params), abs=0.01)


def test_planted_effects_lie_in_their_intervals_nineteen_times_in_twenty():
    inside = total = 0
    for seed in range(8):
        person, hard, seconds, effects = planted(seed)
        fit = touch_model(seconds, hard[:, None], person)
        inside += int((abs(fit.effects - (effects - effects.mean())) <= 1.96 * fit.errors).sum())
        total += len(effects)

    assert inside / total > 0.9


def test_where_persons_do_not_differ_hardly_anybody_stands_out():
    person, hard, seconds, _ = planted(5, spread=0.0)
    fit = touch_model(seconds, hard[:, None], person)

    assert fit.spread < 0.1
    assert (abs(fit.effects) < 1.96 * fit.errors).mean() > 0.9


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    """T1 mends gearboxes (two hours), T2 brakes (one hour): alike; T3 takes twice as long for brakes. T9 has few."""
    draw = np.random.default_rng(1)
    kinds = {"T1": ("gearbox", 7200), "T2": ("brakes", 3600), "T3": ("brakes", 7200), "T4": ("gearbox", 7200)}
    rows = []
    for kind, (group, seconds) in kinds.items():
        for number in range(40):
            row = {
                "center_id": "C1",
                "order_id": f"{kind}-{number}",
                "vehicle_key": "v",
                "technician": kind,
                "fault_groups": [group],
            }
            rows.append({**row, "touch_s": seconds * float(np.exp(draw.normal(0, 0.3)))})
    rows += [{**rows[0], "order_id": f"T9-{number}", "technician": "T9"} for number in range(5)]
    work = pd.DataFrame(rows).assign(fault_origin="product", lane="standard", is_comeback=False, ftf=True)
    return work.drop(columns="touch_s"), work[["center_id", "order_id", "vehicle_key", "technician", "touch_s"]]


def test_who_gets_the_long_jobs_is_not_called_slow():
    table = touch_mix_of(*frames()).set_index("technician")

    assert table.loc["T1", "middle_s"] > 1.5 * table.loc["T2", "middle_s"]
    assert 0.75 < table.loc["T1", "ratio"] < 1.3
    assert table.loc["T3", "ratio"] > 1.15 * table.loc["T2", "ratio"]
    assert table.loc["T3", "low"] < table.loc["T3", "ratio"] < table.loc["T3", "high"]
    assert not table.loc["T9", "enough"] and not table.loc["T9", "apart"]


def test_of_few_orders_nothing_is_said():
    work, touches = frames()

    assert touch_mix_of(work.head(20), touches).empty
    assert touch_mix_of(work, touches.head(0)).empty
