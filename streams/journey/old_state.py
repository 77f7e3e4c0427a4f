"""State of before an order was center and number together: read as if it had been written today.

The three tables are rewritten in memory at every start, and what follows from new events is logged under the new keys.
So what was logged under an old key is needed until all that it became has been logged anew.
"""

from collections.abc import Iterator, MutableMapping

import msgspec
import orjson

from schemas.order_key import OrderKey
from streams.journey.entries import Entry
from streams.journey.hour_state import decode_hour
from streams.journey.ids import order_key
from streams.journey.merge import merge_orders
from streams.journey.order import Order
from streams.journey.packed_state import plain_state
from streams.journey.vehicle import LAYOUT, DigestState, VehicleState, decode_vehicle

Table = MutableMapping[bytes, bytes]
Parts = dict[tuple[str, str], dict[str, bytes]]  # by vehicle and number the states of the orders, by center

_decode_entry = msgspec.json.Decoder(Entry).decode


class _OldDigest(DigestState, array_like=True, gc=False):
    """A digest with the center of the order's first check-in."""

    center: str | None = None


class _OldVehicle(msgspec.Struct, array_like=True):
    """A vehicle with its digests and numbers of linking events by the order's number."""

    offset: int
    clock: int
    until: int
    digests: dict[str, _OldDigest]
    let_go: dict[str, int]


_decode_old_vehicle = msgspec.json.Decoder(_OldVehicle).decode


def with_centers(orders: Table, vehicles: Table, hours: Table) -> list[bytes]:
    """Rewrite what a partition's tables know by an order's number alone; the old keys that the log no longer needs."""
    parts, leftovers = _split_orders(orders, vehicles)
    for key, state in vehicles.items():
        # It ends with what was let go: the layout was not told yet.
        if state.endswith(b"}]"):
            vehicles[key] = _with_centers(key.decode(), state, parts)
    for key, state in hours.items():
        if (renamed := _renamed_shares(key, state)) is not None:
            hours[key] = renamed
    return leftovers


def _split_orders(orders: Table, vehicles: Table) -> tuple[Parts, list[bytes]]:
    split: Parts = {}
    leftovers: list[bytes] = []
    for old_key in [key for key in orders if len(orjson.loads(key)) == 2]:
        vehicle_id, order_id = orjson.loads(old_key)
        parts = split[vehicle_id, order_id] = _by_center(orders.pop(old_key))
        is_logged = [_put(orders, vehicles, vehicle_id, OrderKey(center, order_id), parts) for center in parts]
        if all(is_logged):
            leftovers.append(old_key)
    return split, leftovers


def _put(orders: Table, vehicles: Table, vehicle_id: str, order: OrderKey, parts: dict[str, bytes]) -> bool:
    """Put an order under its new key; whether the log has it there, or that it was let go."""
    key = order_key(vehicle_id, order)
    logged = orders.get(key)
    orders[key] = parts[order.center_id] if logged is None else merge_orders(parts[order.center_id], logged)
    if logged is not None:
        return True
    vehicle = vehicles.get(vehicle_id.encode())
    return vehicle is not None and order.encode().decode() in decode_vehicle(vehicle).let_go


def _by_center(state: bytes) -> dict[str, bytes]:
    """An order's state as the states of the orders that its events are of."""
    header, *lines = plain_state(state).split(b"\n")
    by_center: dict[str, list[bytes]] = {}
    for line in lines:
        by_center.setdefault(_decode_entry(line).center, []).append(line)
    if len(by_center) == 1:
        return dict.fromkeys(by_center, state)
    offset, hours, *_ = orjson.loads(header)
    return {
        center: b"\n".join(
            [orjson.dumps([offset, [hour for hour in hours if hour[0] == center], None]), *hours_of_center]
        )
        for center, hours_of_center in by_center.items()
    }


def _with_centers(vehicle_id: str, state: bytes, parts: Parts) -> bytes:
    old = _decode_old_vehicle(state)
    digests = {
        order.encode().decode(): digest
        for order_id, old_digest in old.digests.items()
        for order, digest in _digests(order_id, old_digest, parts.get((vehicle_id, order_id), {}), old.clock)
    }
    # What was let go had no center, and its events are gone: it stands for the number in any center.
    let_go = {OrderKey("", order_id).encode().decode(): linking for order_id, linking in old.let_go.items()}
    return msgspec.json.encode(VehicleState(old.offset, old.clock, old.until, digests, let_go, LAYOUT))


def _digests(
    order_id: str, digest: _OldDigest, parts: dict[str, bytes], clock: int
) -> Iterator[tuple[OrderKey, DigestState]]:
    if not parts and digest.center is not None:
        # Its state was lost in a crash; its events come once more.
        yield OrderKey(digest.center, order_id), digest
    for center, state in parts.items():
        visit = Order(OrderKey(center, order_id), state).visit
        closed_clock = None if visit.closed_at is None else digest.closed_clock or max(clock, visit.closed_at)
        yield (
            OrderKey(center, order_id),
            DigestState(
                event_count=visit.count,
                linking=visit.linking,
                checked_in_at=visit.started_at,
                odometer=visit.odometer,
                fault_groups=visit.fault_groups,
                closed_at=visit.closed_at,
                closed_clock=closed_clock,
            ),
        )


def _renamed_shares(key: bytes, state: bytes) -> bytes | None:
    """The hour with each order's share under the order's new key; None where all have it."""
    # A share's name is a JSON array of texts within JSON: of three where it is new, with two such commas.
    if state.count(b'\\",\\"') == 2 * state.count(b'":['):
        return None
    hour = decode_hour(state)
    center_id, *_ = orjson.loads(key)
    old_names = [name for name in hour.shares if len(orjson.loads(name)) == 2]
    for name in old_names:
        vehicle_id, order_id = orjson.loads(name)
        share = hour.shares.pop(name)
        hour.shares.setdefault(order_key(vehicle_id, OrderKey(center_id, order_id)).decode(), share)
    return msgspec.json.encode(hour) if old_names else None
