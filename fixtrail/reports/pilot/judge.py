"""A pilot judged: its effect on every figure, what dates without a rollout show, each wave, and go or no go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fixtrail.reports.pilot.regression import Regression, regression
from fixtrail.reports.stats.panel import (
    RATIOS,
    Comparison,
    Days,
    Panel,
    Rollout,
    Vector,
    by_wave,
    by_week,
    changes,
    compare,
    placebo_starts,
)
from fixtrail.reports.stats.precision import standardize
from fixtrail.reports.stats.randomization import TreatmentDifference, holm, joint_p

EPOCH = date(1970, 1, 1)
ALPHA = 0.05
Verdict = Literal["effect", "no_effect_shown", "not_testable"]
Decision = Literal["go", "no_go", "not_decided"]


@dataclass(frozen=True, slots=True)
class PilotThreshold:
    """A threshold for the effect on a figure, in the figure's own unit: at least, or at most."""

    figure: str
    threshold: float
    side: Literal["at_least", "at_most"]


@dataclass(frozen=True, slots=True)
class PilotPlan:
    """The declared plan: the pilot wave, the last day that counts, thresholds, and when they were written down."""

    wave: int | None = None
    until: int | None = None
    declared: int | None = None
    alpha: float = ALPHA
    aims: tuple[PilotThreshold, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """The pilot's effect on one figure; `p_holm` allows for all figures being tested.

    Where the pilots were the worst before, it is the larger p of the effect and of the effect without `regression`.
    """

    comparison: Comparison
    p_holm: float | None
    verdict: Verdict
    regression: Regression | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of the gate and what the data decide of it."""

    name: str
    aim: PilotThreshold | None
    decision: Decision
    reason: str
    difference: TreatmentDifference | None = None


@dataclass(frozen=True, slots=True)
class PilotJudgement:
    """The judgement of a pilot. `reason` says why there is none."""

    wave: int | None
    start: int | None
    until: int | None
    effects: Mapping[str, Effect]
    weeks: tuple[tuple[int, Comparison], ...]
    placebos: tuple[tuple[int, Comparison, float | None], ...]
    waves: tuple[tuple[int, Comparison], ...]
    all_waves: Mapping[str, TreatmentDifference]
    gate: tuple[Criterion, ...]
    decision: Decision
    reason: str | None = None

    @property
    def effect(self) -> bool:
        """Whether the pilot is shown to have changed any of the figures."""
        return any(effect.verdict == "effect" for effect in self.effects.values())


def day_number(day: date) -> int:
    return (day - EPOCH).days


def day_of(number: int) -> date:
    return EPOCH + timedelta(days=number)


def plan_of(table: Mapping[str, Any]) -> PilotPlan:
    """The plan of a table [pilot]. Raises ValueError that says what is wrong with it."""
    aims = []
    for gate in table.get("gate", ()):
        figure = gate.get("figure")
        if figure not in RATIOS:
            raise ValueError(f"pilot.gate: no figure {figure!r}; figures are {', '.join(RATIOS)}")
        for side in ("at_least", "at_most"):
            if side in gate:
                aims.append(PilotThreshold(figure, float(gate[side]), side))
        if not {"at_least", "at_most"} & set(gate):
            raise ValueError(f"pilot.gate: {figure} has neither at_least nor at_most")
    wave, alpha = table.get("wave"), float(table.get("alpha", ALPHA))
    if not 0 < alpha < 1:
        raise ValueError("pilot.alpha lies between 0 and 1")
    return PilotPlan(
        None if wave is None else int(wave), _day(table, "until"), _day(table, "declared"), alpha, tuple(aims)
    )


def rollout_of(centers: pd.DataFrame, listed: Sequence[Mapping[str, Any]] = ()) -> Rollout:
    """The waves of view `centers`; of `listed` ([[pilot.rollout]] with wave, from and centers) where there are any."""
    if listed:
        pairs = [(str(center), int(wave["wave"]), wave["from"]) for wave in listed for center in wave["centers"]]
    else:
        dated = centers[centers["wave_start"].notna() & (centers["wave"] > 0)]
        starts = pd.to_datetime(dated["wave_start"], utc=True).dt.date
        pairs = list(zip(dated["center_id"], dated["wave"].astype(int), starts, strict=True))
    return Rollout(
        {center: day_number(start) for center, _, start in pairs}, {center: int(wave) for center, wave, _ in pairs}
    )


def panel_of(days: pd.DataFrame) -> Panel:
    """The panel of the answer of pilot.sql."""
    rows = days[days["center_id"].notna() & days["day"].notna()]
    number = (pd.to_datetime(rows["day"], utc=True) - pd.Timestamp(EPOCH, tz="UTC")).dt.days
    return Panel(rows.assign(day=number, wait_s=pd.to_numeric(rows["wait_s"]).fillna(0.0)))


def judge(panel: Panel, rollout: Rollout, plan: PilotPlan) -> PilotJudgement:
    """The pilot of the plan, or the first wave, against the centers not yet changed over."""
    starts = rollout.wave_starts()
    wave = plan.wave if plan.wave is not None else next(iter(starts), None)
    if wave is None or wave not in starts:
        return _not_judged(wave, "no_pilot_wave")
    start = starts[wave]
    treated = [center for center in rollout.members(wave) if center in set(panel.centers)]
    later = [day for day in starts.values() if day > start]
    until = min(plan.until if plan.until is not None else min(later, default=panel.last + 1) - 1, panel.last)
    controls = rollout.untouched([center for center in panel.centers if center not in set(treated)], until)
    if not treated or not controls:
        return _not_judged(wave, "no_controls" if treated else "no_pilots")
    if start <= panel.first or until < start:
        return _not_judged(wave, "nothing_before" if start <= panel.first else "nothing_after")
    baseline = [(panel.first, start - 1)]
    comparisons_by_figure = {
        name: compare(panel, name, treated, controls, baseline, (start, until), plan.alpha) for name in RATIOS
    }
    effects = _effects(panel, comparisons_by_figure, treated, controls, plan.alpha)
    weeks = tuple(
        comparisons for name in RATIOS for comparisons in by_week(panel, name, rollout, treated, start, plan.alpha)
    )
    placebos = _placebos(panel, treated, controls, start, plan.alpha)
    waves, all_waves = [], {}
    for name in RATIOS:
        comparisons, total = by_wave(panel, name, rollout, plan.alpha)
        waves += list(comparisons.items())
        if total is not None:
            all_waves[name] = total
    gate = _gate(effects, placebos, plan, start)
    return PilotJudgement(wave, start, until, effects, weeks, placebos, tuple(waves), all_waves, gate, _decision(gate))


def _effects(
    panel: Panel, compared: Mapping[str, Comparison], treated: Sequence[str], others: Sequence[str], alpha: float
) -> dict[str, Effect]:
    back = {
        name: regression(panel, name, treated, others, comparison.after, alpha) for name, comparison in compared.items()
    }
    p_values = []
    for name, comparison in compared.items():
        p, back_to_mean = comparison.difference.p_value, back[name]
        if p is not None and back_to_mean is not None and back_to_mean.chosen_for_it:
            p = max(p, back_to_mean.adjusted.p_value or 0.0)
        p_values.append(p)
    return {
        name: Effect(comparison, p, _verdict(comparison.difference, p, len(compared), alpha), back[name])
        for (name, comparison), p in zip(compared.items(), holm(p_values), strict=True)
    }


def _placebos(
    panel: Panel, treated: Sequence[str], controls: Sequence[str], start: int, alpha: float
) -> tuple[tuple[int, Comparison, float | None], ...]:
    """(day, comparison, p of the figure) as if the pilot had begun on days on which it had not.

    The p-value is one for all days of a figure together, with Holm's adjustment over the figures.
    """
    days = placebo_starts(panel, start)
    joint = []
    for name in RATIOS:
        parts = [changes(panel, name, treated, controls, [(panel.first, day - 1)], (day, start - 1)) for day in days]
        complete = [(part, day) for part, day in zip(parts, days, strict=True) if part[1].all()]
        scaled = [
            _scaled(panel, name, [*treated, *controls], part, [(panel.first, day - 1)], (day, start - 1))
            for part, day in complete
        ]
        joint.append(joint_p(scaled, complete[0][0][2]) if complete else None)
    adjusted = dict(zip(RATIOS, holm(joint), strict=True))
    return tuple(
        (
            day,
            compare(panel, name, treated, controls, [(panel.first, day - 1)], (day, start - 1), alpha),
            adjusted[name],
        )
        for name in RATIOS
        for day in days
    )


def _scaled(
    panel: Panel,
    figure: str,
    centers: Sequence[str],
    part: tuple[Vector, NDArray[np.bool_], NDArray[np.bool_], Vector, Vector],
    before: Sequence[Days],
    after: Days,
) -> Vector:
    """The changes of centers on one scale, however many orders each has."""
    change, _, treated, *_ = part
    if not treated.any() or treated.all():
        return change
    return standardize(change, panel.sampling(figure, centers, before, after), treated).shown


def _verdict(difference: TreatmentDifference, p_holm: float | None, tests: int, alpha: float) -> Verdict:
    if p_holm is None or difference.smallest_p is None or difference.smallest_p * tests > alpha:
        return "not_testable"
    return "effect" if p_holm <= alpha else "no_effect_shown"


def _gate(
    effects: Mapping[str, Effect], placebos: Sequence[tuple[int, Comparison, float | None]], plan: PilotPlan, start: int
) -> tuple[Criterion, ...]:
    if not plan.aims:
        return (Criterion("thresholds", None, "not_decided", "none_declared"),)
    criteria = [_declared(plan, start), _quiet_criterion(placebos, plan.alpha)]
    return (*criteria, *(_threshold_criterion(aim, effects[aim.figure]) for aim in plan.aims))


def _declared(plan: PilotPlan, start: int) -> Criterion:
    """Thresholds that were written down once the pilot was running could have been chosen by its figures."""
    if plan.declared is None:
        return Criterion("declared_before_start", None, "not_decided", "no_date_of_declaration")
    in_time = plan.declared <= start
    return Criterion(
        "declared_before_start", None, "go" if in_time else "not_decided", "in_time" if in_time else "declared_later"
    )


def _quiet_criterion(placebos: Sequence[tuple[int, Comparison, float | None]], alpha: float) -> Criterion:
    """Whether the pilots ran beside the others before the start: where they did not, the effect may be no effect."""
    p_values = [p for _, _, p in placebos if p is not None]
    if not p_values:
        return Criterion("quiet_before_start", None, "not_decided", "too_short_before")
    differed = min(p_values) <= alpha
    return Criterion(
        "quiet_before_start",
        None,
        "not_decided" if differed else "go",
        "differed_before" if differed else "as_the_others",
    )


def _threshold_criterion(aim: PilotThreshold, effect: Effect) -> Criterion:
    """A threshold beside the interval. No `go` rests on an effect that is not shown or that bad luck explains."""
    difference, name = effect.comparison.difference, f"{aim.figure}_{aim.side}"
    if difference.value is None or difference.low is None or difference.high is None:
        return Criterion(name, aim, "not_decided", difference.reason or "not_estimable", difference)
    decision, reason = _beside(aim, difference)
    back = effect.regression
    if decision == "go" and back is not None and back.chosen_for_it and _beside(aim, back.adjusted)[0] != "go":
        return Criterion(name, aim, "not_decided", "regression_to_the_mean", difference)
    # Mirrored, both sides are "at least": from 0 on, a threshold asks for an effect.
    asks_for_effect = (1 if aim.side == "at_least" else -1) * aim.threshold >= 0
    if decision == "go" and asks_for_effect and effect.verdict != "effect":
        return Criterion(name, aim, "not_decided", effect.verdict, difference)
    return Criterion(name, aim, decision, reason, difference)


def _beside(aim: PilotThreshold, difference: TreatmentDifference) -> tuple[Decision, str]:
    if difference.low is None or difference.high is None:
        return "not_decided", "not_estimable"
    sign = 1 if aim.side == "at_least" else -1
    worst, best = sorted((sign * difference.low, sign * difference.high))
    if worst >= sign * aim.threshold and isfinite(worst):
        return "go", "whole_interval_meets"
    if best < sign * aim.threshold:
        return "no_go", "whole_interval_misses"
    return "not_decided", "threshold_inside_interval"


def _decision(gate: Sequence[Criterion]) -> Decision:
    """Go only if every condition says so; no go as soon as one threshold is missed for certain."""
    decisions = {criterion.decision for criterion in gate}
    if "no_go" in decisions:
        return "no_go"
    return "go" if decisions == {"go"} else "not_decided"


def _not_judged(wave: int | None, reason: str) -> PilotJudgement:
    gate = (Criterion("pilot", None, "not_decided", reason),)
    return PilotJudgement(wave, None, None, {}, (), (), (), {}, gate, "not_decided", reason)


def _day(table: Mapping[str, Any], key: str) -> int | None:
    value = table.get(key)
    if value is None:
        return None
    if type(value) is not date:
        raise ValueError(f"pilot.{key} is a day such as 2026-08-17")
    return day_number(value)
