"""What runs came to: as tables, and in files."""

import json
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.chaos.watch import Size

# A process younger than this is still warming up, and less than the second says nothing of an hour.
WARM_S, LONG_ENOUGH_S = 120.0, 300.0
# On a quiet machine. They are printed and break nothing.
TARGET_MEDIAN_S, TARGET_LONGEST_S = 30.0, 180.0


def lines_of(result: Mapping[str, Any]) -> Iterator[str]:
    """A run's numbers, to be printed."""
    yield f"{sum(result['faults'].values())} faults, by kind (seconds until no group was behind: median, longest)"
    for kind, times in sorted(result["recovery_s"].items()):
        yield f"  {kind:<30} {len(times):>3}   {_spread(times)}"
    everything = [time for times in result["recovery_s"].values() for time in times]
    yield f"  {'all':<30} {len(everything):>3}   {_spread(everything)}"
    yield from targets(everything)
    yield from (f"not done: {fault}" for fault in result["not_done"])
    yield f"no lag left {result['idle_after_s']} s after the last fault and record"
    yield f"ends: {result['ends']}"
    yield from (f"  {name:<48} {count:>10,}" for name, count in result["coverage"].items())
    for name, growth in result["growth"].items():
        yield (
            f"  {name:<12} memory {growth['memory_mb'][0]:.0f} to {growth['memory_mb'][1]:.0f} MB "
            f"({growth['mb_per_hour']:+.1f} MB/h), files {growth['files'][0]} to {growth['files'][1]}, "
            f"over {growth['minutes']:.0f} minutes"
        )


def targets(times: Iterable[float | None]) -> Iterator[str]:
    """How soon work should go on after a fault, on a quiet machine, and whether it did."""
    seconds = [TARGET_LONGEST_S * 10 if time is None else time for time in times]
    if not seconds:
        return
    for name, value, target in (
        ("median", statistics.median(seconds), TARGET_MEDIAN_S),
        ("longest", max(seconds), TARGET_LONGEST_S),
    ):
        yield f"target for going on: {name} <= {target:.0f} s: {'met' if value <= target else 'MISSED'} ({value:.1f} s)"


def _spread(times: Iterable[float | None]) -> str:
    measured = [time for time in times if time is not None]
    unknown = sum(time is None for time in times)
    if not measured:
        return "not seen"
    more = f", {unknown} not seen" if unknown else ""
    return f"{statistics.median(measured):6.1f} {max(measured):6.1f}{more}"


def growth_of(sizes: list[Size]) -> dict[str, dict[str, Any]]:
    """By part, how memory and open files of its longest-lived process grew, once it was warm."""
    growth: dict[str, dict[str, Any]] = {}
    for name in sorted({size.name for size in sizes}):
        processes: dict[int, list[Size]] = {}
        for size in sizes:
            if size.name == name:
                processes.setdefault(size.pid, []).append(size)
        longest = max(processes.values(), key=lambda lifetime: lifetime[-1].at - lifetime[0].at)
        warm = [size for size in longest if size.at >= longest[0].at + WARM_S]
        if not warm or warm[-1].at - warm[0].at < LONG_ENOUGH_S:
            continue
        hours = [(size.at - warm[0].at) / 3600 for size in warm]
        slope = statistics.linear_regression(hours, [size.memory_mb for size in warm]).slope
        growth[name] = {
            "minutes": round((warm[-1].at - warm[0].at) / 60, 1),
            "memory_mb": [round(warm[0].memory_mb, 1), round(warm[-1].memory_mb, 1)],
            "mb_per_hour": round(slope, 1),
            "files": [warm[0].files, warm[-1].files],
        }
    return growth


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def merge_json(path: Path, key: str, results: list[dict[str, Any]]) -> None:
    """Put results into the list `key` of the file; one of the same name is replaced."""
    earlier = json.loads(path.read_text())[key] if path.exists() else []
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    new = {result["name"]: {**result, "ended": began} for result in results}
    write_json(path, {key: [*(result for result in earlier if result["name"] not in new), *new.values()]})
