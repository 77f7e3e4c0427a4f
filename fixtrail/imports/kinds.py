"""What the contract wants in each field, read off the event models, so that a mapping need not say it again."""

import types
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from schemas.decode import names_of
from schemas.event_topics import REFERENCE, SERVICE

_MODELS = {**SERVICE.models, **REFERENCE.models}

# The importer makes these itself.
MADE_HERE = ("event_id", "type", "occurred_at")


@dataclass(frozen=True)
class Kind:
    """One of text, number, integer, bool, time, list or table (of `item`, by any names), object (of `fields`)."""

    name: str
    item: "Kind | None" = None
    fields: dict[str, "Kind"] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    allowed: tuple[str, ...] = ()


@cache
def event_kind(event_type: str) -> Kind:
    """The fields that a mapping may fill for an event type; `required` are those it must."""
    kind = _model(_MODELS[event_type])
    fields = {name: field for name, field in kind.fields.items() if name not in MADE_HERE}
    return Kind("object", fields=fields, required=kind.required - set(MADE_HERE))


def _model(model: type[BaseModel]) -> Kind:
    infos = dict(zip(names_of(model), model.model_fields.values(), strict=True))
    fields = {name: _kind(info.annotation) for name, info in infos.items()}
    required = frozenset(name for name, info in infos.items() if info.is_required())
    return Kind("object", fields=fields, required=required)


def _kind(annotation: Any) -> Kind:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(args[0])
    if origin is Union or origin is types.UnionType:
        return _kind(next(arg for arg in args if arg is not type(None)))
    if origin is Literal:
        return Kind("text", allowed=tuple(str(arg) for arg in args))
    if origin in (tuple, list):
        return Kind("list", item=_kind(args[0]))
    if origin is dict:
        return Kind("table", item=_kind(args[1]))
    if annotation is bool:
        return Kind("bool")
    if annotation is int:
        return Kind("integer")
    if annotation in (float, Decimal):
        return Kind("number")
    if annotation in (datetime, AwareDatetime):
        return Kind("time")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation)
    return Kind("text")
