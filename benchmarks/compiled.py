"""How much faster the rules are compiled (`make wheel`) than as Python: CPU time of both in turn, and equal output.

    python -m benchmarks.compiled --site FOLDER_OF_THE_UNPACKED_WHEEL [--events N] [--pairs N]

Two processes, one with the wheel's packages, take turns over the same events; what the machine does besides meets both.
Exit code 1 where anything that they made differs.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import orjson

from benchmarks.broker import ROOT
from benchmarks.feed import feed
from benchmarks.machine import Machine
from streams.journey.partition_state import PartitionState
from streams.worker.intake import Intake

STAGES = ("admission", "rules", "encoding")


def records_of(events: int) -> list[Any]:
    """Simulated records, as the worker gets them."""
    common = {"headers": (), "timestamp": 0, "topic": "events", "partition": 0}
    return [
        SimpleNamespace(key=key, value=value, offset=offset, **common)
        for offset, (key, value) in enumerate(feed(events))
    ]


def run(records: list[Any]) -> tuple[list[float], str]:
    """CPU seconds of each stage for one batch of all the records, and a digest of all that came out of it."""
    intake, state = Intake(), PartitionState(0, {}, {}, {})
    began = time.process_time()
    admitted = intake.admit(records)
    with_events = time.process_time()
    output = state.apply(admitted.events)
    with_output = time.process_time()
    rows = [orjson.dumps(fact) for fact in (*output.journeys, *output.hours, *output.notices)]
    ended = time.process_time()
    digest = hashlib.blake2b(b"\n".join(rows))
    for changes in (output.order_changes, output.vehicle_changes, output.hour_changes):
        digest.update(b"\n".join(key + (value or b"") for key, value in changes.items()))
    return [with_events - began, with_output - with_events, ended - with_output], digest.hexdigest()


def take_turns(events: int) -> None:
    """Run once for each line on standard input; stages and digest as a line of JSON."""
    records = records_of(events)
    for _ in sys.stdin:
        seconds, digest = run(records)
        print(orjson.dumps([*seconds, digest]).decode(), flush=True)


def start(events: int, site: Path | None) -> "subprocess.Popen[str]":
    """A process that takes turns, with the packages of the folder before those of this tree."""
    paths = [str(ROOT)] if site is None else [str(site.resolve()), str(ROOT)]
    # By a path, not as a module: that would put this tree first.
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "--turns", "--events", str(events)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def turn(process: "subprocess.Popen[str]") -> tuple[list[float], str]:
    assert process.stdin and process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    *seconds, digest = orjson.loads(process.stdout.readline())
    return seconds, digest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path)
    parser.add_argument("--events", type=int, default=3_000)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--turns", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turns:
        take_turns(options.events)
        return 0
    machine = Machine()
    processes = start(options.events, None), start(options.events, options.site)
    pairs = [(turn(processes[0]), turn(processes[1])) for _ in range(options.pairs)]
    for process in processes:
        process.communicate()
    machine.calibrate()
    for number, stage in enumerate((*STAGES, "all of it")):
        times = [[sum(seconds) if number == 3 else seconds[number] for seconds, _ in pair] for pair in pairs]
        ratios = sorted(compiled / pure for pure, compiled in times)
        pure_us, compiled_us = (1e6 * min(column) / options.events for column in zip(*times, strict=True))
        print(
            f"{stage:10} compiled / Python: {median(ratios):.2f} (quartiles {ratios[len(ratios) // 4]:.2f} to "
            f"{ratios[-1 - len(ratios) // 4]:.2f}); least µs an event {pure_us:.1f} and {compiled_us:.1f}"
        )
    print(machine.summary())
    return int(len({digest for pair in pairs for _, digest in pair}) > 1)


if __name__ == "__main__":
    sys.exit(main())
