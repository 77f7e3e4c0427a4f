"""Seconds, CPU and memory of `fixtrail export`, by format.

    python -m benchmarks.export [--events 1000000]

A ClickHouse of its own, filled with a feed of workshops that is copied as often as it takes; each copy has vehicles and
orders of its own.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from sinks.clickhouse.migrations import migrate
from tests import feed
from tests.clickhouse_node import ClickHouseNode, start_clickhouse
from tests.warehouse import fill

FEED_ORDERS = 800
FILES = (("ocel", "log.json"), ("ocel", "log.sqlite"), ("xes", "log.xes"), ("xes", "log.xes.gz"))
_NEW_KEY = (
    "lower(hex(MD5(concat(vehicle_key, toString({copy}))))) AS vehicle_key, concat(order_id, '-{copy}') AS order_id"
)


def copies(node: ClickHouseNode, events: int) -> int:
    """Fill the server with about so many events; how many there are."""
    fill(node, feed.lines(feed.clean_events(7, orders=FEED_ORDERS, vehicles=FEED_ORDERS // 3, days=45)))
    once = int(node.ask("SELECT count() FROM fixtrail_raw.events"))
    for copy in range(1, max(1, events // once)):
        for table in ("events", "journeys"):
            first = f"(SELECT * FROM fixtrail_raw.{table} WHERE NOT match(order_id, '-[0-9]+$'))"
            replaced = _NEW_KEY.format(copy=copy)
            node.ask(f"INSERT INTO fixtrail_raw.{table} SELECT * REPLACE ({replaced}) FROM {first}")
    return int(node.ask("SELECT count() FROM fixtrail.events"))


def measure(node: ClickHouseNode, form: str, file: Path) -> tuple[float, float, float]:
    """(seconds, CPU seconds, MB at most) of one export, as a process of its own."""
    environment = {
        **os.environ,
        "FIXTRAIL_CLICKHOUSE": node.url,
        "FIXTRAIL_CLICKHOUSE_PASSWORD": node.passwords["app"],
        "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": node.passwords["reader"],
    }
    began = time.monotonic()
    command = [sys.executable, "-m", "fixtrail", "export", form, str(file)]
    _, code, usage = os.wait4(os.spawnve(os.P_NOWAIT, sys.executable, command, environment), 0)
    assert code == 0, f"fixtrail export {form} ended with {code}"
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print one line for each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        node = start_clickhouse(Path(folder) / "clickhouse")
        try:
            migrate(node.client())
            print(f"{copies(node, events):,} events")
            for form, name in FILES:
                file = Path(folder) / name
                seconds, cpu, megabytes = measure(node, form, file)
                size = file.stat().st_size / 1e6
                print(f"{name:<11} {seconds:6.1f} s {cpu:6.1f} s CPU {megabytes:6.0f} MB memory {size:7.1f} MB file")
        finally:
            node.stop()


if __name__ == "__main__":
    main()
