"""The newest fact of every order, from the compacted topic `journeys`.

Facts are by center, number and vehicle. An order whose events name two vehicles has two facts: shown is the one with
the newer events, and once the order was moved to its right vehicle, that one.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from runtime.kafka.table import Table
from schemas.order_key import OrderKey, journey_key
from schemas.topics import JOURNEYS


class JourneyRow(Protocol):
    """The fields that a stored row of a fact must have."""

    @property
    def order(self) -> OrderKey: ...
    @property
    def vehicle_id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def last_event_at(self) -> int: ...
    @property
    def is_moved(self) -> bool:
        """Whether the order was moved to another vehicle."""


Row = TypeVar("Row", bound=JourneyRow)


class JourneyTable(Table[Row]):
    """Rows by record key as any table has them, and the orders that they are of."""

    def __init__(self, parse: Callable[[bytes], Row], is_expired: Callable[[Row, int], bool]) -> None:
        # Facts of earlier versions stand under the order's number alone; after a crash older versions may come again.
        super().__init__(
            JOURNEYS,
            parse,
            is_newer=lambda row, than: row.version >= than.version,
            is_expired=is_expired,
            key_of=lambda row: journey_key(row.order, row.vehicle_id).decode(),
        )
        self._keys: dict[OrderKey, list[str]] = {}
        self._centers: dict[str, list[str]] = {}  # by number
        self._order_followers: list[Callable[[OrderKey, Row | None, Row | None], object]] = []

    def order(self, order: OrderKey, vehicle_id: str | None = None) -> Row | None:
        """The order's newest fact, or that of this vehicle."""
        if vehicle_id is not None:
            return self._values.get(journey_key(order, vehicle_id).decode())
        return _shown(self.vehicles(order))

    def vehicles(self, order: OrderKey) -> list[Row]:
        """The newest fact of each vehicle that the order's events name."""
        return [self._values[key] for key in self._keys.get(order, ())]

    def orders(self) -> Iterator[OrderKey]:
        return iter(self._keys)

    def numbered(self, order_id: str) -> list[OrderKey]:
        """The orders with this number, one for each center that has one."""
        return [OrderKey(center_id, order_id) for center_id in sorted(self._centers.get(order_id, ()))]

    def on_order_change(self, follower: Callable[[OrderKey, Row | None, Row | None], object]) -> None:
        """Call `follower` with the order and what was and is shown of it after each change, in order."""
        self._order_followers.append(follower)

    def _notify(self, key: str, before: Row | None, after: Row | None) -> None:
        super()._notify(key, before, after)
        row = after or before
        if row is None:
            return
        other_rows = [self._values[other_key] for other_key in self._keys.get(row.order, ()) if other_key != key]
        self._index(row.order, key, is_there=after is not None)
        shown_before = _shown([*other_rows, before] if before else other_rows)
        shown_after = _shown([*other_rows, after] if after else other_rows)
        for follower in self._order_followers:
            follower(row.order, shown_before, shown_after)
        if after is not None and row.order.center_id:
            # What an earlier version wrote of the order while it had no check-in named no center.
            self.remove(journey_key(row.order._replace(center_id=""), row.vehicle_id).decode())

    def _index(self, order: OrderKey, key: str, *, is_there: bool) -> None:
        keys = self._keys.setdefault(order, [])
        if is_there:
            if key not in keys:
                keys.append(key)
                _add(self._centers, order)
            return
        keys.remove(key)
        if not keys:
            del self._keys[order]
            _drop(self._centers, order)


def _shown(rows: list[Row]) -> Row | None:
    return max(rows, key=lambda row: (not row.is_moved, row.last_event_at, row.vehicle_id), default=None)


def _add(centers: dict[str, list[str]], order: OrderKey) -> None:
    using = centers.setdefault(order.order_id, [])
    if order.center_id not in using:
        using.append(order.center_id)


def _drop(centers: dict[str, list[str]], order: OrderKey) -> None:
    using = centers[order.order_id]
    using.remove(order.center_id)
    if not using:
        del centers[order.order_id]
