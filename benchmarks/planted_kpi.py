"""Does the KPI report find again what the simulator has planted, inside its intervals?

    python -m benchmarks.planted_kpi --seeds 10       # events, rules, ClickHouse, report
    python -m benchmarks.planted_kpi --visits 200     # the intervals alone, on visits straight from the simulator

Plays the owner's story and tells how often the intervals of the weeks before (15 centers) and of the pilot (3 centers)
hold what was planted: in the first way the scenario's calibrated figures, in the second the mean over all runs, with
first-time fix known at once. `orders alone` are the intervals that take no notice of centers.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine
from benchmarks.simulated_orders import START, orders_from_visits
from fixtrail.reports.figure_kinds import nps_figure, share_figure
from fixtrail.reports.kpi import report as kpi
from fixtrail.reports.kpi.waits import WaitSpreads, spreads_of, wait_figures, wait_ranks
from fixtrail.reports.options import Options
from fixtrail.reports.queries import query_runner
from fixtrail.reports.report import NO_INTERVAL, Figure, Interval
from fixtrail.reports.stats.pooled import Complaints, Votes, rate
from fixtrail.reports.targets import targets_of
from fixtrail.simulator.command import write_centers
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from sinks.clickhouse.migrations import migrate
from tests.clickhouse_node import TABLES, start_clickhouse
from tests.warehouse import fill, settings_of

DAYS, BEFORE_DAYS, PILOT_WAVE = 126, 42, 1
PERIODS = {
    "time_zone": "Asia/Shanghai",
    "period": [
        {"name": "before", "to": date(2026, 8, 16)},
        {"name": "pilot", "from": date(2026, 8, 17), "waves": [PILOT_WAVE]},
    ],
}
# Figure of the report: figure of the scenario, and how many of ours are one of its.
PLANTED = {
    "wait_mean_s": ("wait_min", 60.0),
    "ftfr": ("ftfr", 1.0),
    "nps": ("nps", 1.0),
    "stockout_rate": ("stockout_share", 1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--visits", type=int, metavar="SEEDS", help="visits without events, of so many seeds")
    parser.add_argument("--jobs", type=int, default=2, help="processes that play visits")
    options = parser.parse_args()
    # As wide as its tables, into a file or a pipe, too.
    console, machine = Console(width=110), Machine()
    if options.visits:
        print_visits(console, range(options.first, options.first + options.visits), options.jobs)
    else:
        print_reports(console, range(options.first, options.first + options.seeds), machine)
    console.print(machine.summary())


# The report itself, of every event


def print_reports(console: Console, seeds: range, machine: Machine) -> None:
    """Each planted figure beside what the report says, and how many intervals hold it."""
    scenario = load_scenario("owners-story")
    assert scenario.figures is not None
    planted = {"before": scenario.figures.baseline, "pilot": scenario.figures.improved}
    table = Table(title="planted, and what the report says", title_justify="left")
    for title in ("seed", "period", "figure", "planted", "found", "95 % interval", "inside"):
        table.add_column(title)
    inside: Counter[tuple[str, str]] = Counter()
    alone: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        node = start_clickhouse(Path(folder) / "clickhouse")
        try:
            migrate(node.client())
            centers = Path(folder) / "centers.toml"
            write_centers(centers, scenario, None, START)
            for seed in seeds:
                for name in TABLES:
                    node.ask(f"TRUNCATE TABLE fixtrail_raw.{name}")
                fill(node, (orjson.dumps(event) for _, event in simulate(scenario, seed, DAYS, None, START)), centers)
                report = kpi.build(
                    query_runner(settings_of(node)), Options(datetime.now(UTC), targets=targets_of(PERIODS))
                )
                for figure in report.figures:
                    if figure.figure in PLANTED:
                        name, times = PLANTED[figure.figure]
                        right = float(getattr(planted[figure.period], name)) * times
                        held = holds(figure.interval, right)
                        cell = figure.period, figure.figure
                        inside[cell] += held
                        of_orders = figure.interval if figure.of_orders == NO_INTERVAL else figure.of_orders
                        alone[cell] += holds(of_orders, right)
                        table.add_row(str(seed), *cell, *cells_of(figure, right), "yes" if held else "no")
                machine.calibrate()
        finally:
            node.stop()
    console.print(table)
    for cell, count in inside.items():
        console.print(f"{' '.join(cell)}: inside in {count} of {len(seeds)}; orders alone: in {alone[cell]}")
    console.print(f"all: inside in {inside.total()} of {len(seeds) * len(inside)}; orders alone: {alone.total()}")


def holds(interval: Interval, right: float) -> bool:
    """Whether the interval holds the planted figure; a side that nothing bounds does."""
    low, high = interval.low, interval.high
    return (low is not None or high is not None) and (low is None or low <= right) and (high is None or right <= high)


def cells_of(figure: Figure, right: float) -> tuple[str, str, str]:
    """Planted, found, interval, to four digits."""
    return f"{right:.4g}", f"{figure.value:.4g}", f"{figure.interval.low:.4g} to {figure.interval.high:.4g}"


# The intervals alone, of many runs


def print_visits(console: Console, seeds: range, jobs: int) -> None:
    """How often each interval holds the mean of all runs, with the difference between centers and by orders alone."""
    with ProcessPoolExecutor(jobs) as pool:
        rows_of_seeds = pd.DataFrame([row for rows in pool.map(figures_of_seed, seeds) for row in rows])
    table = Table(title=f"{len(seeds)} runs: the interval holds the mean of all runs", title_justify="left")
    for title in ("period", "figure", "mean of all", "as reported", "half width", "orders alone", "half width"):
        table.add_column(title, justify="left" if title in ("period", "figure") else "right")
    for (period, name), rows in rows_of_seeds.groupby(["period", "figure"], sort=False):
        right = float(rows["value"].mean())
        cells = []
        for kind in ("interval", "of_orders"):
            bounds = [Interval(*ends) for ends in rows[kind]]
            halves = pd.Series([(b.high - b.low) / 2 for b in bounds if b.low is not None and b.high is not None])
            cells += [f"{sum(holds(b, right) for b in bounds) / len(rows):.1%}", f"{halves.median():.4g}"]
        table.add_row(str(period), str(name), f"{right:.4g}", *cells)
    console.print(table)


def figures_of_seed(seed: int) -> list[dict[str, Any]]:
    """Both periods' figures of one run, by day of check-in."""
    scenario = load_scenario("owners-story")
    pilots = {center.id for center in scenario.center if center.wave == PILOT_WAVE}
    after = orders_from_visits(scenario, seed, DAYS, pilots)
    after = after[after["checked_in_at"] >= pd.Timestamp(START) + pd.Timedelta(days=BEFORE_DAYS)]
    periods = {"before": orders_from_visits(scenario, seed, BEFORE_DAYS), "pilot": after}
    return [
        {
            "period": period,
            "figure": figure.figure,
            "value": figure.value,
            "interval": ends_of(figure.interval),
            "of_orders": ends_of(figure.interval if figure.of_orders == NO_INTERVAL else figure.of_orders),
        }
        for period, orders in periods.items()
        for figure in (*waits_of(orders), *others_of(orders))
    ]


def ends_of(interval: Interval) -> tuple[float | None, float | None]:
    return interval.low, interval.high


def waits_of(orders: pd.DataFrame) -> Iterator[Figure]:
    """The three waits as report `kpi` makes them of the answers of its queries."""
    waits, n = orders["wait_s"].sort_values(ignore_index=True), len(orders)
    median, p90 = (float(waits.quantile(level)) for level in (0.5, 0.9))
    centers = orders.assign(up_to_median=orders["wait_s"] <= median, up_to_p90=orders["wait_s"] <= p90)
    counts = centers.groupby("center_id").agg(
        waits=("wait_s", "size"),
        mean_s=("wait_s", "mean"),
        up_to_median=("up_to_median", "mean"),
        up_to_p90=("up_to_p90", "mean"),
    )
    spread = spreads_of(counts.reset_index().assign(key="")).get("")
    ends = [_at(waits, wait_ranks(n)), _at(waits, wait_ranks(n, spread))]
    row = {
        "waits": n,
        "orders": n,
        "closed": n,
        "handed_off": n,
        "wait_mean_s": waits.mean(),
        "wait_deviation_s": waits.std(),
        "wait_quantiles_s": [median, p90],
    }
    return wait_figures(row, WaitSpreads(spread, *ends))


def _at(waits: "pd.Series[Any]", ranks: Iterable[int]) -> tuple[float | None, ...]:
    return tuple(float(waits[rank - 1]) if rank else None for rank in ranks)


def others_of(orders: pd.DataFrame) -> Iterator[Figure]:
    """First-time fix, NPS and complaints, with centers as clusters and by the orders alone."""
    n, complaints = len(orders), int(orders["complaints"].sum())
    by_center = orders.groupby("center_id")
    pairs = [(int(rows["ftf"].sum()), len(rows)) for _, rows in by_center]
    yield share_figure("ftfr", int(orders["ftf"].sum()), n, n, {}, pairs)
    votes = [
        Votes(int((rows["score"] >= 9).sum()), int((rows["score"] <= 6).sum()), int(rows["score"].notna().sum()))
        for _, rows in by_center
    ]
    yield nps_figure("nps", votes, n, {})
    known = Complaints(complaints, float((orders["complaints"] ** 2).sum()), float(orders["complaints"].max()))
    counts, sizes = by_center["complaints"].sum().tolist(), by_center.size().astype(float).tolist()
    yield Figure(
        "complaints_per_100",
        100 * complaints / n,
        n,
        n,
        rate(known, n / 100, counts, sizes),
        of_orders=rate(known, n / 100),
    )


if __name__ == "__main__":
    main()
