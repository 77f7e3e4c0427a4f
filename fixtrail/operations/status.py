"""The lag of every consumer group, and waiting until there is none."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fixtrail.operations.topics import our_topics, partitions_in
from fixtrail.settings import KafkaSettings
from schemas.topics import DEAD_LETTERS, REFERENCE_DEAD_LETTERS, SERVICE_EVENTS, STORED

LOOK_EVERY_S = 0.2

# (group suffix, what it is called, topics) in the order of the flow: what a group wrote is looked at after its commit.
WORKER = ("", "worker", (SERVICE_EVENTS,))
CLICKHOUSE = ("-clickhouse", "sink clickhouse", STORED)
GROUPS = (WORKER, CLICKHOUSE)


@dataclass(frozen=True, slots=True)
class Lag:
    """How many records of one partition a group has not yet committed; `committed` is None before its first commit.

    `lost` are those behind the commit that the broker has deleted before the group read them.
    """

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    lost: int = 0


@dataclass(frozen=True, slots=True)
class LagSnapshot:
    lags: tuple[Lag, ...]
    dead_letters: int

    @property
    def behind(self) -> list[Lag]:
        return [lag for lag in self.lags if lag.lag]

    @property
    def ends(self) -> dict[tuple[str, int], int]:
        return {(lag.topic, lag.partition): lag.end for lag in self.lags}


class Watcher:
    """Asks Kafka for ends and commits; use as `async with Watcher(settings) as watcher`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    async def __aenter__(self) -> "Watcher":
        from aiokafka.admin import AIOKafkaAdminClient

        from fixtrail.settings import client_options
        from runtime.kafka.client import new_consumer, stop_client

        options = client_options(self._settings)
        self._consumer = new_consumer(**options)
        self._admin = AIOKafkaAdminClient(**options)
        try:
            await self._consumer.start()
            await self._admin.start()
            self._partitions = await our_topics(self._admin)
        except BaseException:
            # One that did not even start is stopped, too: else it complains of that when it is let go.
            await stop_client(self._consumer)
            await self._admin.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        from runtime.kafka.client import stop_client

        await self._admin.close()
        await stop_client(self._consumer)

    def partitions_of(self, topic: str) -> list[int]:
        """The topic's partitions. Raises ExitError where it does not exist."""
        return partitions_in(self._partitions, topic)

    async def look(self) -> LagSnapshot:
        """Every lag, group by group in the order of the flow.

        The ends of a group's topics are read after the commits of the group before it. So once the worker has no
        lag, its outputs (acknowledged before its commit) are within the ends that the ClickHouse writer must reach.
        """
        lags: list[Lag] = []
        for suffix, _, topics in GROUPS:
            lags += await self._group(self._settings.app_id + suffix, topics)
        starts, ends = await self._borders((DEAD_LETTERS, REFERENCE_DEAD_LETTERS))
        return LagSnapshot(tuple(lags), sum(ends.values()) - sum(starts.values()))

    async def _group(self, group: str, topics: tuple[str, ...]) -> list[Lag]:
        starts, ends = await self._borders(topics)
        committed = await self._committed(group)
        lags = []
        for tp, end in sorted(ends.items()):
            offset = committed.get(tp)
            behind = end - max(starts[tp], offset or 0)
            lost = 0 if offset is None else max(0, starts[tp] - offset)
            lags.append(Lag(group, tp.topic, tp.partition, offset, end, max(0, behind), lost))
        return lags

    async def _borders(self, topics: tuple[str, ...]) -> tuple[dict[Any, int], dict[Any, int]]:
        """First offset and end offset of every partition of the topics."""
        from aiokafka import TopicPartition

        partitions = [
            TopicPartition(topic, number) for topic in topics for number in partitions_in(self._partitions, topic)
        ]
        ends: dict[Any, int] = await self._consumer.end_offsets(partitions)
        starts: dict[Any, int] = await self._consumer.beginning_offsets(partitions)
        return starts, ends

    async def _committed(self, group: str) -> dict[Any, int]:
        from aiokafka.errors import GroupCoordinatorNotAvailableError

        try:
            offsets = await self._admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            return {}
        return {tp: at.offset for tp, at in offsets.items() if at.offset >= 0}


async def wait_idle(
    settings: KafkaSettings, limit_s: float, report: Callable[[LagSnapshot], object] = lambda _: None
) -> LagSnapshot | None:
    """None once everything that was sent before the call has reached ClickHouse; the last look at the time-out.

    Idle is: no group has any lag, in two looks one after the other with the same ends.
    """
    deadline = time.monotonic() + limit_s
    previous: LagSnapshot | None = None
    async with Watcher(settings) as watcher:
        while True:
            look = await watcher.look()
            report(look)
            if not look.behind and previous and not previous.behind and previous.ends == look.ends:
                return None
            previous = look
            if time.monotonic() >= deadline:
                return look
            await asyncio.sleep(LOOK_EVERY_S)


async def look_once(settings: KafkaSettings) -> LagSnapshot:
    async with Watcher(settings) as watcher:
        return await watcher.look()


def behind_text(look: LagSnapshot) -> str:
    """One line: which groups still lag, and by how much."""
    if not look.behind:
        return "all offsets are committed, but they moved until the end"
    lags: dict[tuple[str, str], int] = {}
    for lag in look.behind:
        lags[lag.group, lag.topic] = lags.get((lag.group, lag.topic), 0) + lag.lag
    return ", ".join(f"{group} has {lag:,} records of {topic} to go" for (group, topic), lag in lags.items())
