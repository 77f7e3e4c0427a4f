"""A vehicle's state: what its visits need to know of each other, and the memory of what was let go."""

import pytest

from schemas.order_key import OrderKey
from streams.journey.order import Order
from streams.journey.vehicle import Vehicle
from tests.workshop import (
    R1,
    R2,
    Sent,
    called_off,
    checked_in,
    diagnosed,
    entries_of,
    event_of,
    ms,
    repair,
    repaired_visit,
    surveyed,
)

R0 = OrderKey("C1", "R0")
DAY = 24 * 3600 * 1000
HOLD = 60 * DAY


def order_of(*events: Sent) -> Order:
    order = Order(event_of(events[0]).order)
    for offset, entry in enumerate(entries_of(events)):
        order.apply(entry, offset)
    return order


def vehicle_with(*orders: Order) -> Vehicle:
    vehicle = Vehicle("V1")
    for order in orders:
        vehicle.note(order, order.visit.last[0])
    return vehicle


def test_a_vehicle_read_from_its_bytes_is_the_same():
    closed = order_of(*repaired_visit("brakes", "空调", odometer_km=10_000.5))
    vehicle = vehicle_with(closed, order_of(checked_in("08:00", 9, order_id="R2")))
    vehicle.offset, vehicle.clock = 17, ms("09:00", 9)
    vehicle.let_go[R0] = 3

    again = Vehicle("V1", vehicle.state())

    assert again.state() == vehicle.state()
    assert again.digests() == vehicle.digests()
    assert (again.offset, again.clock, again.let_go) == (17, ms("09:00", 9), {R0: 3})


def test_an_order_seen_for_the_first_time_concerns_the_others():
    assert Vehicle("V1").note(order_of(checked_in("08:00")), 0)


@pytest.mark.parametrize(
    ("event", "concerns"),
    [
        (diagnosed("09:00", 0, "brakes"), True),
        (called_off("09:00"), True),
        (checked_in("07:00"), True),
        (repair("started", "09:00"), False),
        (surveyed("09:00"), False),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_only_what_links_visits_concerns_the_other_orders(event: Sent, concerns: bool):
    order = order_of(checked_in("08:00"))
    vehicle = vehicle_with(order)
    order.apply(entries_of([event])[0], 1)

    assert vehicle.note(order, 0) is concerns


def test_the_version_of_an_order_counts_its_events_and_what_links_the_others():
    first, second = order_of(*repaired_visit("brakes")), order_of(*repaired_visit("brakes", day=9, order_id="R2"))
    vehicle = vehicle_with(first, second)

    # 6 events each, of which check-in, completed diagnosis and handoff link visits
    assert vehicle.version_of(R1, first.visit) == 6 + 3
    assert vehicle.version_of(R2, second.visit) == 6 + 3


def test_a_version_does_not_fall_when_another_order_is_let_go():
    first, second = order_of(*repaired_visit("brakes")), order_of(*repaired_visit("brakes", day=61, order_id="R2"))
    vehicle = vehicle_with(first, second)
    before = vehicle.version_of(R2, second.visit)

    assert vehicle.let_go_of(ms("11:00", 60) + 1, HOLD) == [R1]
    assert vehicle.version_of(R2, second.visit) == before


def test_nothing_is_let_go_while_one_of_the_orders_is_open():
    vehicle = vehicle_with(order_of(*repaired_visit()), order_of(checked_in("08:00", 9, order_id="R2")))

    assert vehicle.expires_at(HOLD) is None
    assert vehicle.let_go_of(ms("11:00", 1000), HOLD) == []


def test_an_order_is_let_go_only_when_more_than_the_hold_has_passed_since_its_close():
    vehicle = vehicle_with(order_of(*repaired_visit()))

    assert vehicle.expires_at(HOLD) == ms("11:00", 60)
    assert vehicle.let_go_of(ms("11:00", 60), HOLD) == []
    assert vehicle.let_go_of(ms("11:00", 60) + 1, HOLD) == [R1]
    assert vehicle.orders() == []


def test_the_hold_begins_when_the_close_becomes_known_not_when_it_was():
    vehicle, told_late = Vehicle("V1"), order_of(*repaired_visit())
    vehicle.note(told_late, ms("08:00", 100))

    assert vehicle.let_go_of(ms("11:00", 101), HOLD) == []
    assert vehicle.expires_at(HOLD) == ms("08:00", 160)


def test_a_survey_after_the_close_does_not_begin_the_hold_anew():
    order = order_of(*repaired_visit())
    vehicle = vehicle_with(order)
    order.apply(entries_of([surveyed("12:00", 30)])[0], 9)
    vehicle.note(order, ms("12:00", 30))

    assert vehicle.expires_at(HOLD) == ms("11:00", 60)


def test_what_comes_for_an_order_let_go_is_too_late_and_so_is_what_might_have_been_its_comeback():
    vehicle = vehicle_with(order_of(*repaired_visit("brakes")))
    vehicle.let_go_of(ms("11:00", 61), HOLD)

    assert vehicle.is_too_late(R1, ms("11:00", 61))
    assert vehicle.is_too_late(R2, ms("11:00", 30))
    assert not vehicle.is_too_late(R2, ms("11:00", 30) + 1)


def test_an_order_that_is_kept_is_never_too_late():
    vehicle = vehicle_with(order_of(*repaired_visit("brakes")))

    assert not vehicle.is_too_late(R1, 0)


def test_a_number_let_go_by_one_center_is_free_in_another():
    vehicle = vehicle_with(order_of(*repaired_visit("brakes")))
    vehicle.let_go_of(ms("11:00", 61), HOLD)

    assert not vehicle.is_too_late(OrderKey("C2", "R1"), ms("08:00", 61))
