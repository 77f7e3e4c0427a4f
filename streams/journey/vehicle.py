"""One vehicle's state: digests of its orders, for comebacks, and the memory of orders let go."""

from typing import Any

import orjson

from streams.journey.first_time_fix import COMEBACK_WINDOW_MS, Digest, by_check_in, digest_of
from streams.journey.order import Order
from streams.journey.packed import packed
from streams.journey.visit import Visit

_UNKNOWN = -1


class Vehicle:
    """A vehicle in hand.

    `offset` is that of the newest record applied and `clock` the partition's event time then (ms). `let_go` holds the
    orders whose state is gone, with the number of events by which each had touched the versions of the others.
    """

    __slots__ = ("_digests", "_earliest", "_linking", "clock", "let_go", "offset", "until", "vehicle_id")

    def __init__(self, vehicle_id: str, state: bytes | None = None) -> None:
        self.vehicle_id = vehicle_id
        self.offset = -1
        self.clock = 0
        self.until = 0
        # order_id -> [event_count, linking, checked_in_at, odometer, fault_groups, closed_at, clock at its close]
        self._digests: dict[str, list[Any]] = {}
        self.let_go: dict[str, int] = {}
        self._earliest: int | None = _UNKNOWN  # the earliest close of all, None while an order is open
        self._linking = _UNKNOWN
        if state is not None:
            self.offset, self.clock, self.until, self._digests, self.let_go = orjson.loads(state)

    def state(self) -> bytes:
        """The bytes to keep; `Vehicle(vehicle_id, state)` reads them."""
        return packed([self.offset, self.clock, self.until, self._digests, self.let_go])

    def order_ids(self) -> list[str]:
        """The orders whose state is kept."""
        return list(self._digests)

    def keeps(self, order_id: str) -> bool:
        """Whether the order's state is kept."""
        return order_id in self._digests

    def digests(self) -> list[Digest]:
        """What each kept order tells the others, by check-in."""
        return by_check_in(Digest(order_id, d[2], d[3], tuple(d[4])) for order_id, d in self._digests.items())

    def note(self, order: Order, clock: int) -> bool:
        """Keep the order's digest; whether it changed in anything that the vehicle's other orders depend on."""
        visit, before = order.visit, self._digests.get(order.order_id)
        closed_clock = None
        if visit.closed_at is not None:
            # When the close became known: 60 days count from then, so that history told late is not let go at once.
            closed_clock = before[6] if before and before[6] is not None else max(clock, visit.closed_at)
        told = digest_of(order.order_id, visit)
        now = [visit.count, visit.linking, told.checked_in_at, told.odometer, list(told.fault_groups), visit.closed_at]
        self._digests[order.order_id] = [*now, closed_clock]
        self._earliest = _UNKNOWN
        if before is None or before[1] != visit.linking:
            self._linking = _UNKNOWN
        return before is None or before[1:5] != now[1:5]

    def version_of(self, order_id: str, visit: Visit) -> int:
        """The version of an order's facts: grows with each event that can change them, whatever their order."""
        return version(visit, self.linking() - (self._digests[order_id][1] if order_id in self._digests else 0))

    def linking(self) -> int:
        """How many events of all its orders link visits of the vehicle."""
        if self._linking == _UNKNOWN:
            self._linking = sum(d[1] for d in self._digests.values()) + sum(self.let_go.values())
        return self._linking

    def expires_at(self, hold_ms: int) -> int | None:
        """The event time (ms) from which some order may be let go; None while an order is open or none is kept.

        An open order can still turn out to be the comeback of a closed one, so it holds them all.
        """
        if self._earliest == _UNKNOWN:
            closes = [d[6] for d in self._digests.values()]
            self._earliest = None if not closes or None in closes else min(closes)
        return None if self._earliest is None else self._earliest + hold_ms

    def let_go_of(self, clock: int, hold_ms: int) -> list[str]:
        """Forget what was closed longer than `hold_ms` of event time ago; the orders whose state can go."""
        expires = self.expires_at(hold_ms)
        if expires is None or expires >= clock:
            return []
        gone = [order_id for order_id, digest in self._digests.items() if digest[6] + hold_ms < clock]
        for order_id in gone:
            self.forget(order_id)
        return gone

    def forget(self, order_id: str) -> None:
        """Keep no more of an order than that it was there."""
        digest = self._digests.pop(order_id)
        self._earliest = _UNKNOWN
        self.let_go[order_id] = digest[1]
        self.until = max(self.until, (digest[5] or 0) + COMEBACK_WINDOW_MS)

    def is_too_late(self, order_id: str, at: int) -> bool:
        """Whether an event comes after the state it belongs to was let go.

        That of an unknown order does too when it might have been the comeback of an order that is gone.
        """
        return order_id in self.let_go or (order_id not in self._digests and at <= self.until)


def version(visit: Visit, linking_of_others: int) -> int:
    """A version that is a function of the sets of events of the order and of the vehicle's other orders."""
    return visit.count + linking_of_others
