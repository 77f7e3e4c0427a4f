"""The same rules for contenders that take one event at a time: one order's state as a JSON-normal dict.

Decoding, the order's fold and its fact are the product's own (schemas.decode, streams.journey). What crosses orders is
left out: comebacks, center hours, notices; `first_time_fix` is judged from the order alone.
"""

from typing import Any

import msgspec

from schemas.decode import EventError, decode_event
from schemas.events import Event
from streams.journey.entries import decode_entry, entry_of
from streams.journey.facts import Fact, journey_fact
from streams.journey.first_time_fix import first_time_fix
from streams.journey.visit import Visit, fold

State = dict[str, Any]

# What these rules do not know: the vehicle's other orders.
NOT_COMPUTED = frozenset({"ftf", "ftf_cause", "comeback_order_id", "comeback_center_id", "version"})


def event_of(value: bytes) -> Event | None:
    """The event in a record's value; None for one that would go to the dead letters."""
    try:
        return decode_event(value)
    except EventError:
        return None


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
