"""What bad records cost: 1,000 of every kind among good events, beside the good events alone.

    python -m benchmarks.poison [--each N] [--events N] [--runs N]

Exit code 1 only where a record is not accounted for; never for a time.
"""

import argparse
import asyncio
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from benchmarks.broker import ROOT, broker, stop
from benchmarks.feed import feed
from benchmarks.machine import Machine, cpu_s, median, rss_mb
from benchmarks.measure import Kafka
from fixtrail.all_settings import Settings
from fixtrail.operations.topics import ensure_topics
from schemas.topics import DEAD_LETTERS, JOURNEYS, SERVICE_EVENTS
from tests.bad_records import POISON, poison, poison_code, poison_key
from tests.kafka_io import read_topic

PARTITIONS = 4
# A thousand of these would be 2 GB; so many are sent.
LARGE = {"two_megabytes": 20}
LOOK_S = 0.2
STANDSTILL_S = 120.0

Record = tuple[bytes | None, bytes | None]


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds from the first commit to the last, what was committed in them, CPU, and the worker's memory."""

    seconds: float
    records: int
    cpu_s: float
    memory_mb: list[float]
    letters: Counter[str]
    orders: int

    @property
    def per_s(self) -> float:
        return self.records / self.seconds


def bad_records(most: int) -> Iterator[tuple[Record, str]]:
    """So many of every kind, each of a vehicle of its own, with the code that their letter must carry."""
    for kind in sorted(POISON):
        for number in range(min(most, LARGE.get(kind, most))):
            vehicle = f"LFVPOISON{number:08d}"
            yield (poison_key(kind, vehicle), poison(kind, vehicle)), poison_code(kind)


def mixed(good: list[Record], bad: list[Record]) -> list[Record]:
    """The bad ones anywhere among the good ones, which keep their order."""
    rng = random.Random(1)
    before = Counter(rng.randrange(len(good)) for _ in bad)
    shuffled = iter(rng.sample(bad, len(bad)))
    return [item for index, record in enumerate(good) for item in (*itertools.islice(shuffled, before[index]), record)]


async def measure(records: list[Record]) -> Run:
    """One worker on an embedded broker that holds these records; both in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="fixtrail-poison-") as name:
        folder = Path(name)
        with broker(None, folder) as running:
            await ensure_topics(Settings(kafka=running.address, partitions=PARTITIONS))
            await _send(running.address, records)
            async with Kafka(running.address, PARTITIONS) as kafka:
                return await _watch(kafka, folder, len(records))


async def _send(address: str, records: list[Record]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=20, max_request_size=16 * 1024 * 1024)
    await producer.start()
    try:
        for start in range(0, len(records), 5000):
            futures = [await producer.send(SERVICE_EVENTS, v, k) for k, v in records[start : start + 5000]]
            for future in futures:
                await future
    finally:
        await producer.stop()


async def _watch(kafka: Kafka, folder: Path, total: int) -> Run:
    environment = {
        **os.environ,
        "FIXTRAIL_KAFKA": kafka.address,
        "FIXTRAIL_DATA": str(folder / "data"),
        # So many bad records are what this is about.
        "FIXTRAIL_DEAD_LETTER_LIMITS": "false",
    }
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(  # noqa: ASYNC220 (it returns at once)
            [sys.executable, "-m", "fixtrail", "worker"], cwd=ROOT, env=environment, stdout=log, stderr=log, text=True
        )
    looks: list[tuple[float, int, float]] = []
    memory: list[float] = []
    moved_at = time.monotonic()
    try:
        while not looks or looks[-1][1] < total:
            await asyncio.sleep(LOOK_S)
            if worker.poll() is not None or time.monotonic() - moved_at > STANDSTILL_S:
                raise RuntimeError((folder / "worker.log").read_text()[-2000:])
            committed = await kafka.committed("fixtrail", SERVICE_EVENTS)
            if committed > (looks[-1][1] if looks else 0):
                moved_at = time.monotonic()
                looks.append((moved_at, committed, cpu_s(worker.pid)))
                memory.append(rss_mb(worker.pid))
    finally:
        await asyncio.to_thread(stop, worker)
    letters = await _codes(kafka)
    journeys, _ = await kafka.last_values(JOURNEYS)
    (began, first, cpu_before), (ended, last, cpu_after) = looks[0], looks[-1]
    return Run(ended - began, last - first, cpu_after - cpu_before, memory, letters, len(journeys))


async def _codes(kafka: Kafka) -> Counter[str]:
    letters = await asyncio.to_thread(read_topic, kafka.address, DEAD_LETTERS)
    return Counter(dict(letter.headers)["fixtrail-code"].decode() for letter in letters)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=1000, help="bad records of every kind")
    parser.add_argument("--events", type=int, default=200_000, help="good events")
    parser.add_argument("--runs", type=int, default=2, help="of each, taking turns")
    parser.add_argument("--report", type=Path, help="write what was found to this file, as JSON")
    options = parser.parse_args()
    console, machine = Console(width=110), Machine()
    good: list[Record] = list(feed(options.events))
    bad = list(bad_records(options.each))
    right = Counter(code for _, code in bad)
    everything = mixed(good, [record for record, _ in bad])
    runs: dict[str, list[Run]] = {"good alone": [], "with bad ones": []}
    for _ in range(options.runs):
        for name, records in (("good alone", good), ("with bad ones", everything)):
            runs[name].append(asyncio.run(measure(records)))
            machine.calibrate()
            machine.account(runs[name][-1].cpu_s)
    table = Table("", "records", "records/s", "CPU s per 1,000", "memory MB, first to last commit", "orders", "letters")
    rows = []
    for name, turns in runs.items():
        count = len(good) if name == "good alone" else len(everything)
        row = {
            "name": name,
            "records": count,
            "per_s": round(median(run.per_s for run in turns)),
            "cpu_s_per_1000": round(median(run.cpu_s / run.records * 1000 for run in turns), 4),
            "memory_mb": [round(turns[-1].memory_mb[0]), round(turns[-1].memory_mb[-1])],
            "orders": turns[-1].orders,
            "letters": sum(turns[-1].letters.values()),
        }
        rows.append(row)
        first, last = row["memory_mb"]
        figures = (f"{count:,}", f"{row['per_s']:,}", str(row["cpu_s_per_1000"]), f"{first} to {last}")
        table.add_row(name, *figures, f"{row['orders']:,}", f"{row['letters']:,}")
    console.print(table)
    fall = 1 - rows[1]["per_s"] / rows[0]["per_s"]
    console.print(
        f"{len(bad):,} bad records of {len(POISON)} kinds, {len(bad) / len(everything):.0%} of all: throughput in "
        f"records falls by {fall:.0%} (aim: less than 20 %)"
    )
    console.print(machine.summary())
    is_right = (
        all(run.letters == right for run in runs["with bad ones"])
        and len({run.orders for turns in runs.values() for run in turns}) == 1
    )
    console.print("every bad record is in the dead letters, by code; the orders are the same" if is_right else "WRONG")
    if options.report is not None:
        report = {"rows": rows, "bad": len(bad), "kinds": len(POISON), "fall": round(fall, 3), "right": is_right}
        report |= {"machine": machine.summary(), "began": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
        options.report.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
