"""Events that pages and interfaces send: to `service-events`, and only what Kafka has acknowledged counts as sent."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import MAX_SENT_BYTES, SERVICE_EVENTS

log = logging.getLogger(__name__)

ACK_LIMIT_S = 15.0
PAUSE_S = 2.0

Headers = Iterable[tuple[str, bytes]]


class NotAcknowledged(Exception):
    """Kafka has not said that it has the event. It may have it all the same: trying again needs the same event_id."""


class Events:
    """An idempotent producer that comes back by itself. Any number of tasks may write at once."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self._kafka = kafka
        self._producer: Any = None
        self._broken = asyncio.Event()

    @property
    def ready(self) -> bool:
        return self._producer is not None

    async def run(self) -> None:
        """Keep a producer until cancelled; one that fails is replaced."""
        while True:
            producer = AIOKafkaProducer(
                **self._kafka,
                enable_idempotence=True,
                max_request_size=2 * MAX_SENT_BYTES,
                request_timeout_ms=int(ACK_LIMIT_S * 1000),
            )
            try:
                await producer.start()
                self._producer = producer
                self._broken.clear()
                await self._broken.wait()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("no events can be sent: %s; again in %.0f s", type(error).__name__, PAUSE_S)
            finally:
                self._producer = None
                with suppress(KafkaError, OSError, TimeoutError):
                    await asyncio.wait_for(producer.stop(), ACK_LIMIT_S)
            await asyncio.sleep(PAUSE_S)

    async def write(self, value: bytes, key: bytes, headers: Headers = (), topic: str = SERVICE_EVENTS) -> None:
        """Send one record; returns once all replicas have it. Raises NotAcknowledged."""
        if self._producer is None:
            raise NotAcknowledged("Kafka is away")
        try:
            async with asyncio.timeout(ACK_LIMIT_S):
                await (await self._producer.send(topic, value, key=key, headers=list(headers)))
        except TimeoutError:
            raise NotAcknowledged("no acknowledgement in time") from None
        except (KafkaError, OSError) as error:
            self._broken.set()
            raise NotAcknowledged(type(error).__name__) from None

    async def write_event(self, event: Mapping[str, Any]) -> None:
        """Send an event in the form of docs/contract.md, keyed by its vehicle. Raises NotAcknowledged."""
        await self.write(orjson.dumps(event), event["vehicle_id"].encode())
