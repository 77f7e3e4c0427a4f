"""Kafka records as a consumer gets them, without Kafka."""

import json
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]

# When records of tests were produced: later than anything that happened in them.
PRODUCED_MS = 1_798_761_600_000


@dataclass(frozen=True)
class KafkaRecord:
    """A record of `service-events`; the defaults are those of a good one."""

    value: bytes | None
    key: bytes | None = b"V1"
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = PRODUCED_MS
    offset: int = 0
    partition: int = 0
    topic: str = "service-events"


def record_of(event: Event, **fields: Any) -> KafkaRecord:
    """The record that carries this event under its vehicle's key."""
    value = json.dumps(event, ensure_ascii=False).encode()
    return KafkaRecord(value, **{"key": event["vehicle_id"].encode(), **fields})
