"""The workers' state under another number of partitions: nothing is lost, and every figure is the same."""

import orjson
import pytest

from fixtrail.partitions.states import PartitionTables, SplitStates, merged_into, without_offset
from runtime.kafka.partitioner import partition_of
from streams.journey.merge import merge_hours, merge_orders, merge_vehicles
from streams.journey.order import Order
from streams.journey.packed_state import plain_state
from streams.journey.partition_state import PartitionState
from tests import feed
from tests.workshop import event_of

EVENTS = feed.clean_feed(11, 700, days=8)
MERGES = {"orders": merge_orders, "vehicles": merge_vehicles, "hours": merge_hours}


def worked(partitions: int, tables: dict[int, PartitionTables], events: list[feed.Event]) -> dict[int, PartitionTables]:
    """What workers make of the events with so many partitions."""
    for number in range(partitions):
        mine = [event for event in events if partition_of(event["vehicle_id"].encode(), partitions) == number]
        of_partition = tables.setdefault(number, PartitionTables())
        state = PartitionState(number, of_partition.orders, of_partition.vehicles, of_partition.hours)
        state.restore_clock()
        state.apply(enumerate(map(event_of, mine)))
    return tables


def split(tables: dict[int, PartitionTables], partitions: int) -> tuple[dict[int, PartitionTables], SplitStates]:
    states = SplitStates(lambda vehicle: partition_of(vehicle, partitions))
    targets = {number: PartitionTables() for number in range(partitions)}
    for of_partition in tables.values():
        for table, number, key, value in states.take(of_partition):
            merged_into(getattr(targets[number], table), key, value, MERGES[table])
    for number, key, value in states.hours():
        targets[number].hours[key] = value
    return targets, states


def hours_of(states: SplitStates) -> dict[tuple[str, int], dict[str, float]]:
    """The figures of each center's hour, added up over the partitions."""
    sums: dict[tuple[str, int], dict[str, float]] = {}
    for fact in states.facts():
        hour = sums.setdefault((fact["center_id"], fact["hour"]), {})
        for name in ("check_ins", "handed_off", "wait_s", "part_requests", "promoters"):
            hour[name] = round(hour.get(name, 0) + fact[name], 3)
    return sums


@pytest.mark.parametrize("partitions", [8, 3, 1])
def test_more_and_fewer_partitions_leave_every_center_hour_as_it_was(partitions: int):
    before = worked(4, {}, EVENTS)

    moved, states = split(before, partitions)

    assert hours_of(states) == hours_of(split(moved, 4)[1]) == hours_of(split(worked(1, {}, EVENTS), 1)[1])
    assert sum(len(tables.orders) for tables in moved.values()) == len(
        {(event["center_id"], event["order_id"]) for event in EVENTS}
    )
    assert len(states.live_rows) == sum(len(tables.hours) for tables in before.values())


def test_what_comes_after_the_move_ends_in_the_state_of_one_that_never_moved():
    half = len(EVENTS) // 2
    moved, _ = split(worked(4, {}, EVENTS[:half]), 3)

    worked(3, moved, EVENTS[half:])

    unmoved = worked(3, {}, EVENTS)
    assert hours_of(split(moved, 3)[1]) == hours_of(split(unmoved, 3)[1])
    for number in range(3):
        assert set(moved[number].orders) == set(unmoved[number].orders)
        for key, state in unmoved[number].orders.items():
            center_id, order_id = orjson.loads(key)[1:]
            event_ids = {entry.event_id for entry in Order((center_id, order_id), state).entries()}
            order = Order((center_id, order_id), moved[number].orders[key])
            assert {entry.event_id for entry in order.entries()} == event_ids


def test_an_order_that_was_moved_has_seen_no_record_of_the_new_topic():
    (state, *_) = worked(1, {}, EVENTS[:20])[0].orders.values()

    moved = plain_state(without_offset(state))
    assert orjson.loads(moved.partition(b"\n")[0])[0] == -1
    assert moved.partition(b"\n")[2] == plain_state(state).partition(b"\n")[2]
