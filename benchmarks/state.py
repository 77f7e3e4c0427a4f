"""What a worker's state costs: memory for open and closed orders, and the time to start and to recover.

    python -m benchmarks.state --orders 100000
    python -m benchmarks.state --orders 50000 --copies 20 --store rocksdb --no-memory    # a million orders to recover

Memory is that of the tables alone, as they lie in a worker. Recovery is a real worker's: started on a broker whose
changelogs hold that many orders, until it has committed an event that was sent while it was away. Of each state there
may be copies under other names, which nothing but the recovery reads.
"""

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from benchmarks.broker import ROOT, broker, stop
from benchmarks.contenders.arguments import STATE_STORE
from benchmarks.feed import feed, send
from benchmarks.machine import Machine, cpu_s, rss_mb
from benchmarks.measure import Kafka
from schemas.decode import decode_event
from streams.changelog_names import changelog_names
from streams.journey.partition_state import PartitionState
from tests.kafka_io import read_topic

BATCH = 1000
EVENTS_AN_ORDER = 12
CLOSING = frozenset({"handoff", "cancellation"})
# Nothing is let go while the state is filled.
HOLD_DAYS = 100_000
LIMIT_S = 600.0
SOURCE, GROUP = "events", "state"


def memory_mb(source: Path) -> float:
    """What the tables take for the orders of the events in a file, in MB."""
    state = PartitionState(0, {}, {}, {}, hold_days=HOLD_DAYS)
    with source.open("rb") as lines:
        events = map(decode_event, lines)
        # What the first events need once, such as caches, is none of the orders'.
        PartitionState(0, {}, {}, {}).apply(enumerate(islice(events, BATCH)))
        lines.seek(0)
        gc.collect()
        before, offset = rss_mb(os.getpid()), 0
        while batch := list(islice(map(decode_event, lines), BATCH)):
            state.apply(list(enumerate(batch, offset)))
            offset += len(batch)
    gc.collect()
    return rss_mb(os.getpid()) - before


def in_child(kind: str, events: int) -> tuple[int, float]:
    """How many orders the events make, and the MB of the tables in a process of its own, which simulates nothing."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "events.ndjson"
        orders = write_events(kind, events, source)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.state", "--memory", str(source)],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    return orders, float(done.stdout)


def write_events(kind: str, events: int, target: Path) -> int:
    """Simulated events as lines, and of how many orders; `open` leaves the closing ones out: every order stays open."""
    orders: set[tuple[str, str]] = set()
    with target.open("wb") as lines:
        for _, value in feed(events):
            event = orjson.loads(value)
            if kind == "closed" or event["type"] not in CLOSING:
                orders.add((event["center_id"], event["order_id"]))
                lines.write(value + b"\n")
    return len(orders)


async def until_committed(kafka: Kafka, wanted: int, process: subprocess.Popen[Any]) -> tuple[float, float]:
    """Seconds, and of CPU, until the group has committed so many events. Raises RuntimeError where the worker ends."""
    began = time.monotonic()
    while await kafka.committed(GROUP, SOURCE) < wanted:
        if process.poll() is not None or time.monotonic() - began > LIMIT_S:
            raise RuntimeError(f"the worker did not get there: exit code {process.poll()}")
        await asyncio.sleep(0.02)
    return time.monotonic() - began, cpu_s(process.pid)


async def times(events: int, copies: int, store: str, folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds, and of CPU, to the first commit of an empty state, and to an event's with a state to recover."""
    with broker(None, folder) as running:
        async with Kafka(running.address, 4) as kafka:
            await kafka.create([SOURCE, "out", "out-hours", "out-notices", "out-dead"])
            records = list(feed(events + 1))
            await send(kafka.options, records[:1], SOURCE)
            times_s = {"start": await _timed(kafka, running.address, folder, store, 1)}
            await send(kafka.options, records[1:-1], SOURCE)
            await _timed(kafka, running.address, folder, "memory", events)
            await copy_states(running.address, copies)
            await send(kafka.options, records[-1:], SOURCE)
            return times_s | {"recovery": await _timed(kafka, running.address, folder, store, events + 1)}


async def copy_states(address: str, copies: int) -> None:
    """Each state of the changelogs, as it is last, under other names in the same partition: `copies` with the first."""
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=20, max_batch_size=512 * 1024)
    async with producer:
        for topic in changelog_names(GROUP):
            records = await asyncio.to_thread(read_topic, address, topic)
            states = {(record.partition, record.key): record.value for record in records if record.value is not None}
            for copy in range(1, copies):
                for (partition, key), state in states.items():
                    await producer.send(topic, state, _renamed(key, copy), partition)
            await producer.flush()


def _renamed(key: bytes, copy: int) -> bytes:
    """The key of another vehicle or center: it is a name, or a JSON array that begins with one."""
    start = 2 if key.startswith(b'["') else 0
    return b"%s%d~%s" % (key[:start], copy, key[start:])


async def _timed(kafka: Kafka, address: str, folder: Path, store: str, wanted: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.contenders.fixtrail", "--kafka", address, "--source", SOURCE]
    command += ["--output", "out", "--group", GROUP, "--partitions", "4", "--data", str(folder)]
    environment = {**os.environ, STATE_STORE: store}
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, text=True)  # noqa: ASYNC220
    try:
        return await until_committed(kafka, wanted, process)
    finally:
        await asyncio.to_thread(stop, process)


def main() -> int:
    given = _arguments()
    if given.memory:
        print(memory_mb(given.memory))
        return 0
    console, machine, events = Console(), Machine(), given.orders * EVENTS_AN_ORDER
    table = Table("what", "orders", "measured", "per 100,000 orders", "aim", title="A worker's state")
    for kind, aim_mb in (("open", 300), ("closed", 180)) if given.with_memory else ():
        orders, megabytes = in_child(kind, events)
        table.add_row(
            f"memory, {kind} orders",
            f"{orders:,}",
            f"{megabytes:.0f} MB",
            f"{megabytes / orders * 1e5:.0f} MB",
            f"{aim_mb} MB",
        )
        machine.calibrate()
    with tempfile.TemporaryDirectory() as folder:
        times_s = asyncio.run(times(events, given.copies, given.store, Path(folder)))
    table.add_row("start to first event committed", "0", _seconds(*times_s["start"]), "", "")
    table.add_row(
        f"start to event committed, state recovered ({given.store})",
        f"{given.orders * given.copies:,}",
        _seconds(*times_s["recovery"]),
        "",
        "10 s; a million: 60 s",
    )
    machine.calibrate()
    console.print(table)
    console.print(machine.summary())
    return 0


def _seconds(by_clock: float, of_cpu: float) -> str:
    return f"{by_clock:.1f} s, {of_cpu:.1f} CPU s"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.state", description=__doc__)
    parser.add_argument("--orders", type=int, default=30_000, help="about so many orders in state")
    parser.add_argument("--copies", type=int, default=1, help="so often each order is there to recover")
    parser.add_argument("--store", choices=("memory", "rocksdb"), default="memory", help="where the worker's state is")
    parser.add_argument("--no-memory", dest="with_memory", action="store_false", help="only start and recovery")
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
