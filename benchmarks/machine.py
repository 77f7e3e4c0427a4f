"""How quiet the machine was: a measurement on a busy one says little, and this says how busy it was."""

import os
import platform
import time
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
CALIBRATION_STEPS = 400_000
# 16 MB: more than a core's own caches hold, so a walk through it is slower where others use the shared one.
WALK_SLOTS = 1 << 21
WALK_STEPS = 100_000
# By so much the walks of a quiet machine may differ in CPU time.
WALK_SPREAD = 1.25


@dataclass(slots=True)
class Machine:
    """What was seen of the machine while the benchmark ran; `calibrations` are (wall, CPU) seconds of a fixed loop.

    The loop needs no memory. `walks` are CPU seconds of steps from one place of a large table to another far away,
    each known only by the one before: they feel what others do to the caches.
    """

    began: tuple[float, float, float] = (0.0, 0.0, 0.0)
    began_at: float = field(default_factory=time.monotonic)
    ours_s: float = 0.0
    calibrations: list[tuple[float, float]] = field(default_factory=list)
    walks: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = _busy_steal_idle()
        self.calibrate()

    def calibrate(self) -> None:
        """Run the fixed loop and the walk once more: the same work before and after each measurement."""
        wall, cpu = time.perf_counter(), time.process_time()
        total = 0
        for step in range(CALIBRATION_STEPS):
            total += step & 7
        self.calibrations.append((time.perf_counter() - wall, time.process_time() - cpu))
        self.walks.append(_walk_s(_slots(WALK_SLOTS)))

    def account(self, cpu_s: float) -> None:
        """Count CPU seconds as ours, so that what remains is other people's."""
        self.ours_s += cpu_s

    def summary(self) -> str:
        """One line: how much of the machine others had, and how evenly the fixed loop and the walk ran."""
        busy, steal, idle = (now - then for now, then in zip(_busy_steal_idle(), self.began, strict=True))
        total = max(busy + steal + idle, 1e-9)
        others = max(0.0, busy - self.ours_s - time.process_time())
        walls = sorted(wall * 1000 for wall, _ in self.calibrations)
        cpus = sorted(cpu * 1000 for _, cpu in self.calibrations)
        load = " ".join(f"{average:.1f}" for average in os.getloadavg())
        is_quiet = others / total < 0.05 and steal / total < 0.02 and self._is_even()
        verdict = "quiet" if is_quiet else "NOT quiet"
        return (
            f"Machine: {verdict}; {os.cpu_count()} cores, other processes had {others / total:.0%} of them, "
            f"steal {steal / total:.1%}, load {load}; fixed loop {walls[0]:.1f}–{walls[-1]:.1f} ms by the clock, "
            f"{cpus[0]:.1f}–{cpus[-1]:.1f} ms of CPU, over {len(walls)} times; "
            f"{self._walks_summary()}; Python {platform.python_version()}"
        )

    def _is_even(self) -> bool:
        return max(self.walks) <= WALK_SPREAD * min(self.walks)

    def _walks_summary(self) -> str:
        lowest, middle, highest = (1000 * pick(self.walks) for pick in (min, median, max))
        verdict = "even" if self._is_even() else "others use the caches"
        return f"walk through 16 MB {lowest:.1f}–{highest:.1f} ms of CPU (median {middle:.1f}): {verdict}"


@lru_cache(1)
def _slots(count: int) -> "array[int]":
    """In each slot the number of the next one, far away; all of them make one ring (Hull and Dobell, 1962)."""
    return array("Q", ((1_664_525 * slot + 1_013_904_223) % count for slot in range(count)))


def _walk_s(slots: "array[int]") -> float:
    """CPU seconds of some steps through the slots."""
    began, slot = time.process_time(), 0
    for _ in range(WALK_STEPS):
        slot = slots[slot]
    return time.process_time() - began


def _busy_steal_idle() -> tuple[float, float, float]:
    """CPU seconds of all cores since boot: at work, taken by the hypervisor, idle."""
    first = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(ticks) / TICKS for ticks in first.split()[1:9])
    return user + nice + system + irq + softirq, steal, idle + iowait


def cpu_s(pid: int) -> float:
    """User and system CPU seconds of a process, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def median(values: Iterable[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
