"""What a steady trickle of events does to ClickHouse: parts of each table, merges and CPU, over hours.

    python -m benchmarks.trickle --rate 10 --hours 2

The whole embedded stack. The feed begins anew when it is over, under other vehicles, so each event is new. A table of
the looks goes to `--report FILE` as JSON, too.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.feed import NETWORK_CENTERS, feed, send
from benchmarks.machine import Machine
from benchmarks.pipeline import Stack

EVENTS_OF_A_SEED = 100_000
PARTS = "SELECT table, count() FROM system.parts WHERE active AND database = 'fixtrail_raw' GROUP BY table"
COUNTERS = "SELECT event, value FROM system.events WHERE event IN ('Merge', 'InsertQuery', 'MergedRows')"


@dataclass(frozen=True, slots=True)
class Look:
    """After `minutes`: active parts by table, and since the start merges, inserts, merged rows, CPU seconds by part."""

    minutes: float
    events: int
    parts: dict[str, int]
    merges: int
    inserts: int
    merged_rows: int
    cpu_s: dict[str, float]


def look(stack: Stack, minutes: float, events: int) -> Look:
    """What ClickHouse has now."""
    counters = {name: int(value) for name, value in stack.ask(COUNTERS, "app")}
    return Look(
        minutes,
        events,
        {table: int(number) for table, number in stack.ask(PARTS, "app")},
        counters.get("Merge", 0),
        counters.get("InsertQuery", 0),
        counters.get("MergedRows", 0),
        {name: round(seconds, 1) for name, seconds in stack.cpu().items()},
    )


def endless_feed() -> Iterator[tuple[bytes, bytes]]:
    """Events of a network, one seed after the other."""
    for seed in count(1):
        yield from feed(EVENTS_OF_A_SEED, seed=seed, centers=NETWORK_CENTERS)


async def trickle(stack: Stack, rate: int, hours: float, console: Console) -> list[Look]:
    """Send so many events a second; a look every minute."""
    kafka = {"bootstrap_servers": stack.facts["kafka"]}
    events, began = endless_feed(), time.monotonic()
    looks = [look(stack, 0, 0)]
    for second in track(range(1, round(hours * 3600) + 1), "trickle", console=console):
        await send(kafka, [next(events) for _ in range(rate)], "service-events")
        if second % 60 == 0:
            looks.append(await asyncio.to_thread(look, stack, second / 60, second * rate))
        await asyncio.sleep(max(0.0, began + second - time.monotonic()))
    return looks


def table_of(looks: list[Look]) -> Table:
    """Each quarter: most and last parts of a table, and what was done in it."""
    tables = sorted({name for each in looks for name in each.parts})
    table = Table("minutes", "events", *tables, "merges", "inserts", "ClickHouse CPU s", "writer CPU s")
    step = max(1, (len(looks) - 1) // 8)
    for start in range(0, len(looks) - 1, step):
        part, before = looks[start + 1 : start + 1 + step], looks[start]
        last = part[-1]
        most = [max(each.parts.get(name, 0) for each in part) for name in tables]
        table.add_row(
            f"{before.minutes:.0f} to {last.minutes:.0f}",
            f"{last.events:,}",
            *(f"{number} ({last.parts.get(name, 0)})" for number, name in zip(most, tables, strict=True)),
            f"{last.merges - before.merges:,}",
            f"{last.inserts - before.inserts:,}",
            *(f"{last.cpu_s[name] - before.cpu_s[name]:.1f}" for name in ("clickhouse", "sink-clickhouse")),
        )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trickle", description=__doc__)
    parser.add_argument("--rate", type=int, default=10, help="events a second")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--report", type=Path, help="write every look to this file, as JSON")
    options = parser.parse_args()
    console, machine = Console(width=160), Machine()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        looks = asyncio.run(trickle(stack, options.rate, options.hours, console))
        machine.account(sum(stack.cpu().values()))
    if options.report:
        options.report.write_text(json.dumps([asdict(each) for each in looks], indent=1))
    console.print("Active parts by table: the most, and at the end")
    console.print(table_of(looks))
    console.print(machine.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
