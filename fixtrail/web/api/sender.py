"""The way of accepted events to Kafka: for each of them, whether all replicas have it."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fixtrail.operations.topics import require_topic
from fixtrail.settings import KafkaSettings, client_options
from fixtrail.web.api.bodies import Header
from fixtrail.web.api.judge import Record
from runtime.failure import Failure
from schemas.topics import MAX_SENT_BYTES, SERVICE_EVENTS

BATCH_BYTES = 512 * 1024
OPEN_WITHIN_S = 5.0
PAUSE_S = 1.0
REPLACE_AFTER_S = 60.0

log = logging.getLogger(__name__)


class KafkaAway(Exception):
    """Nothing was sent: Kafka does not answer, or has no topic for events. Trying again later helps."""


class Sender:
    """Sends for any number of requests at once. It opens its connection when first used, and again after a failure.

    aiokafka never gives up on a batch of an idempotent producer: what was not acknowledged in time may still arrive,
    with its event ids. While such a batch is left over nothing more is taken, so that memory stays bounded.
    """

    def __init__(self, settings: KafkaSettings, ack_within_s: float) -> None:
        self._settings = settings
        self._ack_within_s = ack_within_s
        self._opening = asyncio.Lock()
        self._producer: Any = None
        self._closing: set[asyncio.Task[None]] = set()
        self._failed_at = -PAUSE_S
        self._overdue: set[asyncio.Future[Any]] = set()
        self._overdue_since = 0.0

    async def send(self, records: Sequence[Record], headers: Sequence[Header] = ()) -> list[bool]:
        """Whether Kafka has acknowledged each record, within the time set; the headers go with all of them.

        Raises KafkaAway before anything is sent.
        """
        producer = await self._open()
        futures: list[asyncio.Future[Any]] = []
        failed = False
        try:
            async with asyncio.timeout(self._ack_within_s):
                for record in records:
                    futures.append(await self._put(producer, record, headers))
                await asyncio.wait(futures)
        except TimeoutError:
            pass
        except Exception as error:
            # Of whatever kind: what is sent so far counts, and another producer goes on.
            failed = True
            log.warning("an event could not be handed to Kafka: %s", type(error).__name__)
        acknowledged = [future.done() and future.exception() is None for future in futures]
        failed = failed or any(future.done() and future.exception() is not None for future in futures)
        self._note_overdue([future for future in futures if not future.done()])
        if failed:
            self._retire(producer)
        return acknowledged + [False] * (len(records) - len(futures))

    async def close(self) -> None:
        """Send what is left, for a few seconds, and close."""
        if self._producer is not None:
            self._retire(self._producer)
        if self._closing:
            await asyncio.wait(self._closing)

    async def _put(self, producer: Any, record: Record, headers: Sequence[Header]) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = await producer.send(
            SERVICE_EVENTS,
            record.value,
            record.key,
            timestamp_ms=record.timestamp,
            headers=[*record.headers, *headers],
        )
        return future

    async def _open(self) -> Any:
        """The producer. Raises KafkaAway where there is none, at once while one has just failed to open."""
        self._overdue = {future for future in self._overdue if not future.done()}
        if self._overdue:
            if time.monotonic() - self._overdue_since < REPLACE_AFTER_S:
                raise KafkaAway("earlier events are not acknowledged yet")
            # It may have lost its way for good.
            self._overdue.clear()
            self._retire(self._producer)
        if self._producer is not None:
            return self._producer
        async with self._opening:
            if self._producer is None:
                if time.monotonic() - self._failed_at < PAUSE_S:
                    raise KafkaAway("Kafka does not answer")
                try:
                    async with asyncio.timeout(OPEN_WITHIN_S):
                        self._producer = await self._opened()
                except Failure as failure:
                    self._failed_at = time.monotonic()
                    log.error("events cannot be taken: %s", failure)
                    raise KafkaAway(str(failure)) from None
                except Exception as error:
                    self._failed_at = time.monotonic()
                    log.warning("Kafka does not answer: %s", type(error).__name__)
                    raise KafkaAway("Kafka does not answer") from None
            return self._producer

    async def _opened(self) -> Any:
        from aiokafka import AIOKafkaProducer

        await require_topic(self._settings, SERVICE_EVENTS)
        producer = AIOKafkaProducer(
            **client_options(self._settings),
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * MAX_SENT_BYTES,
            request_timeout_ms=int(self._ack_within_s * 1000),
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    def _note_overdue(self, futures: Sequence["asyncio.Future[Any]"]) -> None:
        for future in futures:
            # Looked at, or asyncio complains about an exception that nobody did.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
        if futures:
            if not self._overdue:
                self._overdue_since = time.monotonic()
            self._overdue.update(futures)

    def _retire(self, producer: Any) -> None:
        """Let the next request open another producer; this one may still send what it holds."""
        if producer is self._producer:
            self._producer = None
        task = asyncio.ensure_future(self._close(producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, producer: Any) -> None:
        with suppress(Exception):
            await asyncio.wait_for(producer.stop(), self._ack_within_s)
