"""Report `pilot`: did the pilot change anything, beside the centers that had not changed over, and go or no go?"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.pilot import view, words
from fixtrail.reports.pilot.judge import PilotPlan, day_of, judge, panel_of, plan_of, rollout_of
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Report
from fixtrail.reports.stats.panel import RATIOS
from fixtrail.reports.target_tables import check_keys, table_of
from runtime.failure import USAGE, ExitError

_PILOT = {"wave", "until", "declared", "alpha", "gate", "rollout"}
_GATE = {"figure", "at_least", "at_most"}
_ROLLOUT = {"wave", "from", "centers"}


def build(ask: Ask, options: Options) -> Report:
    """The report. Raises ExitError for a cut, which this report has not, and for targets that cannot be read."""
    refuse_cut("pilot", options, "its units are centers")
    days = ask("pilot", since=options.since, until=options.until, time_zone=options.targets.time_zone)
    return report_of(days, ask("centers"), options)


def report_of(days: pd.DataFrame, centers: pd.DataFrame, options: Options) -> Report:
    """The report of the answers of pilot.sql and centers.sql. Raises ExitError for a [pilot] that cannot be read."""
    plan, declared = read_plan(options)
    judged = judge(panel_of(days), rollout_of(centers, declared), plan)
    charts = tuple(
        Chart(
            f"weeks_{name}",
            Bilingual(f"逐周效果：{words.TITLES[name].zh}", f"Effect by week: {words.TITLES[name].en}"),
            "weeks",
            partial(view.draw_weeks, judged, name),
        )
        for name in RATIOS
        if any(comparison.figure == name for _, comparison in judged.weeks)
    )
    return Report(
        "pilot",
        Bilingual("试点与对照", "Pilot against control"),
        REPORTS["pilot"],
        scope={
            **options.scope(),
            "pilot_wave": judged.wave,
            "pilot_from": None if judged.start is None else day_of(judged.start).isoformat(),
            "pilot_to": None if judged.until is None else day_of(judged.until).isoformat(),
            "effect": judged.effect,
            "decision": judged.decision,
            "not_estimable": judged.reason,
        },
        figures=view.figures(judged),
        sheets=(
            view.effect_sheet(judged),
            view.gate_sheet(judged),
            view.week_sheet(judged),
            view.placebo_sheet(judged),
            view.wave_sheet(judged),
        ),
        charts=(
            Chart(
                "effects",
                Bilingual("试点的效果", "Effects of the pilot"),
                "effects",
                partial(view.draw_effects, judged),
            ),
            *charts,
        )
        if judged.effects
        else (),
        methods=words.methods(plan),
        definitions=words.DEFINED,
    )


def read_plan(options: Options) -> tuple[PilotPlan, tuple[Mapping[str, Any], ...]]:
    """(The declared plan of the pilot in [pilot], its waves, which replace those of the centers). Raises ExitError."""
    table = table_of(options, "pilot", _PILOT)
    try:
        for gate in table.get("gate", ()):
            check_keys(gate, "pilot.gate", _GATE)
        rollout = tuple(table.get("rollout", ()))
        for wave in rollout:
            check_keys(wave, "pilot.rollout", _ROLLOUT)
            if missing := sorted(_ROLLOUT - wave.keys()):
                raise ValueError(f"pilot.rollout: {', '.join(missing)} is missing")
        return plan_of(table), rollout
    except (ValueError, TypeError, AttributeError) as error:
        raise ExitError(f"targets: {error}", USAGE) from None
