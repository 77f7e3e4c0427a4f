"""The whole embedded stack: how fast history gets into ClickHouse, and how soon an event is a row.

python -m benchmarks.pipeline --orders 100000
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.broker import ROOT
from benchmarks.feed import NETWORK_CENTERS, feed, send
from benchmarks.machine import Machine, cpu_s

EVENTS_AN_ORDER = 11.6
START_S = 120.0
LOOK_LIMIT_S = 60.0


class Stack:
    """`fixtrail up` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = (folder / "up.log").open("wb")
        command = [sys.executable, "-m", "fixtrail", "up", "--data", str(folder / "stack"), "--ports", "auto"]
        self._up = subprocess.Popen(command, cwd=ROOT, stdout=self._log, stderr=self._log)

    def __enter__(self) -> "Stack":
        deadline = time.monotonic() + START_S
        while not (self._folder / "stack" / "stack.json").exists():
            if self._up.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "up.log").read_text()[-2000:])
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._up.send_signal(signal.SIGTERM)
        self._up.wait(60)
        self._log.close()

    @property
    def facts(self) -> dict[str, Any]:
        return json.loads((self._folder / "stack" / "stack.json").read_text())  # type: ignore[no-any-return]

    def command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "fixtrail", *arguments, "--data", str(self._folder / "stack")]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, query: str, user: str = "reader") -> list[list[Any]]:
        """The rows of a query on the views; `app` is the writer's user, who may see parts and counters, too."""
        name = "clickhouse_reader_password" if user == "reader" else "clickhouse_password"
        login = b64encode(f"{user}:{self.facts[name]}".encode()).decode()
        url = f"{self.facts['clickhouse']}/?database=fixtrail&default_format=JSONCompact"
        request = urllib.request.Request(url, data=query.encode(), headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())["data"]  # type: ignore[no-any-return]

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each part so far."""
        return {name: cpu_s(child["pid"]) for name, child in self.facts["children"].items()}


def history(stack: Stack, folder: Path, orders: int, console: Console) -> None:
    """Send a history of so many orders; how long until all of it is processed and in ClickHouse."""
    source = folder / "history.ndjson"
    with source.open("wb") as lines:
        records = feed(round(orders * EVENTS_AN_ORDER), centers=NETWORK_CENTERS)
        count = sum(1 for _, value in records if lines.write(value + b"\n"))
    before, began = stack.cpu(), time.monotonic()
    stack.command("send", str(source))
    sent = time.monotonic() - began
    stack.command("status", "--wait-idle", "1200")
    seconds = time.monotonic() - began
    [[rows, events]] = stack.ask("SELECT count(), sum(event_count) FROM orders")
    spent = {name: after - before.get(name, 0.0) for name, after in stack.cpu().items()}
    table = Table("part", "CPU s", "CPU s per 1,000 events", title=f"{int(rows):,} orders, {count:,} events")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{seconds:.1f}", f"{seconds / count * 1000:.3f}")
    table.add_row("all", f"{sum(spent.values()):.1f}", f"{sum(spent.values()) / count * 1000:.3f}")
    console.print(table)
    console.print(
        f"sent in {sent:.1f} s; processed and in ClickHouse after {seconds:.1f} s ({count / seconds:,.0f} events/s, "
        f"{int(events):,} distinct); for 100,000 orders {seconds * 1e5 / int(rows):.0f} s (aim 80 s)"
    )


async def latency(stack: Stack, rate: int, seconds: int, console: Console) -> None:
    """Send at a steady rate to an empty stack; milliseconds from an event's acknowledgement until its row is found."""
    kafka = {"bootstrap_servers": stack.facts["kafka"]}
    # Each event once, so that the rows can be counted.
    once = {
        orjson.loads(value)["event_id"]: (key, value)
        for key, value in feed(rate * seconds, seed=2, centers=NETWORK_CENTERS)
    }
    records = list(once.values())
    marks: list[tuple[float, int]] = []
    counts: list[tuple[float, int]] = []

    async def look() -> None:
        while (not counts or counts[-1][1] < len(records)) and time.monotonic() - marks[-1][0] < LOOK_LIMIT_S:
            [[rows]] = await asyncio.to_thread(stack.ask, "SELECT count() FROM events")
            counts.append((time.monotonic(), int(rows)))
            await asyncio.sleep(0.02)

    step = max(1, rate // 20)
    looking: asyncio.Task[None] | None = None
    for at in range(0, len(records), step):
        await send(kafka, records[at : at + step], "service-events")
        marks.append((time.monotonic(), min(at + step, len(records))))
        looking = looking or asyncio.create_task(look())
        await asyncio.sleep(max(0.0, marks[0][0] + (at + step) / rate - time.monotonic()))
    if looking:
        await looking
    waits = sorted(next((t for t, rows in counts if rows >= count), float("inf")) - sent for sent, count in marks)
    p50, p99 = (1000 * waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.5, 0.99))
    console.print(f"event → row at {rate} events/s over {seconds} s: p50 {p50:.0f} ms, p99 {p99:.0f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000, help="work orders of history; fewer lie as far apart")
    parser.add_argument("--rate", type=int, default=500, help="events/s for the latency")
    parser.add_argument("--seconds", type=int, default=15, help="how long at that rate")
    options = parser.parse_args()
    console, machine = Console(), Machine()
    for measure in ("latency", "history"):
        with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
            if measure == "latency":
                asyncio.run(latency(stack, options.rate, options.seconds, console))
            else:
                history(stack, Path(folder), options.orders, console)
            machine.account(sum(stack.cpu().values()))
        machine.calibrate()
    console.print(machine.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
