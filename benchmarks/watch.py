"""What a watch costs: reading the journeys of open orders, working out what is due of them, and looking at the clock.

    python -m benchmarks.watch --orders 100000

One shard holds them all, with the rules that hold without a file and the opening hours of a center. Without brokers:
the topics are records in memory, as a consumer hands them over.
"""

import argparse
import gc
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.machine import rss_mb
from fixtrail.watch.config import read_watch_config
from fixtrail.watch.shard import Shard
from schemas.centers import Center
from streams.journey.batch import journey_facts
from tests.providers.watch_box import ago
from tests.workshop import approved, checked_in, event_of, part, quoted


def journey() -> bytes:
    """An open order of half an hour ago that waits for two parts, with a promise."""
    events = [
        checked_in("08:00", occurred_at=ago(1800), promised_at=ago(-7200)),
        quoted("08:00", occurred_at=ago(1200)),
        approved("08:00", occurred_at=ago(600)),
        part("requested", "08:00", occurred_at=ago(300), urgency="emergency"),
        part("requested", "08:00", occurred_at=ago(240), request_id="Q2"),
    ]
    (fact,) = journey_facts(map(event_of, events))
    return orjson.dumps(fact)


def records(number: int, now_ms: int) -> list[Any]:
    """The journeys of so many orders, each as its topic has it."""
    template = journey().decode()
    return [
        SimpleNamespace(
            key=f"R{number:07}".encode(),
            value=template.replace('"R1"', f'"R{number:07}"').encode(),
            headers=(),
            timestamp=now_ms,
            offset=number,
            partition=0,
        )
        for number in range(number)
    ]


def measure(orders: int) -> dict[str, float]:
    center = Center(id="C1", name="C", region="R", time_zone="Asia/Shanghai")
    shard = Shard(0, read_watch_config(None), {"C1": center}, acks={})
    now = int(time.time() * 1000)
    shard.live_since = now
    written = records(orders, now)
    gc.collect()
    before = rss_mb(os.getpid())
    read_s = timed(lambda: [shard.apply_journey(record) for record in written])
    first_s = timed(partial(look_at_all, shard, now))
    gc.collect()
    held = rss_mb(os.getpid()) - before
    idle_s = min(timed(partial(shard.tick, now + 1000 * second)) for second in range(1, 6))
    again = timed(lambda: [shard.apply_journey(record) for record in written[:1000]])
    busy_s = timed(lambda: shard.tick(now + 10_000)) + again
    return {
        "journeys read a second": orders / read_s,
        "orders worked out a second": orders / first_s,
        "seconds of a look at the clock when nothing is new": idle_s,
        "seconds of a look after 1,000 journeys, their reading included": busy_s,
        "MB an order": held / orders,
        "open orders": float(len(shard)),
    }


def look_at_all(shard: Shard, now: int) -> None:
    """As many looks as it takes to have seen every order."""
    shard.accept(shard.tick(now))
    while shard.is_behind:
        shard.accept(shard.tick(now))


def timed(work: Callable[[], Any]) -> float:
    """CPU seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="Also write the figures here.")
    options = parser.parse_args()
    figures = measure(options.orders)
    table = Table("what", "figure")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.4f}" if value < 10 else f"{value:,.0f}")
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
