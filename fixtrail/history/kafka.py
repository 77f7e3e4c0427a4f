"""The side of Kafka of a run: what the writer has read so far, and records for the stream."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fixtrail.history.judging import FileRecord
from fixtrail.operations.status import CLICKHOUSE, LOOK_EVERY_S, Watcher
from fixtrail.operations.topics import require_topic
from fixtrail.sealing import Seal, sealer_of
from fixtrail.sending.send import PartitionedSender, open_sender
from fixtrail.settings import HistorySettings, client_options
from runtime.failure import ExitError
from runtime.kafka.dead_letters import MAX_REQUEST_BYTES, fitting_letter
from runtime.kafka.producer import open_producer
from schemas.event_topics import SERVICE
from schemas.history_mark import HistoryMark
from schemas.topics import DEAD_LETTERS, SERVICE_EVENTS

LEVEL_WITHIN_S = 60.0
_IN_HAND = 1000
_Position = tuple[str, int]


async def wait_level(settings: HistorySettings) -> int:
    """The number of partitions of `service-events`, once the writer has put all that is in it now into ClickHouse.

    Raises ExitError where it does not come so far: then ClickHouse does not know yet which vehicles the stream knows.
    """
    group = settings.app_id + CLICKHOUSE[0]
    deadline = time.monotonic() + LEVEL_WITHIN_S
    async with Watcher(settings) as watcher:
        partitions = len(watcher.partitions_of(SERVICE_EVENTS))
        ends: dict[_Position, int] = {}
        while True:
            lags = [lag for lag in (await watcher.look()).lags if (lag.group, lag.topic) == (group, SERVICE_EVENTS)]
            ends = ends or {(lag.topic, lag.partition): lag.end for lag in lags}
            behind = sum(max(0, ends[lag.topic, lag.partition] - (lag.end - lag.lag)) for lag in lags)
            if not behind:
                return partitions
            if time.monotonic() >= deadline:
                raise ExitError(
                    f"the ClickHouse writer has {behind:,} records of {SERVICE_EVENTS} to go: until then nobody can "
                    "say which vehicles the stream knows. Wait for `fixtrail status --wait-idle`, then try again"
                )
            await asyncio.sleep(LOOK_EVERY_S)


class KafkaStream:
    """Records for the stream, and dead letters."""

    def __init__(self, lanes: PartitionedSender, letters_to: Any, seal: Seal | None) -> None:
        self._lanes, self._producer, self._seal = lanes, letters_to, seal
        self._letters: list[Any] = []

    async def mark(self, mark: HistoryMark) -> None:
        """Tell the worker what it was spared, or what time it is."""
        await self._lanes.mark(mark.vehicle_id.encode(), mark.headers())

    async def line(self, number: int, value: bytes) -> None:
        """Send a line as it is, its personal fields sealed."""
        await self._lanes.add(number, value)

    async def refuse(self, record: FileRecord, code: str, reason: str) -> None:
        """Send the dead letter of a line that is no event, key and value as they would have come to the topic."""
        key = SERVICE.key_in(record.value)
        record.key = None if key is None else key.encode()
        if self._seal is not None:
            (record.value,) = await asyncio.to_thread(self._seal, [record.value])
        value, key_bytes, headers = fitting_letter(record, code, reason)
        self._letters.append(await self._producer.send(DEAD_LETTERS, value, key=key_bytes, headers=headers))
        if len(self._letters) >= _IN_HAND:
            await self._settle_letters()

    async def settle(self) -> None:
        """Return once Kafka has acknowledged all. Raises ExitError where it did not."""
        await self._settle_letters()
        await self._lanes.flush()
        await self._lanes.settle()
        if error := self._lanes.sent.error:
            raise ExitError(f"Kafka did not take everything: {error}. Do it again: nothing counts twice")

    async def _settle_letters(self) -> None:
        waiting, self._letters = self._letters, []
        for letter in waiting:
            await letter


@asynccontextmanager
async def open_stream(settings: HistorySettings) -> AsyncIterator[KafkaStream]:
    """The stream that a run sends to. Raises ExitError where Kafka has no such topic."""
    await require_topic(settings, DEAD_LETTERS)
    options = client_options(settings)
    async with (
        open_sender(settings) as lanes,
        open_producer(options, linger_ms=20, max_request_size=MAX_REQUEST_BYTES) as producer,
    ):
        yield KafkaStream(lanes, producer, sealer_of(settings))
