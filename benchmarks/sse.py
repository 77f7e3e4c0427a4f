"""Many open tracking pages: how soon all of them show an update, memory of each, and what they cost the worker.

python -m benchmarks.sse --pages 5000
"""

import argparse
import asyncio
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from benchmarks.feed import feed
from benchmarks.machine import Machine, cpu_s, median, rss_mb
from benchmarks.page import NO_LIMITS, Orders, known, open_pages, paths_of, quantiles
from benchmarks.pipeline import Stack

LOAD_EVENTS = 20_000
UPDATE_LIMIT_S = 20.0


async def read_pages(url: str, paths: list[str]) -> None:
    """The readers' process: opens the pages, then answers each line on standard input with when all were updated."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    pages = await open_pages(url, paths)
    print("open", flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if line == "bytes":
            print(sum(page.bytes for page in pages), flush=True)
            continue
        wanted = int(line)
        deadline = time.monotonic() + UPDATE_LIMIT_S
        while (missing := sum(len(page.arrived) < wanted for page in pages)) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        times = [page.arrived[wanted - 1] for page in pages if len(page.arrived) >= wanted]
        print(orjson.dumps({"missing": missing, "times": times}).decode(), flush=True)


class Readers:
    """All pages, in a process of their own, so that they do not measure themselves."""

    def __init__(self, url: str, paths: list[str], folder: Path) -> None:
        (folder / "paths.json").write_bytes(orjson.dumps([url, paths]))
        self._command = [sys.executable, "-m", "benchmarks.sse", "--read", str(folder / "paths.json")]

    async def __aenter__(self) -> "Readers":
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=64 * 1024 * 1024
        )
        assert await self._line() == b"open"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.terminate()
        await self._process.wait()

    async def updated(self, count: int) -> tuple[list[float], int]:
        """When each page showed its update number `count`, and how many did not in time."""
        await self._ask(str(count))
        reply = orjson.loads(await self._line())
        return reply["times"], reply["missing"]

    async def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).strip()


def under_load(stack: Stack, folder: Path, seed: int) -> tuple[float, float]:
    """Events/s from sending until all is stored, and the worker's CPU ms per 1,000 events."""
    source = folder / f"load-{seed}.ndjson"
    with source.open("wb") as lines:
        count = sum(1 for _, value in feed(LOAD_EVENTS, seed=seed) if lines.write(value + b"\n"))
    worker = stack.facts["children"]["worker-1"]["pid"]
    spent, began = cpu_s(worker), time.monotonic()
    stack.command("send", str(source))
    stack.command("status", "--wait-idle", "300")
    return count / (time.monotonic() - began), (cpu_s(worker) - spent) / count * 1e6


async def measure(stack: Stack, folder: Path, given: Any, console: Console) -> bool:
    """All of it; whether every page showed every update."""
    orders = Orders(given.orders)
    producer = AIOKafkaProducer(bootstrap_servers=stack.facts["kafka"], acks="all", linger_ms=5)
    await producer.start()
    await known(stack, orders, producer)
    web = stack.facts["children"]["web"]["pid"]
    alone = await asyncio.to_thread(under_load, stack, folder, 11)
    paths = paths_of(stack, [orders.ids[number % len(orders.ids)] for number in range(given.pages)])
    memory = rss_mb(web)
    table = Table("measure", "figure", title=f"{given.pages:,} open pages of {given.orders} orders")
    complete = True
    async with Readers(stack.facts["web"], paths, folder) as readers:
        held = rss_mb(web) - memory
        late: list[float] = []
        rounds: list[float] = []
        spent = cpu_s(web)
        for count in range(2, given.rounds + 2):
            acked = await asyncio.gather(*(_sent(producer, orders.event(order_id)) for order_id in orders.ids))
            times, missing = await readers.updated(count)
            complete = complete and not missing
            since = min(acked)
            late += [at - since for at in times]
            rounds.append(max(times) - since)
            await asyncio.sleep(0.2)
        spent = (cpu_s(web) - spent) / given.rounds
        beside = await asyncio.to_thread(under_load, stack, folder, 12)
    await producer.stop()
    p50, p99, longest = quantiles(late)
    table.add_row("first update accepted → page, ms: p50, p99, longest (aim: p99 1,000)", f"{p50}, {p99}, {longest}")
    table.add_row("the same until the last page shows it, ms: median of the rounds", f"{1000 * median(rounds):.0f}")
    table.add_row("memory of a page in the server (aim: 40 KB)", f"{held * 1000 / given.pages:.1f} KB")
    table.add_row("server's CPU for one update of all pages", f"{spent:.2f} s")
    table.add_row("events/s until stored: without pages, beside them", f"{alone[0]:,.0f}, {beside[0]:,.0f}")
    table.add_row("worker's CPU ms per 1,000 events: without, beside", f"{alone[1]:.0f}, {beside[1]:.0f}")
    console.print(table)
    return complete


async def _sent(producer: Any, event: tuple[bytes, bytes, str]) -> float:
    key, value, _ = event
    await producer.send_and_wait("service-events", value, key=key)
    return time.monotonic()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sse", description=__doc__)
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--orders", type=int, default=100, help="how many orders the pages are of")
    parser.add_argument("--rounds", type=int, default=10, help="updates of every order")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        asyncio.run(read_pages(*orjson.loads(given.read.read_bytes())))
        return 0
    os.environ.update(NO_LIMITS)
    console, machine = Console(), Machine()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        complete = asyncio.run(measure(stack, Path(folder), given, console))
        machine.account(sum(stack.cpu().values()))
    machine.calibrate()
    console.print(machine.summary())
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
