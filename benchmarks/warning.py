"""Quality warning: false alarms where nothing has changed, how soon a threefold rate is seen, and what a year costs.

python -m benchmarks.warning [--seeds 200] [--centers 15]
"""

import argparse
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

import numpy as np

from fixtrail.reports.warning.cells import Exposure, WarningCase, cells_of, weeks_between
from fixtrail.reports.warning.judge import Judgement, judge
from fixtrail.reports.warning.limits import RUN_WEEKS, SOON_WEEKS, WINDOW_WEEKS, sights

FIRST = date(2024, 1, 1)
WEEKS = 113
ORDERS_A_DAY = 8.0
MODELS = ("Aurora 5", "Borealis 3", "Cirrus 7", "Delta 1")
GROUPS = (("engine", 0.09), ("transmission", 0.05), ("electronics", 0.11))
# Of the batch with the wave one case a week is expected at 15 centers.
BATCHES = 92
WAVE_BATCH = "electronics-07"
WAVE_WEEK = 100


def world(
    seed: int, centers: int, wave_week: int | None = None, factor: float = 3.0
) -> tuple[list[WarningCase], Exposure]:
    """The orders of two years and how many came: of `WAVE_BATCH` from `wave_week` on `factor` times as many faults."""
    random = np.random.default_rng(seed)
    n = random.poisson(ORDERS_A_DAY * 7 * centers * WEEKS)
    week, center = random.integers(0, WEEKS, n), random.integers(0, centers, n)
    model, month, software = random.integers(0, 4, n), random.integers(0, 27, n), random.integers(0, 6, n)
    visits: Counter[date] = Counter()
    by_value: defaultdict[tuple[str, str], Counter[date]] = defaultdict(Counter)
    days = [FIRST + timedelta(weeks=number) for number in range(WEEKS)]
    cases: list[WarningCase] = []
    fault = random.random(n)
    batch = random.integers(0, BATCHES, n)
    again = random.random(n)
    for number in range(n):
        monday_of_order = days[week[number]]
        name, built = MODELS[model[number]], f"{2022 + month[number] // 12}-{1 + month[number] % 12:02}"
        version = f"4.{software[number]}"
        visits[monday_of_order] += 1
        by_value["built", f"{name} {built}"][monday_of_order] += 1
        by_value["software", f"{name} {version}"][monday_of_order] += 1
        group = _group(fault[number])
        if group is None:
            continue
        of_batch = f"{group}-{batch[number]:02}"
        copies = 1
        if wave_week is not None and week[number] >= wave_week and of_batch == WAVE_BATCH:
            copies = int(factor) + (again[number] < factor % 1)
        at = datetime(monday_of_order.year, monday_of_order.month, monday_of_order.day, 9, tzinfo=UTC)
        cases += (
            WarningCase(f"R{number}-{copy}", f"C{center[number]:02}", f"V{number}-{copy}", at, monday_of_order,
                (group,), name, version, built, (of_batch,), (f"{group}-part",))
            for copy in range(copies)
        )  # fmt: skip
    return cases, Exposure(visits, by_value)


def _group(chance: float) -> str | None:
    for name, share in GROUPS:
        if chance < share:
            return name
        chance -= share
    return None


def judged(seed: int, centers: int, wave_week: int | None = None) -> tuple[Judgement, int, float]:
    """(the judgement of a world, the number of its cell with the wave, CPU seconds)."""
    cases, exposure = world(seed, centers, wave_week)
    began = time.process_time()
    cells = cells_of(cases, exposure, weeks_between(FIRST, FIRST + timedelta(weeks=WEEKS - 1)))
    judgement = judge(cells)
    spent = time.process_time() - began
    return judgement, [cell.value for cell in cells.cells].index(WAVE_BATCH), spent


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--centers", type=int, default=15)
    arguments = parser.parse_args()
    last = WEEKS - 1
    named, alarms_soon, alarms, cells, cpu_s = [], [], [], 0, []
    for seed in range(arguments.seeds):
        nothing, _, spent = judged(seed, arguments.centers)
        cpu_s.append(spent)
        named += [nothing.is_named[:, end].any() for end in range(last, last - RUN_WEEKS + 1, -WINDOW_WEEKS)]
        cells = int(nothing.is_watched[:, last].sum())
        wave, number, _ = judged(100_000 + seed, arguments.centers, WAVE_WEEK)
        soon = slice(WAVE_WEEK, WAVE_WEEK + SOON_WEEKS)
        alarms.append(wave.is_named[number, soon].any())
        alarms_soon.append((wave.is_named | wave.is_above)[number, soon].any())
    heads = (
        "seeds",
        "centers",
        "cells watched",
        "false reports, stated 10 %",
        "alarm within 8 weeks",
        "alarm or watch",
    )
    shares = (f"{100 * float(np.mean(values)):.1f} %" for values in (named, alarms, alarms_soon))
    values = (str(arguments.seeds), str(arguments.centers), str(cells), *shares)
    times = (f"{cpu_s[0]:.1f}", f"{float(np.median(cpu_s)):.1f}")
    print(f"| {' | '.join((*heads, 'CPU s, first', 'CPU s, median'))} |\n{'| --- ' * 8}|")
    print(f"| {' | '.join((*values, *times))} |")
    print("\n| expected a week | false alarm in a year | limit h | median weeks | within 8 weeks |")
    print("| --- | --- | --- | --- | --- |")
    for sight in sights():
        weeks = "more than 60" if sight.weeks is None else sight.weeks
        print(f"| {sight.expected} | {100 * sight.p:g} % | {sight.limit:.1f} | {weeks} | {100 * sight.share:.0f} % |")


if __name__ == "__main__":
    main()
