"""Rules of the fast path: how a value is read without pydantic, derived from a field's annotation.

A rule accepts only what pydantic accepts, and gives what pydantic gives. What it finds unusual it leaves to pydantic.
"""

import operator
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import msgspec
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Strict, WithJsonSchema
from pydantic.fields import FieldInfo

_CACHED_NUMBERS = 16_384
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f-\x9f]*$"
# Patterns in which Rust's regular expressions, which pydantic has, and Python's mean the same.
_PLAIN_PATTERN = re.compile(r"\^[][A-Za-z0-9(){},|?*_-]*\$")

Reader = Callable[[Any], Any]
ModelRule = Callable[[type[BaseModel]], "ReadRule"]


class UnusualError(ValueError):
    """The value is nothing for the fast path."""


class UnsupportedError(TypeError):
    """The derivation does not understand what a model says of a field."""


@dataclass(frozen=True, slots=True)
class ReadRule:
    """What msgspec reads a value as, and what makes the model's value of that; None where it is the same."""

    type: Any
    read: Reader | None = None


def rule_of(annotation: Any, metadata: Iterable[Any], model_rule: ModelRule) -> ReadRule:
    """The rule of a field; `model_rule` gives that of a model in it. Raises UnsupportedError."""
    if get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        return rule_of(annotation, [*inner, *metadata], model_rule)
    items = [item for entry in metadata for item in (entry.metadata if isinstance(entry, FieldInfo) else [entry])]
    items = [item for item in items if not isinstance(item, WithJsonSchema)]
    before: list[Reader] = [cast(Reader, item.func) for item in items if isinstance(item, BeforeValidator)]
    after: list[Reader] = [cast(Reader, item.func) for item in items if isinstance(item, AfterValidator)]
    limits = [item for item in items if not isinstance(item, BeforeValidator | AfterValidator)]
    if annotation is Decimal:
        return ReadRule(int | float | str, _decimal_reader(before, _bounds(limits), after))
    rule = _plain_rule(annotation, limits, model_rule)
    checks = [partial(unchanged, function) for function in (*before, *after)]
    return replace(rule, read=_in_turn(rule.read, *checks))


def _plain_rule(annotation: Any, limits: list[Any], model_rule: ModelRule) -> ReadRule:
    """The rule without the validators."""
    origin = get_origin(annotation)
    if annotation is AwareDatetime:
        return ReadRule(str, partial(_instant, *_years(limits)))
    if annotation is str:
        return _text_rule(limits)
    if annotation in (int, float):
        return ReadRule(Annotated[annotation, _meta(limits, Ge, Gt, Le, Lt)])
    if origin in (Union, types.UnionType):
        return _union_rule(get_args(annotation), limits, model_rule)
    if origin is tuple and get_args(annotation)[1:] == (...,):
        item = rule_of(get_args(annotation)[0], (), model_rule)
        return ReadRule(Annotated[list[item.type], _meta(limits, MinLen, MaxLen)], _tuple_reader(item.read))  # type: ignore[name-defined]
    if origin is dict:
        return _mapping_rule(get_args(annotation), limits, model_rule)
    if limits:
        raise UnsupportedError(f"{annotation} with {limits}")
    if origin is Literal or annotation is bool:
        return ReadRule(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return model_rule(annotation)
    raise UnsupportedError(f"{annotation}")


def _text_rule(limits: list[Any]) -> ReadRule:
    patterns = [item.pattern for item in limits if hasattr(item, "pattern")]
    lengths = [item for item in limits if not hasattr(item, "pattern")]
    return ReadRule(Annotated[str, _meta(lengths, MinLen, MaxLen)], _in_turn(*map(_pattern_check, patterns)))


def _union_rule(members: tuple[Any, ...], limits: list[Any], model_rule: ModelRule) -> ReadRule:
    """An optional value, or one that is told from the others by its JSON type."""
    if limits:
        raise UnsupportedError(f"a union with {limits}")
    rules = [rule_of(member, (), model_rule) for member in members if member is not type(None)]
    if len(rules) == 1 and len(members) == 2:
        return replace(rules[0], type=rules[0].type | None)
    kinds = [get_origin(member) or member for member in map(_bare, members)]
    if sorted(map(str, kinds)) != sorted(map(str, (str, dict))):
        raise UnsupportedError(f"a union of {kinds}")
    readers = {kind: rule.read for kind, rule in zip(kinds, rules, strict=True) if rule.read is not None}
    return ReadRule(rules[0].type | rules[1].type, partial(_by_kind, readers))


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _by_kind(readers: Mapping[type, Reader], value: Any) -> Any:
    read = readers.get(type(value))
    return value if read is None else read(value)


def _mapping_rule(types_: tuple[Any, ...], limits: list[Any], model_rule: ModelRule) -> ReadRule:
    key, value = (rule_of(annotation, (), model_rule) for annotation in types_)
    if key.read is not None:
        raise UnsupportedError("keys with a check")
    mapping = Annotated[dict[key.type, value.type], _meta(limits, MinLen, MaxLen)]  # type: ignore[name-defined]
    return ReadRule(mapping, None if value.read is None else partial(_read_values, value.read))


def _read_values(read: Reader, values: dict[str, Any]) -> dict[str, Any]:
    return {key: read(value) for key, value in values.items()}


def _tuple_reader(read: Reader | None) -> Reader:
    return tuple if read is None else lambda values: tuple(map(read, values))


def _meta(limits: Iterable[Any], *kinds: type) -> msgspec.Meta:
    """The limits for msgspec. Raises UnsupportedError for those of other kinds."""
    words: dict[str, Any] = {}
    for item in limits:
        if not isinstance(item, kinds):
            raise UnsupportedError(f"{item}")
        words |= {name: getattr(item, name) for name in ("ge", "gt", "le", "lt") if hasattr(item, name)}
        words |= {name: getattr(item, name) for name in ("min_length", "max_length") if hasattr(item, name)}
    return msgspec.Meta(**words)


def _bounds(limits: Iterable[Any]) -> list[Callable[[Any], bool]]:
    """Whether a number keeps each limit. Raises UnsupportedError for anything but limits of numbers."""
    bounds: list[Callable[[Any], bool]] = []
    for item in limits:
        match item:
            case Ge(limit):
                bounds.append(partial(operator.le, limit))
            case Gt(limit):
                bounds.append(partial(operator.lt, limit))
            case Lt(limit):
                bounds.append(partial(operator.gt, limit))
            case Strict(False):
                pass
            case _:
                raise UnsupportedError(f"{item}")
    return bounds


def _years(limits: list[Any]) -> tuple[int, int]:
    """The first and the last year of which every instant keeps the limits."""
    match limits:
        case [Ge(datetime() as earliest), Lt(datetime() as latest)]:
            return earliest.year + 1, latest.year - 1
    raise UnsupportedError(f"an instant with {limits}")


def _instant(first_year: int, last_year: int, text: str) -> datetime:
    is_usual = len(text) == 24 and text[10] == "T" and text[19] == "." and text[23] == "Z" and text[5] != "W"
    if not is_usual and not _INSTANT.fullmatch(text):
        raise UnusualError
    at = datetime.fromisoformat(text)
    # A day's offset from the limits is no matter for whole years.
    if not first_year < at.year < last_year:
        raise UnusualError
    return at


def _pattern_check(pattern: str) -> Reader:
    if pattern == _NO_CONTROL_CHARACTERS:
        return without_control_characters
    if not _PLAIN_PATTERN.fullmatch(pattern):
        raise UnsupportedError(pattern)
    return partial(_matching, re.compile(pattern[1:-1]))


def without_control_characters(text: str) -> str:
    """The text, if it is printable: no control character is, and some others are not, either."""
    if not text.isprintable():
        raise UnusualError
    return text


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise UnusualError
    return text


def unchanged(function: Callable[[Any], Any], value: Any) -> Any:
    """The value, if a validator of the model has nothing against it and gives it back."""
    if function(value) is not value:
        raise UnusualError
    return value


def _in_turn(*readers: Reader | None) -> Reader | None:
    """One reader after the other."""
    active = [read for read in readers if read is not None]
    if len(active) < 2:
        return active[0] if active else None

    def read_all(value: Any) -> Any:
        for read in active:
            value = read(value)
        return value

    return read_all


def _decimal_reader(before: list[Reader], bounds: list[Callable[[Any], bool]], after: list[Reader]) -> Reader:
    """A reader of short plain numbers; the same number is made once."""

    # Typed, as 5 and 5.0 are equal and not written alike.
    @lru_cache(_CACHED_NUMBERS, typed=True)
    def decimal_of(number: int | float | str) -> Decimal:
        # -0.0 is found under the same key as 0.0, and not written alike.
        if isinstance(number, float) and not number:
            raise UnusualError
        for function in before:
            unchanged(function, number)
        text = number if isinstance(number, str) else str(number)
        if not _NUMBER.fullmatch(text):
            raise UnusualError
        decimal = Decimal(text)
        if not all(is_kept(decimal) for is_kept in bounds):
            raise UnusualError
        for function in after:
            unchanged(function, decimal)
        return decimal

    return decimal_of
