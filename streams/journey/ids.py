"""Ids that are functions of what they stand for: made again, they are the same."""

import hashlib


def hashed_id(*parts: str) -> str:
    """128 bits of a hash of the parts, in hex."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def notice_id(order_id: str, milestone: str, event_id: str) -> str:
    """The id of a notice, by what it tells: the same milestone has the same id."""
    return hashed_id(order_id, milestone, event_id)
