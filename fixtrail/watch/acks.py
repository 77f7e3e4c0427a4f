"""Who takes care of which alert: topic `alert-acks`, written by the command line and the ops board."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from pydantic import ValidationError

from fixtrail.watch.follow import follow
from schemas.facts import Acknowledgement
from schemas.topics import ALERT_ACKS

log = logging.getLogger(__name__)


class Acks:
    """All acknowledgements by alert, in memory. Every watch reads all: they are few, and know of no partitions."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self.read = asyncio.Event()
        self.known: dict[str, Acknowledgement] = {}
        self._kafka = kafka

    async def run(self) -> None:
        """Follow the topic until cancelled."""
        await follow(self._kafka, ALERT_ACKS, self._take, self.read)

    def _take(self, record: Any) -> None:
        if record.value is None:
            self.known.pop((record.key or b"").decode(errors="replace"), None)
            return
        try:
            ack = Acknowledgement.model_validate_json(record.value)
        except ValidationError:
            log.warning("record %d of alert-acks %d is no acknowledgement", record.offset, record.partition)
            return
        self.known[ack.alert_id] = ack


async def acknowledge(producer: AIOKafkaProducer, alert_id: str, by: str, note: str | None) -> None:
    """Tell the watch that somebody takes care of an alert; returns once Kafka has it. Raises KafkaError."""
    now = int(time.time() * 1000)
    ack = Acknowledgement(alert_id=alert_id, acknowledged_at=now, acknowledged_by=by, note=note or None)
    await producer.send_and_wait(ALERT_ACKS, ack.model_dump_json().encode(), key=alert_id.encode())
