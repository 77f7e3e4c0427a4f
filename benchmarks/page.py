"""How soon an event shows on an open tracking page, with the whole embedded stack at work at a steady rate.

python -m benchmarks.page --rate 500 --seconds 30
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from benchmarks.feed import feed
from benchmarks.machine import Machine
from benchmarks.pipeline import Stack
from fixtrail.tracking_links import Links
from schemas.order_key import OrderKey

NO_LIMITS = {
    "FIXTRAIL_WEB_STREAMS": "1000000",
    "FIXTRAIL_WEB_STREAMS_OF_ADDRESS": "1000000",
    "FIXTRAIL_WEB_STREAMS_OF_LINK": "1000000",
    "FIXTRAIL_WEB_REQUESTS_OF_ADDRESS": "1000000",
}
START = datetime.now(UTC) - timedelta(hours=1)
TICK_S = 0.02
ORDERS = 40
DRAIN_S = 5.0


class Orders:
    """Cars whose pages are open; each new promise is an event and a change of the page."""

    def __init__(self, number: int) -> None:
        self.ids = [f"PAGE-{index}" for index in range(number)]
        self.promised = 0

    def event(self, order_id: str) -> tuple[bytes, bytes, str]:
        """Key and value of the next event of an order, and how its page shows the new time."""
        self.promised += 1
        promised = START + timedelta(minutes=self.promised)
        event = {
            "event_id": f"{order_id}-{self.promised}",
            "type": "check_in",
            "order_id": order_id,
            "vehicle_id": f"V-{order_id}",
            "center_id": "C1",
            "customer_id": "K",
            "lane": "standard",
            "occurred_at": _iso(START + timedelta(milliseconds=self.promised)),
            "promised_at": _iso(promised),
        }
        return event["vehicle_id"].encode(), orjson.dumps(event), order_id

    def first(self) -> Iterator[tuple[bytes, bytes, str]]:
        """One event of each."""
        yield from map(self.event, self.ids)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Page(asyncio.Protocol):
    """One open page: when each server-sent event arrived."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.arrived: list[float] = []
        self.bytes = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if b"event: journey" in data:
            self.arrived.append(time.monotonic())


async def open_pages(url: str, paths: Sequence[str], limit_s: float = 120.0) -> list[Page]:
    """All connections, each once it shows its order."""
    host, _, port = url.removeprefix("http://").partition(":")
    loop = asyncio.get_running_loop()
    pages = []
    for start in range(0, len(paths), 100):
        some = [loop.create_connection(lambda p=path: Page(p), host, int(port)) for path in paths[start : start + 100]]
        pages += [page for _, page in await asyncio.gather(*some)]
    deadline = time.monotonic() + limit_s
    while shown := [page for page in pages if not page.arrived]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(shown)} pages show nothing")
        await asyncio.sleep(0.05)
    return pages


def paths_of(stack: Stack, orders: Sequence[str]) -> list[str]:
    """The live part of each order's page."""
    links = Links(stack.facts["link_key"].encode())
    now = int(time.time() * 1000)
    tokens = (links.issue(OrderKey("C1", order_id), f"V-{order_id}", now) for order_id in orders)
    return [f"/t/{token}/live?lang=zh-CN" for token in tokens]


async def known(stack: Stack, orders: Orders, producer: Any) -> None:
    """Send one event of each order and wait until the pages are there."""
    for key, value, _ in orders.first():
        await producer.send_and_wait("service-events", value, key=key)
    await asyncio.sleep(2.0)


async def measure(stack: Stack, rate: int, seconds: int, share: float) -> tuple[list[float], list[float], int]:
    """Seconds from an event's acknowledgement to its journey in Kafka, and to the page; and how many are missing."""
    kafka = {"bootstrap_servers": stack.facts["kafka"]}
    orders = Orders(ORDERS)
    producer = AIOKafkaProducer(**kafka, acks="all")
    journeys = AIOKafkaConsumer("journeys", **kafka, auto_offset_reset="latest", fetch_max_wait_ms=100)
    await producer.start()
    await known(stack, orders, producer)
    await journeys.start()
    await journeys.getmany(timeout_ms=200)
    pages = dict(zip(orders.ids, await open_pages(stack.facts["web"], paths_of(stack, orders.ids)), strict=True))
    in_kafka: dict[str, list[float]] = {order_id: [] for order_id in orders.ids}
    following = asyncio.create_task(_follow(journeys, in_kafka))
    sent: dict[str, list[float]] = {order_id: [] for order_id in orders.ids}
    before = {order_id: len(page.arrived) for order_id, page in pages.items()}
    others = feed(round(rate * seconds * (1 - share)), seed=3)
    pending: set[asyncio.Task[None]] = set()
    began, number, turn = time.monotonic(), 0, 0
    every = max(1, round(1 / share))
    while (now := time.monotonic()) < began + seconds:
        while number < (now - began) * rate:
            number += 1
            if number % every == 0:
                order_id = orders.ids[turn % ORDERS]
                turn += 1
                pending.add(asyncio.create_task(_send(producer, orders.event(order_id), sent[order_id])))
            elif record := next(others, None):
                await producer.send("service-events", record[1], key=record[0])
        pending = {task for task in pending if not task.done()}
        await asyncio.sleep(TICK_S)
    await asyncio.gather(*pending)
    await asyncio.sleep(DRAIN_S)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await journeys.stop()
    await producer.stop()
    to_kafka, to_page, missing = [], [], 0
    for order_id, times in sent.items():
        shown = pages[order_id].arrived[before[order_id] :]
        pages[order_id].transport.close()
        missing += max(0, len(times) - len(shown))
        to_page += [at - acked for acked, at in zip(times, shown, strict=False)]
        to_kafka += [at - acked for acked, at in zip(times, in_kafka[order_id], strict=False)]
    return to_kafka, to_page, missing


async def _send(producer: Any, event: tuple[bytes, bytes, str], sent: list[float]) -> None:
    key, value, _ = event
    await producer.send_and_wait("service-events", value, key=key)
    sent.append(time.monotonic())


async def _follow(consumer: Any, arrived: dict[str, list[float]]) -> None:
    async for record in consumer:
        times = arrived.get(record.key.decode())
        if times is not None:
            times.append(time.monotonic())


def quantiles(seconds: list[float]) -> list[str]:
    """p50, p99 and the longest in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return ["–", "–", "–"]
    return [f"{1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]:.0f}" for share in (0.5, 0.99, 1.0)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rate", type=int, default=500, help="events/s of all orders together")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--share", type=float, default=0.04, help="share of the events that are of watched orders")
    given = parser.parse_args()
    os.environ.update(NO_LIMITS)
    console, machine = Console(), Machine()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        to_kafka, to_page, missing = asyncio.run(measure(stack, given.rate, given.seconds, given.share))
        cpu = stack.cpu()
        machine.account(sum(cpu.values()))
    table = Table("from the event's acknowledgement to", "n", "p50 ms", "p99 ms", "longest ms")
    table.add_row("its journey in Kafka (worker)", str(len(to_kafka)), *quantiles(to_kafka))
    table.add_row("the page (aim: p99 150 ms)", str(len(to_page)), *quantiles(to_page))
    table.title = f"{given.rate} events/s over {given.seconds} s, {ORDERS} open pages"
    console.print(table)
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sorted(cpu.items(), key=lambda item: -item[1]))
    console.print(f"not shown: {missing}; CPU s since the start: {parts}")
    machine.calibrate()
    console.print(machine.summary())
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
