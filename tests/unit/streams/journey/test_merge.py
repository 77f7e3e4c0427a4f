"""Two states of the same thing become one that knows what either knew.

It happens in recovery, where a worker that had lost a partition wrote on behind the one that took it over.
"""

from random import Random
from typing import Any

import msgspec
import orjson
from hypothesis import given
from hypothesis import strategies as st

from streams.journey.entries import Entry
from streams.journey.facts import journey_fact
from streams.journey.first_time_fix import NOT_JUDGED
from streams.journey.merge import merge_hours, merge_orders, merge_vehicles
from streams.journey.order import Hour, Order
from streams.journey.partition_state import PartitionState
from streams.journey.vehicle import Vehicle
from streams.journey.visit import fold
from tests.histories import CHANCES, a_few, feeds, histories
from tests.workshop import (
    R1,
    R2,
    Sent,
    checked_in,
    diagnosed,
    entries_of,
    event_of,
    handed_off,
    ms,
    repaired_visit,
    surveyed,
)

Tables = tuple[dict[bytes, bytes], dict[bytes, bytes], dict[bytes, bytes]]


def order_of(entries: list[Entry], hours: list[Hour] | None = None) -> bytes:
    order = Order(R1)
    for offset, entry in enumerate(entries):
        order.apply(entry, offset)
    order.hours = hours or []
    return order.state()


def meaning(state: bytes) -> Any:
    """What an order's state says: its facts and its events, in whatever order they came."""
    order = Order(R1, state)
    return journey_fact(R1, "V1", order.visit, NOT_JUDGED, 0), sorted(map(msgspec.json.encode, order.entries()))


def split(history: list[Sent], chance: Random, ways: int) -> list[bytes]:
    """The order as each of so many workers would know it from some of its events."""
    entries = entries_of(history)
    states = []
    for _ in range(ways):
        subset = chance.sample(entries, chance.randint(1, len(entries)))
        states.append(order_of(subset))
    return states


# Orders


@given(histories(), CHANCES)
def test_what_two_workers_know_of_an_order_is_what_one_would_know_from_all(history: list[Sent], chance: Random):
    entries = entries_of(history)
    cut = chance.randint(0, len(entries))
    left_side, right_side = order_of(entries[:cut]), order_of(entries[chance.randint(0, cut) :])

    assert meaning(merge_orders(left_side, right_side))[0] == meaning(order_of(entries))[0]


@given(histories(), CHANCES)
def test_merging_orders_is_associative_commutative_and_idempotent(history: list[Sent], chance: Random):
    a, b, c = split(history, chance, 3)

    assert meaning(merge_orders(a, b)) == meaning(merge_orders(b, a))
    assert meaning(merge_orders(merge_orders(a, b), c)) == meaning(merge_orders(a, merge_orders(b, c)))
    assert meaning(merge_orders(a, a)) == meaning(a)
    assert meaning(merge_orders(merge_orders(a, b), b)) == meaning(merge_orders(a, b))


@given(histories())
def test_an_older_state_of_an_order_adds_nothing_to_a_newer_one(history: list[Sent]):
    entries = entries_of(history)
    newest = order_of(entries)

    for cut in range(1, len(entries)):
        assert merge_orders(order_of(entries[:cut]), newest) == newest
        assert merge_orders(newest, order_of(entries[:cut])) == newest


def test_a_merged_order_goes_on_like_any_other():
    visit = entries_of(repaired_visit("brakes"))
    merged = Order(R1, merge_orders(order_of(visit[:2]), order_of(visit[2:5])))

    merged.apply(visit[5], 9)

    assert journey_fact(R1, "V1", merged.visit, NOT_JUDGED, 0) == meaning(order_of(visit))[0]


def test_of_two_events_with_one_id_either_way_of_merging_keeps_the_same():
    first, second = entries_of([surveyed("12:00", event_id="e", score=3), surveyed("12:00", event_id="e", score=10)])
    (check_in,) = entries_of([checked_in("08:00")])
    left_side, right_side = order_of([first, check_in]), order_of([second, check_in])

    assert meaning(merge_orders(left_side, right_side)) == meaning(merge_orders(right_side, left_side))
    assert fold(Order(R1, merge_orders(left_side, right_side)).entries()).count == 2


def test_a_merged_order_remembers_every_hour_it_counts_in():
    visit = entries_of(repaired_visit())
    left_side, right_side = order_of(visit[:1], [("C1", 1)]), order_of(visit[1:], [("C2", 2)])

    assert Order(R1, merge_orders(left_side, right_side)).hours == [("C1", 1), ("C2", 2)]


# Vehicles


def vehicle_of(*orders: list[Sent], offset: int = 0) -> bytes:
    vehicle = Vehicle("V1")
    vehicle.offset, vehicle.clock = offset, ms("08:00", offset)
    for events in orders:
        order = Order(event_of(events[0]).order)
        for entry in entries_of(events):
            order.apply(entry, offset)
        vehicle.note(order, vehicle.clock)
    return vehicle.state()


FIRST, SECOND = repaired_visit("brakes"), repaired_visit("brakes", day=9, order_id="R2")


def test_a_merged_vehicle_knows_all_orders_and_of_each_the_newer_digest():
    left_side = vehicle_of(FIRST[:1], SECOND, offset=3)
    right_side = vehicle_of(FIRST, offset=1)

    merged = Vehicle("V1", merge_vehicles(left_side, right_side))

    assert merged.digests() == Vehicle("V1", vehicle_of(FIRST, SECOND)).digests()
    assert (merged.offset, merged.clock) == (3, ms("08:00", 3))


def test_what_either_has_let_go_is_gone():
    orders = vehicle_of(FIRST, SECOND)
    vehicle = Vehicle("V1", orders)
    vehicle.forget(R1)

    merged = Vehicle("V1", merge_vehicles(orders, vehicle.state()))

    assert (merged.orders(), merged.let_go) == ([R2], {R1: 3})
    assert merge_vehicles(vehicle.state(), orders) == merge_vehicles(orders, vehicle.state())


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6), st.booleans()), min_size=3, max_size=3))
def test_merging_vehicles_is_associative_commutative_and_idempotent(shapes: list[tuple[int, int, bool]]):
    states = []
    for offset, (first, second, let_go) in enumerate(shapes):
        vehicle = Vehicle("V1", vehicle_of(FIRST[:first], *([SECOND[:second]] if second else []), offset=offset))
        if let_go:
            vehicle.forget(R1)
        states.append(vehicle.state())
    a, b, c = states

    assert merge_vehicles(a, b) == merge_vehicles(b, a)
    assert merge_vehicles(merge_vehicles(a, b), c) == merge_vehicles(a, merge_vehicles(b, c))
    assert Vehicle("V1", merge_vehicles(a, a)).digests() == Vehicle("V1", a).digests()


# Hours


def hour(touched: int | None, **sums: tuple[int, list[int] | None]) -> bytes:
    return orjson.dumps([touched, sums])


def test_a_merged_hour_has_the_newer_contribution_of_each_order():
    left_side, right_side = hour(5, R1=(3, [1]), R2=(9, [7])), hour(8, R1=(4, [2]), R3=(1, None))

    merged = orjson.loads(merge_hours(left_side, right_side))

    assert merged == [8, {"R1": [4, [2]], "R2": [9, [7]], "R3": [1, None]}]


def test_an_order_that_left_the_hour_at_a_higher_version_stays_away():
    assert orjson.loads(merge_hours(hour(5, R1=(3, [1])), hour(4, R1=(4, None)))) == [5, {"R1": [4, None]}]


_CONTRIBUTIONS = st.dictionaries(st.sampled_from(("R1", "R2", "R3")), st.integers(1, 5))
_HOURS = st.one_of(
    st.just(orjson.dumps([None, {}])),
    # The version says what the order adds: the same version, the same contribution.
    st.builds(
        lambda touched, figures: hour(touched, **{name: (v, None if v == 3 else [v]) for name, v in figures.items()}),
        st.integers(0, 9),
        _CONTRIBUTIONS,
    ),
)


@given(_HOURS, _HOURS, _HOURS)
def test_merging_hours_is_associative_commutative_and_idempotent(a: bytes, b: bytes, c: bytes):
    def parsed(state: bytes) -> Any:
        return orjson.loads(state)

    assert parsed(merge_hours(a, b)) == parsed(merge_hours(b, a))
    assert parsed(merge_hours(merge_hours(a, b), c)) == parsed(merge_hours(a, merge_hours(b, c)))
    assert parsed(merge_hours(a, a)) == parsed(a)


# A whole partition


@a_few
@given(feeds(orders=8), CHANCES)
def test_what_a_worker_that_lost_the_partition_still_wrote_is_harmless(arrivals: list[Sent], chance: Random):
    """It knows a beginning of the records; what it writes behind the other's state is merged away in recovery."""
    records = list(enumerate(map(event_of, arrivals)))
    old: Tables = ({}, {}, {})
    new: Tables = ({}, {}, {})
    PartitionState(0, *old, hold_days=365).apply(records[: chance.randint(1, len(records))])
    PartitionState(0, *new, hold_days=365).apply(records)

    for merge, behind, table in zip((merge_orders, merge_vehicles, merge_hours), old, new, strict=True):
        for key, state in behind.items():
            merged = merge(table[key], state)
            if merge is merge_orders:
                assert meaning(merged) == meaning(table[key])
            else:
                assert orjson.loads(merged) == orjson.loads(table[key])


def test_the_states_merged_here_are_what_a_book_writes():
    tables: Tables = ({}, {}, {})
    events = [checked_in("08:00"), diagnosed("08:10", 0, "brakes"), handed_off("09:00")]
    PartitionState(0, *tables).apply(enumerate(map(event_of, events)))

    assert [len(table) for table in tables] == [1, 1, 2]
