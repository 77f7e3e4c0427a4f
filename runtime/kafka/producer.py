"""Producers: one for a command's records, and one that renews itself for a process that sends as long as it runs."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from runtime.failure import ExitError
from runtime.kafka.client import stop_client

OPEN_WITHIN_S = 5.0
PAUSE_S = 1.0
REPLACE_AFTER_S = 60.0

log = logging.getLogger(__name__)

Header = tuple[str, bytes]


class KafkaUnavailableError(Exception):
    """Nothing was sent: Kafka does not answer, or has no such topic. Trying again later helps."""


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record as it goes to Kafka; without a timestamp (ms) it gets the instant of sending."""

    key: bytes
    value: bytes
    headers: tuple[Header, ...] = ()
    timestamp: int | None = None


async def start_producer(kafka: Mapping[str, Any], **options: Any) -> AIOKafkaProducer:
    """A started producer, idempotent unless the options say otherwise. Raises KafkaError where Kafka is away."""
    producer = AIOKafkaProducer(**{**kafka, "acks": "all", "enable_idempotence": True, **options})
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


@asynccontextmanager
async def open_producer(kafka: Mapping[str, Any], **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer that is stopped on leaving. Raises KafkaError where Kafka is away."""
    producer = await start_producer(kafka, **options)
    try:
        yield producer
    finally:
        await stop_client(producer)


class RenewingProducer:
    """Sends for any number of tasks at once; opened when first used, and replaced by another after a failure.

    `start` gives a started producer; what it raises is told as KafkaUnavailableError. aiokafka never gives up on a
    batch of an idempotent producer: what was not acknowledged in time may still arrive. While such a record is left
    over nothing more is taken, so that memory stays bounded; after a minute the producer is replaced.
    """

    def __init__(
        self, start: Callable[[], Awaitable[Any]], ack_within_s: float, open_within_s: float = OPEN_WITHIN_S
    ) -> None:
        self._start, self._ack_within_s, self._open_within_s = start, ack_within_s, open_within_s
        self._opening = asyncio.Lock()
        self._producer: Any = None
        self._closing: set[asyncio.Task[None]] = set()
        self._failed_at = -PAUSE_S
        self._overdue: set[asyncio.Future[Any]] = set()
        self._overdue_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._producer is not None

    async def send(self, topic: str, records: Sequence[OutgoingRecord], headers: Sequence[Header] = ()) -> list[bool]:
        """Whether Kafka has acknowledged each record, within the time set; the headers go with all of them.

        Raises KafkaUnavailableError before anything is sent.
        """
        producer = await self.open()
        futures: list[asyncio.Future[Any]] = []
        failed = False
        try:
            async with asyncio.timeout(self._ack_within_s):
                for record in records:
                    futures.append(await _put(producer, topic, record, headers))
                await asyncio.wait(futures)
        except TimeoutError:
            pass
        except Exception as error:
            # Of whatever kind: what is sent so far counts, and another producer goes on.
            failed = True
            log.warning("a record could not be handed to Kafka: %s", type(error).__name__)
        acknowledged = [future.done() and future.exception() is None for future in futures]
        failed = failed or any(future.done() and future.exception() is not None for future in futures)
        self._note_overdue([future for future in futures if not future.done()])
        if failed:
            self._retire(producer)
        return acknowledged + [False] * (len(records) - len(futures))

    async def open(self) -> Any:
        """The producer. Raises KafkaUnavailableError where there is none, at once while one has just failed to open."""
        self._overdue = {future for future in self._overdue if not future.done()}
        if self._overdue:
            if time.monotonic() - self._overdue_since < REPLACE_AFTER_S:
                raise KafkaUnavailableError("earlier records are not acknowledged yet")
            # It may have lost its way for good.
            self._overdue.clear()
            self._retire(self._producer)
        async with self._opening:
            if self._producer is None:
                self._producer = await self._opened()
            return self._producer

    async def close(self) -> None:
        """Send what is left, for as long as an acknowledgement may take, and close."""
        if self._producer is not None:
            self._retire(self._producer)
        if self._closing:
            await asyncio.wait(self._closing)

    async def _opened(self) -> Any:
        if time.monotonic() - self._failed_at < PAUSE_S:
            raise KafkaUnavailableError("Kafka does not answer")
        try:
            async with asyncio.timeout(self._open_within_s):
                return await self._start()
        except ExitError as failure:
            self._failed_at = time.monotonic()
            log.error("nothing can be sent: %s", failure)
            raise KafkaUnavailableError(str(failure)) from None
        except Exception as error:
            self._failed_at = time.monotonic()
            log.warning("Kafka does not answer: %s", type(error).__name__)
            raise KafkaUnavailableError("Kafka does not answer") from None

    def _note_overdue(self, futures: Sequence["asyncio.Future[Any]"]) -> None:
        for future in futures:
            # Looked at, or asyncio complains about an exception that nobody did.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
        if futures:
            if not self._overdue:
                self._overdue_since = time.monotonic()
            self._overdue.update(futures)

    def _retire(self, producer: Any) -> None:
        """Let the next sending task open another producer; this one may still send what it holds."""
        if producer is self._producer:
            self._producer = None
        task = asyncio.ensure_future(self._close(producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, producer: Any) -> None:
        with suppress(Exception):
            await asyncio.wait_for(producer.stop(), self._ack_within_s)


async def _put(producer: Any, topic: str, record: OutgoingRecord, headers: Sequence[Header]) -> "asyncio.Future[Any]":
    future: asyncio.Future[Any] = await producer.send(
        topic, record.value, record.key, timestamp_ms=record.timestamp, headers=[*record.headers, *headers]
    )
    return future
