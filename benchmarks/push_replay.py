"""What a replay of last year's orders has customers told: nothing. How long the push sink takes to see that.

    python -m benchmarks.push_replay [--orders N] [--ledger DSN]

The events of so many simulated visits, or of 5,000 of them again and again under other order ids, go through the rules.
All the notices that follow, each for an address that would be called, go to the topic, the journeys too, and a push
sink reads them. Exit code 1 where anybody was called.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.broker import broker, stop
from benchmarks.feed import SCENARIO, send
from benchmarks.machine import Machine, cpu_s
from benchmarks.push import ask, memory_mb, start_receiver, start_sink, states_of
from fixtrail.all_settings import Settings
from fixtrail.operations.topics import ensure_topics
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from schemas.decode import decode_event
from schemas.order_key import OrderKey, journey_key
from streams.journey.entries import Entry, entry_of
from streams.journey.facts import journey_fact
from streams.journey.first_time_fix import NOT_JUDGED
from streams.journey.notices import notice_of
from streams.journey.visit import Visit, fold

DISTINCT = 5_000
CENTERS = 40
LIMIT_S = 1800.0

Record = tuple[bytes, bytes]
Order = tuple[str, Visit, dict[str, Entry]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--ledger", help="postgresql://… instead of SQLite on this disk")
    chosen = parser.parse_args()
    machine = Machine()
    with tempfile.TemporaryDirectory(prefix="fixtrail-push-") as name:
        folder = Path(name)
        dsn = chosen.ledger or f"sqlite:///{folder / 'data' / 'push.sqlite3'}"
        with broker(None, folder) as running:
            asyncio.run(ensure_topics(Settings(kafka=running.address)))
            receiver, port = start_receiver()
            counts = _produce(running.address, chosen.orders, f"webhook:http://127.0.0.1:{port}/in")
            began, sink = time.monotonic(), start_sink(folder, running.address, dsn)
            try:
                states = _watch(sink, dsn, counts["notices"], folder / "sink.log")
                seconds, cpu, memory = time.monotonic() - began, cpu_s(sink.pid), memory_mb(sink.pid)
                called = ask(receiver)["requests"]
            finally:
                stop(sink)
                stop(receiver)
    machine.calibrate()
    _print(counts, states, called, (seconds, cpu, memory), machine)
    return 0 if not called and states == {"EXPIRED": counts["notices"]} else 1


def _watch(sink: Any, dsn: str, number: int, log: Path) -> dict[str, int]:
    """The ledger's states once it knows every notice and nothing waits, and a moment more in which nothing changes."""
    deadline, states = time.monotonic() + LIMIT_S, dict[str, int]()
    while time.monotonic() < deadline:
        time.sleep(1)
        if sink.poll() is not None:
            raise RuntimeError(f"the sink ended with {sink.returncode}: {log.read_text()[-3000:]}")
        states = states_of(dsn)
        if sum(states.values()) >= number and not set(states) & {"PLANNED", "HELD", "RETRY", "INTENT"}:
            break
    time.sleep(2)
    return states_of(dsn)


def _produce(address: str, orders: int, recipient: str) -> dict[str, int]:
    """Send the notices and journeys of so many orders of a year ago; how many there were of each."""
    counts = {"orders": 0, "events": 0, "notices": 0}
    visits = _visits(min(orders, DISTINCT))
    while counts["orders"] < orders:
        prefix = f"{counts['orders']}-"
        some = visits[: orders - counts["orders"]]
        asyncio.run(send({"bootstrap_servers": address}, _notices(some, prefix, recipient, counts), "notices"))
        asyncio.run(send({"bootstrap_servers": address}, _facts(some, prefix), "journeys"))
        counts["orders"] += len(some)
    return counts


def _visits(orders: int) -> list[Order]:
    entries: dict[str, dict[str, Entry]] = defaultdict(dict)
    for event in _events(orders):
        accepted = decode_event(orjson.dumps(event))
        entries[accepted.order_id].setdefault(accepted.event_id, entry_of(accepted))
    return [(order_id, fold(proofs.values()), proofs) for order_id, proofs in entries.items()]


def _notices(orders: list[Order], prefix: str, recipient: str, counts: dict[str, int]) -> Iterator[Record]:
    for name, visit, proofs in orders:
        order = OrderKey("C1", prefix + name)
        counts["events"] += len(proofs)
        for moment in visit.timeline:
            notice = {**notice_of(order, visit, moment, proofs[moment[1]]), "recipients": [recipient]}
            counts["notices"] += 1
            yield order.encode(), orjson.dumps(notice)


def _facts(orders: list[Order], prefix: str) -> Iterator[Record]:
    for name, visit, _ in orders:
        order, vehicle_id = OrderKey("C1", prefix + name), f"V{name}"
        yield journey_key(order, vehicle_id), orjson.dumps(journey_fact(order, vehicle_id, visit, NOT_JUDGED, 1))


def _events(orders: int) -> Iterator[dict[str, Any]]:
    """All the events of so many orders, in the order of arrival, a year ago."""
    scenario = load_scenario(SCENARIO)
    start = datetime.now(UTC).replace(hour=0, minute=0) - timedelta(days=365)
    wanted: set[str] = set()
    for _, event in simulate(scenario, 1, scenario.days, CENTERS, start):
        if len(wanted) < orders:
            wanted.add(event["order_id"])
        if event["order_id"] in wanted:
            yield event


def _print(
    counts: dict[str, int], states: dict[str, int], called: int, run: tuple[float, float, float], machine: Machine
) -> None:
    console = Console()
    table = Table("orders", "events", "notices", "ledger", "calls", "seconds", "CPU s", "MB")
    seconds, cpu, memory = run
    table.add_row(
        *(f"{counts[name]:,}" for name in ("orders", "events", "notices")),
        " ".join(f"{state} {count:,}" for state, count in states.items()),
        f"{called:,}",
        f"{seconds:.0f}",
        f"{cpu:.0f}",
        f"{memory:.0f}",
    )
    console.print(table)
    console.print(machine.summary())


if __name__ == "__main__":
    sys.exit(main())
