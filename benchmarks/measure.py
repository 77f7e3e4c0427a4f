"""One contender's run, watched from outside: what its consumer group has committed, and what CPU it took by then."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from benchmarks.broker import ROOT, stop
from benchmarks.machine import cpu_s

LOOK_S = 0.03
STANDSTILL_S = 300.0
# A share is at least so many events, or the start would count for too much.
LEAST_EVENTS = 30_000
WARM_UP = 0.1
# Where the early part of a run ends and the late one begins: of 1,000,000 events the first 300,000 and the second half.
EARLY = 0.3
LATE = 0.5
# From here on the end is in sight, and a program has no more under way what it commits later.
END = 0.9


class ContenderFailedError(RuntimeError):
    """A contender ended, or commits nothing more; the message carries the end of its log."""


def _nothing_missing() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that does the job. It gets this `share` of the events: a slow one need not do all of them.

    Its facts are compared in `columns` (all where None) but `without`, which its rules do not compute; `notes` stand
    below the table. `missing` says what it needs and this machine does not have.
    """

    name: str
    title: str
    module: str
    notes: str
    share: float = 1.0
    columns: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    environment: dict[str, str] = field(default_factory=dict)
    missing: Callable[[], str | None] = _nothing_missing

    def events_of(self, events: int) -> int:
        """How many of so many events it gets."""
        return min(events, max(LEAST_EVENTS, round(events * self.share)))


@dataclass(frozen=True, slots=True)
class Look:
    """The state of a run at one moment: events committed, and CPU seconds of the process."""

    at: float
    committed: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it went between two commits, and what it cost.

    `from_start`: there were too few commits to leave the start out. `whole_per_s` is from the first commit to the last,
    warm or not. `cpu_per_1000` are CPU seconds of the whole run with its start, `late_cpu_per_1000` those of the second
    half, `growth` is the latter beside the early part; None where too few commits tell.
    """

    from_start: bool
    per_s: float
    whole_per_s: float
    cpu_per_1000: float
    late_cpu_per_1000: float | None = None
    growth: float | None = None


def pace_of(looks: list[Look], total: int) -> Pace:
    """The pace from the first commit after the warm-up to the last one before the end was in sight.

    Both ends are commits, so all that lies between them was done in that time, and how often a program commits makes
    no difference. Some are ahead of their commits by what is under way: far from the end they are so at both.
    """
    commits = [look for before, look in pairwise(looks) if look.committed > before.committed]
    steady = [look for look in commits if WARM_UP * total <= look.committed <= END * total]
    from_start = len(steady) < 2
    first, last = (looks[0], commits[-1]) if from_start else (steady[0], steady[-1])
    start = looks[0] if len(commits) == 1 else commits[0]
    early = _cpu_per_1000([look for look in commits if look.committed <= EARLY * total])
    late = _cpu_per_1000([look for look in commits if LATE * total <= look.committed <= END * total])
    growth = late / early if early and late else None
    cpu_per_1000 = looks[-1].cpu / total * 1000
    return Pace(from_start, _per_s(first, last), _per_s(start, commits[-1]), cpu_per_1000, late, growth)


def _per_s(first: Look, last: Look) -> float:
    return (last.committed - first.committed) / (last.at - first.at)


def _cpu_per_1000(commits: list[Look]) -> float | None:
    """CPU seconds of 1,000 events between the first and the last of these commits; None where there is only one."""
    if len(commits) < 2:
        return None
    first, last = commits[0], commits[-1]
    return (last.cpu - first.cpu) / (last.committed - first.committed) * 1000


class Kafka:
    """The broker as the benchmark uses it."""

    def __init__(self, address: str, partitions: int) -> None:
        self.options: dict[str, Any] = {"bootstrap_servers": address}
        self.address = address
        self.partitions = partitions
        self._admin = AIOKafkaAdminClient(**self.options)

    async def __aenter__(self) -> "Kafka":
        await self._admin.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._admin.close()

    async def create(self, names: Iterable[str]) -> None:
        """Create topics; they are not compacted while the benchmark runs."""
        settings = {"max.message.bytes": str(9 * 1024 * 1024)}
        topics = [NewTopic(name, self.partitions, 1, topic_configs=settings) for name in names]
        await self._admin.create_topics(topics, timeout_ms=30_000)

    async def delete(self, prefix: str) -> None:
        """Delete the topics whose names begin so."""
        names = [name for name in await self._admin.list_topics() if name.startswith(prefix)]
        if names:
            await self._admin.delete_topics(names, timeout_ms=30_000)

    async def committed(self, group: str, topic: str) -> int:
        """How many records of a topic a group has committed."""
        offsets = await self._admin.list_consumer_group_offsets(group)
        return sum(max(0, commit.offset) for tp, commit in offsets.items() if tp.topic == topic)

    async def last_values(self, topic: str) -> tuple[dict[bytes, bytes], int]:
        """The last value of each key of a topic, and how many records there are in all."""
        consumer = AIOKafkaConsumer(
            **self.options, auto_offset_reset="earliest", max_partition_fetch_bytes=4 * 1024 * 1024
        )
        await consumer.start()
        last: dict[bytes, bytes] = {}
        count = 0
        try:
            partitions = [TopicPartition(topic, number) for number in range(self.partitions)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    count += len(records)
                    last.update((record.key, record.value) for record in records)
        finally:
            await consumer.stop()
        return last, count


async def run(contender: Contender, kafka: Kafka, source: str, output: str, total: int, folder: Path) -> Pace:
    """Let a contender process the `total` events of `source`; how fast it went.

    Raises ContenderFailedError where it does not come to the end.
    """
    folder.mkdir(parents=True)
    log_file = folder / "contender.log"
    command = [sys.executable, "-m", contender.module, "--kafka", kafka.address, "--source", source]
    command += ["--output", output, "--group", output, "--partitions", str(kafka.partitions), "--data", str(folder)]
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 (it returns at once)
            command, cwd=ROOT, env=os.environ | contender.environment, stdout=log, stderr=log, text=True
        )
    try:
        looks = await _watch(process, kafka, output, source, total)
    except ContenderFailedError as error:
        raise ContenderFailedError(
            f"{contender.name}: {error}; its log ends with: {log_file.read_text()[-2000:]}"
        ) from None
    finally:
        await asyncio.to_thread(stop, process)
    return pace_of(looks, total)


async def _watch(process: subprocess.Popen[str], kafka: Kafka, group: str, source: str, total: int) -> list[Look]:
    looks = [Look(time.monotonic(), 0, 0.0)]
    moved_at = time.monotonic()
    while looks[-1].committed < total:
        await asyncio.sleep(LOOK_S)
        if process.poll() is not None:
            raise ContenderFailedError(f"ended with {process.returncode}")
        try:
            committed = await kafka.committed(group, source)
        except KafkaError as error:
            # Apache Kafka makes the topic of offsets for its first group.
            if not error.retriable:
                raise
            continue
        look = Look(time.monotonic(), committed, cpu_s(process.pid))
        if committed > looks[-1].committed:
            moved_at = look.at
        elif look.at - moved_at > STANDSTILL_S:
            raise ContenderFailedError(f"stands still at {committed} of {total} events")
        looks.append(look)
    return looks
