"""The attributes of exported events: the plain fields of each event type, with the kinds that OCEL and XES know."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson

from schemas.events import EVENT_TYPES, Event
from schemas.times import from_ms

Kind = Literal["string", "integer", "float", "boolean", "time"]
Value = str | int | float | bool
Attribute = tuple[str, Kind, Value]

# In the event's own columns, or personal and never stored.
_NOT_EXPORTED = {"type", "event_id", "order_id", "vehicle_id", "center_id", "occurred_at", "phase", "customer_id"}
_NOT_EXPORTED |= {"contact", "vehicle_label", "advisor", "comment", "reason", "resolution"}
_KINDS: dict[Any, Kind] = {str: "string", int: "integer", float: "float", bool: "boolean", Decimal: "float"}


def kind_of(annotation: Any) -> Kind | None:
    """The kind of a field; None for one that is no plain value. A list of texts is one text, joined by `;`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(arguments[0])
    if origin in (Union, UnionType):
        kinds = [kind_of(argument) for argument in arguments if argument is not type(None)]
        return kinds[0]
    if origin is Literal:
        return "string"
    if origin is tuple:
        return "string" if kind_of(arguments[0]) == "string" else None
    if annotation is datetime or getattr(annotation, "__name__", "") == "AwareDatetime":
        return "time"
    return _KINDS.get(annotation)


def _attributes_of_type(model: type[Event]) -> Iterator[tuple[str, Kind]]:
    yield "center_id", "string"
    for name, about in model.model_fields.items():
        if name not in _NOT_EXPORTED and (kind := kind_of(about.annotation)) is not None:
            yield name, kind


# By event type, the kind of each attribute. Every event names its center.
EVENT_ATTRIBUTES: Mapping[str, Mapping[str, Kind]] = {
    name: dict(_attributes_of_type(model)) for name, model in EVENT_TYPES.items()
}


def payload_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own fields."""
    payload: dict[str, Any] = orjson.loads(event["payload"])
    return payload


def attributes_of(event: Mapping[str, Any], payload: Mapping[str, Any]) -> Iterator[Attribute]:
    """The attributes that an event has, in the order of its type's fields."""
    for name, kind in EVENT_ATTRIBUTES[event["type"]].items():
        value = event.get(name)
        if value is None:
            value = payload.get(name)
        if value is not None:
            yield name, kind, _plain(value, kind)


def _plain(value: Any, kind: Kind) -> Value:
    if isinstance(value, list):
        return ";".join(map(str, value))
    if kind == "float":
        return float(value)
    if kind == "integer":
        return int(value)
    return value if kind == "boolean" else str(value)


def text_of_value(value: Value) -> str:
    """A value as text: truths as XML and JSON write them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@lru_cache(1024)
def time_text(ms: int) -> str:
    """A time as RFC 3339 in UTC, to the millisecond."""
    return f"{from_ms(ms).isoformat(timespec='milliseconds')[:-6]}Z"
