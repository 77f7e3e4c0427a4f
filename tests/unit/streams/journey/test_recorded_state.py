"""A partition's state as it was written before its fields had names: it is read, and written on, byte for byte.

`recorded_state.json` holds the three tables after a first batch of events, the events of a second one, and the tables
and facts after that: closed orders and open ones, parts out of stock, paused jobs, comebacks, a check-in told late.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.journey.order import Order
from streams.journey.partition_state import BatchOutput, PartitionState
from streams.journey.vehicle import Vehicle
from tests.workshop import event_of

RECORDED = json.loads((Path(__file__).parent / "recorded_state.json").read_text())
TABLES = ("orders", "vehicles", "hours")

Table = dict[bytes, bytes]


def tables_of(recorded: dict[str, dict[str, str]]) -> list[Table]:
    return [{key.encode(): value.encode() for key, value in recorded[name].items()} for name in TABLES]


@pytest.fixture(scope="module")
def continued() -> tuple[list[Table], BatchOutput]:
    """The recorded tables after the second batch, and what that batch came to."""
    orders, vehicles, hours = tables = tables_of(RECORDED["state"])
    state = PartitionState(0, orders, vehicles, hours)
    state.restore_clock(list(vehicles), list(hours))
    return tables, state.apply(enumerate(map(event_of, RECORDED["events"]), RECORDED["first_offset"]))


def in_json(facts: list[dict[str, Any]]) -> Any:
    return json.loads(json.dumps(facts))


def test_orders_and_vehicles_that_are_read_are_written_again_byte_for_byte():
    orders, vehicles, _ = tables_of(RECORDED["state"])

    assert [Order("R", state).state() for state in orders.values()] == list(orders.values())
    assert [Vehicle("V", state).state() for state in vehicles.values()] == list(vehicles.values())


@pytest.mark.parametrize("number", range(3), ids=TABLES)
def test_further_events_bring_the_state_to_the_same_bytes(continued: tuple[list[Table], BatchOutput], number: int):
    assert continued[0][number] == tables_of(RECORDED["state_after"])[number]


@pytest.mark.parametrize("topic", ["journeys", "notices", "center_hours"])
def test_further_events_bring_the_same_facts(continued: tuple[list[Table], BatchOutput], topic: str):
    _, output = continued
    facts = output.hours if topic == "center_hours" else getattr(output, topic)

    assert in_json(facts) == RECORDED[topic]


def test_the_record_shows_paused_jobs_parts_out_of_stock_and_comebacks():
    facts = RECORDED["journeys"]
    orders = "".join(RECORDED["state"]["orders"].values())

    assert '["paused",false]' in orders
    assert any(fact["stockouts"] for fact in facts)
    assert any(fact["ftf_cause"] == "comeback" for fact in facts)
    assert {fact["status"] for fact in facts} == {"open", "handed_off", "cancelled"}
