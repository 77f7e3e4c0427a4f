"""The boxes that run on the consumer loop, each started as a task of the test. A new one joins by an entry in BOXES."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixtrail.watch.box import WatchBoxConfig, run_watch
from fixtrail.watch.config import WatchConfig
from runtime.progress import Progress
from schemas.topics import JOURNEYS, NOTICES
from sinks.clickhouse.connection import ClickHouse
from sinks.clickhouse.writer import WriterConfig, run_writer
from sinks.push.config import CONSOLE_ONLY
from sinks.push.sink import PushConfig, run_push
from tests.chaos.proxy import Proxy
from tests.clickhouse_node import ClickHouseNode, free_ports
from tests.providers.messages import a_notice
from tests.workshop import order_after, repaired_visit

HASH_KEY = b"a key for these tests, long enough"


@dataclass
class World:
    """What stands around the boxes of one test."""

    bootstrap: str
    folder: Path
    clickhouse: ClickHouseNode
    proxy: Proxy

    @property
    def kafka(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.bootstrap}

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.sqlite3"


Run = Callable[[World, str, asyncio.Event, Progress], Awaitable[int]]


@dataclass(frozen=True)
class BoxKind:
    """How a box is run, and what the suite has to know of it.

    `topic` is one that it reads and `good` a record of it, which the box takes. `names_dead_letters`: a record that is
    none of ours becomes a dead letter; else another box that reads the topic does that. `target_away` makes what it
    writes to unreachable until its end; None where that is Kafka itself.
    """

    name: str
    topic: str
    good: Callable[[str], dict[str, Any]]
    run: Run
    commits: bool = True
    names_dead_letters: bool = True
    target_away: Callable[[World], AbstractContextManager[None]] | None = None

    @property
    def group(self) -> str:
        return f"contract-{self.name}"


@dataclass
class RunningBox:
    """A box in this process. `start` begins it, `stop` asks it to end and gives its exit code."""

    kind: BoxKind
    world: World
    instance: str
    progress: Progress = field(default_factory=Progress)
    task: asyncio.Task[int] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        running = self.kind.run(self.world, self.instance, self._stop, self.progress)
        self.task = asyncio.ensure_future(running)

    async def stop(self, within_s: float = 40.0) -> int:
        assert self.task is not None
        self._stop.set()
        return await asyncio.wait_for(self.task, within_s)

    @property
    def lag(self) -> float | None:
        """Records that it has read less than there are; None where it does not know yet."""
        lags = [value for measure, value in self.progress.gauges.items() if measure[0] == "lag_records"]
        return sum(lags) if lags else None


async def _run_writer(world: World, instance: str, stop: asyncio.Event, progress: Progress) -> int:
    server = world.clickhouse.server()
    config = WriterConfig(
        world.kafka,
        ClickHouse(f"http://127.0.0.1:{world.proxy.port}", server.user, server.password),
        HASH_KEY,
        group="contract-writer",
        instance=instance,
        flush_s=0.1,
    )
    return await run_writer(config, stop, progress)


async def _run_push(world: World, instance: str, stop: asyncio.Event, progress: Progress) -> int:
    config = PushConfig(world.kafka, CONSOLE_ONLY, str(world.ledger), HASH_KEY, instance, group="contract-push")
    return await run_push(config, stop, progress)


async def _run_watch(world: World, instance: str, stop: asyncio.Event, progress: Progress) -> int:
    config = WatchBoxConfig(world.kafka, WatchConfig(), instance, group="contract-watch")
    return await run_watch(config, stop, progress)


def _a_journey(order_id: str) -> dict[str, Any]:
    return {**order_after(*repaired_visit("brakes")), "order_id": order_id}


def _a_notice(order_id: str) -> dict[str, Any]:
    return a_notice(order_id=order_id)


@contextlib.contextmanager
def _clickhouse_away(world: World) -> Iterator[None]:
    world.proxy.set("refuse")
    try:
        yield
    finally:
        world.proxy.start()
        world.proxy.set("pass")


@contextlib.contextmanager
def _ledger_locked(world: World) -> Iterator[None]:
    connection = sqlite3.connect(world.ledger, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def a_world(bootstrap: str, folder: Path, clickhouse: ClickHouseNode) -> World:
    """ClickHouse behind a proxy; the caller stops that."""
    proxy = Proxy(free_ports(1)[0], clickhouse.http_port)
    proxy.start()
    return World(bootstrap, folder, clickhouse, proxy)


def record_of(row: dict[str, Any]) -> tuple[bytes, bytes]:
    """Key and value as the workers write them."""
    return row["order_id"].encode(), json.dumps(row).encode()


BOXES = (
    BoxKind("writer", JOURNEYS, _a_journey, _run_writer, target_away=_clickhouse_away),
    BoxKind("push", NOTICES, _a_notice, _run_push, target_away=_ledger_locked),
    # What is no notice is named by the push sink, what is no journey by the writer.
    BoxKind("watch", NOTICES, _a_notice, _run_watch, commits=False, names_dead_letters=False),
)
