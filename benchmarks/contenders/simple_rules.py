"""Simple rules: an order's first check-in, its close, lead time and distinct events, and nothing that crosses orders.

What a program that only counts and takes times would do. Kafka Streams has the same in Java (OrderState.java), so this
is what the two languages need for the same. Events are parsed and not validated.
"""

from datetime import datetime
from typing import Any

import orjson

from schemas.order_key import OrderKey, journey_key
from schemas.times import to_ms
from streams.journey.facts import Fact

# The columns of a fact that these rules compute.
COMPUTED = frozenset(
    {
        "order_id",
        "vehicle_id",
        "center_id",
        "status",
        "checked_in_at",
        "closed_at",
        "lead_s",
        "event_count",
        "last_event_at",
    }
)
_STATUS = {"handoff": "handed_off", "cancellation": "cancelled"}


def parsed(value: bytes) -> dict[str, Any] | None:
    """The event's JSON; None where it is none."""
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and event.get("event_id") else None


def key_of(event: dict[str, Any]) -> bytes:
    """The key of the order's fact."""
    return journey_key(OrderKey(event["center_id"], event["order_id"]), event["vehicle_id"])


def follow(state: dict[str, Any] | None, event: dict[str, Any]) -> tuple[dict[str, Any], Fact] | None:
    """The order's next state and its fact; None for a duplicate, which changes nothing."""
    state = state or {"event_ids": {}, "closes": [], "check_in": None, "last_event_at": 0}
    if event["event_id"] in state["event_ids"]:
        return None
    at = to_ms(datetime.fromisoformat(event["occurred_at"]))
    state["event_ids"][event["event_id"]] = True
    state["last_event_at"] = max(state["last_event_at"], at)
    kind, mark = event["type"], (at, event["event_id"])
    if kind == "check_in":
        state["check_in"] = min(state["check_in"] or mark, mark)
    elif kind in _STATUS:
        state["closes"].append((*mark, _STATUS[kind]))
    return state, _fact(state, event)


def _fact(state: dict[str, Any], event: dict[str, Any]) -> Fact:
    check_in = state["check_in"]
    start = check_in and check_in[0]
    # What sorts before the check-in cannot have ended the visit.
    closes = [close for close in state["closes"] if check_in is None or close > check_in]
    closed_at, _, status = min(closes) if closes else (None, "", "open")
    until = state["last_event_at"] if closed_at is None else closed_at
    return {
        "order_id": event["order_id"],
        "vehicle_id": event["vehicle_id"],
        "center_id": event["center_id"],
        "status": status,
        "checked_in_at": start,
        "closed_at": closed_at,
        "lead_s": None if start is None else (until - start) / 1000,
        "event_count": len(state["event_ids"]),
        "last_event_at": state["last_event_at"],
    }
