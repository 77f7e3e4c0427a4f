"""Events that pages and interfaces send: to `service-events`, and only what Kafka has acknowledged counts as sent."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from fixtrail.sealing import Seal
from runtime.failure import ExitError
from runtime.kafka.producer import KafkaUnavailableError, OutgoingRecord, RenewingProducer, start_producer
from schemas.topics import MAX_SENT_BYTES, SERVICE_EVENTS
from schemas.version import SCHEMA_HEADER

ACK_LIMIT_S = 15.0
PAUSE_S = 2.0


class NotAcknowledgedError(Exception):
    """Kafka has not said that it has the event. It may have it all the same: trying again needs the same event_id."""


class Events:
    """A producer that comes back by itself. Any number of tasks may write at once."""

    def __init__(self, kafka: Mapping[str, Any], seal: Seal | None = None) -> None:
        self._seal = seal
        options = {"max_request_size": 2 * MAX_SENT_BYTES, "request_timeout_ms": int(ACK_LIMIT_S * 1000)}
        self._producer = RenewingProducer(lambda: start_producer(kafka, **options), ACK_LIMIT_S, ACK_LIMIT_S)

    @property
    def ready(self) -> bool:
        return self._producer.is_open

    async def run(self) -> None:
        """Keep the producer open until cancelled."""
        try:
            while True:
                with suppress(KafkaUnavailableError):
                    await self._producer.open()
                await asyncio.sleep(PAUSE_S)
        finally:
            await self._producer.close()

    async def write(self, value: bytes, key: bytes, topic: str = SERVICE_EVENTS) -> None:
        """Send one record; returns once all replicas have it.

        Raises NotAcknowledgedError, at once while Kafka is away.
        """
        if not self.ready:
            raise NotAcknowledgedError("Kafka is away")
        try:
            (acknowledged,) = await self._producer.send(topic, [OutgoingRecord(key, value)], [SCHEMA_HEADER])
        except KafkaUnavailableError as error:
            raise NotAcknowledgedError(str(error)) from None
        if not acknowledged:
            raise NotAcknowledgedError("no acknowledgement")

    async def write_event(self, event: Mapping[str, Any]) -> None:
        """Send an event in the form of docs/contract.md, keyed by its vehicle. Raises NotAcknowledgedError."""
        value = orjson.dumps(event)
        if self._seal is not None:
            try:
                (value,) = await asyncio.to_thread(self._seal, [value])
            except ExitError as error:
                raise NotAcknowledgedError(str(error)) from None
        await self.write(value, event["vehicle_id"].encode())


def event_id_key(secret: bytes) -> bytes:
    """The key of the ids of events that pages send, of no other use."""
    return hashlib.blake2b(secret, digest_size=32, person=b"page-event").digest()
