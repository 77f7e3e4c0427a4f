"""Looks at a stack while faults happen: what the groups have committed, and what ClickHouse had by then."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.stack import Stack

GROUPS = ("fixtrail", "fixtrail-clickhouse")
EVERY_S = 2.0


@dataclass(slots=True)
class Sample:
    """Commits by (group, topic, partition), and by partition of the events (commit, rows below it)."""

    at_s: float
    commits: dict[tuple[str, str, int], int] = field(default_factory=dict)
    stored: dict[int, tuple[int, int]] = field(default_factory=dict)


class Watch(threading.Thread):
    """Takes a sample every two seconds until `stop`; what cannot be asked in an outage is left out."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(name="watch", daemon=True)
        self.samples: list[Sample] = []
        self._stack = stack
        self._began = time.monotonic()
        self._stopped = threading.Event()

    def run(self) -> None:
        asyncio.run(self._watch())

    def stop(self) -> None:
        self._stopped.set()
        self.join(60)

    async def _watch(self) -> None:
        bootstrap = self._stack.facts["kafka"]
        while not self._stopped.is_set():
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
            try:
                await admin.start()
                while not self._stopped.is_set():
                    self.samples.append(await asyncio.wait_for(self._sample(admin), 10))
                    await asyncio.sleep(EVERY_S)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(0.5)
            finally:
                await admin.close()

    async def _sample(self, admin: AIOKafkaAdminClient) -> Sample:
        sample = Sample(time.monotonic() - self._began)
        for group in GROUPS:
            for tp, said in (await admin.list_consumer_group_offsets(group)).items():
                if said.offset >= 0:
                    sample.commits[group, tp.topic, tp.partition] = said.offset
        ends = {
            partition: offset
            for (group, topic, partition), offset in sample.commits.items()
            if (group, topic) == ("fixtrail-clickhouse", "service-events")
        }
        if ends:
            with contextlib.suppress(OSError):
                sample.stored = await asyncio.to_thread(self._rows_below, ends)
        return sample

    def _rows_below(self, ends: dict[int, int]) -> dict[int, tuple[int, int]]:
        below = " OR ".join(f"(kafka_partition = {number} AND kafka_offset < {end})" for number, end in ends.items())
        rows: list[dict[str, Any]] = self._stack.ask_raw(
            f"SELECT kafka_partition, uniqExact(kafka_offset) AS n FROM fixtrail_raw.events WHERE {below} GROUP BY 1"
        )
        counts = {row["kafka_partition"]: row["n"] for row in rows}
        return {number: (end, counts.get(number, 0)) for number, end in ends.items()}
