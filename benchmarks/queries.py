"""How long every shipped query takes on so many orders, which ClickHouse itself makes up.

    python -m benchmarks.queries --orders 10000000 --data /var/tmp/orders

Starts the embedded ClickHouse, fills its raw tables in blocks (a folder that holds that many orders already is used as
it is), and asks each query of analytics/queries as the reader, with the parameters that the reports give it: of one
that they ask range by range or group by group the first one, and `times` is how many there are. Printed is the best of
some runs, the answer read into a data frame included, and the CPU time that the server took for it: on a busy machine
that says more. Queries that are only a part of others (`visits`) are not asked alone.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.broker import ROOT, stop
from benchmarks.machine import Machine, cpu_s
from benchmarks.report_calls import call_of, queries_of_reports
from fixtrail.all_settings import Settings
from fixtrail.local.ports import free_ports
from fixtrail.reports.queries import frame, query_runner, text_of
from runtime.failure import ExitError
from sinks.clickhouse.connection import ClickHouse, connect
from sinks.clickhouse.migrations import migrate

BLOCK = 500_000
AIM_S = 1.0
CENTERS = 95
PASSWORDS = {"app": "app-secret", "reader": "reader-secret"}

# A year of orders of 95 centers, in each block: 98 in 100 are handed off, 45 in 100 answer, 40 in 100 need parts, of
# which 15 in 100 are missing. Times are exponential around those of the simulator, days and centers even.
_ORDERS = """
INSERT INTO fixtrail_raw.journeys
(
    order_id, vehicle_key, version, center_id, lane, status, activity, checked_in_at, ready_at, closed_at, promised_at,
    lead_s, wait_s, wait_reception_s, wait_approval_s, wait_parts_s, wait_bay_s, pickup_s, touch_s, repair_s,
    diagnosis_s, quality_s, ftf, ftf_cause, part_requests, stockouts, emergencies, quoted_amount, approved_amount,
    final_amount, fault_groups, fault_origin, score, complaints, event_count, last_event_at,
    `stages.activity`, `stages.started_at`, `stages.ended_at`, `parts.request_id`, `parts.part_no`, `parts.quantity`,
    `parts.emergency`, `parts.requested_at`, `parts.backordered_at`, `parts.fulfilled_at`, `parts.cancelled_at`,
    `parts.expected_at`, `parts.unit_price`, `surveys.event_id`, `surveys.answered_at`, `surveys.score`,
    `surveys.reasons`
)
WITH
    number AS n,
    randCanonical(1) < 0.2 AS is_quick,
    randCanonical(2) < 0.98 AS is_done,
    round(randExponential(1 / 500, 3), 3) AS reception,
    round(randExponential(1 / 700, 4), 3) AS diagnosing,
    round(randExponential(1 / 500, 5), 3) AS approval,
    randCanonical(6) < 0.4 AS has_part,
    randCanonical(7) < 0.15 AS is_missing,
    if(has_part, round(randExponential(1, 8) * (600 + 3000 * is_missing), 3), 0) AS parts_wait,
    round(randExponential(1 / 550, 9), 3) AS bay,
    round(randExponential(1 / 2500, 10), 3) AS repairing,
    if(randCanonical(11) < 0.6, round(randExponential(1 / 250, 12), 3), 0) AS checking,
    round(randExponential(1 / 530, 13), 3) AS fetching,
    reception + approval + parts_wait + bay AS wait,
    repairing + diagnosing + checking AS touch,
    toDateTime64('2025-01-01 00:00:00', 3, 'UTC') + INTERVAL n * 7919 % 31536000 SECOND AS began,
    [reception, diagnosing, approval, parts_wait, bay, repairing, checking, fetching] AS spent,
    ['reception', 'diagnosis', 'approval', 'parts', 'bay', 'repair', 'quality', 'pickup'] AS names,
    arrayFilter(each -> each.2 > 0, arrayZip(names, spent)) AS stages,
    arrayCumSum(stages.2) AS ends,
    randCanonical(14) AS luck,
    round(1000 * randCanonical(15), 2) AS amount,
    if(randCanonical(16) < 0.45, toUInt8(greatest(0, 10 - toInt32(randExponential(0.9, 17)))), NULL) AS answered,
    has_part ? [concat('q', toString(n))] : [] AS request
SELECT
    concat('SO-', leftPad(toString(n), 10, '0')), lower(hex(sipHash128(intDiv(n, 3)))), 10,
    concat('C', toString(n % {centers})), if(is_quick, 'quick', 'standard'), if(is_done, 'handed_off', 'cancelled'),
    NULL, began,
    began + toIntervalMillisecond(toInt64(1000 * (wait + touch))),
    began + toIntervalMillisecond(toInt64(1000 * (wait + touch + fetching))), began + INTERVAL 2 HOUR,
    wait + touch + fetching, wait, reception, approval, parts_wait, bay, fetching, touch, repairing, diagnosing,
    checking, if(is_done, luck < 0.85, NULL), if(is_done AND luck >= 0.85, ['rework', 'comeback'][1 + n % 2], NULL),
    has_part, has_part AND is_missing, has_part AND is_missing AND n % 2, amount, amount,
    if(is_done, amount * if(luck < 0.9, 1, 1.05), NULL), [concat('group-', toString(cityHash64(n) % 40))],
    ['maintenance', 'maintenance', 'maintenance', 'maintenance', 'misuse'][1 + cityHash64(n) % 5], answered,
    luck > 0.97, 12, began + toIntervalMillisecond(toInt64(1000 * (wait + touch + fetching))), stages.1,
    arrayMap((end, spell) -> began + toIntervalMillisecond(toInt64(1000 * (end - spell))), ends, stages.2),
    arrayMap(end -> began + toIntervalMillisecond(toInt64(1000 * end)), ends), request,
    arrayMap(each -> concat('P-', toString(toUInt32(5000 * pow(randCanonical(18), 3)))), request),
    arrayMap(each -> toDecimal64(1, 4), request), arrayMap(each -> toBool(is_missing AND n % 2), request),
    arrayMap(each -> began + INTERVAL 30 MINUTE, request),
    arrayMap(each -> if(is_missing, began + INTERVAL 31 MINUTE, NULL), request),
    arrayMap(each -> began + INTERVAL 30 + toUInt32(200 * luck) MINUTE, request), arrayMap(each -> NULL, request),
    arrayMap(each -> NULL, request), arrayMap(each -> toDecimal64(amount, 4), request),
    isNull(answered) ? [] : [concat('s', toString(n))], isNull(answered) ? [] : [began + INTERVAL 1 DAY],
    isNull(answered) ? [] : [assumeNotNull(answered)], isNull(answered) ? [] : [[]]
FROM numbers({first}, {count})
"""
# Of the events only those that the reports ask for: the check-in, and one job an order, begun and completed.
_EVENTS = """
INSERT INTO fixtrail_raw.events
(
    vehicle_key, event_id, kafka_offset, kafka_partition, type, order_id, center_id, occurred_at, phase, technician_id,
    job_id, payload
)
SELECT
    lower(hex(sipHash128(intDiv(number, 3)))), concat('e', toString(number), step.1, step.2), number, number % 4,
    step.1,
    concat('SO-', leftPad(toString(number), 10, '0')), concat('C', toString(number % {centers})),
    toDateTime64('2025-01-01 00:00:00', 3, 'UTC') + INTERVAL number * 7919 % 31536000 SECOND,
    nullIf(step.2, ''), concat('t', toString(cityHash64(number) % 6)), concat('j', toString(number)), '{{}}'
FROM numbers({first}, {count})
ARRAY JOIN [('check_in', ''), ('repair', 'started'), ('repair', 'completed')] AS step
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One query's best times, its rows, how often a report asks so, and why no rows came where it was refused."""

    name: str
    seconds: float
    server_cpu_s: float
    rows: int
    times: int
    trouble: str | None = None


@contextlib.contextmanager
def server(folder: Path, memory_mb: int) -> Iterator[tuple[Settings, int]]:
    """An embedded ClickHouse for as long as the block runs: how to reach it, and its process."""
    ports = astuple(free_ports())
    command = [sys.executable, "-m", "fixtrail.local.clickhouse", "--data", str(folder), "--memory-mb", str(memory_mb)]
    command += ["--reader-s", "120", "--http-port", str(ports[0]), "--tcp-port", str(ports[1])]
    environment = {
        **os.environ,
        "FIXTRAIL_CLICKHOUSE_PASSWORD": PASSWORDS["app"],
        "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": PASSWORDS["reader"],
        # What takes longer than a reader may ask is to be measured, too.
        "FIXTRAIL_READER_S": "120",
        "FIXTRAIL_REPORT_S": "120",
    }
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        first_line = process.stdout.readline() if process.stdout else ""
        if not first_line.startswith("ready"):
            raise RuntimeError("the embedded ClickHouse did not start")
        settings = Settings(
            clickhouse=f"http://127.0.0.1:{ports[0]}",
            clickhouse_password=PASSWORDS["app"],
            clickhouse_reader_password=PASSWORDS["reader"],
            report_s=120,
        )
        yield settings, process.pid
    finally:
        stop(process)


def fill(settings: Settings, orders: int, console: Console) -> None:
    """Make up the orders and their repairs, unless they are there."""
    client = connect(ClickHouse(settings.clickhouse_url(), "app", PASSWORDS["app"]), timeout_s=900)
    migrate(client)
    there = int(client.query("SELECT count() FROM fixtrail_raw.journeys").result_rows[0][0])
    if there == orders:
        return
    began = time.perf_counter()
    for first in range(there, orders, BLOCK):
        make(client, first, min(BLOCK, orders - first))
    rows = [
        [
            f"C{number}",
            1,
            f"C{number}",
            f"C{number}",
            f"R{number % 4}",
            number % 4,
            "Asia/Shanghai",
            "08:30",
            "18:00",
            [1],
        ]
        for number in range(CENTERS)
    ]
    names = ["center_id", "load_id", "name", "name_en", "region", "wave", "time_zone", "opens", "closes", "weekdays"]
    client.insert("fixtrail_raw.centers", rows, column_names=names)
    for table in ("journeys", "events"):
        client.command(f"OPTIMIZE TABLE fixtrail_raw.{table} FINAL")
    console.print(f"{orders:,} orders made in {time.perf_counter() - began:.0f} s")


def make(client: Any, first: int, count: int) -> None:
    """Put in so many orders from this number on, and their events: the first block made up, all others copies of it."""
    if first == 0:
        for statement in (_ORDERS, _EVENTS):
            client.command(statement.format(first=first, count=count, centers=CENTERS))
        return
    new_id = f"concat('SO-', leftPad(toString(toUInt64(substring(old.order_id, 4)) + {first}), 10, '0')) AS order_id"
    new_vehicle = f"lower(hex(sipHash128(old.vehicle_key, {first}))) AS vehicle_key"
    for table in ("journeys", "events"):
        client.command(
            f"INSERT INTO fixtrail_raw.{table} SELECT * REPLACE ({new_id}, {new_vehicle}) "
            f"FROM fixtrail_raw.{table} AS old WHERE old.order_id < 'SO-{count:010}'"
        )


def measure(settings: Settings, server_pid: int, name: str, orders: int, runs: int) -> Answer:
    """The best of some runs of a query."""
    call = call_of(query_runner(settings), name, orders)
    best = cpu = float("inf")
    rows = 0
    for _ in range(runs):
        began, spent = time.perf_counter(), cpu_s(server_pid)
        trouble = None
        try:
            rows = len(frame(settings, text_of(name), call.parameters))
        except ExitError as failure:
            trouble = str(failure).splitlines()[0]
        best, cpu = min(best, time.perf_counter() - began), min(cpu, cpu_s(server_pid) - spent)
        if trouble:
            break
    return Answer(name, best, cpu, rows, call.times, trouble)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory-mb", type=int, default=2048, help="of the server; the reader may take half of it")
    parser.add_argument("--only", nargs="*", help="names of queries")
    parser.add_argument("--data", type=Path, help="a folder that is kept")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console, machine = Console(), Machine()
    with contextlib.ExitStack() as held:
        folder = options.data or Path(held.enter_context(tempfile.TemporaryDirectory()))
        settings, pid = held.enter_context(server(folder, options.memory_mb))
        fill(settings, options.orders, console)
        names = [name for name in queries_of_reports() if not options.only or name in options.only]
        answers = []
        for name in names:
            answers.append(measure(settings, pid, name, options.orders, options.runs))
            machine.calibrate()
    show(console, answers, options.orders, options.runs)
    console.print(machine.summary())
    if options.json:
        options.json.write_text(json.dumps([asdict(answer) for answer in answers]))


def show(console: Console, answers: list[Answer], orders: int, runs: int) -> None:
    """The table of times."""
    table = Table(title=f"{orders:,} orders, best of {runs}", title_justify="left")
    table.add_column("query")
    for title in ("times", "seconds", "server's CPU s", "rows"):
        table.add_column(title, justify="right")
    table.add_column("")
    for answer in answers:
        remark = answer.trouble or ("" if answer.seconds <= AIM_S else f"over the aim of {AIM_S:g} s")
        times = f"{answer.times:,}"
        table.add_row(
            answer.name, times, f"{answer.seconds:.2f}", f"{answer.server_cpu_s:.2f}", f"{answer.rows:,}", remark
        )
    console.print(table)


if __name__ == "__main__":
    main()
