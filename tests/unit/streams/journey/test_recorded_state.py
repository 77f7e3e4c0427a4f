"""A partition's state as an earlier version wrote it, under other rules: it is read, and events go on from it.

`recorded_state.json` holds the three tables after a first batch of events, and the events of a second one: closed
orders and open ones, parts out of stock, paused jobs, comebacks, a check-in told late.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.journey.batch import vehicle_facts
from streams.journey.entries import Entry
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


def in_json(facts: Any) -> Any:
    return orjson.loads(orjson.dumps(facts))


def test_an_order_that_is_read_keeps_its_offset_its_hours_and_its_events_byte_for_byte():
    for state in tables_of(RECORDED["state"])[0].values():
        written = Order("R", state).state()

        assert orjson.loads(written.split(b"\n")[0])[:2] == orjson.loads(state.split(b"\n")[0])[:2]
        assert written.split(b"\n")[1:] == state.split(b"\n")[1:]


def test_a_vehicle_that_is_read_keeps_its_orders():
    for state in tables_of(RECORDED["state"])[1].values():
        assert orjson.loads(Vehicle("V", state).state())[3].keys() == orjson.loads(state)[3].keys()


def test_an_open_order_s_visit_is_worked_out_again_by_the_rules_of_today():
    opened = [state for state in tables_of(RECORDED["state"])[0].values() if orjson.loads(state.split(b"\n")[0])[2]]

    assert opened
    for state in opened:
        order = Order("R", state)
        again = Order("R", order.state())
        assert again.visit.snapshot() == order.visit.snapshot()


def test_further_events_bring_the_facts_that_all_events_at_once_bring(continued: tuple[list[Table], BatchOutput]):
    (orders, _, _), output = continued
    vehicles: dict[str, dict[str, list[Entry]]] = {}
    for key, state in orders.items():
        vehicle_id, order_id = orjson.loads(key)
        vehicles.setdefault(vehicle_id, {})[order_id] = Order(order_id, state).entries()
    expected = {fact["order_id"]: fact for name, kept in vehicles.items() for fact in vehicle_facts(name, kept)}

    assert output.journeys
    for fact in output.journeys:
        assert in_json(fact) == in_json(expected[fact["order_id"]])


def test_the_same_events_once_more_are_duplicates_though_more_is_kept_of_them_today(
    continued: tuple[list[Table], BatchOutput],
):
    orders, vehicles, hours = (dict(table) for table in continued[0])
    state = PartitionState(0, orders, vehicles, hours)
    state.restore_clock(list(vehicles), list(hours))
    output = state.apply(enumerate(map(event_of, RECORDED["events"]), RECORDED["first_offset"] + 1000))

    assert set(output.outcomes) == {"duplicate"}


def test_the_record_shows_paused_jobs_parts_out_of_stock_and_comebacks(continued: tuple[list[Table], BatchOutput]):
    facts = continued[1].journeys

    assert '["paused",false]' in "".join(RECORDED["state"]["orders"].values())
    assert any(fact["stockouts"] for fact in facts)
    assert any(fact["ftf_cause"] == "comeback" for fact in facts)
    assert {fact["status"] for fact in facts} == {"open", "handed_off", "cancelled"}
