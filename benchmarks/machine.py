"""How quiet the machine was: a measurement on a busy one says little, and this says how busy it was."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
CALIBRATION_STEPS = 400_000


@dataclass(slots=True)
class Machine:
    """What was seen of the machine while the benchmark ran; `calibrations` are (wall, CPU) seconds of a fixed loop."""

    began: tuple[float, float, float] = (0.0, 0.0, 0.0)
    began_at: float = field(default_factory=time.monotonic)
    ours_s: float = 0.0
    calibrations: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = _busy_steal_idle()
        self.calibrate()

    def calibrate(self) -> None:
        """Run the fixed loop once more: the same work before and after each measurement."""
        wall, cpu = time.perf_counter(), time.process_time()
        total = 0
        for step in range(CALIBRATION_STEPS):
            total += step & 7
        self.calibrations.append((time.perf_counter() - wall, time.process_time() - cpu))

    def account(self, cpu_s: float) -> None:
        """Count CPU seconds as ours, so that what remains is other people's."""
        self.ours_s += cpu_s

    def said(self) -> str:
        """One line: how much of the machine others had, and how evenly the fixed loop ran."""
        busy, steal, idle = (now - then for now, then in zip(_busy_steal_idle(), self.began, strict=True))
        total = max(busy + steal + idle, 1e-9)
        others = max(0.0, busy - self.ours_s - time.process_time())
        walls = sorted(wall * 1000 for wall, _ in self.calibrations)
        cpus = sorted(cpu * 1000 for _, cpu in self.calibrations)
        load = " ".join(f"{each:.1f}" for each in os.getloadavg())
        verdict = "quiet" if others / total < 0.05 and steal / total < 0.02 else "NOT quiet"
        return (
            f"Machine: {verdict}; {os.cpu_count()} cores, other processes had {others / total:.0%} of them, "
            f"steal {steal / total:.1%}, load {load}; fixed loop {walls[0]:.1f}–{walls[-1]:.1f} ms by the clock, "
            f"{cpus[0]:.1f}–{cpus[-1]:.1f} ms of CPU, over {len(walls)} times"
        )


def _busy_steal_idle() -> tuple[float, float, float]:
    """CPU seconds of all cores since boot: at work, taken by the hypervisor, idle."""
    first = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(each) / TICKS for each in first.split()[1:9])
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
