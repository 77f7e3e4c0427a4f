"""Looks at a fleet while faults happen: commits, ends of topics, what ClickHouse has by then, and the processes."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.fleet import Fleet
from tests.chaos.processes import memory_and_files

EVENTS = "service-events"
CHANGELOG = "-orders-changelog"
LETTERS = "service-events.dead-letter"
OUTPUTS = ("journeys", "center-hours", "notices", LETTERS)
# What is read by the workers' group, and by the writers', whose names begin with the app id.
READ_BY = {"": (EVENTS,), "-clickhouse": (EVENTS, "journeys", "center-hours", LETTERS), "-push": ("notices",)}
EVERY_S = 1.0
PROCESSES_EVERY_S = 10.0
ANSWER_LIMIT_S = 10.0

TopicPartitionKey = tuple[str, int]


@dataclass(slots=True)
class Sample:
    """What groups had committed at `at` (monotonic), and afterwards: the topics' ends, and rows below the commit.

    Groups go by what follows the app id in their name, the changelog by its name without it.
    """

    at: float
    groups: tuple[str, ...] = tuple(READ_BY)
    commits: dict[tuple[str, str, int], int] = field(default_factory=dict)
    ends: dict[TopicPartitionKey, int] = field(default_factory=dict)
    # By partition of the events: (commit of the ClickHouse writers, rows below it).
    stored: dict[int, tuple[int, int]] = field(default_factory=dict)

    def lag(self, group: str, topic: str) -> int:
        """How many records of the topic the group has yet to do."""
        partitions = [partition for partition in self.ends if partition[0] == topic]
        return sum(max(0, self.ends[partition] - self.commits.get((group, *partition), 0)) for partition in partitions)

    def lags(self) -> dict[tuple[str, str], int]:
        return {(group, topic): self.lag(group, topic) for group in self.groups for topic in READ_BY[group]}


@dataclass(frozen=True, slots=True)
class Size:
    """Memory and open files of one process."""

    at: float
    name: str
    pid: int
    memory_mb: float
    files: int


class Watch(threading.Thread):
    """Takes a sample every second until `stop`; what cannot be asked in an outage is left out."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(name="watch", daemon=True)
        self.samples: list[Sample] = []
        self.sizes: list[Size] = []
        self.metrics: dict[str, str] = {}
        self._fleet = fleet
        self._stopped = threading.Event()
        self._sized_at = 0.0

    def run(self) -> None:
        asyncio.run(self._watch())

    def stop(self) -> None:
        self._stopped.set()
        self.join(60)

    def wait_idle(self, limit_s: float) -> float:
        """Seconds until nothing is left to do for any group, by the topics' ends. Raises TimeoutError with the lags."""
        began = time.monotonic()
        lags: dict[tuple[str, str], int] = {}
        while time.monotonic() - began < limit_s:
            # Commits are asked before ends: no lag then means that nothing was under way either.
            if self.samples and self.samples[-1].at > began:
                lags = self.samples[-1].lags()
                if not any(lags.values()):
                    return self.samples[-1].at - began
            time.sleep(0.1)
        raise TimeoutError(
            f"after {limit_s:.0f} s there is still { ({name: lag for name, lag in lags.items() if lag}) }"
        )

    async def _watch(self) -> None:
        while not self._stopped.is_set():
            admin = AIOKafkaAdminClient(bootstrap_servers=self._fleet.kafka, request_timeout_ms=5000)
            consumer = AIOKafkaConsumer(bootstrap_servers=self._fleet.kafka, request_timeout_ms=5000)
            try:
                await asyncio.wait_for(admin.start(), ANSWER_LIMIT_S)
                await asyncio.wait_for(consumer.start(), ANSWER_LIMIT_S)
                while not self._stopped.is_set():
                    self.samples.append(await asyncio.wait_for(self._sample(admin, consumer), ANSWER_LIMIT_S))
                    await self._look_at_processes()
                    await asyncio.sleep(EVERY_S)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(0.5)
            finally:
                with contextlib.suppress(KafkaError, OSError, TimeoutError):
                    await asyncio.wait_for(consumer.stop(), ANSWER_LIMIT_S)
                    await asyncio.wait_for(admin.close(), ANSWER_LIMIT_S)

    async def _sample(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> Sample:
        # Without customers to be told nobody reads the notices.
        groups = tuple(group for group in READ_BY if self._fleet.has_customers or group != "-push")
        sample = Sample(time.monotonic(), groups)
        app_id = self._fleet.app_id
        for group in groups:
            for tp, committed in (await admin.list_consumer_group_offsets(app_id + group)).items():
                if committed.offset >= 0:
                    sample.commits[group, tp.topic, tp.partition] = committed.offset
        below = {
            partition: offset
            for (group, topic, partition), offset in sample.commits.items()
            if (group, topic) == ("-clickhouse", EVENTS)
        }
        # After the commits: whatever was done before them is in these.
        names = (EVENTS, *OUTPUTS, app_id + CHANGELOG)
        places = [TopicPartition(topic, number) for topic in names for number in range(self._fleet.partitions)]
        ends = (await consumer.end_offsets(places)).items()
        sample.ends = {(tp.topic.removeprefix(app_id), tp.partition): end for tp, end in ends}
        if below:
            with contextlib.suppress(OSError):
                sample.stored = await asyncio.to_thread(self._rows_below, below)
        return sample

    def _rows_below(self, ends: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        """Raises OSError where ClickHouse answers with nothing, as one does whose disk is full."""
        counts = ", ".join(
            f"uniqExactIf(kafka_offset, kafka_partition = {number} AND kafka_offset < {end}) AS p{number}"
            for number, end in ends.items()
        )
        rows: list[dict[str, Any]] = self._fleet.ask_raw(f"SELECT {counts} FROM fixtrail_raw.events", ANSWER_LIMIT_S)
        if not rows:
            raise OSError("no answer")
        return {number: (end, rows[0][f"p{number}"]) for number, end in ends.items()}

    async def _look_at_processes(self) -> None:
        now = time.monotonic()
        if now - self._sized_at < PROCESSES_EVERY_S:
            return
        self._sized_at = now
        for name, part in list(self._fleet.parts.items()):
            if (pid := part.pid) is not None and (size := memory_and_files(pid)) is not None:
                self.sizes.append(Size(now, name, pid, *size))
        self.metrics.update(await asyncio.to_thread(self._fleet.metrics))
