"""How long `fixtrail send --history` takes for so many orders that were closed long ago, beside `send` where asked.

    python -m benchmarks.history --orders 100000
    python -m benchmarks.history --orders 5000 --stream

The file is of months ago but for a few check-ins of today, which say so to every partition. The clock runs until all is
in ClickHouse, what went through the stream, too; then `fixtrail verify` must find no difference.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.broker import ROOT
from benchmarks.feed import feed
from benchmarks.machine import Machine
from benchmarks.pipeline import EVENTS_AN_ORDER, Stack

TODAY = 200  # check-ins of other vehicles, so many that every partition has some


@dataclass(frozen=True, slots=True)
class Measured:
    """One way: seconds until the command ended, until all was in ClickHouse, and of CPU of command and stack."""

    way: str
    sent_s: float
    all_s: float
    cpu_s: float


def write(target: Path, orders: int) -> int:
    """Write the file; the number of events in it."""
    now = datetime.now(UTC).isoformat()
    with target.open("wb") as lines:
        count = sum(1 for _, value in feed(round(orders * EVENTS_AN_ORDER)) if lines.write(value + b"\n"))
        for number in range(TODAY):
            common = {"event_id": "in", "order_id": f"today-{number}", "vehicle_id": f"V-today-{number}"}
            event = {**common, "type": "check_in", "center_id": "C01", "occurred_at": now, "lane": "standard"}
            lines.write(orjson.dumps({**event, "customer_id": "K"}) + b"\n")
    return count + TODAY


def measure(folder: Path, source: Path, way: str) -> Measured:
    """One way, on a stack of its own. Raises CalledProcessError where verify finds a difference."""
    with Stack(folder) as stack:
        before, began = sum(stack.cpu().values()), time.monotonic()
        command = [sys.executable, "-m", "fixtrail", "send", str(source), "--data", str(folder / "stack")]
        spent = _run([*command, "--history"] if way == "history" else command)
        sent_s = time.monotonic() - began
        stack.command("status", "--wait-idle", "1200")
        all_s = time.monotonic() - began
        cpu_s = sum(stack.cpu().values()) - before + spent
        stack.command("verify")
    return Measured(way, sent_s, all_s, cpu_s)


def _run(command: list[str]) -> float:
    """Run a command; the CPU seconds that it took."""
    before = _children_s()
    subprocess.run(command, cwd=ROOT, check=True)
    return _children_s() - before


def _children_s() -> float:
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--stream", action="store_true", help="measure `send` without --history, too")
    options = parser.parse_args()
    console, machine = Console(), Machine()
    runs = []
    for way in ("history", "stream") if options.stream else ("history",):
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "history.ndjson"
            count = write(source, options.orders)
            runs.append(measure(Path(name), source, way))
        machine.account(runs[-1].cpu_s)
        machine.calibrate()
    table = Table("way", "sent s", "in ClickHouse s", "events/s", "CPU s", title=f"{count:,} events")
    for run in runs:
        table.add_row(run.way, f"{run.sent_s:.1f}", f"{run.all_s:.1f}", f"{count / run.all_s:,.0f}", f"{run.cpu_s:.1f}")
    console.print(table)
    console.print(machine.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
