"""How long `fixtrail verify` takes for so many events, and what memory the embedded ClickHouse needs for it.

    python -m benchmarks.verify --events 1000000

Simulated events and their facts are stored once, and again under other vehicles until there are enough. `verify` must
find no difference. Memory is the highest that the server's process ever had.
"""

import argparse
import contextlib
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.feed import START, feed
from benchmarks.machine import Machine, cpu_s
from benchmarks.queries import PASSWORDS, server
from fixtrail.recompute.by_python import verify_by_python
from fixtrail.recompute.by_sql import verify_by_sql
from fixtrail.recompute.comparison import VerifyReport
from schemas.decode import decode_event
from schemas.times import to_ms
from sinks.clickhouse.connection import ClickHouse, connect
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import CENTER_HOURS, JOURNEYS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.migrations import migrate
from sinks.clickhouse.tables import SERVICE_EVENTS, RawTable
from streams.journey.batch import journey_facts
from streams.journey.center_hours import center_hour, contributions_of

BASE = 50_000
BLOCK = 20_000
KEYED = KeyedHash(b"a secret of this benchmark alone")
VERIFIERS: dict[str, Callable[[Any], VerifyReport]] = {"sql": verify_by_sql, "python": verify_by_python}


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: its report, wall and server CPU seconds, and the server's peak memory since it started (MB)."""

    rules: str
    report: VerifyReport
    seconds: float
    server_cpu_s: float
    peak_mb: float


def fill(client: Any, clickhouse: ClickHouse, events: int, base: int = BASE) -> int:
    """Store `base` simulated events with their facts and hours, and copies of them; how many events there are then."""
    inserter = Inserter(clickhouse)
    values = [value for _, value in feed(base)]
    decoded = [decode_event(value) for value in values]
    rows, facts_rows = EventRows(KEYED), FactRows(KEYED)
    records = [_record(value, offset) for offset, value in enumerate(values)]
    _insert(inserter, EVENTS, [rows.row_of(event, record) for event, record in zip(decoded, records, strict=True)])
    facts = list(journey_facts(decoded))
    _insert(inserter, JOURNEYS, [facts_rows.journey_row(fact) for fact in facts])
    hours: dict[tuple[str, int], list[list[int]]] = defaultdict(list)
    for fact in facts:
        for key, contribution in contributions_of(fact).items():
            hours[key].append(contribution)
    _insert(
        inserter, CENTER_HOURS, [facts_rows.hour_row(center_hour(*key, 0, 1, parts)) for key, parts in hours.items()]
    )
    copies = max(1, events // base)
    for copy in range(1, copies):
        _copy(client, copy)
    return copies * base


def _copy(client: Any, copy: int) -> None:
    """All that was stored first once more, of other vehicles."""
    other = f"lower(hex(sipHash128(old.vehicle_key, toUInt32({copy})))) AS vehicle_key"
    for table, first in (
        ("events", "old.kafka_partition = 0"),
        ("journeys", "old.vehicle_key IN (SELECT vehicle_key FROM fixtrail_raw.events WHERE kafka_partition = 0)"),
    ):
        partition = f", {copy} AS kafka_partition" if table == "events" else ""
        client.command(
            f"INSERT INTO fixtrail_raw.{table} SELECT * REPLACE ({other}{partition}) FROM fixtrail_raw.{table} AS old "
            f"WHERE {first}"
        )
    client.command(
        f"INSERT INTO fixtrail_raw.center_hours SELECT * REPLACE ({copy} AS kafka_partition) "
        "FROM fixtrail_raw.center_hours AS old WHERE old.kafka_partition = 0"
    )


def _insert(inserter: Inserter, table: RawTable, rows: Sequence[Any]) -> None:
    for first in range(0, len(rows), BLOCK):
        inserter.insert(table, rows[first : first + BLOCK])


def _record(value: bytes, offset: int) -> Any:
    return SimpleNamespace(
        topic=SERVICE_EVENTS, key=None, value=value, headers=(), timestamp=to_ms(START), partition=0, offset=offset
    )


def peak_mb(pid: int) -> float:
    """The highest resident memory that a process ever had."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(client: Any, pid: int, rules: str) -> Measured:
    """One run of verify by these rules. Raises RuntimeError where it finds a difference: then it measures nothing."""
    began, spent = time.perf_counter(), cpu_s(pid)
    report = VERIFIERS[rules](client)
    seconds, server_cpu_s = time.perf_counter() - began, cpu_s(pid) - spent
    if report.count:
        raise RuntimeError(f"{report.count} differences, the first: {report.differences[0]}")
    return Measured(rules, report, seconds, server_cpu_s, peak_mb(pid))


def show(console: Console, runs: Sequence[Measured]) -> None:
    """The table of runs."""
    table = Table(title="fixtrail verify", title_justify="left")
    table.add_column("rules")
    for title in ("events", "orders", "seconds", "events/s", "server's CPU s", "server's peak MB"):
        table.add_column(title, justify="right")
    for run in runs:
        pace = run.report.events / run.seconds
        numbers = (f"{run.report.events:,}", f"{run.report.orders:,}", f"{run.seconds:.1f}", f"{pace:,.0f}")
        table.add_row(run.rules, *numbers, f"{run.server_cpu_s:.1f}", f"{run.peak_mb:,.0f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--base", type=int, default=BASE, help="how many of them are simulated; the rest are copies")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--rules", nargs="*", choices=tuple(VERIFIERS), default=["sql"])
    parser.add_argument("--memory-mb", type=int, default=2048, help="that the server may take")
    options = parser.parse_args()
    console, machine = Console(), Machine()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings, pid = stack.enter_context(server(folder, options.memory_mb))
        clickhouse = ClickHouse(settings.clickhouse_url(), "app", PASSWORDS["app"])
        client = connect(clickhouse, timeout_s=3600)
        migrate(client)
        console.print(f"{fill(client, clickhouse, options.events, options.base):,} events stored")
        runs = [measure(client, pid, rules) for rules in options.rules for _ in range(options.runs)]
        machine.calibrate()
    show(console, runs)
    console.print(machine.summary())


if __name__ == "__main__":
    main()
