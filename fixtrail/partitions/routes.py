"""Which partition a record belongs to once the topics have another number of them."""

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from runtime.failure import REFUSED, ExitError
from runtime.kafka.partitioner import partition_of
from schemas.event_topics import SERVICE
from schemas.heartbeat import heartbeat_sent_at
from schemas.order_key import OrderKey
from schemas.topics import ALERTS, DEAD_LETTERS, JOURNEYS, REFERENCE_DEAD_LETTERS, SERVICE_EVENTS, TOPICS

Partitioner = Callable[[bytes, int], int]
LETTER_TOPICS = (DEAD_LETTERS, REFERENCE_DEAD_LETTERS)
# Kafka takes no record without a key into them.
_COMPACTED = {topic.name for topic in TOPICS if "compact" in topic.config.get("cleanup.policy", "")}
# None: the record is not taken along.
Route = Callable[[Any], int | None]


def crc32(key: bytes, partitions: int) -> int:
    """The partition that librdkafka's default partitioner gives a key."""
    return zlib.crc32(key) % partitions


PARTITIONERS: dict[str, Partitioner] = {"murmur2": partition_of, "crc32": crc32}


class PartitionerCheck:
    """Finds out by which partitioner the producers place their keys; `counts` are the numbers that there were."""

    def __init__(self, counts: Iterable[int]) -> None:
        self._counts = [*set(counts)]
        self._contradictions = dict.fromkeys(PARTITIONERS, 0)
        self._records = 0

    def note(self, record: Any) -> None:
        """Look at one record of `service-events`; what names not its key says nothing of producers."""
        if record.key is None or heartbeat_sent_at(record) is not None:
            return
        self._records += 1
        contradicted = [
            name
            for name, partitioner in PARTITIONERS.items()
            if all(partitioner(record.key, count) != record.partition for count in self._counts)
        ]
        if contradicted and _is_of_its_key(record):
            for name in contradicted:
                self._contradictions[name] += 1

    def partitioner(self) -> str:
        """The name of the one that explains every record. Raises ExitError (78) where none does."""
        for name, count in self._contradictions.items():
            if not count:
                return name
        fewest = min(self._contradictions.values())
        raise ExitError(
            f"{fewest:,} of {self._records:,} records of {SERVICE_EVENTS} are where their keys do not put them "
            "(neither by murmur2, Kafka's default, nor by crc32): a vehicle's events must stay together. "
            "Set partitioner=murmur2_random at producers of librdkafka, and let old records pass their retention",
            REFUSED,
        )


def _is_of_its_key(record: Any) -> bool:
    """Whether the record names its key; one without a value, whether it is an erasure."""
    if record.value is None:
        return bool(record.headers)
    named = SERVICE.key_in(record.value)
    return named is not None and named.encode() == record.key


def route_of(topic: str, partitions: int, partitioner: Partitioner = partition_of) -> Route:
    """Where the records of a topic go; `partitioner` places vehicles, all else is placed by murmur2."""
    if topic == SERVICE_EVENTS:
        return _event_route(partitions, partitioner)
    if topic == ALERTS:
        return _AlertRoute(partitions)
    keyed = _journey_partition if topic == JOURNEYS else partition_of
    # A letter's key is the refused record's, and a mark about a letter has to stay with it.
    by_number = topic in LETTER_TOPICS

    def route(record: Any) -> int | None:
        if heartbeat_sent_at(record) is not None or (record.key is None and topic in _COMPACTED):
            return None
        if by_number or record.key is None:
            return int(record.partition) % partitions
        return keyed(record.key, partitions)

    return route


def _event_route(partitions: int, partitioner: Partitioner) -> Route:
    def route(record: Any) -> int | None:
        if heartbeat_sent_at(record) is not None:
            return None
        return int(record.partition) % partitions if record.key is None else partitioner(record.key, partitions)

    return route


def _journey_partition(key: bytes, partitions: int) -> int:
    """By center and order, as notices are; a key of before orders had a center is the order alone."""
    try:
        center_id, order_id, _ = orjson.loads(key)
        return partition_of(OrderKey(center_id, order_id).encode(), partitions)
    except (ValueError, TypeError, AttributeError):
        return partition_of(key, partitions)


class _AlertRoute:
    """Alerts stand with what they are about: an order, a center, a partition. Their tombstones name only the alert."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._by_alert: dict[bytes, int] = {}

    def __call__(self, record: Any) -> int | None:
        if record.key is None:
            return None
        if record.value is None:
            return self._by_alert.get(record.key)
        try:
            partition = self._partition(orjson.loads(record.value))
        except (ValueError, TypeError, AttributeError, KeyError):
            # Written by somebody else, and read by nobody: it stays what it is.
            partition = int(record.partition) % self._partitions
        self._by_alert[record.key] = partition
        return partition

    def _partition(self, alert: dict[str, Any]) -> int:
        if alert.get("order_id") is not None:
            return partition_of(OrderKey(alert["center_id"] or "", alert["order_id"]).encode(), self._partitions)
        if alert.get("center_id") is not None:
            return partition_of(alert["center_id"].encode(), self._partitions)
        subject = str(alert["subject"])
        number = int(subject) if subject.isdigit() else partition_of(subject.encode(), self._partitions)
        return number % self._partitions
