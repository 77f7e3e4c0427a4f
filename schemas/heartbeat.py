"""Heartbeats: records without a value, sent through the topics to measure their delay.

One is sent to every partition of `service-events` every few seconds. It is no event: whoever reads the topic passes it
over and notes when it came. The worker sends it on to `journeys`, where it means nothing to anybody: a tombstone of a
key that no order has, so compaction takes it away.
"""

from schemas.decode import Headers, RecordBytes

HEADER = "fixtrail-heartbeat"

# The longest time in ms that may stand in the header: 13 digits last until the year 2286.
_DIGITS = 13


def heartbeat_key(partition: int) -> bytes:
    """The key of a partition's heartbeats; no vehicle and no order has one like it."""
    return f"{HEADER}-{partition}".encode()


def heartbeat_headers(sent_ms: int) -> list[tuple[str, bytes]]:
    """The headers that make a record without value a heartbeat, sent at this time in ms since the epoch."""
    return [(HEADER, str(sent_ms).encode())]


def heartbeat_sent_at(record: RecordBytes) -> int | None:
    """When the heartbeat was sent, in ms since the epoch; None where the record is none."""
    return _sent_at(record.headers) if record.value is None else None


def _sent_at(headers: Headers) -> int | None:
    for name, digits in headers:
        if name == HEADER:
            return int(digits) if digits and digits.isdigit() and len(digits) <= _DIGITS else None
    return None
