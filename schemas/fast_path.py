"""The fast path of decoding: plain events, read by structs and checks that are derived from the pydantic models.

`fast_event` gives the very event that pydantic would give, or None, which decides nothing: pydantic reads the bytes
then, and it alone refuses. What the derivation does not understand of a model is left to pydantic, too.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Union, cast

import msgspec
from pydantic import BaseModel

from schemas.events import EVENT_TYPES, Event
from schemas.fast_rules import (
    Reader,
    ReadRule,
    UnsupportedError,
    UnusualError,
    rule_of,
    unchanged,
    without_control_characters,
)
from schemas.json_keys import repeats_key
from schemas.personal import EXTRAS

# So few bytes hold neither too many tokens nor much of anything.
SMALL_BYTES = 16 * 1024

# What makes a model of pydantic without asking pydantic, frozen or not.
_new: Callable[..., BaseModel] = object.__new__
_set_values = object.__setattr__
_set_fields, _set_extra, _set_private = (
    getattr(BaseModel, f"__pydantic_{name}__").__set__ for name in ("fields_set", "extra", "private")
)


def fast_event(value: bytes) -> Event | None:
    """The event in the bytes of a plain JSON event; None where pydantic has to look."""
    if len(value) > SMALL_BYTES:
        return None
    try:
        struct = _decode(value)
        has_escapes = b"\\" in value
        if repeats_key(value, has_escapes, struct):
            return None
        fields = _to_fields(struct)
        fields.pop(EXTRAS, None)
        # Without any, no string needs a look of its own: JSON itself has no raw control characters but these.
        is_plain = not has_escapes and value.isascii() and b"\x7f" not in value
        return cast(Event, _BUILDERS[fields["type"]](fields, is_plain))
    except (ValueError, RecursionError):
        return None


def _model_rule(model: type[BaseModel]) -> ReadRule:
    return ReadRule(_struct(model), builder(model))


def _rules(model: type[BaseModel]) -> dict[str, ReadRule]:
    """The rules of the model's fields, without those that are left to pydantic. Raises UnsupportedError."""
    rules: dict[str, ReadRule] = {}
    for name, field in model.model_fields.items():
        try:
            if field.default_factory is not None or field.alias is not None:
                raise UnsupportedError(name)
            rules[name] = rule_of(field.annotation, field.metadata, _model_rule)
        except UnsupportedError:
            if field.is_required():
                raise
    return rules


def _struct(model: type[BaseModel], tag: str | None = None) -> type[msgspec.Struct]:
    """A struct that reads the model's JSON and takes no unknown field; what is absent stays unset."""
    fields: list[Any] = []
    for name, rule in _rules(model).items():
        if name == "type" and tag is not None:
            continue
        is_required = model.model_fields[name].is_required()
        fields.append((name, rule.type) if is_required else (name, rule.type | msgspec.UnsetType, msgspec.UNSET))
    if tag is not None:
        fields.append((EXTRAS, str | None | msgspec.UnsetType, msgspec.UNSET))
    tagged: dict[str, Any] = {} if tag is None else {"tag_field": "type", "tag": tag}
    return msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=True, kw_only=True, gc=False, **tagged)


def builder(model: type[BaseModel]) -> Callable[..., BaseModel]:
    """A function that builds the model from its JSON fields. Raises UnsupportedError."""
    rules = _rules(model)
    texts = [name for name, rule in rules.items() if rule.read is without_control_characters]
    readers = [
        (n, rule.read)
        for n, rule in rules.items()
        if rule.read is not None and rule.read is not without_control_characters
    ]
    defaults = {name: None if field.is_required() else field.default for name, field in model.model_fields.items()}
    checks = _model_checks(model)

    def build(fields: dict[str, Any], is_plain: bool = False) -> BaseModel:
        values, get = defaults | fields, fields.get
        if not is_plain:
            for name in texts:
                if (value := values[name]) is not None and not value.isprintable():
                    raise UnusualError
        for name, read in readers:
            if (value := get(name)) is not None:
                values[name] = read(value)
        instance = _instance(model, values, set(fields))
        for check in checks:
            check(instance)
        return instance

    return build


def replaced(event: Event, values: Mapping[str, Any]) -> Event:
    """The event with other values in some fields, which nobody checks: `model_copy` at a tenth of its cost."""
    return cast(Event, _instance(type(event), event.__dict__ | dict(values), event.__pydantic_fields_set__))


def _instance(
    model: type[BaseModel],
    values: dict[str, Any],
    fields_set: set[str],
) -> BaseModel:
    instance = _new(model)
    _set_values(instance, "__dict__", values)
    _set_fields(instance, fields_set)
    _set_extra(instance, None)
    _set_private(instance, None)
    return instance


def _model_checks(model: type[BaseModel]) -> list[Reader]:
    """The model's own validators after its fields. Raises UnsupportedError where it has any others."""
    decorators = model.__pydantic_decorators__
    others = (decorators.validators, decorators.field_validators, decorators.root_validators)
    validators = decorators.model_validators.values()
    if any(others) or model.__private_attributes__ or any(item.info.mode != "after" for item in validators):
        raise UnsupportedError(model.__name__)
    return [partial(unchanged, item.func) for item in validators]


def _supported() -> dict[str, type[msgspec.Struct]]:
    """The struct of each event type that the derivation understands."""
    structs: dict[str, type[msgspec.Struct]] = {}
    for name, model in EVENT_TYPES.items():
        try:
            structs[name] = _struct(model, name)
            _model_checks(model)
        except UnsupportedError:
            continue
    return structs


_STRUCTS = _supported()
_BUILDERS = {name: builder(EVENT_TYPES[name]) for name in _STRUCTS}
_decode = msgspec.json.Decoder(Union[tuple(_STRUCTS.values())]).decode  # noqa: UP007
_to_fields = msgspec.to_builtins
