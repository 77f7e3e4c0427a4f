"""Do intervals hold what they promise, and does the pilot test keep its size? Tables of docs/statistics.md.

python -m benchmarks.sizes                    # all tables, 2,000 runs each, printed: about 3 min
python -m benchmarks.sizes --write            # and written into docs/statistics.md

Everything is drawn, nothing simulated in detail: centers whose truth is known, as unequal as the reviews found them.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Small matrices: threads that wait for each other would cost more than they bring.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from fixtrail.reports.pilot.regression import regression
from fixtrail.reports.report import Interval
from fixtrail.reports.stats import intervals, pooled
from fixtrail.reports.stats.panel import SUMS, Panel, Rollout, by_wave, changes, compare
from fixtrail.reports.stats.pooled import Complaints, Votes
from fixtrail.reports.stats.randomization import difference

PAGE = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"
MARKS = "<!-- benchmarks.sizes: {} -->"
Draw = np.random.Generator
Vector = NDArray[np.float64]
WEEKS_BEFORE, WEEKS_AFTER = 6, 3


def main() -> None:
    """Print every table; with --write put them between their marks in docs/statistics.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = []
    for table in (pilot_table, wave_table, nps_table, center_table):
        for line in table(options.runs):
            print(line, flush=True)
            lines.append(line)
        lines.append("")
    if options.write:
        text = PAGE.read_text(encoding="utf-8")
        begin, end = MARKS.format("begin"), MARKS.format("end")
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        PAGE.write_text(f"{head}{begin}\n" + "\n".join(lines) + f"{end}{tail}", encoding="utf-8")


# The pilot test


@dataclass(frozen=True)
class Setup:
    """Pilots and controls with so many orders each in all, and how centers differ from week to week."""

    title: str
    pilots: int
    pilot_orders: int
    controls: int
    control_orders: int
    shock: float = 1.5
    lasting: float = 0.0
    worst: bool = False


SETUPS = (
    Setup("3 of 600 beside 12 of 600", 3, 600, 12, 600),
    Setup("3 of 40 beside 12 of 600", 3, 40, 12, 600),
    Setup("the same, centers that do not differ", 3, 40, 12, 600, shock=0.0),
    Setup("4 of 30 beside 16 of 2,000", 4, 30, 16, 2000),
    Setup("5 of 40 beside 10 of 600", 5, 40, 10, 600),
    Setup("3 of 600 beside 12 of 40", 3, 600, 12, 40),
    Setup("3 of 600 beside 12 of 600, weeks AR(0.9)", 3, 600, 12, 600, lasting=0.9),
    Setup("3 of 40 beside 12 of 600, weeks AR(0.9)", 3, 40, 12, 600, lasting=0.9),
    Setup("15 of 600, pilots the 3 worst before", 3, 600, 12, 600, lasting=0.5, worst=True),
    Setup("15 of 60, pilots the 3 worst before", 3, 60, 12, 60, lasting=0.5, worst=True),
)
MEAN_MIN, ORDER_MIN, CENTER_MIN = 45.0, 30.0, 3.0


def waits(draw: Draw, setup: Setup, weeks: int) -> tuple[Vector, Vector]:
    """(orders, sums of waits) by center and week: gamma waits, lasting differences of centers, and their weeks."""
    centers = setup.pilots + setup.controls
    sizes = np.array([setup.pilot_orders] * setup.pilots + [setup.control_orders] * setup.controls) / weeks
    orders = np.maximum(1, draw.poisson(np.repeat(sizes[:, None], weeks, axis=1)))
    own = draw.normal(0, CENTER_MIN, centers)[:, None]
    weekly = draw.normal(size=(centers, weeks))
    for week in range(1, weeks):
        weekly[:, week] = setup.lasting * weekly[:, week - 1] + np.sqrt(1 - setup.lasting**2) * weekly[:, week]
    mean = np.maximum(5.0, MEAN_MIN + own + setup.shock * weekly)
    shape = (mean / ORDER_MIN) ** 2
    return orders.astype(float), draw.gamma(shape * orders, mean / shape)


def panel_of(orders: Vector, sums: Vector) -> Panel:
    """A panel of waits; one day stands for a week."""
    centers, weeks = orders.shape
    rows = pd.DataFrame(
        {
            "center_id": np.repeat([f"c{number:02}" for number in range(centers)], weeks),
            "day": np.tile(np.arange(weeks), centers),
            **dict.fromkeys(SUMS, 0.0),
            "handed_off": orders.ravel(),
            "waits": orders.ravel(),
            "wait_s": sums.ravel(),
        }
    )
    rows["wait_squares"] = rows["wait_s"] ** 2 / rows["waits"] + (rows["waits"] - 1) * ORDER_MIN**2
    return Panel(rows)


def p_values(draw: Draw, setup: Setup, effect: float) -> dict[str, float]:
    """The p-values of one drawn pilot: as reported, plain randomization, Welch's t over centers."""
    orders, sums = waits(draw, setup, WEEKS_BEFORE + WEEKS_AFTER)
    k = setup.pilots
    if setup.worst:
        before = sums[:, :WEEKS_BEFORE].sum(axis=1) / orders[:, :WEEKS_BEFORE].sum(axis=1)
        ranked = np.argsort(-before)
        orders, sums = orders[ranked], sums[ranked]
    sums[:k, WEEKS_BEFORE:] += effect * orders[:k, WEEKS_BEFORE:]
    panel = panel_of(orders, sums)
    after = (WEEKS_BEFORE, WEEKS_BEFORE + WEEKS_AFTER - 1)
    treated, others = panel.centers[:k], panel.centers[k:]
    one = compare(panel, "wait_mean_s", treated, others, [(0, WEEKS_BEFORE - 1)], after)
    back = regression(panel, "wait_mean_s", treated, others, after, 0.05) if setup.worst else None
    p = one.difference.p_value or 1.0
    if back is not None and back.chosen_for_it:
        p = max(p, back.adjusted.p_value or 0.0)
    change, _, is_treated, _, _ = changes(panel, "wait_mean_s", treated, others, [(0, WEEKS_BEFORE - 1)], after)
    welch = float(stats.ttest_ind(change[is_treated], change[~is_treated], equal_var=False).pvalue)
    return {"reported": p, "plain": difference(change, is_treated).p_value or 1.0, "welch": welch}


def pilot_table(runs: int) -> Iterator[str]:
    """Size and power of three tests, p at most 0.05."""
    yield f"**Pilot, one figure, p ≤ 0.05**: {runs:,} runs each without effect and with one of 3.5 standard errors.\n"
    yield "| centers | as reported: none, effect | plain randomization | Welch t over centers |"
    yield "| --- | --- | --- | --- |"
    for setup in SETUPS:
        draw = np.random.default_rng(len(setup.title))
        effect = -3.5 * standard_error(setup)
        none, some = (pd.DataFrame([p_values(draw, setup, gain) for _ in range(runs)]) for gain in (0.0, effect))
        cells = [f"{(none[name] <= 0.05).mean():.1%}, {(some[name] <= 0.05).mean():.1%}" for name in none]
        yield f"| {setup.title} | " + " | ".join(cells) + " |"


def standard_error(setup: Setup) -> float:
    """Of the difference in differences, roughly."""
    weeks = WEEKS_BEFORE + WEEKS_AFTER
    spans = 1 / WEEKS_BEFORE + 1 / WEEKS_AFTER

    def unit(orders: int) -> float:
        return float((ORDER_MIN**2 * weeks / orders + setup.shock**2) * spans)

    pilots, controls = unit(setup.pilot_orders) / setup.pilots, unit(setup.control_orders) / setup.controls
    return float(np.sqrt(pilots + controls))


WAVES = {0: 6, 1: 6, 2: 6, 3: 9, 4: 9, 5: 9, 6: 9, 7: 12, 8: 12, 9: 12, 10: 12}


def wave_table(runs: int) -> Iterator[str]:
    """All waves together: how often p is at most 0.05, and the interval holds the truth."""
    yield f"**All waves together**: three waves of 3, 4 and 4 of 15 centers, {runs:,} runs each.\n"
    yield "| weeks of a center | no effect: p ≤ 0.05 | effect: p ≤ 0.05 | effect: interval holds it |"
    yield "| --- | --- | --- | --- |"
    names = {center: f"c{center:02}" for center in WAVES}
    rollout = Rollout(
        {names[center]: start for center, start in WAVES.items()},
        {names[center]: (start - 3) // 3 for center, start in WAVES.items()},
    )
    for lasting in (0.0, 0.5, 0.9):
        setup = Setup("", 3, 600, 12, 600, lasting=lasting)
        draw = np.random.default_rng(round(10 * lasting))
        rows = []
        for effect in (0.0, -2.2):
            for _ in range(runs):
                orders, sums = waits(draw, setup, 15)
                for center, start in WAVES.items():
                    sums[center, start:] += effect * orders[center, start:]
                _, estimate = by_wave(panel_of(orders, sums), "wait_mean_s", rollout)
                assert estimate is not None and estimate.p_value is not None
                assert estimate.low is not None and estimate.high is not None
                rows.append((effect, estimate.p_value <= 0.05, estimate.low <= effect <= estimate.high))
        frame = pd.DataFrame(rows, columns=["effect", "shown", "held"]).groupby("effect").mean()
        none, some = frame.loc[0.0], frame.loc[-2.2]
        yield f"| AR({lasting:g}) | {none['shown']:.1%} | {some['shown']:.1%} | {some['held']:.1%} |"


# Intervals


NPS_SIZES = (5, 10, 20, 50, 100, 300, 2000)
NPS_LEVELS = (-50, 0, 30, 60, 72, 89, 95)


def nps_table(runs: int) -> Iterator[str]:
    """How often the interval of an NPS holds it, by answers and NPS; the worst of three passive shares."""
    yield f"**NPS, adjusted Wald**: coverage, {10 * runs:,} samples each; the worst of three passive shares.\n"
    yield "| NPS | " + " | ".join(f"n = {n:,}" for n in NPS_SIZES) + " |"
    yield "| --- |" + " --- |" * len(NPS_SIZES)
    for level in NPS_LEVELS:
        cells = [min(nps_coverage(level / 100, n, quiet, 10 * runs) for quiet in (0.2, 0.5, 0.8)) for n in NPS_SIZES]
        yield f"| {level} | " + " | ".join(f"{cell:.1%}" for cell in cells) + " |"


def nps_coverage(level: float, n: int, quiet: float, samples: int) -> float:
    """`quiet`: how much of what is neither needed for the NPS is passive."""
    rest = 1 - abs(level)
    up, down = max(level, 0) + rest * (1 - quiet) / 2, max(-level, 0) + rest * (1 - quiet) / 2
    draw = np.random.default_rng(n + round(1000 * quiet))
    drawn = draw.multinomial(n, (up, down, max(0.0, 1 - up - down)), size=samples)
    pairs, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
    held = [_holds(intervals.nps(int(p), int(d), n), 100 * level) for p, d in pairs]
    return float(np.average(held, weights=counts))


def _holds(interval: Interval, truth: float) -> bool:
    assert interval.low is not None and interval.high is not None
    return interval.low - 1e-9 <= truth <= interval.high + 1e-9


def center_table(runs: int) -> Iterator[str]:
    """How often intervals of several centers' orders hold what the centers were drawn around."""
    yield f"**Several centers, and complainers who complain again**: coverage, {runs:,} samples each.\n"
    yield "| figure | centers | as reported | orders alone |"
    yield "| --- | --- | --- | --- |"
    for title, centers, sample in CENTER_CASES:
        draw = np.random.default_rng(len(title))
        held = np.array([sample(draw) for _ in range(runs)], dtype=float)
        yield f"| {title} | {centers} | {held[:, 0].mean():.1%} | {held[:, 1].mean():.1%} |"


Sample = Callable[[Draw], tuple[bool, bool]]


def _share_sample(centers: Sequence[int], share: float, apart: float) -> Sample:
    def sample(draw: Draw) -> tuple[bool, bool]:
        own = np.clip(draw.normal(share, apart, len(centers)), 0.001, 0.999)
        counts = draw.binomial(centers, own)
        together = pooled.share(counts.tolist(), list(centers))
        return _holds(together, share), _holds(intervals.share(int(counts.sum()), sum(centers)), share)

    return sample


def _nps_sample(centers: Sequence[int], up: float, down: float, apart: float) -> Sample:
    def sample(draw: Draw) -> tuple[bool, bool]:
        shift = draw.normal(0, apart, len(centers))
        votes = []
        for n, by in zip(centers, shift, strict=True):
            shares = np.clip([up + by / 2, down - by / 2, 1 - up - down], 0.001, 1)
            drawn = draw.multinomial(n, shares / shares.sum())
            votes.append(Votes(int(drawn[0]), int(drawn[1]), n))
        sums = [sum(vote[index] for vote in votes) for index in range(3)]
        truth = 100 * (up - down)
        return _holds(pooled.nps(votes), truth), _holds(intervals.nps(*sums), truth)

    return sample


def _complaint_sample(centers: Sequence[int], per_order: float, apart: float, again: float) -> Sample:
    """`again`: how many complaints a complainer makes on average (geometric)."""

    def sample(draw: Draw) -> tuple[bool, bool]:
        rates = per_order / again * draw.gamma(1 / apart**2, apart**2, len(centers)) if apart else per_order / again
        complainers = draw.poisson(np.asarray(rates) * np.asarray(centers), len(centers))
        own = [draw.geometric(1 / again, number) for number in complainers]
        complaints = np.concatenate(own)
        observed = Complaints(int(complaints.sum()), float((complaints**2).sum()), float(complaints.max(initial=0)))
        counts, sizes = [int(values.sum()) for values in own], [float(n) for n in centers]
        truth = 100 * per_order
        together = pooled.rate(observed, sum(centers) / 100, counts, sizes)
        return _holds(together, truth), _holds(intervals.count(observed.events, sum(centers) / 100), truth)

    return sample


EQUAL, UNEQUAL = [300] * 15, [40] * 6 + [300] * 6 + [1200] * 3
CENTER_CASES: tuple[tuple[str, str, Sample], ...] = (
    ("share 85 %, centers alike", "15 of 300", _share_sample(EQUAL, 0.85, 0.0)),
    ("share 85 %, centers 2.5 points apart", "15 of 300", _share_sample(EQUAL, 0.85, 0.025)),
    ("share 85 %, 4.6 points apart", "15 of 300", _share_sample(EQUAL, 0.85, 0.046)),
    ("share 85 %, 4.6 points apart", "15, 40 to 1,200", _share_sample(UNEQUAL, 0.85, 0.046)),
    ("share 85 %, 4.6 points apart", "3 of 300", _share_sample([300] * 3, 0.85, 0.046)),
    ("NPS 72, 8 points apart", "15 of 100", _nps_sample([100] * 15, 0.8, 0.08, 0.08)),
    ("NPS 89, alike", "5 of 6", _nps_sample([6] * 5, 0.91, 0.02, 0.0)),
    ("complaints 4 per 100, alike, once each", "15 of 300", _complaint_sample(EQUAL, 0.04, 0.0, 1.0)),
    ("complaints 4 per 100, alike, twice each", "15 of 300", _complaint_sample(EQUAL, 0.04, 0.0, 2.0)),
    ("complaints 4 per 100, alike, twice each", "1 of 300", _complaint_sample([300], 0.04, 0.0, 2.0)),
    ("complaints 4 per 100, a third apart, twice each", "15 of 300", _complaint_sample(EQUAL, 0.04, 0.33, 2.0)),
)


if __name__ == "__main__":
    main()
