"""Do the reports find what the simulator planted, and nothing where nothing was planted?

python -m benchmarks.recovery pilot --seeds 200        # effect or none, 84 days, 15 centers: 10 min
python -m benchmarks.recovery figures --seeds 20       # KPI, drivers, Pareto, pilot from every event: 10 min
python -m benchmarks.recovery correlations             # do the intervals of r and rho hold what they promise?

Each prints the tables of docs/statistics.md.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from typing import Any

# Small matrices: threads that wait for each other would cost more than they bring.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from benchmarks.recovery_figures import figures_of_seed, print_figures
from benchmarks.simulated_orders import START, center_days, centers_of, orders_from_visits
from fixtrail.reports.pilot.judge import PilotJudgement, PilotPlan, judge, panel_of, rollout_of
from fixtrail.reports.stats.correlation import pearson, pearson_textbook, spearman
from fixtrail.reports.stats.panel import RATIOS, Panel, changes
from fixtrail.simulator.calendar import wave_start
from fixtrail.simulator.scenario import Scenario, load_scenario

# Two waves: the pilot from day 42, the second one from day 63.
DAYS = 84
ALPHA = 0.05
SIZE_LIMIT, POWER_LIMIT = 0.07, 0.90
UNITS = {"wait_mean_s": (1 / 60, "min"), "ftfr_confirmed": (100.0, "%-points"), "nps": (1.0, "points")}
Row = dict[str, Any]


def main() -> None:
    """Run one part and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("pilot", "figures", "correlations"))
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", help="write every seed's results there, as CSV")
    options = parser.parse_args()
    began = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    if options.part == "correlations":
        print_correlations()
    else:
        rows = _all(pilot_of_seed if options.part == "pilot" else figures_of_seed, seeds, options.jobs, options.keep)
        (print_pilot if options.part == "pilot" else print_figures)(rows, options.seeds)
    print(f"\n{time.monotonic() - began:,.0f} s")


def _all(of_seed: Callable[[int], list[Row]], seeds: Sequence[int], jobs: int, keep: str | None) -> pd.DataFrame:
    results: list[Row] = []
    with ProcessPoolExecutor(jobs) as pool:
        for done, rows in enumerate(pool.map(of_seed, seeds), 1):
            results += rows
            if keep and (done % 10 == 0 or done == len(seeds)):
                pd.DataFrame(results).to_csv(keep, index=False)
    return pd.DataFrame(results)


# Pilot: the same seed with and without the effect, straight from the simulated visits


def pilot_of_seed(seed: int) -> list[Row]:
    """Of both scenarios what is shares of each figure, and what the pilots themselves gained by the rollout."""
    with_effect, without = load_scenario("owners-story"), load_scenario("examples/scenarios/no-effect.toml")
    end = (START + timedelta(days=DAYS)).date()
    baseline = orders_from_visits(without, seed, DAYS)
    changed = {center.id for center in with_effect.center if (wave_start(with_effect, center, START) or end) < end}
    # A center draws from streams of its own: until it changes over, its visits are the same in both scenarios.
    improved = pd.concat(
        [orders_from_visits(with_effect, seed, DAYS, changed), baseline[~baseline["center_of_visit"].isin(changed)]]
    )
    planted, none = _judged(with_effect, improved), _judged(without, baseline)
    rows = []
    for name in RATIOS:
        # What the very same centers were in the very same days without their rollout: no comparison needed.
        gain = planted[1].effects[name].comparison.treated_after - none[1].effects[name].comparison.treated_after
        for scenario, (panel, judged) in (("owners-story", planted), ("no-effect", none)):
            rows.append({"seed": seed, "scenario": scenario, "gain": gain, **_row_of(panel, judged, name)})
    return rows


def _judged(scenario: Scenario, orders: pd.DataFrame) -> tuple[Panel, PilotJudgement]:
    panel = panel_of(center_days(orders, None))
    return panel, judge(panel, rollout_of(centers_of(scenario)), PilotPlan())


def _row_of(panel: Panel, judged: PilotJudgement, name: str) -> Row:
    effect = judged.effects[name]
    one, difference = effect.comparison, effect.comparison.difference
    change, _, treated, _, _ = changes(panel, name, one.treated, one.others, one.before, one.after)
    placebo = [p for _, effect_then, p in judged.placebos if effect_then.figure == name and p is not None]
    return {
        "figure": name,
        "orders": float(panel.total("handed_off", panel.centers, (panel.first, panel.last)).sum()),
        "value": difference.value,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p_value,
        "p_holm": effect.p_holm,
        "effect": effect.verdict == "effect",
        "any_effect": judged.effect,
        "p_welch": float(stats.ttest_ind(change[treated], change[~treated], equal_var=False).pvalue),
        "p_pooled": float(stats.ttest_ind(change[treated], change[~treated]).pvalue),
        "p_wild": _wild_bootstrap_p(change, treated),
        "p_waves": judged.all_waves[name].p_value,
        "waves_value": judged.all_waves[name].value,
        "waves_low": judged.all_waves[name].low,
        "waves_high": judged.all_waves[name].high,
        "placebo_alarm": bool(placebo) and min(placebo) <= ALPHA,
    }


def print_pilot(rows: pd.DataFrame, seeds: int) -> None:
    """Size and power, by figure and in all; coverage; and what other tests would have shares."""
    sides = {name: rows[rows["scenario"] == name] for name in ("no-effect", "owners-story")}
    print(f"{seeds} seeds, {DAYS} days, 15 centers, {rows['orders'].mean():,.0f} orders a run\n")
    print("| the pilot test says effect | no effect planted | effect planted |\n| --- | --- | --- |")
    size, power = (float(side.groupby("seed")["any_effect"].first().mean()) for side in sides.values())
    print(f"| on any of the four figures (Holm) | {_share(size, seeds)} | {_share(power, seeds)} |")
    for name in RATIOS:
        shares = [float(side[side["figure"] == name]["effect"].mean()) for side in sides.values()]
        print(f"| on {name} (Holm) | {_share(shares[0], seeds)} | {_share(shares[1], seeds)} |")
    alarms = [float(side.groupby("seed")["placebo_alarm"].any().mean()) for side in sides.values()]
    print(f"| placebo dates, any figure (Holm) | {_share(alarms[0], seeds)} | {_share(alarms[1], seeds)} |")
    verdict = "held" if size <= SIZE_LIMIT and power >= POWER_LIMIT else "NOT held"
    print(f"\nAim: at most {SIZE_LIMIT:.0%} and at least {POWER_LIMIT:.0%}: {verdict}.")
    _print_tests(sides)
    _print_coverage(sides)


def _wild_bootstrap_p(change: NDArray[np.float64], treated: NDArray[np.bool_]) -> float:
    """Wild bootstrap of the units with the null imposed, t-statistics, Webb's six weights: to compare with.

    With few treated units it can go wrong (MacKinnon and Webb, Econometrics Journal 2018).
    """
    weights = np.sqrt(np.array([0.5, 1.0, 1.5]))
    weights = np.concatenate([-weights, weights])
    draw = np.random.default_rng(1)
    residual = change - change.mean()
    drawn = change.mean() + residual * draw.choice(weights, size=(1_999, len(change)))
    observed = abs(_t(change[None, :], treated))[0]
    return float((np.sum(np.abs(_t(drawn, treated)) >= observed) + 1) / (len(drawn) + 1))


def _t(rows: NDArray[np.float64], treated: NDArray[np.bool_]) -> NDArray[np.float64]:
    inside, outside = rows[:, treated], rows[:, ~treated]
    gap = inside.mean(axis=1) - outside.mean(axis=1)
    square = (inside - inside.mean(axis=1, keepdims=True)) ** 2
    variance = square.sum(axis=1) / inside.shape[1] ** 2
    square = (outside - outside.mean(axis=1, keepdims=True)) ** 2
    variance = variance + square.sum(axis=1) / outside.shape[1] ** 2
    ratio: NDArray[np.float64] = gap / np.sqrt(np.maximum(variance, 1e-300))
    return ratio


def _print_tests(sides: dict[str, pd.DataFrame]) -> None:
    names = {
        "p": "randomization, exact",
        "p_waves": "randomization, all waves",
        "p_wild": "wild bootstrap of centers",
        "p_welch": "Welch t over centers",
        "p_pooled": "pooled t over centers",
    }
    print("\n| p ≤ 0.05, each figure for itself | " + " | ".join(f"{name}: none, planted" for name in RATIOS) + " |")
    print("| --- |" + " --- |" * len(RATIOS))
    for column, title in names.items():
        cells = []
        for name in RATIOS:
            both = [float((side[side["figure"] == name][column] <= ALPHA).mean()) for side in sides.values()]
            cells.append(f"{both[0]:.1%}, {both[1]:.1%}")
        print(f"| {title} | " + " | ".join(cells) + " |")


def _print_coverage(sides: dict[str, pd.DataFrame]) -> None:
    """The intervals against the gain of the same centers over themselves without a rollout, mean over the seeds."""
    print(
        "\n| effect of the pilot | planted: with less without rollout, mean | estimated, mean | interval holds it "
        "| all waves: estimated, interval holds it | 0 in interval where none was planted |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for name in RATIOS:
        planted, none = (sides[side][sides[side]["figure"] == name] for side in ("owners-story", "no-effect"))
        times, unit = UNITS.get(name, (1.0, "per 100"))
        truth, error = float(planted["gain"].mean()), float(planted["gain"].sem())
        holds = ((planted["low"] <= truth) & (truth <= planted["high"])).mean()
        waves = ((planted["waves_low"] <= truth) & (truth <= planted["waves_high"])).mean()
        zero = ((none["low"] <= 0) & (none["high"] >= 0)).mean()
        print(
            f"| {name}, {unit} | {times * truth:.2f} ± {times * error:.2f} | {times * planted['value'].mean():.2f} "
            f"| {holds:.1%} | {times * planted['waves_value'].mean():.2f}, {waves:.1%} | {zero:.1%} |"
        )


def _share(share: float, n: int) -> str:
    low, high = stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    return f"{share:.1%} ({low:.1%} to {high:.1%})"


# Correlations: samples of scores like those of the simulator


def print_correlations(samples: int = 2_000, n: int = 1_500) -> None:
    """How often a nominal 95 % interval holds the correlation of the whole population."""
    draw = np.random.default_rng(1)
    population = _population(draw, 2_000_000)
    score = population.pop("score")
    print(f"{samples:,} samples of {n:,} orders\n")
    print("| driver | Pearson, Fisher's textbook | Pearson, influence function | Spearman, Bonett and Wright |")
    print("| --- | --- | --- | --- |")
    for name, column in population.items():
        r = float(np.corrcoef(column, score)[0, 1])
        rho = float(stats.spearmanr(column, score).statistic)
        hits = np.zeros(3)
        for _ in range(samples):
            chosen = draw.integers(0, len(score), n)
            x, y = column[chosen], score[chosen]
            for index, (interval, truth) in enumerate(
                ((pearson_textbook(x, y), r), (pearson(x, y), r), (spearman(x, y), rho))
            ):
                hits[index] += (
                    interval.low is not None and interval.high is not None and interval.low <= truth <= interval.high
                )
        print(f"| {name} | " + " | ".join(f"{hit / samples:.1%}" for hit in hits) + " |")


def _population(draw: np.random.Generator, n: int) -> dict[str, Any]:
    scenario = load_scenario("owners-story").score
    wait, fails, updates = draw.gamma(2.0, 22.0, n), draw.random(n) < 0.18, draw.binomial(3, 0.15, n)
    pull = scenario.wait_per_10_min * wait / 10 + scenario.not_fixed_first_time * fails
    pull = pull + scenario.progress_update * updates
    below = np.cumsum(scenario.base_shares)[:-1] / np.sum(scenario.base_shares)
    score = np.searchsorted(np.log(below / (1 - below)), draw.logistic(size=n) - pull, side="right")
    return {
        "wait": wait,
        "not_fixed": fails.astype(float),
        "updates": updates.astype(float),
        "score": score.astype(float),
    }


if __name__ == "__main__":
    main()
