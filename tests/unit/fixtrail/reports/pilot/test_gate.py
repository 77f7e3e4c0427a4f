"""The plan of a pilot as it is read, and the decision that its gate makes of the effects."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from fixtrail.reports.drivers.visits import longest_wait_min
from fixtrail.reports.options import Options
from fixtrail.reports.pareto.loss import SolvedLevels
from fixtrail.reports.pareto.report import solved_levels
from fixtrail.reports.pilot.judge import (
    Effect,
    PilotPlan,
    PilotThreshold,
    _threshold_criterion,
    day_number,
    judge,
    panel_of,
    plan_of,
    rollout_of,
)
from fixtrail.reports.pilot.report import read_plan
from fixtrail.reports.stats.panel import compare
from fixtrail.reports.stats.randomization import TreatmentDifference
from fixtrail.reports.targets import targets_of
from runtime.failure import ExitError
from tests.unit.fixtrail.reports.pilot.panels import MONDAY, days_of, pilots_of, plan


def test_go_needs_every_whole_interval_beyond_its_threshold() -> None:
    panel = panel_of(days_of(1.0, centers=12))
    difference = judge(panel, pilots_of(3), PilotPlan()).effects["wait_mean_s"].comparison.difference
    sure, unsure, below = difference.high + 1, difference.value, difference.low - 1

    def decision(threshold: float) -> str:
        return judge(panel, pilots_of(3), plan(PilotThreshold("wait_mean_s", threshold, "at_most"))).decision

    assert (decision(sure), decision(unsure), decision(below)) == ("go", "not_decided", "no_go")


def test_thresholds_declared_after_the_start_or_never_decide_nothing() -> None:
    panel, aim = panel_of(days_of(1.0, centers=12)), PilotThreshold("wait_mean_s", 1e6, "at_most")

    assert judge(panel, pilots_of(3), plan(aim)).decision == "go"
    assert judge(panel, pilots_of(3), plan(aim, declared=MONDAY + 43)).decision == "not_decided"
    assert judge(panel, pilots_of(3), plan(aim, declared=None)).decision == "not_decided"
    assert judge(panel, pilots_of(3), PilotPlan()).gate[0].reason == "none_declared"


def test_pilots_that_went_their_own_way_before_decide_nothing() -> None:
    days = days_of(1.0, centers=12, start=21)  # the gain comes three weeks before the date
    judged = judge(panel_of(days), pilots_of(3), plan(PilotThreshold("wait_mean_s", 1e6, "at_most")))

    assert next(row for row in judged.gate if row.name == "quiet_before_start").reason == "differed_before"
    assert judged.decision == "not_decided"


def test_a_plan_is_read_and_refused_by_name() -> None:
    table = {"wave": 2, "declared": date(2026, 7, 1), "gate": [{"figure": "nps", "at_least": 5}]}

    assert plan_of(table) == PilotPlan(
        2, None, day_number(date(2026, 7, 1)), 0.05, (PilotThreshold("nps", 5.0, "at_least"),)
    )
    for wrong in ({"gate": [{"figure": "mood"}]}, {"gate": [{"figure": "nps"}]}, {"declared": "yesterday"}):
        with pytest.raises(ValueError, match=r"pilot\."):
            plan_of(wrong)


def reading(**tables: Any) -> Options:
    return Options(datetime(2026, 9, 1, tzinfo=UTC), targets=targets_of(tables))


def test_keys_that_nobody_reads_are_refused_by_name() -> None:
    for table in (
        {"pilot": {"until_day": 3}},
        {"pilot": {"gate": [{"figure": "nps", "at_leest": 5, "at_least": 5}]}},
        {"pilot": {"rollout": [{"wave": 1}]}},
        {"pilot": {"alpha": 5}},
    ):
        with pytest.raises(ExitError, match="pilot"):
            read_plan(reading(**table))
    with pytest.raises(ExitError, match="wait_minutes"):
        solved_levels(reading(pareto={"wait_minutes": 3}))
    with pytest.raises(ExitError, match="longest_wait_min"):
        longest_wait_min(reading(drivers={"longest_wait_min": "long"}))


def test_what_counts_as_solved_is_told_or_the_target() -> None:
    assert solved_levels(reading()) == SolvedLevels(15.0, 1.0)
    assert solved_levels(reading(targets={"wait_mean_s": 1200})) == SolvedLevels(20.0, 1.0)
    assert solved_levels(reading(targets={"wait_mean_s": 1200}, pareto={"wait_min": 10, "updates": 2})) == SolvedLevels(
        10, 2
    )


def test_waves_are_those_of_the_centers_unless_the_targets_tell_others() -> None:
    centers = pd.DataFrame(
        {
            "center_id": ["c00", "c01", "c02"],
            "wave": [1, 2, 0],
            "wave_start": pd.to_datetime(["2026-08-17", "2026-09-07", None], utc=True),
        }
    )
    waves = [{"wave": 1, "from": date(2026, 8, 17), "centers": ["c02"]}]

    assert rollout_of(centers).starts == {"c00": MONDAY + 42, "c01": MONDAY + 63}
    assert rollout_of(centers, waves).starts == {"c02": MONDAY + 42}


def test_gate_and_verdict_do_not_contradict_each_other() -> None:
    """A whole interval above 0 is no go for "at least 0" where Holm's p shows no effect."""
    difference = TreatmentDifference(15.0, 0.09, 30.4, 0.049, 3, 12, 455, 1 / 455, "randomization_exact")
    panel = panel_of(days_of(0.0))
    original = compare(
        panel, "nps", panel.centers[:3], panel.centers[3:], [(MONDAY, MONDAY + 41)], (MONDAY + 42, MONDAY + 62)
    )
    changed = replace(original, difference=difference)

    unsure, sure = Effect(changed, 0.097, "no_effect_shown"), Effect(changed, 0.02, "effect")
    assert _threshold_criterion(PilotThreshold("nps", 0.0, "at_least"), unsure).decision == "not_decided"
    assert _threshold_criterion(PilotThreshold("nps", 0.0, "at_least"), unsure).reason == "no_effect_shown"
    assert _threshold_criterion(PilotThreshold("nps", 0.0, "at_least"), sure).decision == "go"
    assert _threshold_criterion(PilotThreshold("nps", -5.0, "at_least"), unsure).decision == "go", (
        "no harm is another question"
    )
