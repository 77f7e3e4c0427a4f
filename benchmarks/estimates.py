"""How good ready-time estimates are, walking forward over simulated weeks or over somebody's log.

    python -m benchmarks.estimates --seeds 20 --days 98
    python -m benchmarks.estimates --log helpdesk.xes.gz --mapping examples/mappings/helpdesk.toml

One line per seed or log: points, share inside the interval, mean errors of estimate, promise and the best constant in
hindsight in minutes, width, whether the estimate would be shown at the end, and what it cost.
"""

import argparse
import asyncio
import json
import time
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from fixtrail.estimates.clock import OpeningClocks
from fixtrail.estimates.estimate import Estimate, OrderToEstimate, estimate
from fixtrail.estimates.learn import WalkForward, points_of, walk_forward, window_days_of
from fixtrail.estimates.visits import EstimatedVisit, visit_of
from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.run import import_log
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from fixtrail.simulator.truth import centers_toml
from schemas.centers import Center, Centers
from schemas.decode import EventError, decode_event
from schemas.events import Event
from schemas.times import DAY_MS, to_ms
from streams.journey.batch import journey_facts

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = 60_000


def simulated(seed: int, days: int) -> Iterator[Event]:
    """The events of the owner's story."""
    for _, event in simulate(load_scenario("owners-story"), seed, days, None, START):
        try:
            yield decode_event(orjson.dumps(event))
        except EventError:
            continue


def imported(log: Path, mapping: Path) -> list[Event]:
    """The events of a log."""
    events = []

    async def keep(value: bytes, _: bytes) -> None:
        events.append(decode_event(value))

    asyncio.run(import_log(log, load_mapping(mapping), keep))
    return events


def reference() -> tuple[dict[str, Center], dict[str, int]]:
    """The simulated centers, and when each changes over (ms)."""
    centers = Centers.model_validate(tomllib.loads(centers_toml(load_scenario("owners-story"), None, START)))
    starts = {wave.number: wave.start for wave in centers.wave}
    changed_at = {}
    for center in centers.center:
        start = center.wave_start or starts.get(center.wave)
        if start is not None:
            midnight = datetime.combine(start, time_of_day(), ZoneInfo(center.time_zone))
            changed_at[center.id] = to_ms(midnight)
    return {center.id: center for center in centers.center}, changed_at


def measured(
    name: str, events: Iterator[Event] | list[Event], centers: Mapping[str, Center], changed_at: dict[str, int]
) -> dict[str, Any]:
    """One line of the table."""
    visits = [visit for fact in journey_facts(events) if (visit := visit_of(fact)) is not None]
    clocks, began = OpeningClocks(centers), time.process_time()
    points = points_of(visits, clocks, changed_at)
    until = int(points.at[-1]) // DAY_MS * DAY_MS
    walk = walk_forward(points, until, clocks, window_days=window_days_of(visits))
    cost = time.process_time() - began
    record = walk.table.record("")
    return {"name": name, **line(walk, until), "shown": bool(record and record.is_good), "cpu_s": round(cost, 1)} | {
        "estimates_10k_cpu_s": cost_of_10_000(visits, walk, clocks)
    }


def line(walk: WalkForward, until: int) -> dict[str, Any]:
    """The figures of all points with an estimate."""
    points, rows = walk.points, walk.is_estimated(0, until)
    to_ready, errors = points.time_to_ready[rows], np.abs(points.time_to_ready - walk.middle)[rows]
    promise = np.abs(points.time_to_ready - points.left)[rows]
    has_promise = ~np.isnan(promise)
    width = (walk.high - walk.low + 2 * walk.correction)[rows]
    promise_mae = float(promise[has_promise].mean()) / MINUTE if has_promise.any() else None
    return {
        "points": int(rows.sum()),
        "inside": round(float(walk.inside[rows].mean()), 4),
        "mae_min": round(float(errors.mean()) / MINUTE, 1),
        "promise_mae_min": promise_mae and round(promise_mae, 1),
        "nearer": promise_mae and round(1 - float(errors[has_promise].mean()) / MINUTE / promise_mae, 3),
        "constant_mae_min": round(float(np.abs(to_ready - np.median(to_ready)).mean()) / MINUTE, 1),
        "width_min": round(float(np.maximum(width, 0).mean()) / MINUTE, 1),
    }


def cost_of_10_000(visits: list[EstimatedVisit], walk: WalkForward, clocks: OpeningClocks) -> float:
    """CPU seconds to estimate as many open orders: each at its first point."""
    opened = [(visit._replace(ready_at=None, ended_at=None), visit.points[0].at) for visit in visits if visit.points]
    opened = (opened * (10_000 // len(opened) + 1))[:10_000]
    began, shown = time.process_time(), 0
    for visit, at in opened:
        shown += isinstance(estimate(OrderToEstimate(visit, at), walk.table, clocks.of(visit.center_id), at), Estimate)
    return round(time.process_time() - began, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--days", type=int, default=98)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--mapping", type=Path)
    options = parser.parse_args()
    if options.log is not None:
        print(json.dumps(measured(options.log.name, imported(options.log, options.mapping), {}, {})), flush=True)
        return
    centers, changed_at = reference()
    for seed in range(1, options.seeds + 1):
        line_of_seed = measured(f"seed {seed}", simulated(seed, options.days), centers, changed_at)
        print(json.dumps(line_of_seed), flush=True)


if __name__ == "__main__":
    main()
