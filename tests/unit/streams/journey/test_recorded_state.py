"""A partition's state as an earlier version wrote it, under other rules: it is read, and events go on from it.

`recorded_state.json` holds the three tables after a first batch of events, and the events of a second one: closed
orders and open ones, parts out of stock, paused jobs, comebacks, a check-in told late.
"""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.order_key import OrderKey
from streams.journey.batch import vehicle_facts
from streams.journey.entries import Entry
from streams.journey.ids import order_key
from streams.journey.order import Order
from streams.journey.partition_state import BatchOutput, PartitionState
from streams.journey.vehicle import Vehicle
from tests.workshop import (
    R1,
    checked_in,
    entries_of,
    event_of,
    facts_after,
    handed_off,
    ms,
    repair,
    surveyed,
)

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
    state.restore_clock()
    return tables, state.apply(enumerate(map(event_of, RECORDED["events"]), RECORDED["first_offset"]))


def in_json(facts: Any) -> Any:
    return orjson.loads(orjson.dumps(facts))


def test_an_order_that_is_read_keeps_its_offset_its_hours_and_its_events_byte_for_byte():
    for state in tables_of(RECORDED["state"])[0].values():
        packed = Order(R1, state).state()

        assert orjson.loads(packed.split(b"\n")[0])[:2] == orjson.loads(state.split(b"\n")[0])[:2]
        assert packed.split(b"\n")[1:] == state.split(b"\n")[1:]


def test_a_vehicle_that_is_read_keeps_its_orders_each_with_its_center():
    recorded = tables_of(RECORDED["state"])
    orders, vehicles, hours = tables_of(RECORDED["state"])
    PartitionState(0, orders, vehicles, hours).restore_clock()

    for key, state in vehicles.items():
        vehicle_orders = Vehicle("V", state).orders()
        assert {order.order_id for order in vehicle_orders} == orjson.loads(recorded[1][key])[3].keys()
        assert all(order_key(key.decode(), order) in orders for order in vehicle_orders)


def test_what_is_logged_anew_takes_the_place_of_what_stood_under_the_number_alone(
    continued: tuple[list[Table], BatchOutput],
):
    log = [{**before, **now} for before, now in zip(tables_of(RECORDED["state"]), continued[0], strict=True)]
    orders, vehicles, hours = ({**table} for table in log)
    expired = PartitionState(0, orders, vehicles, hours).restore_clock()

    assert (orders, vehicles, hours) == tuple(continued[0])
    assert sorted(expired) == sorted(tables_of(RECORDED["state"])[0])


def test_a_number_that_two_centers_used_for_the_vehicle_becomes_two_orders():
    east = [checked_in("08:00"), handed_off("09:00")]
    west = [checked_in("08:30", center_id="C2"), repair("started", "08:40", center_id="C2")]
    mixed = Order(R1)
    for offset, entry in enumerate(entries_of([*east, *west])):
        mixed.apply(entry, offset)
    mixed.hours = [("C1", ms("08:00")), ("C1", ms("09:00"))]
    digest = [4, 3, ms("08:00"), None, [], ms("09:00"), ms("09:00"), "C1"]
    share = [4, [1] * 25]
    orders = {orjson.dumps(["V1", "R1"]): mixed.state()}
    vehicles = {b"V1": orjson.dumps([3, ms("09:00"), 0, {"R1": digest}, {"R0": 3}])}
    hours = {orjson.dumps(["C1", ms("08:00"), 0]): orjson.dumps([ms("09:00"), {'["V1","R1"]': share}])}
    state = PartitionState(0, orders, vehicles, hours)
    state.restore_clock()
    out = state.apply([(9, event_of(surveyed("12:00", score=9))), (10, event_of(checked_in("12:00", order_id="R0")))])

    (fact,) = out.journeys
    assert fact == {**facts_after(*east, surveyed("12:00", event_id=fact["surveys"][0]["event_id"]))[R1], "version": 7}
    assert [entry.center for entry in Order(R1, orders[b'["V1","C2","R1"]']).entries()] == ["C2", "C2"]
    assert [code for _, code in out.diverted] == ["too_late"]
    assert list(orjson.loads(next(iter(hours.values())))[1]) == ['["V1","C1","R1"]']


def test_an_open_order_s_visit_is_worked_out_again_by_the_rules_of_today():
    opened = [state for state in tables_of(RECORDED["state"])[0].values() if orjson.loads(state.split(b"\n")[0])[2]]

    assert opened
    for state in opened:
        order = Order(R1, state)
        again = Order(R1, order.state())
        assert again.visit == order.visit


def test_further_events_bring_the_facts_that_all_events_at_once_bring(continued: tuple[list[Table], BatchOutput]):
    (orders, _, _), output = continued
    vehicles: dict[str, dict[OrderKey, list[Entry]]] = {}
    for key, state in orders.items():
        vehicle_id, *order = orjson.loads(key)
        vehicles.setdefault(vehicle_id, {})[OrderKey(*order)] = Order(OrderKey(*order), state).entries()
    expected = {OrderKey.of(fact): fact for name, vehicle in vehicles.items() for fact in vehicle_facts(name, vehicle)}

    assert output.journeys
    for fact in output.journeys:
        assert in_json(fact) == in_json(expected[OrderKey.of(fact)])


def test_the_same_events_once_more_are_duplicates_though_more_is_kept_of_them_today(
    continued: tuple[list[Table], BatchOutput],
):
    orders, vehicles, hours = (dict(table) for table in continued[0])
    state = PartitionState(0, orders, vehicles, hours)
    state.restore_clock()
    output = state.apply(enumerate(map(event_of, RECORDED["events"]), RECORDED["first_offset"] + 1000))

    assert set(output.outcomes) == {"duplicate"}


def test_the_record_shows_paused_jobs_parts_out_of_stock_and_comebacks(continued: tuple[list[Table], BatchOutput]):
    facts = continued[1].journeys

    assert '["paused",false]' in "".join(RECORDED["state"]["orders"].values())
    assert any(fact["stockouts"] for fact in facts)
    assert any(fact["ftf_cause"] == "comeback" for fact in facts)
    assert {fact["status"] for fact in facts} == {"open", "handed_off", "cancelled"}
