"""Does the KPI report find again what the simulator has planted, inside its intervals?

    python -m benchmarks.planted_kpi --seeds 4

Plays the owner's story, puts its events through the rules into the embedded ClickHouse, and asks `kpi` for the weeks
before (15 centers) and the pilot (3 centers). Planted are the scenario's calibrated figures: means over many runs. The
intervals are those of one run's orders; that centers differ from run to run makes the figures vary somewhat more.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine
from fixtrail.reports import kpi
from fixtrail.reports.ask import asker
from fixtrail.reports.options import Options
from fixtrail.reports.report import Figure
from fixtrail.reports.targets import targets_of
from fixtrail.simulator.command import write_centers
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from sinks.clickhouse.migrations import migrate
from tests.clickhouse_node import TABLES, start_clickhouse
from tests.warehouse import fill, settings_of

DAYS = 126
START = datetime(2026, 7, 6, tzinfo=timezone(timedelta(hours=8)))
PERIODS = {
    "time_zone": "Asia/Shanghai",
    "period": [
        {"name": "before", "to": date(2026, 8, 16)},
        {"name": "pilot", "from": date(2026, 8, 17), "waves": [1]},
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
    asked = parser.parse_args()
    console, machine = Console(), Machine()
    scenario = load_scenario("owners-story")
    assert scenario.figures is not None
    planted = {"before": scenario.figures.baseline, "pilot": scenario.figures.improved}
    table = Table(title="planted, and what the report says", title_justify="left")
    for title in ("seed", "period", "figure", "planted", "found", "95 % interval", "inside"):
        table.add_column(title)
    inside: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        node = start_clickhouse(Path(folder) / "clickhouse")
        try:
            migrate(node.client())
            centers = Path(folder) / "centers.toml"
            write_centers(centers, scenario, None, START)
            for seed in range(asked.first, asked.first + asked.seeds):
                for name in TABLES:
                    node.ask(f"TRUNCATE TABLE fixtrail_raw.{name}")
                fill(node, (orjson.dumps(event) for _, event in simulate(scenario, seed, DAYS, None, START)), centers)
                report = kpi.build(asker(settings_of(node)), Options(datetime.now(UTC), targets=targets_of(PERIODS)))
                for figure in report.figures:
                    if figure.figure in PLANTED:
                        name, times = PLANTED[figure.figure]
                        right = float(getattr(planted[figure.period], name)) * times
                        held = holds(figure, right)
                        inside[figure.period, figure.figure] += held
                        table.add_row(
                            str(seed), figure.period, figure.figure, *told(figure, right), "yes" if held else "no"
                        )
                machine.calibrate()
        finally:
            node.stop()
    console.print(table)
    for (period, name), count in inside.items():
        console.print(f"{period} {name}: inside in {count} of {asked.seeds}")
    console.print(f"all: inside in {inside.total()} of {asked.seeds * len(inside)}")
    console.print(machine.said())


def holds(figure: Figure, right: float) -> bool:
    """Whether the interval holds the planted figure."""
    low, high = figure.interval.low, figure.interval.high
    return low is not None and high is not None and low <= right <= high


def told(figure: Figure, right: float) -> tuple[str, str, str]:
    """Planted, found, interval, to four digits."""
    return f"{right:.4g}", f"{figure.value:.4g}", f"{figure.interval.low:.4g} to {figure.interval.high:.4g}"


if __name__ == "__main__":
    main()
