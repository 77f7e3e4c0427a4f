"""What was sent, and the orders that follow from it by the other computation."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tests import oracle, oracle_terms

Row = dict[str, Any]
Event = dict[str, Any]
Key = oracle_terms.Key
COMEBACK_DAYS = 30
DURATIONS = (
    *("lead_s", "wait_s", "wait_reception_s", "wait_approval_s", "wait_parts_s", "wait_bay_s"),
    *("pickup_s", "finishing_s", "touch_s", "repair_s", "diagnosis_s", "quality_s"),
    *("bay_expert_s", "bay_shift_end_s"),
)


class Truth:
    """What CONTRACT.md makes of these events, in order of arrival; worked out once for many comparisons.

    `orders` are as of their last event; `at` gives them at an instant, where open orders have run on.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.orders = _orders_of(self.events, oracle_terms.EPOCH)

    def at(self, now: datetime) -> oracle.Orders:
        still_open = {key for key, order in self.orders.items() if order["status"] == "open"}
        running = _orders_of((event for event in self.events if key_of(event) in still_open), now)
        durations = {key: {name: order[name] for name in DURATIONS} for key, order in running.items()}
        return oracle.Orders(
            {
                key: {**order, **durations.get(key, {}), "anomalies": _anomalies(order, now)}
                for key, order in self.orders.items()
            }
        )


def _anomalies(order: Row, now: datetime) -> list[str]:
    return sorted([*order["anomalies"], *(["never_closed"] if oracle.is_never_closed(order, now) else [])])


def key_of(row: Mapping[str, Any]) -> Key:
    """The order that a row or an event is about."""
    return row["center_id"], row["order_id"]


def _orders_of(events: Iterable[Event], now: datetime) -> oracle.Orders:
    """The oracle's orders, one vehicle after the other: it looks for comebacks among all orders that it is given."""
    vehicles: dict[str, list[Event]] = {}
    for event in events:
        vehicles.setdefault(event["vehicle_id"], []).append(event)
    orders = oracle.Orders()
    for vehicle in vehicles.values():
        of_vehicle = oracle.orders_of(vehicle, now)
        if shared := orders.keys() & of_vehicle.keys():
            raise ValueError(f"order {shared.pop()} has events of more than one vehicle")
        orders |= of_vehicle
    return orders
