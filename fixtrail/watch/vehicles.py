"""Orders that are known under two vehicles: what opens the alert `vehicle_changed`, until one of them is corrected."""

from collections.abc import Iterable, Mapping
from typing import Any

from fixtrail.watch.config import VehicleChangedRule
from fixtrail.watch.open_order import ClosedOrder, WatchedOrder
from fixtrail.watch.rules import Due, due_by
from schemas.order_key import OrderKey
from streams.journey.ids import hashed_id

Fact = Mapping[str, Any]


def first_known_at(fact: Fact) -> int:
    """When an order's vehicle was known: its check-in, or the newest event of one that has none."""
    return int(fact["checked_in_at"] or fact["last_event_at"])


class VehicleChanges:
    """The vehicles of the orders that have several, with the time since which each is known.

    Facts give the same in whatever order they come.
    """

    def __init__(self, rules: Iterable[object]) -> None:
        self._rules = [rule for rule in rules if isinstance(rule, VehicleChangedRule)]
        self._vehicles: dict[OrderKey, dict[str, int]] = {}
        self._moved: set[tuple[OrderKey, str]] = set()

    def add(self, key: OrderKey, fact: Fact, former: WatchedOrder | ClosedOrder | None) -> bool:
        """Note a fact's vehicle beside the one known before; whether the order has, or had, several.

        `is_moved` in the fact: the order was moved away from its vehicle, which therefore is none of its vehicles.
        """
        vehicle_id, vehicles = fact["vehicle_id"], self._vehicles.get(key)
        if fact["is_moved"]:
            self._moved.add((key, vehicle_id))
            return vehicles is not None and vehicles.pop(vehicle_id, None) is not None
        if vehicles is None:
            if former is None or former.vehicle_id == vehicle_id or (key, former.vehicle_id) in self._moved:
                return False
            vehicles = self._vehicles[key] = {former.vehicle_id: former.known_at}
        vehicles[vehicle_id] = first_known_at(fact)
        return True

    def due_by(self, key: OrderKey, now: int) -> dict[tuple[str, str], Due]:
        """The order's cases that are due: each from when its last vehicle was known."""
        vehicles = self._vehicles.get(key, {})
        if len(vehicles) < 2:
            return {}
        fitting = [rule for rule in self._rules if rule.fits(key.center_id, None)]
        return due_by([_due(rule, key, vehicles) for rule in fitting], now)


def _due(rule: VehicleChangedRule, key: OrderKey, vehicles: Mapping[str, int]) -> Due:
    since = max(vehicles.values())
    return Due(
        rule=rule,
        subject=key.order_id,
        opening=f"vehicles:{hashed_id(*sorted(vehicles))}",
        since=since,
        due_at=since,
        limit=0,
        order_id=key.order_id,
        center_id=key.center_id,
    )
