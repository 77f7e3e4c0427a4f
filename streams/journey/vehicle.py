"""One vehicle's state: digests of its orders, for comebacks, and the ids of dropped orders."""

from collections.abc import Collection, Mapping

import msgspec

from schemas.order_key import OrderKey
from streams.journey.first_time_fix import COMEBACK_WINDOW_MS, Digest, by_check_in
from streams.journey.order import Order
from streams.journey.visit import Visit

_UNKNOWN = -1
# What an event costs grows with the orders of its vehicle: here it is some ten times an ordinary one's.
FULL_ORDERS = 200
# Before layout 2 orders had no center in a vehicle's state (streams.journey.old_state reads it).
OLD_LAYOUT, LAYOUT = 1, 2


class DigestState(msgspec.Struct, array_like=True, gc=False):
    """An order's digest in the state; `closed_clock` is the partition's event time when its close became known."""

    event_count: int
    linking: int
    checked_in_at: int | None
    odometer: float | None
    fault_groups: list[str]
    closed_at: int | None
    closed_clock: int | None

    def concerns_others(self, before: "DigestState") -> bool:
        """Whether it differs from the one before in anything that the vehicle's other orders depend on."""
        return (
            self.linking != before.linking
            or self.checked_in_at != before.checked_in_at
            or self.odometer != before.odometer
            or self.fault_groups != before.fault_groups
        )


class VehicleState(msgspec.Struct, array_like=True):
    """What the vehicles table holds; digests and numbers of linking events are by order (`OrderKey.encode`)."""

    offset: int = -1
    clock: int = 0
    until: int = 0
    digests: dict[str, DigestState] = msgspec.field(default_factory=dict)
    let_go: dict[str, int] = msgspec.field(default_factory=dict)
    layout: int = OLD_LAYOUT


decode_vehicle = msgspec.json.Decoder(VehicleState).decode


def earliest_close(digests: Collection[DigestState]) -> int | None:
    """When the first close of a vehicle's orders became known (ms); None while one is open, or where there is none."""
    closes = [digest.closed_clock for digest in digests if digest.closed_clock is not None]
    return min(closes) if closes and len(closes) == len(digests) else None


class Vehicle:
    """One vehicle's orders.

    `offset` is that of the newest record applied and `clock` the partition's event time then (ms). `let_go` holds the
    orders whose state is gone, with the number of events by which each had touched the versions of the others.
    """

    __slots__ = ("_digests", "_earliest", "_linking", "clock", "let_go", "offset", "until", "vehicle_id")

    def __init__(self, vehicle_id: str, state: bytes | None = None) -> None:
        self.vehicle_id = vehicle_id
        values = VehicleState() if state is None else decode_vehicle(state)
        self.offset, self.clock, self.until = values.offset, values.clock, values.until
        self._digests = {OrderKey.decode(order): digest for order, digest in values.digests.items()}
        self.let_go = {OrderKey.decode(order): linking for order, linking in values.let_go.items()}
        self._earliest: int | None = _UNKNOWN  # the earliest close of all, None while an order is open
        self._linking = _UNKNOWN

    def state(self) -> bytes:
        """The bytes to keep; `Vehicle(vehicle_id, state)` reads them."""
        digests = {order.encode().decode(): digest for order, digest in self._digests.items()}
        let_go = {order.encode().decode(): linking for order, linking in self.let_go.items()}
        return msgspec.json.encode((self.offset, self.clock, self.until, digests, let_go, LAYOUT))

    def __len__(self) -> int:
        """How many orders it has, those let go not counted."""
        return len(self._digests)

    def is_full(self, order: OrderKey) -> bool:
        """Whether it does not take this order: so many of one center are of a number that stands for many cars.

        Each center counts for itself: what one of them sends leaves no less room for another.
        """
        if len(self._digests) < FULL_ORDERS or order in self._digests:
            return False
        return sum(digest.center_id == order.center_id for digest in self._digests) >= FULL_ORDERS

    def orders(self) -> list[OrderKey]:
        """The orders whose state is kept."""
        return list(self._digests)

    def keeps(self, order: OrderKey) -> bool:
        """Whether the order's state is kept."""
        return order in self._digests

    def digests(self) -> list[Digest]:
        """The digests of the orders in the state, by check-in."""
        return by_check_in(
            Digest(order, digest.checked_in_at, digest.odometer, tuple(digest.fault_groups))
            for order, digest in self._digests.items()
        )

    def note(self, order: Order, clock: int) -> bool:
        """Keep the order's digest; whether it changed in anything that the vehicle's other orders depend on."""
        visit, before = order.visit, self._digests.get(order.key)
        closed_clock = None
        if visit.closed_at is not None:
            # When the close became known: 60 days count from then, so that history told late is not let go at once.
            closed_clock = before.closed_clock if before else None
            closed_clock = max(clock, visit.closed_at) if closed_clock is None else closed_clock
        digest = self._digests[order.key] = DigestState(
            event_count=visit.count,
            linking=visit.linking,
            checked_in_at=None if visit.vehicle_corrected else visit.started_at,
            odometer=visit.odometer,
            fault_groups=visit.fault_groups,
            closed_at=visit.closed_at,
            closed_clock=closed_clock,
        )
        self._earliest = _UNKNOWN
        if before is None or before.linking != visit.linking:
            self._linking = _UNKNOWN
        return before is None or digest.concerns_others(before)

    def version_of(self, order: OrderKey, visit: Visit) -> int:
        """The version of an order's facts: grows with each event that can change them, whatever their order."""
        return version(visit, self.linking() - (self._digests[order].linking if order in self._digests else 0))

    def linking(self) -> int:
        """How many events of all its orders link visits of the vehicle."""
        if self._linking == _UNKNOWN:
            self._linking = sum(digest.linking for digest in self._digests.values()) + sum(self.let_go.values())
        return self._linking

    def expires_at(self, hold_ms: int) -> int | None:
        """The event time (ms) from which some order may be let go; None while an order is open or none is kept.

        An open order can still turn out to be the comeback of a closed one, so it holds them all.
        """
        if self._earliest == _UNKNOWN:
            self._earliest = earliest_close(self._digests.values())
        return None if self._earliest is None else self._earliest + hold_ms

    def let_go_of(self, clock: int, hold_ms: int) -> list[OrderKey]:
        """Forget what was closed longer than `hold_ms` of event time ago; the orders whose state can go."""
        expires = self.expires_at(hold_ms)
        if expires is None or expires >= clock:
            return []
        expired = [
            order
            for order, digest in self._digests.items()
            if digest.closed_clock is not None and digest.closed_clock + hold_ms < clock
        ]
        for order in expired:
            self.forget(order)
        return expired

    def forget(self, order: OrderKey) -> None:
        """Drop an order's digest; remember only which it was."""
        digest = self._digests.pop(order)
        self._earliest = _UNKNOWN
        self.let_go[order] = digest.linking
        self.until = max(self.until, (digest.closed_at or 0) + COMEBACK_WINDOW_MS)

    def note_history(self, let_go: Mapping[OrderKey, int], until: int) -> list[OrderKey]:
        """Take orders that went another way for let go; those of them whose state is here and can go."""
        here = [order for order in let_go if order in self._digests]
        for order in here:
            self.forget(order)
        for order, linking in let_go.items():
            self.let_go[order] = max(linking, self.let_go.get(order, 0))
        self.until = max(self.until, until)
        self._linking = _UNKNOWN
        return here

    def is_too_late(self, order: OrderKey, at: int) -> bool:
        """Whether an event comes after the state it belongs to was let go.

        That of an unknown order does too when it might have been the comeback of an order that is gone.
        """
        if self.let_go and (order in self.let_go or _without_center(order) in self.let_go):
            return True
        return order not in self._digests and at <= self.until


def _without_center(order: OrderKey) -> OrderKey:
    """The key of a dropped order as earlier versions wrote it: its number alone."""
    return order._replace(center_id="")


def version(visit: Visit, linking_of_others: int) -> int:
    """A version that is a function of the sets of events of the order and of the vehicle's other orders."""
    return visit.count + linking_of_others
