"""The alerts as they are now, read from the compacted topic `alerts`; and acknowledging one."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from fixtrail.topics import ALERT_ACKS, ALERTS
from fixtrail.watch.alerts import is_newer
from schemas.facts import Acknowledgement, Alert

log = logging.getLogger(__name__)

PAUSE_S = 2.0
WAIT_S = 0.05

Heard = Callable[[Alert], object]


class Alerts:
    """A read model in memory, of no consumer group: every process that has one reads the whole topic.

    `heard` is called with each new version of an alert once all that stood in the topic has been read.
    """

    def __init__(self, kafka: Mapping[str, Any], heard: Heard = lambda _: None) -> None:
        self.read = asyncio.Event()
        self._kafka, self._heard = kafka, heard
        self._alerts: dict[str, Alert] = {}
        self._partitions: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._alerts)

    def get(self, alert_id: str) -> Alert | None:
        return self._alerts.get(alert_id)

    def starting_with(self, text: str) -> list[Alert]:
        """Those whose id begins like that."""
        return [alert for alert_id, alert in self._alerts.items() if alert_id.startswith(text)]

    def all(self, state: str | None = "open") -> list[Alert]:
        """Those in a state, or all where it is None; the oldest first."""
        found = [alert for alert in self._alerts.values() if state in (None, alert.state)]
        return sorted(found, key=lambda alert: (alert.opened_at, alert.alert_id))

    def partition_of(self, alert_id: str) -> int | None:
        """Where the alert is written, and whoever watches it listens."""
        return self._partitions.get(alert_id)

    async def run(self) -> None:
        """Follow the topic until cancelled; starts again from its beginning after whatever Kafka does."""
        while True:
            consumer = AIOKafkaConsumer(**self._kafka, enable_auto_commit=False, auto_offset_reset="earliest")
            try:
                await consumer.start()
                await self._follow(consumer)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("the alerts cannot be read: %s; again in %.0f s", type(error).__name__, PAUSE_S)
            finally:
                with suppress(KafkaError, OSError, TimeoutError):
                    await asyncio.wait_for(consumer.stop(), 15.0)
            await asyncio.sleep(PAUSE_S)

    async def _follow(self, consumer: Any) -> None:
        consumer.subscribe([ALERTS])
        while not (partitions := sorted(consumer.assignment())):
            await asyncio.sleep(WAIT_S)
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=100, max_records=5000)).items():
                for record in records:
                    self._take(record, tp.partition)
            if not self.read.is_set() and all([await consumer.position(tp) >= end for tp, end in ends.items()]):
                self.read.set()

    def _take(self, record: Any, partition: int) -> None:
        alert_id = (record.key or b"").decode(errors="replace")
        if record.value is None:
            self._alerts.pop(alert_id, None)
            self._partitions.pop(alert_id, None)
            return
        try:
            alert = Alert.model_validate_json(record.value)
        except ValidationError:
            log.warning("record %d of alerts %d is no alert", record.offset, partition)
            return
        if not is_newer(alert, self._alerts.get(alert.alert_id)):
            return
        self._alerts[alert.alert_id] = alert
        self._partitions[alert.alert_id] = partition
        if self.read.is_set():
            self._heard(alert)


async def acknowledge(producer: AIOKafkaProducer, alert_id: str, partition: int, by: str, note: str | None) -> None:
    """Tell the watch that somebody takes care of an alert; returns once Kafka has it.

    `partition` is that of the alert (`Alerts.partition_of`). Raises KafkaError.
    """
    ack = Acknowledgement(
        alert_id=alert_id, acknowledged_at=int(time.time() * 1000), acknowledged_by=by, note=note or None
    )
    await producer.send_and_wait(ALERT_ACKS, ack.model_dump_json().encode(), key=alert_id.encode(), partition=partition)
