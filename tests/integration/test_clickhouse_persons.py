"""ClickHouse lets go of what is old, where it is told to, and of an erased person's free text."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from schemas.decode import decode_event
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import JOURNEYS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.persons import forget_free_text
from sinks.clickhouse.retention import set_retention
from streams.journey.batch import journey_facts
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all
from tests.workshop import Sent, called_off, checked_in, handed_off, surveyed

__all__ = ["clickhouse", "clickhouse_for_all"]

KEYED = KeyedHash(b"a secret of these tests")


@pytest.fixture
def node(clickhouse: ClickHouseNode) -> Iterator[ClickHouseNode]:
    """A server without retention, also afterwards: others share it."""
    yield clickhouse
    set_retention(clickhouse.client(), 0)


def fill(node: ClickHouseNode, *events: Sent) -> None:
    """Write the events and the orders that they make, free text included."""
    rows, facts, inserter = EventRows(KEYED, keep_free_text=True), FactRows(KEYED), Inserter(node.server())
    values = [json.dumps(event).encode() for event in events]
    records: list[Any] = [
        SimpleNamespace(
            topic="service-events",
            key=orjson.loads(value)["vehicle_id"].encode(),
            value=value,
            headers=(),
            timestamp=1_900_000_000_000,
            partition=0,
            offset=offset,
        )
        for offset, value in enumerate(values)
    ]
    assert inserter.insert(EVENTS, [rows.row(record) for record in records]) == []
    stored = journey_facts(map(decode_event, values))
    assert inserter.insert(JOURNEYS, [facts.journey_row(fact) for fact in stored]) == []
    inserter.close()


def orders_in(node: ClickHouseNode, table: str) -> list[str]:
    node.ask(f"OPTIMIZE TABLE fixtrail_raw.{table} FINAL")
    return node.ask(f"SELECT DISTINCT order_id FROM fixtrail_raw.{table} ORDER BY 1").split()


def long_ago(event: Sent) -> Sent:
    return {**event, "occurred_at": event["occurred_at"].replace("2026", "2011")}


def test_old_events_and_closed_orders_go_and_open_ones_stay(node: ClickHouseNode) -> None:
    fill(
        node,
        *[checked_in("08:00", order_id="R1"), handed_off("09:00", order_id="R1")],
        *map(long_ago, [checked_in("08:00", order_id="R2"), handed_off("09:00", order_id="R2")]),
        long_ago(checked_in("08:00", order_id="R3")),
    )
    assert set_retention(node.client(), 3000) == ["events", "journeys"]
    assert set_retention(node.client(), 3000) == []

    assert orders_in(node, "journeys") == ["R1", "R3"]
    assert orders_in(node, "events") == ["R1"]


def test_without_a_number_of_days_everything_stays(node: ClickHouseNode) -> None:
    set_retention(node.client(), 3000)
    assert set_retention(node.client(), 0) == ["events", "journeys"]
    fill(node, *map(long_ago, [checked_in("08:00", order_id="R2"), handed_off("09:00", order_id="R2")]))

    assert orders_in(node, "journeys") == orders_in(node, "events") == ["R2"]


def test_free_text_of_an_erased_order_goes_and_the_rest_of_the_event_stays(node: ClickHouseNode) -> None:
    fill(
        node,
        surveyed("08:00", score=3, reasons=["price"], comment='CANARY "said"', order_id="R1", event_id="a"),
        called_off("08:00", reason="CANARY", order_id="R1", event_id="b"),
        surveyed("08:00", score=4, comment="of somebody else", order_id="R2", event_id="c"),
        called_off("08:00", reason="of another center", order_id="R1", center_id="C2", event_id="d"),
    )
    vehicle_key = KEYED.vehicle(surveyed("08:00")["vehicle_id"])
    orders = [(vehicle_key, "C1", "R1")]
    assert forget_free_text(node.client(), orders, dry_run=True) == 2
    assert forget_free_text(node.client(), orders) == 2

    payloads = [
        json.loads(line)
        for line in node.ask("SELECT payload FROM fixtrail_raw.events ORDER BY event_id FORMAT TSVRaw").split("\n")
    ]
    assert payloads == [
        {"score": 3, "reasons": ["price"]},
        {},
        {"score": 4, "comment": "of somebody else"},
        {"reason": "of another center"},
    ]
    assert forget_free_text(node.client(), orders) == 0
