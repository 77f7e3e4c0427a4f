"""How many webhooks a second one push sink sends, with every outcome durable in its ledger, verified at the receiver.

    python -m benchmarks.push [--notices N] [--runs N] [--ledger DSN]

Exit code 1 only where a notice was lost or told twice; never for a time.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from benchmarks.broker import ROOT, broker, stop
from benchmarks.machine import Machine, cpu_s, median
from fixtrail.all_settings import Settings
from fixtrail.operations.topics import ensure_topics
from runtime.store import open_store
from schemas.order_key import OrderKey
from sinks.push.address import target_secret
from sinks.push.channels.webhook import encoded_secret
from sinks.push.ledger import ledger
from streams.journey.notices import notice_of
from streams.journey.visit import fold

HASH_KEY = "benchmark" * 4
CHECK_EVERY = 50
LIMIT_S = 600.0
CONFIG = "[webhook]\nallow_private = true\n"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to; `sink_cpu_s` is the CPU time of the sink's process while it sent."""

    sent: int
    seconds: float
    sink_cpu_s: float
    requests: int
    distinct: int
    forged: int
    states: dict[str, int]
    memory_mb: float

    @property
    def is_right(self) -> bool:
        return self.states == {"SENT": self.sent} and self.distinct == self.sent and not self.forged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notices", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ledger", help="postgresql://… instead of SQLite on this disk")
    chosen = parser.parse_args()
    machine, runs = Machine(), []
    for _ in range(chosen.runs):
        with tempfile.TemporaryDirectory(prefix="fixtrail-push-") as folder:
            runs.append(_run(Path(folder), chosen.notices, chosen.ledger))
            machine.account(runs[-1].sink_cpu_s)
            machine.calibrate()
    _print(runs, chosen.ledger, machine)
    return 0 if all(run.is_right for run in runs) else 1


def _run(folder: Path, number: int, dsn: str | None) -> Run:
    dsn = dsn or f"sqlite:///{folder / 'data' / 'push.sqlite3'}"
    with broker(None, folder) as running:
        asyncio.run(ensure_topics(Settings(kafka=running.address)))
        receiver, port = start_receiver()
        asyncio.run(_produce(running.address, number, f"webhook:http://127.0.0.1:{port}/in"))
        sink = start_sink(folder, running.address, dsn)
        try:
            return _watch(sink, receiver, dsn, number)
        finally:
            stop(sink)
            stop(receiver)


def start_receiver() -> tuple[subprocess.Popen[str], int]:
    """A receiver of webhooks that knows its secret, and its port."""
    receiver = _start("benchmarks.webhook_receiver", str(CHECK_EVERY), stdout=subprocess.PIPE)
    assert receiver.stdout is not None and receiver.stdin is not None
    port = int(receiver.stdout.readline())
    secret = target_secret(HASH_KEY.encode(), f"http://127.0.0.1:{port}")
    receiver.stdin.write(encoded_secret(secret) + "\n")
    receiver.stdin.flush()
    return receiver, port


def start_sink(folder: Path, kafka: str, dsn: str) -> subprocess.Popen[str]:
    """A push sink that may call this machine."""
    (folder / "push.toml").write_text(CONFIG)
    environment = {
        "FIXTRAIL_DATA": str(folder / "data"),
        "FIXTRAIL_KAFKA": kafka,
        "FIXTRAIL_HASH_KEY": HASH_KEY,
        "FIXTRAIL_PUSH": str(folder / "push.toml"),
        "FIXTRAIL_LEDGER": dsn,
    }
    return _start("fixtrail", "sink", "push", environment=environment, stderr=(folder / "sink.log").open("wb"))


def _watch(sink: subprocess.Popen[str], receiver: subprocess.Popen[str], dsn: str, number: int) -> Run:
    """Wait until the receiver has had all and the ledger says so; measured from the first request to the last."""
    began_cpu, deadline = 0.0, time.monotonic() + LIMIT_S
    counts: dict[str, Any] = {}
    while time.monotonic() < deadline and counts.get("ids", 0) < number:
        time.sleep(0.05)
        assert sink.poll() is None, "the sink ended"
        counts = ask(receiver)
        if not began_cpu and counts["requests"]:
            began_cpu = cpu_s(sink.pid)
    cpu, memory = cpu_s(sink.pid) - began_cpu, memory_mb(sink.pid)
    states = states_of(dsn)
    while time.monotonic() < deadline and states != {"SENT": number} and sum(states.values()) <= number:
        time.sleep(0.2)
        states = states_of(dsn)
        if not set(states) & {"PLANNED", "HELD", "RETRY", "INTENT"}:
            break
    counts = ask(receiver)
    seconds = counts["last_at"] - counts["first_at"]
    return Run(number, seconds, cpu, counts["requests"], counts["ids"], counts["forged"], states, memory)


def ask(receiver: subprocess.Popen[str]) -> dict[str, Any]:
    """What the receiver has received so far."""
    assert receiver.stdout is not None and receiver.stdin is not None
    receiver.stdin.write("\n")
    receiver.stdin.flush()
    received: dict[str, Any] = json.loads(receiver.stdout.readline())
    return received


def states_of(dsn: str) -> dict[str, int]:
    """How many sends of the ledger are in each state."""
    store = open_store(dsn)
    try:
        store.begin()
        ledger.create_tables(store)
        states: dict[str, int] = dict(store.run("SELECT state, count(*) FROM sends GROUP BY state"))
        store.commit()
    finally:
        store.close()
    return states


async def _produce(address: str, number: int, recipient: str) -> None:
    """Notices of repairs that have just begun, and the journeys that show them."""
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=20, max_batch_size=256 * 1024)
    await producer.start()
    now = int(time.time() * 1000)
    try:
        for topic in ("notices", "journeys"):
            futures = []
            for index in range(number):
                order = OrderKey("C1", f"R{index:07}")
                value = _notice(order, now, recipient) if topic == "notices" else _fact(order, now)
                futures.append(await producer.send(topic, orjson.dumps(value), key=order.encode()))
            await asyncio.gather(*futures)
    finally:
        await producer.stop()


def _notice(order: OrderKey, now: int, recipient: str) -> dict[str, Any]:
    notice = notice_of(order, fold([]), ["repair_started", f"e-{order.order_id}", now], [])
    return {**notice, "center_id": "C1", "locale": "zh-CN", "recipients": [recipient], "promised_at": now + 3_600_000}


def _fact(order: OrderKey, now: int) -> dict[str, Any]:
    nothing = ("activity_since", "promised_at", "checked_in_at", "ready_at", "closed_at", "quote")
    return {
        **dict.fromkeys(nothing),
        "order_id": order.order_id,
        "version": 1,
        "status": "open",
        "timeline": [["repair_started", f"e-{order.order_id}", now]],
        "activity": "repair",
        "quote_pending": False,
        "promises": [],
        "parts": [],
        "last_event_at": now,
        "center_id": "C1",
        "lane": "standard",
    }


def _start(
    module: str, *arguments: str, environment: dict[str, str] | None = None, **pipes: Any
) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**inherited, **(environment or {})},
        stdin=subprocess.PIPE,
        text=True,
        **pipes,
    )


def memory_mb(pid: int) -> float:
    """What a process holds of the machine's memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _print(runs: list[Run], dsn: str | None, machine: Machine) -> None:
    console = Console()
    table = Table("run", "sent", "seconds", "sends/s", "sink CPU µs/send", "MB", "at the receiver", "ledger")
    for number, run in enumerate(runs, 1):
        table.add_row(
            str(number),
            f"{run.sent:,}",
            f"{run.seconds:.1f}",
            f"{run.sent / run.seconds:,.0f}",
            f"{1e6 * run.sink_cpu_s / run.sent:,.0f}",
            f"{run.memory_mb:.0f}",
            f"{run.requests:,} requests, {run.distinct:,} ids, {run.forged} forged",
            " ".join(f"{state} {count:,}" for state, count in run.states.items()),
        )
    console.print(table)
    pace = median([run.sent / run.seconds for run in runs])
    ledger_name = "PostgreSQL" if dsn else "SQLite, synced at every commit"
    console.print(f"median {pace:,.0f} sends/s; ledger: {ledger_name}; every {CHECK_EVERY}th signature checked")
    console.print(machine.summary())


if __name__ == "__main__":
    sys.exit(main())
