"""Which order a number means, and its newest fact, for commands that name an order."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from fixtrail.operations.topics import require_topic
from fixtrail.settings import KafkaSettings, client_options
from runtime.failure import NEGATIVE, USAGE, ExitError
from runtime.kafka.journey_table import JourneyTable
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from schemas.topics import JOURNEYS

Facts = JourneyTable[JourneyFact]


def only_order(orders: Sequence[OrderKey], order_id: str) -> OrderKey:
    """The only one of these orders with the number. Raises ExitError where there are several, or none."""
    if not orders:
        raise ExitError(f"there is no order {order_id}", NEGATIVE)
    if len(orders) > 1:
        centers = ", ".join(sorted(order.center_id for order in orders))
        raise ExitError(f"several centers have an order {order_id}: say --center, one of {centers}", USAGE)
    return orders[0]


def order_fact(settings: KafkaSettings, order_id: str, center_id: str | None = None) -> JourneyFact:
    """The newest fact of the order with this number; the center is needed only where several have one.

    Raises ExitError where the order is not known, or not which one is meant.
    """
    facts = asyncio.run(_facts(settings, order_id))
    orders = facts.numbered(order_id)
    order = only_order([order for order in orders if center_id in (None, order.center_id)], order_id)
    fact = facts.order(order)
    assert fact is not None
    return fact


async def _facts(settings: KafkaSettings, order_id: str) -> Facts:
    """The facts of the orders with this number, found by reading topic `journeys` once."""
    from runtime.kafka.whole_topic import records_of

    facts = new_facts()
    async for records in records_of(client_options(settings), JOURNEYS, await require_topic(settings, JOURNEYS)):
        facts.apply(numbered(order_id, records))
    return facts


def new_facts() -> Facts:
    return JourneyTable(JourneyFact.model_validate_json, lambda fact, now: False)


def numbered(order_id: str, records: Iterable[Any]) -> list[Any]:
    """The records of topic `journeys` about orders with this number; earlier versions' keys are the number alone."""
    return [record for record in records if record.key is not None and order_id in _numbers(record.key)]


def _numbers(key: bytes) -> list[str]:
    text = key.decode(errors="replace")
    try:
        named = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [text]
    return [text, named[1]] if isinstance(named, list) and len(named) == 3 else [text]
