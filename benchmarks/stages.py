"""CPU of an event by stage while the state grows: admission, rules, encoding, without Kafka around them.

    python -m benchmarks.stages [--events N] [--batch N] [--parts N] [--profile]

The network's feed in four partitions, a batch of each in turn, in one process. A row is a part of the events; the last
one beside the first says what a grown state costs. `--profile` lists the functions that take most by themselves.
"""

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.feed import NETWORK_CENTERS, feed
from benchmarks.machine import Machine
from runtime.kafka.partitioner import partition_of
from runtime.process import collect_rarely
from streams.journey.partition_state import BatchOutput, PartitionState
from streams.worker.intake import Intake

PARTITIONS = 4
STAGES = ("admission", "rules", "encoding")


class Stages:
    """The worker's stages over a state in memory, with the CPU seconds that each took so far."""

    def __init__(self) -> None:
        self.seconds = [0.0, 0.0, 0.0]
        self._intake = Intake()
        self._states = [PartitionState(number, {}, {}, {}) for number in range(PARTITIONS)]

    def run(self, partition: int, records: list[Any]) -> None:
        """One batch of a partition."""
        marks = [time.process_time()]
        admitted = self._intake.admit(records)
        marks.append(time.process_time())
        output = self._states[partition].apply(admitted.events, now_ms=int(time.time() * 1000))
        marks.append(time.process_time())
        _encode(output)
        marks.append(time.process_time())
        for number in range(len(STAGES)):
            self.seconds[number] += marks[number + 1] - marks[number]


def _encode(output: BatchOutput) -> None:
    for fact in (*output.journeys, *output.hours, *output.notices):
        orjson.dumps(fact)


def records_of(events: int) -> Iterator[Any]:
    """The feed as the worker gets it, each record in its partition."""
    common = {"headers": (), "timestamp": 0, "topic": "events"}
    for offset, (key, value) in enumerate(feed(events, centers=NETWORK_CENTERS)):
        yield SimpleNamespace(key=key, value=value, offset=offset, partition=partition_of(key, PARTITIONS), **common)


def measure(events: int, batch: int, parts: int, profile: AbstractContextManager[object]) -> list[list[float]]:
    """CPU seconds of each stage after each part of the events; `profile` is entered for the stages alone."""
    stages, sums = Stages(), list[list[float]]()
    waiting: list[list[Any]] = [[] for _ in range(PARTITIONS)]
    for number, record in enumerate(records_of(events), 1):
        waiting[record.partition].append(record)
        is_last = number == events
        for partition, records in enumerate(waiting):
            if len(records) == batch or (is_last and records):
                with profile:
                    stages.run(partition, records)
                waiting[partition] = []
        if number * parts // events > len(sums):
            sums.append(list(stages.seconds))
    return sums


def table_of(sums: list[list[float]], events: int) -> Table:
    """µs of CPU an event, by part."""
    table = Table("events", *STAGES, "all", title="CPU µs an event")
    before = [0.0] * len(STAGES)
    part = events / len(sums)
    for number, after in enumerate(sums, 1):
        costs = [1e6 * (later - earlier) / part for later, earlier in zip(after, before, strict=True)]
        table.add_row(f"to {number * part:,.0f}", *(f"{cost:.1f}" for cost in (*costs, sum(costs))))
        before = after
    return table


def main() -> int:
    """Measure as the command line says; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--batch", type=int, default=4_000, help="records of a partition at once")
    parser.add_argument("--parts", type=int, default=6, help="rows of the table")
    parser.add_argument(
        "--profile", action="store_true", help="time by function, which makes calls dearer than they are"
    )
    options = parser.parse_args()
    machine, profile = Machine(), cProfile.Profile() if options.profile else nullcontext()
    # As the worker does.
    collect_rarely()
    sums = measure(options.events, options.batch, options.parts, profile)
    machine.calibrate()
    Console().print(table_of(sums, options.events))
    print(machine.summary())
    if isinstance(profile, cProfile.Profile):
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return 0


if __name__ == "__main__":
    sys.exit(main())
