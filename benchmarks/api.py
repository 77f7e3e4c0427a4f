"""Events a second through the event API: one a request, in batches, and many clients at once.

    python -m benchmarks.api [--seconds 8] [--kafka HOST:PORT]

A `fixtrail web` in front of the embedded broker (or another); every answer is a 202, so all of it is acknowledged. The
clients are in this process, on the same machine.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import httpx

from benchmarks.broker import ROOT, broker, stop
from benchmarks.feed import feed
from benchmarks.machine import Machine, cpu_s
from fixtrail.all_settings import Settings
from fixtrail.local.stack import free_port
from fixtrail.web.api.command import add_key

# (events a request, clients at once)
SHAPES = ((1, 1), (1, 16), (100, 2), (1000, 1), (1000, 4))
EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One shape: requests by the time each took, and the CPU of the web server."""

    events_a_request: int
    clients: int
    seconds: float
    took_s: list[float]
    server_cpu_s: float

    def row(self) -> str:
        events = len(self.took_s) * self.events_a_request
        times_s = sorted(self.took_s)
        p50, p99 = (times_s[int(share * (len(times_s) - 1))] * 1000 for share in (0.5, 0.99))
        return (
            f"| {self.events_a_request:,} | {self.clients} | {events / self.seconds:,.0f} | {p50:.1f} | {p99:.1f} "
            f"| {self.server_cpu_s / events * 1000:.3f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each shape is measured")
    parser.add_argument("--kafka", help="a running Kafka instead of the embedded broker")
    options = parser.parse_args()
    values = [value for _, value in islice(feed(EVENTS), EVENTS)]
    machine = Machine()
    with (
        tempfile.TemporaryDirectory() as folder,
        broker(options.kafka, Path(folder)) as running,
        web(Path(folder), running.address) as (url, key, pid),
    ):
        measured = []
        for size, clients in SHAPES:
            measured.append(asyncio.run(measure(url, key, pid, values, size, clients, options.seconds)))
            machine.calibrate()
            machine.account(measured[-1].server_cpu_s)
    mean = sum(map(len, values)) / len(values)
    print(f"One web server before {running.name}, events of {mean:,.0f} bytes, {options.seconds:g} s each")
    print("| events a request | clients | events/s | p50 ms | p99 ms | server CPU s per 1,000 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for shape in measured:
        print(shape.row())
    print(machine.summary())


async def measure(
    url: str, key: str, pid: int, values: list[bytes], size: int, clients: int, seconds: float
) -> Measured:
    """Let so many clients send for so long. Raises RuntimeError for any other answer than 202."""
    bodies = [b"[" + b",".join(values[at : at + size]) + b"]" for at in range(0, len(values) - size + 1, size)]
    times_s: list[float] = []
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    async def client(number: int) -> None:
        at = number * 37
        async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as session:
            while time.monotonic() < until:
                began = time.monotonic()
                answer = await session.post(f"{url}/v1/events", content=bodies[at % len(bodies)])
                if answer.status_code != 202:
                    raise RuntimeError(f"{answer.status_code}: {answer.text[:500]}")
                times_s.append(time.monotonic() - began)
                at += 1

    cpu = cpu_s(pid)
    began = time.monotonic()
    until = began + seconds
    await asyncio.gather(*(client(number) for number in range(clients)))
    return Measured(size, clients, time.monotonic() - began, times_s, cpu_s(pid) - cpu)


@contextmanager
def web(folder: Path, kafka: str) -> Iterator[tuple[str, str, int]]:
    """A web server of our own, for as long as the block runs: its URL, a key, and its process id."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FIXTRAIL_")},
        **{"FIXTRAIL_KAFKA": kafka, "FIXTRAIL_DATA": str(folder), "FIXTRAIL_HASH_KEY": "benchmark" * 4},
        **{"FIXTRAIL_WEB_PORT": str(port), "FIXTRAIL_API_EVENTS_PER_MINUTE": "1000000000"},
    }
    command = [sys.executable, "-m", "fixtrail"]
    subprocess.run([*command, "migrate", "--only", "topics"], cwd=ROOT, env=environment, check=True)
    text, _ = add_key(Settings(data=folder), "benchmark", scopes=["events:write", "orders:read"])
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen([*command, "web"], cwd=ROOT, env=environment, stderr=log, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_ready(url, text, process)
        yield url, text, process.pid
    finally:
        stop(process)


def _wait_ready(url: str, key: str, process: subprocess.Popen[str]) -> None:
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        for _ in range(300):
            try:
                if client.get(f"{url}/v1/orders/nobody").status_code == 404:
                    return
            except httpx.TransportError:
                pass
            if process.poll() is not None:
                break
            time.sleep(0.2)
    raise RuntimeError("the web server did not start")


if __name__ == "__main__":
    main()
