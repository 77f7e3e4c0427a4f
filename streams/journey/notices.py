"""Which milestones of an order become notices, with ids that do not depend on how often they are made."""

import hashlib
from typing import Any

from streams.journey.visit import Milestone, Visit

# A notice that could not be delivered for a day tells nothing any more.
LIFETIME_MS = 24 * 3600 * 1000


def notice_id(order_id: str, milestone: str, event_id: str) -> str:
    """128 bits of a hash of what the notice tells, in hex: the same milestone has the same id."""
    told = "\x1f".join((order_id, milestone, event_id))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def notice_of(order_id: str, visit: Visit, milestone: Milestone) -> dict[str, Any]:
    """The notice in the shape of schemas.facts.Notice."""
    name, event_id, at = milestone
    return {
        "notice_id": notice_id(order_id, name, event_id),
        "order_id": order_id,
        "center_id": visit.center,
        "milestone": name,
        "event_id": event_id,
        "occurred_at": at,
        "expires_at": at + LIFETIME_MS,
        "locale": visit.locale,
    }
