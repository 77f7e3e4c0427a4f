"""Ids as hashes of what they name: computed again, they are the same."""

import hashlib

from schemas.order_key import OrderKey
from streams.journey.packed import packed


def hashed_id(*parts: str) -> str:
    """128 bits of a hash of the parts, in hex."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def notice_id(order: OrderKey, milestone: str, event_id: str) -> str:
    """The id of a notice, by what it tells: the same milestone has the same id."""
    return hashed_id(*order, milestone, event_id)


def order_key(vehicle_id: str, order: OrderKey) -> bytes:
    """The key of an order's state; it names the vehicle, by which the topic is partitioned."""
    return packed([vehicle_id, *order])
