"""Faults on a running stack under load, and a check of every promise at the end.

python -m tests.chaos.run --seed 1 --minutes 5 [--rate 200] [--keep]

Prints the plan, then what was done and how long each part took to come back, then the findings; exit code 1 if a
promise is broken. A failed run keeps its folder. The same seed gives the same plan and the same load.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from tests.chaos import checker
from tests.chaos.load import Load, records_of
from tests.chaos.plan import Fault, plan_of
from tests.chaos.watch import Watch
from tests.stack import Stack, is_running, wait_for

IDLE_LIMIT_S = 120.0
BACK_LIMIT_S = 120.0


class Chaos:
    """Does what the plan says, at its time, to the stack's processes."""

    def __init__(self, stack: Stack, plan: list[Fault]) -> None:
        self.done: list[Fault] = []
        self.back_after: list[float] = []
        self._stack, self._plan = stack, plan
        self._frozen: set[int] = set()

    def run(self, began: float) -> None:
        for fault in self._plan:
            time.sleep(max(0.0, began + fault.at_s - time.monotonic()))
            late = time.monotonic() - began - fault.at_s
            print(f"{fault}{f'  ({late:.0f} s late)' if late > 3 else ''}", flush=True)
            self._do(fault)
            self.done.append(fault)

    def thaw(self) -> None:
        """Let everything run that was frozen."""
        for pid in list(self._frozen):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._frozen.clear()

    def _do(self, fault: Fault) -> None:
        if fault.kind.startswith("freeze"):
            self._freeze(fault)
            return
        number = signal.SIGTERM if fault.kind == "term" else signal.SIGKILL
        hit = {name: self._stack.signal(name, number, limit_s=BACK_LIMIT_S) for name in fault.victims}
        threading.Thread(target=self._note_return, args=(hit, time.monotonic()), daemon=True).start()

    def _freeze(self, fault: Fault) -> None:
        for name in fault.victims:
            self._frozen.add(self._stack.signal(name, signal.SIGSTOP, limit_s=BACK_LIMIT_S))
        time.sleep(fault.for_s)
        self.thaw()

    def _note_return(self, hit: dict[str, int], since: float) -> None:
        """How long until each part that was ended runs again as another process, and a box says that it is ready."""
        for name, pid in hit.items():
            with contextlib.suppress(TimeoutError, OSError):
                wait_for(lambda name=name, pid=pid: self._is_back(name, pid), BACK_LIMIT_S, f"{name} is back")
                self.back_after.append(time.monotonic() - since)

    def _is_back(self, name: str, gone: int) -> bool:
        child = self._stack.facts["children"][name]
        if child["pid"] in (None, gone) or not is_running(child["pid"]):
            return False
        return child["health"] is None or is_ready(child["health"])


def run(seed: int, minutes: float, rate: float, folder: Path) -> bool:
    """Whether all promises held."""
    seconds = minutes * 60
    plan = plan_of(seed, seconds)
    print(f"seed {seed}, {minutes:g} minutes, {rate:g} records/s, {len(plan)} faults, folder {folder}")
    print("\n".join(map(str, plan)), flush=True)
    records = records_of(seed, round(seconds * rate))
    assert checker.canaries_are_known(records)
    with Stack(folder / "stack", workers=2) as stack:
        load = Load(stack.facts["kafka"], records, rate, folder / "sent.jsonl")
        watch = Watch(stack)
        chaos = Chaos(stack, plan)
        print("\nrunning", flush=True)
        load.start()
        watch.start()
        try:
            chaos.run(time.monotonic())
            load.join(seconds + 300)
        finally:
            chaos.thaw()
        if load.failed is not None or load.is_alive():
            raise RuntimeError(f"the load did not get through: {load.failed!r}")
        began = time.monotonic()
        stack.wait_idle(IDLE_LIMIT_S)
        idle_after = time.monotonic() - began
        watch.stop()
        findings = checker.check(stack, load.log, watch.samples)
        ends = ends_of(stack)
    print(f"\nfaults: {dict(Counter(fault.kind for fault in chaos.done))}")
    print(f"idle {idle_after:.1f} s after the load")
    if chaos.back_after:
        print(f"back at work: median {statistics.median(chaos.back_after):.1f} s, max {max(chaos.back_after):.1f} s")
    print(f"ends: {dict(ends)}")
    print("\n".join(f"{name}: {count:,}" for name, count in findings.coverage.items()))
    print(findings)
    return findings.is_clean


def is_ready(health: str) -> bool:
    """Whether the box behind this health page says that it does its work."""
    try:
        with urllib.request.urlopen(f"{health}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ends_of(stack: Stack) -> Counter[str]:
    """How the stack's parts ended, by what the supervisor told."""
    said = (line.partition(";")[0].partition(" (")[0] for line in stack.said.read_text(errors="replace").splitlines())
    return Counter(line for line in said if " was killed by " in line or " ended with " in line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--keep", action="store_true", help="keep the folder of a good run, too")
    asked = parser.parse_args()
    # A broker that is killed on purpose is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix=f"fixtrail-chaos-{asked.seed}-"))
    is_clean = False
    try:
        is_clean = run(asked.seed, asked.minutes, asked.rate, folder)
    finally:
        if is_clean and not asked.keep:
            shutil.rmtree(folder)
        else:
            print(f"kept: {folder}")
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
