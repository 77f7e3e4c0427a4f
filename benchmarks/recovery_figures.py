"""The figures of one simulated run beside what was planted: KPI, drivers and Pareto, from every event by the rules."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from benchmarks.simulated_orders import START, center_days, centers_of, now_after, orders_by_rules
from fixtrail.reports.drivers.association import MODELS, model
from fixtrail.reports.drivers.visits import JOINT, LONGEST_WAIT_MIN, modelled, visits
from fixtrail.reports.pareto.loss import SolvedLevels, loss, moves_of
from fixtrail.reports.pilot.judge import PilotPlan, judge, panel_of, rollout_of
from fixtrail.reports.report import Interval
from fixtrail.reports.stats import intervals
from fixtrail.reports.stats.correlation import Z95
from fixtrail.reports.stats.shapley import shapley
from fixtrail.simulator.scenario import Scenario, load_scenario
from fixtrail.simulator.truth import truth

DAYS, BEFORE_DAYS, PILOT_WAVE = 126, 42, 1
Row = dict[str, Any]


def figures_of_seed(seed: int) -> list[Row]:
    """Every figure: planted, found, interval."""
    scenario = load_scenario("owners-story")
    orders = orders_by_rules(scenario, seed, DAYS)
    rows = visits(orders, now_after(DAYS))
    planted = truth(scenario, seed, DAYS, None, START)
    estimates = [*_kpi(scenario, orders), *_drivers(planted, rows), *_pareto(planted, rows), *_pilot(scenario, orders)]
    return [
        {"seed": seed, "part": p, "figure": f, "planted": t, "value": v, "low": lo, "high": hi}
        for p, f, t, v, lo, hi in estimates
    ]


Estimate = tuple[str, str, float, float | None, float | None, float | None]


def _kpi(scenario: Scenario, orders: pd.DataFrame) -> list[Estimate]:
    """Before the rollout over all centers, and the pilots after theirs, by check-in, with the KPI table's intervals."""
    assert scenario.figures is not None
    pilots = {center.id for center in scenario.center if center.wave == PILOT_WAVE}
    changed_at = pd.Timestamp(START) + pd.Timedelta(days=BEFORE_DAYS)
    settled = orders["closed_at"] < pd.Timestamp(now_after(DAYS - 30))
    estimates: list[Estimate] = []
    sides = (
        ("before", scenario.figures.baseline, orders["checked_in_at"] < changed_at),
        (
            "pilot",
            scenario.figures.improved,
            orders["center_id"].isin(pilots) & (orders["checked_in_at"] >= changed_at),
        ),
    )
    for name, story, chosen in sides:
        rows = orders[chosen]
        judged = rows[rows["ftf"].notna() & settled[chosen]]
        scores = rows["score"].dropna()
        waits = rows["wait_s"].dropna() / 60
        fixed, requests, missing = (
            int(judged["ftf"].sum()),
            int(rows["part_requests"].sum()),
            int(rows["stockouts"].sum()),
        )
        up, down = int((scores >= 9).sum()), int((scores <= 6).sum())
        for figure, planted, value, bounds in (
            (
                "wait, min",
                story.wait_min,
                float(waits.mean()),
                intervals.mean(float(waits.mean()), float(waits.std()), len(waits)),
            ),
            (
                "FTFR confirmed, %",
                100 * story.ftfr,
                100 * fixed / len(judged),
                _percent(intervals.share(fixed, len(judged))),
            ),
            ("NPS", story.nps, 100 * (up - down) / len(scores), intervals.nps(up, down, len(scores))),
            (
                "stock-outs, %",
                100 * story.stockout_share,
                100 * missing / requests,
                _percent(intervals.share(missing, requests)),
            ),
        ):
            estimates.append(("kpi", f"{name}: {figure}", planted, value, bounds.low, bounds.high))
    return estimates


def _percent(interval: Interval) -> Interval:
    assert interval.low is not None and interval.high is not None
    return Interval(100 * interval.low, 100 * interval.high)


def _drivers(planted: Row, rows: pd.DataFrame) -> list[Estimate]:
    estimates: list[Estimate] = []
    odds = _odds(planted)
    for name in MODELS:
        for driver, odds_of in model(name, rows, LONGEST_WAIT_MIN).fit.drivers.items():
            truth_of = odds["wait"] if driver.startswith("wait") else odds[driver]
            estimates.append(("drivers", f"{name}: {driver}", truth_of, odds_of.value, odds_of.low, odds_of.high))
    return estimates


def _odds(planted: Row) -> dict[str, float]:
    """The planted log-odds of a lower score, per step of each driver; what moves nothing is 0."""
    log_odds = planted["score"]["log_odds"]
    return {
        "wait": log_odds["wait_per_10_min"],
        "not_fixed": log_odds["not_fixed_first_time"],
        "stockout": log_odds["stockout"],
        "updates": log_odds["progress_update"],
        "promise_broken": 0.0,
        "price_over_quote": 0.0,
    }


def _pareto(planted: Row, rows: pd.DataFrame) -> list[Estimate]:
    """Shares and NPS against those that follow from the planted log-odds for the very same visits."""
    losses = loss(rows, SolvedLevels(), LONGEST_WAIT_MIN)
    values, now = planted_shares(planted, rows)
    truth_of = {name: -float(values[index, 0] / now[0]) for index, name in enumerate(JOINT)}
    listed: list[Estimate] = [
        ("pareto", f"share of detractors: {cause.driver}", truth_of[cause.driver], cause.share, cause.low, cause.high)
        for cause in losses.shares
    ]
    top = next(case for case in losses.what_if if len(case.solved) == 3)
    members = [JOINT.index(name) for name in top.solved]
    then = planted_nps(planted, rows, members)
    listed.append(("pareto", "NPS with the top 3 solved", then, top.nps, top.low, top.high))
    gain = then - planted_nps(planted, rows, [])
    listed.append(("pareto", "NPS gained by that", gain, top.gain, top.gain_low, top.gain_high))
    return listed


def planted_shares(planted: Row, rows: pd.DataFrame) -> tuple[Any, Any]:
    """(Shapley values of the causes by the planted odds, shares of detractors and promoters as they were)."""
    world = _Planted(planted, rows)
    return shapley(len(JOINT), lambda members: world.expected(sorted(members))), world.expected([])


def planted_nps(planted: Row, rows: pd.DataFrame, members: list[int]) -> float:
    detractors, promoters = _Planted(planted, rows).expected(members)
    return float(100 * (promoters - detractors))


class _Planted:
    """What the simulator's own odds expect of the visits of the model, with causes solved."""

    def __init__(self, planted: Row, rows: pd.DataFrame) -> None:
        known, drivers = modelled(rows, JOINT, LONGEST_WAIT_MIN)
        odds = _odds(planted)
        moves = moves_of(known, drivers, SolvedLevels())
        offsets = {center["id"]: center["score_offset"] for center in planted["centers"]}
        liking = known["center_id"].map(offsets).fillna(0.0).to_numpy()
        self._pull = sum(odds[name] * drivers[name].to_numpy() for name in JOINT) - liking
        self._pulls = [odds[name] * moves[name].to_numpy() for name in JOINT]
        # Border 6 lies between the scores 6 and 7, border 8 between 8 and 9.
        self._borders = [planted["score"]["borders"][border] for border in (6, 8)]

    def expected(self, members: list[int]) -> Any:
        pull = self._pull + sum(self._pulls[member] for member in members)
        at_most = [expit(border + pull).mean() for border in self._borders]
        return np.array([at_most[0], 1 - at_most[1]])


def _pilot(scenario: Scenario, orders: pd.DataFrame) -> list[Estimate]:
    """The pilot's effect beside what was told of before and after."""
    assert scenario.figures is not None
    before, after = scenario.figures.baseline, scenario.figures.improved
    planted_of = {
        "wait_mean_s": (60 * (after.wait_min - before.wait_min), 1 / 60, "min"),
        "ftfr_confirmed": (after.ftfr - before.ftfr, 100.0, "%-points"),
        "nps": (after.nps - before.nps, 1.0, "points"),
    }
    judged = judge(panel_of(center_days(orders, now_after(DAYS - 30))), rollout_of(centers_of(scenario)), PilotPlan())
    listed: list[Estimate] = []
    for name, (planted, times, unit) in planted_of.items():
        effect = judged.effects[name].comparison.difference
        assert effect.value is not None and effect.low is not None and effect.high is not None
        listed.append(
            ("pilot", f"{name}, {unit}", times * planted, times * effect.value, times * effect.low, times * effect.high)
        )
        total = judged.all_waves[name]
        assert total.value is not None and total.low is not None and total.high is not None
        listed.append(
            (
                "pilot",
                f"all waves: {name}, {unit}",
                times * planted,
                times * total.value,
                times * total.low,
                times * total.high,
            )
        )
    return listed


def print_figures(rows: pd.DataFrame, seeds: int) -> None:
    """By figure: planted, found (mean over the seeds), how far that is off, and how many intervals hold the planted."""
    print(f"{seeds} runs of {DAYS} days, 15 centers; from every event by the rules\n")
    print("| figure | planted | found, mean of the runs | first run | interval holds the planted |")
    print("| --- | --- | --- | --- | --- |")
    for (_, figure), of_figure in rows.groupby(["part", "figure"], sort=False):
        values = of_figure.dropna(subset=["value"])
        holds = int(((values["low"] <= values["planted"]) & (values["planted"] <= values["high"])).sum())
        first = values.iloc[0]
        error = Z95 * float(values["value"].sem()) if len(values) > 1 else float("nan")
        print(
            f"| {figure} | {values['planted'].mean():.2f} | {values['value'].mean():.2f} ± {error:.2f} "
            f"| {first['value']:.2f} ({first['low']:.2f} to {first['high']:.2f}) | {holds} of {len(values)} |"
        )
