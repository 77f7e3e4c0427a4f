"""Search for a person's orders in the topics, with every record of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

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
class LooseRecord:
    """A record, by where it is, with its bytes."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes = field(repr=False)

    def position(self) -> Json:
        """Where the record is, for a report."""
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset, "timestamp": self.timestamp}


@dataclass(frozen=True, slots=True)
class PersonRecord(LooseRecord):
    """A record of one of the person's orders; `plain`: its personal fields stand there in clear."""

    order: OrderRef
    event: Json = field(repr=False)
    plain: bool


@dataclass(slots=True)
class Findings:
    """A person's orders and their records. `journeys`: the newest fact of each order that still has one.

    `loose`: records that are no event of an order, or hold it in a wrong field, and name the person in clear.
    """

    orders: set[OrderRef] = field(default_factory=set)
    records: list[PersonRecord] = field(default_factory=list)
    loose: list[LooseRecord] = field(default_factory=list)
    journeys: dict[OrderRef, Json] = field(default_factory=dict)

    def order_keys(self) -> list[OrderKey]:
        """The orders, as the ledger knows them."""
        return sorted({OrderKey(order.center_id, order.order_id) for order in self.orders})

    def plain(self) -> list[LooseRecord]:
        """The records in which something personal stands in clear."""
        return [*(record for record in self.records if record.plain), *self.loose]


async def search(settings: KafkaSettings, matcher: Matcher, vault: Vault) -> Findings:
    """Everything in the topics about a person. Each topic is read twice: for the orders, then for all about them."""
    findings = Findings()
    async for batch in _objects(settings, JOURNEYS):
        findings.orders.update(order_of(fact) for _, fact in batch if matcher.matches(fact, {}))
    async for batch in _objects(settings, SERVICE_EVENTS, DEAD_LETTERS):
        needed = [text for _, event in batch for text in matcher.needs(event)]
        unsealed = {text: opened.text for text, opened in vault.unseal(needed, restricted=True).items()}
        findings.orders.update(order_of(event) for _, event in batch if matcher.matches(event, unsealed))
    async for raw in _raw(settings, SERVICE_EVENTS, DEAD_LETTERS):
        for record in raw:
            of_order = _of_orders(record, findings.orders)
            if of_order is not None:
                findings.records.append(of_order)
            if (of_order is None or not of_order.plain) and matcher.is_named_in(record.value):
                findings.loose.append(LooseRecord(*_position(record), record.value))
    findings.journeys = await _journeys(settings, findings.orders)
    return findings


async def _journeys(settings: KafkaSettings, orders: set[OrderRef]) -> dict[OrderRef, Json]:
    by_key: dict[bytes, tuple[OrderRef, Json]] = {}
    partitions = await require_topic(settings, JOURNEYS)
    async for records in records_of(client_options(settings), JOURNEYS, partitions):
        for record in records:
            if record.value is None:
                by_key.pop(record.key, None)
            elif (fact := _object(record)) is not None and order_of(fact) in orders:
                by_key[record.key] = order_of(fact), fact
    return dict(by_key.values())


def _of_orders(record: Any, orders: set[OrderRef]) -> PersonRecord | None:
    """The record with its event, where that is of one of the orders."""
    event = _object(record)
    if event is None or order_of(event) not in orders:
        return None
    plain = is_plain(record.value, record.headers)
    return PersonRecord(*_position(record), record.value, order_of(event), event, plain)


def _position(record: Any) -> tuple[str, int, int, int]:
    return record.topic, record.partition, record.offset, record.timestamp


def is_plain(value: bytes, headers: Headers = ()) -> bool:
    """Whether something personal in an event stands in clear, so that sealing would change it."""
    event = personal_event(value, headers)
    return event is not None and sealed_event(event, lambda text: f"sealed {text}", str) != event


async def _objects(settings: KafkaSettings, *topics: str) -> AsyncIterator[list[tuple[Any, Json]]]:
    """The JSON objects of the topics, batch by batch, with the records that they are of."""
    async for records in _raw(settings, *topics):
        yield [(record, parsed) for record in records if (parsed := _object(record)) is not None]


async def _raw(settings: KafkaSettings, *topics: str) -> AsyncIterator[list[Any]]:
    for topic in topics:
        partitions = await require_topic(settings, topic)
        async for records in records_of(client_options(settings), topic, partitions):
            yield records


def _object(record: Any) -> Json | None:
    try:
        return event_object(record.value, record.headers, max_bytes=2 * MAX_SENT_BYTES)
    except EventError:
        return None
