"""The same rules for contenders that take one event at a time: one order's state as a JSON-normal dict.

The order's fold and its fact are the product's own (streams.journey). What crosses orders is left out: comebacks,
center hours, notices; `first_time_fix` is judged from the order alone. Events are read by pydantic's own validate_json,
as users write it, unless FAST_PATH=1 lets the product's decoder read them (schemas.decode: its fast path and all of its
checks). CAREFUL=1 has the same checks made by pydantic alone.
"""

import os
from collections.abc import Callable
from typing import Any

import msgspec
from pydantic import ValidationError

from schemas.decode import EventError, decode_carefully, decode_event
from schemas.events import SERVICE_EVENT, Event
from schemas.order_key import journey_key
from streams.journey.entries import decode_entry, entry_of
from streams.journey.facts import Fact, journey_fact
from streams.journey.first_time_fix import first_time_fix
from streams.journey.visit import Visit, fold

State = dict[str, Any]

# What these rules do not know: the vehicle's other orders.
NOT_COMPUTED = frozenset({"ftf", "ftf_cause", "comeback_order_id", "comeback_center_id", "version"})

DECODERS: dict[str, Callable[[bytes], Event]] = {
    "FAST_PATH": decode_event,
    "CAREFUL": lambda value: decode_carefully(value)[0],
    "PYDANTIC": SERVICE_EVENT.validate_json,
}
_DECODE = DECODERS[next((name for name in DECODERS if os.environ.get(name)), "PYDANTIC")]


def event_of(value: bytes) -> Event | None:
    """The event in a record's value; None for one that would go to the dead letters."""
    try:
        return _DECODE(value)
    except (EventError, ValidationError):
        return None


def key_of(event: Event) -> bytes:
    """The key of the order's fact, and of its state."""
    return journey_key(event.order, event.vehicle_id)


def follow(state: State | None, event: Event) -> tuple[State, Fact] | None:
    """The order's next state and its fact; None for a duplicate, which changes nothing."""
    entry = entry_of(event)
    lines: dict[str, str] = {} if state is None else state["entries"]
    if event.event_id in lines:
        return None
    visit = Visit() if state is None else msgspec.convert(state["visit"], Visit)
    lines[event.event_id] = msgspec.json.encode(entry).decode()
    if visit.can_advance(entry):
        visit.advance(entry)
    else:
        visit = fold(decode_entry(line.encode()) for line in lines.values())
    verdict = first_time_fix(event.order, visit, ())
    fact = journey_fact(event.order, event.vehicle_id, visit, verdict, visit.count)
    return {"entries": lines, "visit": msgspec.to_builtins(visit)}, fact
