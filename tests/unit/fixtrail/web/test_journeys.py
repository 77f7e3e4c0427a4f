"""The read model of the pages: newest facts, open orders by center, and readers that may be slow."""

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson

from fixtrail.web.journeys import KEPT_CLOSED_MS, Journeys
from schemas.order_key import OrderKey, journey_key
from tests.workshop import checked_in, handed_off, ms, order_after

FIRST = OrderKey("C1", "R-1")


def record(order_id: str, version: int, *events: dict[str, Any], **changed: Any) -> SimpleNamespace:
    fact = {**order_after(*(events or (checked_in("08:00"),))), "order_id": order_id, "version": version, **changed}
    key = journey_key(OrderKey.of(fact), fact["vehicle_id"])
    return SimpleNamespace(headers=(), key=key, value=orjson.dumps(fact), offset=0, partition=0)


def journeys_of(*records: SimpleNamespace) -> Journeys:
    journeys = Journeys()
    journeys.table.apply(records)
    return journeys


def test_an_older_version_told_once_more_in_the_same_batch_changes_nothing():
    journeys = Journeys()

    journeys.table.apply([record("R-1", 3), record("R-1", 2)])

    assert journeys.version(FIRST) == 3


def test_the_highest_version_counts_whatever_comes_last():
    journeys = journeys_of(record("R-1", 3))
    journeys.table.apply([record("R-1", 2)])

    assert journeys.get(FIRST).version == 3
    assert journeys.get(OrderKey("C1", "R-2")) is None


def test_open_orders_are_found_by_center():
    closed = record("R-3", 1, checked_in("08:00"), handed_off("09:00"))
    journeys = journeys_of(record("R-1", 1), record("R-2", 1, center_id="C2"), closed)

    assert [fact.order_id for fact in journeys.open_at("C1")] == ["R-1"]
    assert {fact.order_id for fact in journeys.open_orders()} == {"R-1", "R-2"}
    assert journeys.open_at("C9") == []


def test_an_order_that_closes_leaves_its_center():
    journeys = journeys_of(record("R-1", 1))
    journeys.table.apply([record("R-1", 2, checked_in("08:00"), handed_off("09:00"))])

    assert journeys.open_at("C1") == []


def test_centers_with_the_same_number_have_each_an_order():
    journeys = journeys_of(record("R-1", 5), record("R-1", 1, center_id="C2"))

    assert [journeys.version(order) for order in journeys.numbered("R-1")] == [5, 1]
    assert [fact.center_id for fact in journeys.open_at("C2")] == ["C2"]


async def test_a_reader_of_an_order_hears_nothing_of_its_namesake_elsewhere():
    journeys = journeys_of(record("R-1", 1))
    with journeys.subscribe(FIRST) as changes:
        journeys.table.apply([record("R-1", 2, center_id="C2")])
        assert not await changes.wait(0.01)


def test_of_two_vehicles_under_one_order_the_one_with_the_newer_events_is_shown():
    journeys = journeys_of(
        record("R-1", 9, checked_in("08:00")), record("R-1", 1, checked_in("09:00"), vehicle_id="V2")
    )

    assert journeys.get(FIRST).vehicle_id == "V2"
    assert journeys.get(FIRST, "V1").version == 9
    assert len(journeys.open_orders()) == 1

    journeys.table.apply([record("R-1", 10, checked_in("10:00"))])
    assert journeys.get(FIRST).vehicle_id == "V1"


def test_an_order_that_was_moved_to_its_right_vehicle_is_shown_under_that_one():
    moved = {"status": "cancelled", "activity": None, "anomalies": ["vehicle_corrected"]}
    journeys = journeys_of(
        record("R-1", 2, checked_in("08:00"), vehicle_id="V2"), record("R-1", 9, checked_in("09:00"), **moved)
    )

    assert journeys.get(FIRST).vehicle_id == "V2"
    assert journeys.get(FIRST, "V1").is_moved


def test_what_earlier_versions_wrote_under_the_number_alone_is_read_and_replaced():
    old = record("R-1", 3)
    old.key = b"R-1"
    ghost = record("R-2", 1, center_id=None)
    ghost.key = b"R-2"
    journeys = journeys_of(old, ghost)
    assert journeys.version(FIRST) == 3

    journeys.table.apply([record("R-1", 4), record("R-2", 2)])
    assert (journeys.version(FIRST), len(journeys)) == (4, 2)
    assert journeys.numbered("R-2") == [OrderKey("C1", "R-2")]

    journeys.table.apply([SimpleNamespace(headers=(), key=b"R-1", value=None, offset=0, partition=0)])
    assert journeys.get(FIRST) is None


def test_orders_closed_long_ago_are_let_go_and_open_ones_are_not():
    journeys = journeys_of(record("R-1", 1), record("R-2", 1, checked_in("08:00"), handed_off("09:00")))

    journeys.table.expire(ms("09:00") + KEPT_CLOSED_MS)
    assert len(journeys) == 2
    journeys.table.expire(ms("09:00") + KEPT_CLOSED_MS + 1)
    assert [fact.order_id for fact in journeys.open_orders()] == ["R-1"]
    assert len(journeys) == 1


def test_what_is_no_journey_is_passed_over():
    bad = SimpleNamespace(headers=(), key=b"R-1", value=b"{}", offset=0, partition=0)
    deletion = SimpleNamespace(headers=(), key=record("R-2", 1).key, value=None, offset=1, partition=0)
    keyless = SimpleNamespace(headers=(), key=None, value=b"{}", offset=2, partition=0)
    journeys = journeys_of(record("R-2", 1))

    journeys.table.apply([bad, deletion, keyless])

    assert len(journeys) == 0


async def test_a_slow_reader_sees_each_order_once_in_its_newest_state():
    journeys = journeys_of(record("R-1", 1))
    with journeys.subscribe_all() as changes:
        for version in range(2, 50):
            journeys.table.apply([record("R-1", version), record("R-2", version)])

        assert [(fact.order_id, fact.version) for fact in changes.pop_facts()] == [("R-1", 49), ("R-2", 49)]
        assert changes.pop_facts() == []


async def test_a_reader_of_one_order_is_not_woken_by_another():
    journeys = journeys_of(record("R-1", 1), record("R-2", 1))
    with journeys.subscribe(FIRST) as changes:
        journeys.table.apply([record("R-2", 2)])
        assert not await changes.wait(0.01)
        journeys.table.apply([record("R-1", 2)])
        assert await changes.wait(10)


async def test_reading_goes_on_as_changes_come_and_ends_when_closed():
    journeys = journeys_of(record("R-1", 1))
    facts = []

    async def read() -> None:
        with journeys.subscribe(FIRST) as changes:
            async for fact in changes:
                facts.append(fact.version)

    reading = asyncio.create_task(read())
    for version in (2, 3):
        await asyncio.sleep(0.01)
        journeys.table.apply([record("R-1", version)])
    await asyncio.sleep(0.01)
    journeys.close()
    await asyncio.wait_for(reading, 5)

    assert facts == [2, 3]
    assert not journeys._of_order
