"""Acknowledgements of alerts: topic `alert-acks`, written by the command line and the ops board."""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from runtime.clock import now_ms
from runtime.kafka.table import Table, follow_tables
from schemas.facts import Acknowledgement
from schemas.topics import ALERT_ACKS


class Acks(Table[Acknowledgement]):
    """All acknowledgements by alert, in memory. Every watch reads all: they are few, and in any partition."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        super().__init__(ALERT_ACKS, Acknowledgement.model_validate_json)
        self._kafka = kafka

    async def run(self) -> None:
        """Follow the topic until cancelled."""
        await follow_tables(self._kafka, [self])


async def acknowledge(producer: AIOKafkaProducer, alert_id: str, by: str, note: str | None) -> None:
    """Tell the watch that somebody takes care of an alert; returns once Kafka has it. Raises KafkaError."""
    now = now_ms()
    ack = Acknowledgement(
        alert_id=alert_id, acknowledged_at=now, acknowledged_by=by, identity=by, via="command", note=note or None
    )
    await producer.send_and_wait(ALERT_ACKS, ack.model_dump_json().encode(), key=alert_id.encode())
