"""Search for a person's orders in the topics, with every record of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from fixtrail.operations.topics import require_topic
from fixtrail.persons.person import Matcher, OrderRef, order_of
from fixtrail.settings import KafkaSettings, client_options
from runtime.kafka.whole_topic import records_of
from runtime.personal.sealing import personal_event, sealed_event
from runtime.personal.vault import Vault
from schemas.decode import EventError, Headers, event_object
from schemas.order_key import OrderKey
from schemas.topics import DEAD_LETTERS, JOURNEYS, MAX_SENT_BYTES, SERVICE_EVENTS

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """A record of one of the person's orders; `plain`: its personal fields stand there in clear."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    order: OrderRef
    event: Json = field(repr=False)
    plain: bool

    def position(self) -> Json:
        """Where the record is, for a report."""
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset, "timestamp": self.timestamp}


@dataclass(slots=True)
class Findings:
    """A person's orders and their records. `journeys`: the newest fact of each order that still has one."""

    orders: set[OrderRef] = field(default_factory=set)
    records: list[PersonRecord] = field(default_factory=list)
    journeys: dict[OrderRef, Json] = field(default_factory=dict)

    def order_keys(self) -> list[OrderKey]:
        """The orders, as the ledger knows them."""
        return sorted({OrderKey(order.center_id, order.order_id) for order in self.orders})

    def plain(self) -> list[PersonRecord]:
        """The records whose personal fields stand in clear."""
        return [record for record in self.records if record.plain]


async def search(settings: KafkaSettings, matcher: Matcher, vault: Vault) -> Findings:
    """Everything in the topics about a person. Each topic is read twice: for the orders, then for all about them."""
    findings = Findings()
    async for batch in _objects(settings, JOURNEYS):
        findings.orders.update(order_of(fact) for _, fact in batch if matcher.matches(fact, {}))
    async for batch in _objects(settings, SERVICE_EVENTS, DEAD_LETTERS):
        needed = [text for _, event in batch for text in matcher.needs(event)]
        unsealed = {text: opened.text for text, opened in vault.unseal(needed, restricted=True).items()}
        findings.orders.update(order_of(event) for _, event in batch if matcher.matches(event, unsealed))
    async for batch in _objects(settings, SERVICE_EVENTS, DEAD_LETTERS):
        findings.records += [_record(record, event) for record, event in batch if order_of(event) in findings.orders]
    findings.journeys = await _journeys(settings, findings.orders)
    return findings


async def _journeys(settings: KafkaSettings, orders: set[OrderRef]) -> dict[OrderRef, Json]:
    by_key: dict[bytes, tuple[OrderRef, Json]] = {}
    partitions = await require_topic(settings, JOURNEYS)
    async for records in records_of(client_options(settings), JOURNEYS, partitions):
        for record in records:
            fact = None if record.value is None else orjson.loads(record.value)
            if fact is not None and order_of(fact) in orders:
                by_key[record.key] = order_of(fact), fact
            elif fact is None:
                by_key.pop(record.key, None)
    return dict(by_key.values())


def _record(record: Any, event: Json) -> PersonRecord:
    plain = is_plain(record.value, record.headers)
    return PersonRecord(record.topic, record.partition, record.offset, record.timestamp, order_of(event), event, plain)


def is_plain(value: bytes, headers: Headers = ()) -> bool:
    """Whether something personal in an event stands in clear, so that sealing would change it."""
    event = personal_event(value, headers)
    return event is not None and sealed_event(event, lambda text: f"sealed {text}", str) != event


async def _objects(settings: KafkaSettings, *topics: str) -> AsyncIterator[list[tuple[Any, Json]]]:
    """The JSON objects of the topics, batch by batch, with the records that they are of."""
    for topic in topics:
        partitions = await require_topic(settings, topic)
        async for records in records_of(client_options(settings), topic, partitions):
            yield [(record, parsed) for record in records if (parsed := _object(record)) is not None]


def _object(record: Any) -> Json | None:
    try:
        return event_object(record.value, record.headers, max_bytes=2 * MAX_SENT_BYTES)
    except EventError:
        return None
