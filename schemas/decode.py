"""Decodes the bytes of a Kafka record into a validated event, or says why that fails."""

import base64
import binascii
import difflib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from schemas.events import EVENT_TYPES, Event, Model
from schemas.fast_path import fast_event
from schemas.json_keys import repeats_key
from schemas.personal import EXTRAS
from schemas.times import DAY_MS, to_ms

Headers = Sequence[tuple[str, bytes]]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_TOKENS = 20_000

AHEAD_MS = DAY_MS

_STRUCTURED = b"application/cloudevents+json"
# A string without an end reaches to the last byte, and nothing is tried twice: the time is linear whatever comes.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_STRING_OR_BRACKET = re.compile(rb"%b|[][{}]" % _STRINGS.pattern, re.DOTALL)
_OPEN, _CLOSED = {b"{", b"["}, {b"}", b"]"}
_LONGEST_SLIP = 64
_TIMES = ("occurred_at", "promised_at", "expected_at", "starts_at", "ends_at")
# What happened, and where, is never guessed: an event of which that cannot be read is none.
_NEVER_DROPPED = frozenset({"phase", "center_id"})
AnyEvent = TypeVar("AnyEvent", bound=Model)


class RecordBytes(Protocol):
    """What is read of a Kafka record; `timestamp` in ms since the epoch, 0 or less where the producer gave none."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def timestamp(self) -> int: ...


class EventError(ValueError):
    """The bytes are no event, and trying again cannot help. `code` is the kind, `reason` says it without any value."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ATTRIBUTES = ("id", "source", "type", "specversion")
_ATTRIBUTE_HEADERS = frozenset(f"ce_{name}" for name in _ATTRIBUTES)


class Decoder(Generic[AnyEvent]):
    """Decodes the events of one topic: their models by type, and what reads the plain ones faster.

    `extras` are fields that the models do not have and that are not to be told as unknown.
    """

    def __init__(
        self,
        models: Mapping[str, type[AnyEvent]],
        extras: Collection[str] = (),
        fast: Callable[[bytes], AnyEvent | None] = lambda _: None,
    ) -> None:
        self.models = models
        self._fast = fast
        # Straight to the type's own validator: the union's would first look for the tag that is known by now.
        self._validators = {name: model.__pydantic_validator__.validate_json for name, model in models.items()}
        self._fields = {name: frozenset(names_of(model)) | frozenset(extras) for name, model in models.items()}
        # Fields that an event can do without, where they cannot be read.
        self._dispensable = {name: frozenset(_optional(model)) - _NEVER_DROPPED for name, model in models.items()}

    def decode(
        self, value: bytes | None, headers: Headers = (), *, max_bytes: int = MAX_BYTES
    ) -> tuple[AnyEvent, Collection[str]]:
        """The event, and the names of the top-level fields that were ignored. Raises EventError."""
        if value is not None and len(value) <= max_bytes and not (headers and _may_be_cloudevent(headers)):
            plain_event = self._fast(value)
            if plain_event is not None:
                return plain_event, ()
        return self.decode_carefully(value, headers, max_bytes)

    def decode_carefully(
        self, value: bytes | None, headers: Headers = (), max_bytes: int = MAX_BYTES
    ) -> tuple[AnyEvent, Collection[str]]:
        """`decode` by pydantic alone, without the fast path."""
        data, parsed = _event_json(value, headers, max_bytes)
        event_type = str(parsed.get("type"))
        validator = self._validators.get(event_type)
        if validator is None:
            if "type" in parsed:
                raise EventError("unknown_type", self._unknown_type(event_type))
            raise EventError("missing_field", "type: missing")
        fields = self._fields[event_type]
        unknown: Collection[str] = () if fields.issuperset(parsed) else parsed.keys() - fields
        # pydantic would also take "1700000000", which is no RFC 3339 time.
        not_times = {name for name in _TIMES if isinstance(at := parsed.get(name), str) and at[4:5] != "-"}
        try:
            if not not_times.isdisjoint(fields):
                raise EventError("invalid_field", f"{min(not_times & fields)}: not an RFC 3339 time with offset")
            event: AnyEvent = validator(data)
        except (ValidationError, EventError) as error:
            unreadable = not_times & fields | (_top_level(error) if isinstance(error, ValidationError) else set())
            if not unreadable or not unreadable <= self._dispensable[event_type]:
                raise (_bad_event(error) if isinstance(error, ValidationError) else error) from None
            readable = {name: item for name, item in parsed.items() if name not in unreadable}
            event, further = self.decode_carefully(orjson.dumps(readable), (), max_bytes)
            return event, {*unknown, *unreadable, *further}
        return event, unknown

    def _unknown_type(self, event_type: str) -> str:
        """The types that there are, and the one that is nearest; what was sent is not repeated."""
        # A long one is nobody's slip, and would take long to compare.
        is_slip = len(event_type) <= _LONGEST_SLIP
        near = difflib.get_close_matches(event_type.lower(), self.models, n=1) if is_slip else []
        advice = f"; did you mean {near[0]}?" if near else ""
        return f"there are the types {', '.join(self.models)}{advice}"


def names_of(model: type[BaseModel]) -> list[str]:
    """The fields of a model as they are written in JSON."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _optional(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if not field.is_required()]


SERVICE_DECODER: Decoder[Event] = Decoder(EVENT_TYPES, (EXTRAS,), fast_event)


def decode_event(value: bytes | None, headers: Headers = (), *, max_bytes: int = MAX_BYTES) -> Event:
    """The event in a record's value: plain JSON or CloudEvents 1.0 in binary or structured mode.

    Raises EventError with one of the codes tombstone, empty, too_large, not_utf8, too_deep, too_many_tokens, not_json,
    duplicate_key, not_an_object, cloudevent_invalid, unknown_type, missing_field, invalid_field.
    """
    return decode_with_extras(value, headers, max_bytes=max_bytes)[0]


def decode_with_extras(
    value: bytes | None, headers: Headers = (), *, max_bytes: int = MAX_BYTES
) -> tuple[Event, Collection[str]]:
    """`decode_event`, and the names of the top-level fields that were ignored (only counted).

    Those are the fields that the contract does not know, and optional ones whose value cannot be read.
    """
    return SERVICE_DECODER.decode(value, headers, max_bytes=max_bytes)


def decode_carefully(
    value: bytes | None, headers: Headers = (), max_bytes: int = MAX_BYTES
) -> tuple[Event, Collection[str]]:
    """`decode_with_extras` by pydantic alone, without the fast path."""
    return SERVICE_DECODER.decode_carefully(value, headers, max_bytes)


def _top_level(error: ValidationError) -> set[str]:
    """The fields of the event in which the errors are; "" for one of the event as a whole."""
    return {str(item["loc"][0]) if item["loc"] else "" for item in error.errors(include_url=False, include_input=False)}


def admit(
    record: "RecordBytes", *, max_bytes: int = MAX_BYTES, ahead_ms: int = AHEAD_MS
) -> tuple[Event, Collection[str]]:
    """The event of a record of `service-events`: `decode_with_extras`, if the record as a whole can be trusted.

    A function of the record alone, so every reader of the topic decides alike. Raises EventError as `decode_event`
    does, and with key_missing or key_mismatch (the key must be the vehicle id, or the vehicle's events lose their
    common partition) and too_far_ahead (stamped more than `ahead_ms` after the record was produced: a wrong clock).
    """
    event, extras = decode_with_extras(record.value, record.headers, max_bytes=max_bytes)
    check_key(record, event.vehicle_id, "vehicle_id")
    check_time(record, event.occurred_at, ahead_ms)
    return event, extras


def check_key(record: "RecordBytes", expected: str, name: str) -> None:
    """Raise EventError (key_missing, key_mismatch) where the record's key is not the event's field of this name."""
    if record.key is None:
        raise EventError("key_missing", f"the record has no key, it must be the {name}")
    if record.key != expected.encode():
        raise EventError("key_mismatch", f"the record's key is not the event's {name}")


def check_time(record: "RecordBytes", occurred_at: datetime, ahead_ms: int) -> None:
    """Raise EventError (too_far_ahead) where the event is stamped too long after the record was produced."""
    if record.timestamp > 0 and to_ms(occurred_at) > record.timestamp + ahead_ms:
        raise EventError("too_far_ahead", "occurred_at lies in the future")


def text_field(value: bytes, name: str) -> str | None:
    """A text that the bytes of an event name, out of its envelope; None where they do not parse that far."""
    try:
        parsed = orjson.loads(value.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError:
        return None
    if isinstance(parsed, dict) and "specversion" in parsed and isinstance(parsed.get("data"), dict):
        parsed = parsed["data"]
    text = parsed.get(name) if isinstance(parsed, dict) else None
    return text if isinstance(text, str) and text else None


def event_object(value: bytes | None, headers: Headers = (), *, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The event's own JSON object, out of its CloudEvents envelope if it has one, and not validated.

    Raises EventError for what `decode_event` cannot parse.
    """
    return _event_json(value, headers, max_bytes)[1]


def _event_json(value: bytes | None, headers: Headers, max_bytes: int) -> tuple[bytes, dict[str, Any]]:
    """The bytes of the event object itself, out of its CloudEvents envelope if it has one, and the same parsed."""
    if value is None:
        raise EventError("tombstone", "the record has no value")
    # A byte order mark is no content.
    value = value.removeprefix(_BYTE_ORDER_MARK)
    _check_limits(value, max_bytes)
    parsed = _parse(value)
    # Structured mode is told by the content type, whatever `ce_` headers stand beside it (Kafka binding 3).
    if "specversion" in parsed or _is_structured(headers):
        value = _structured_data(parsed).removeprefix(_BYTE_ORDER_MARK)
        _check_limits(value, max_bytes)
        parsed = _parse(value)
    elif any(name in _ATTRIBUTE_HEADERS for name, _ in headers):
        # An extension alone, such as `ce_traceparent`, makes no CloudEvent.
        _check_binary_envelope(headers)
    return value, parsed


def _check_limits(value: bytes, max_bytes: int) -> None:
    """Refuse by size, depth and number of tokens before any parser sees the bytes."""
    if len(value) > max_bytes:
        raise EventError("too_large", f"{len(value)} bytes, at most {max_bytes} are accepted")
    if not value.strip():
        raise EventError("empty", "the record has no content")
    # The bare counts are upper bounds (they also count what stands inside strings), and cheap; exact only when needed.
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _is_too_deep(value):
        raise EventError("too_deep", f"nested deeper than {MAX_DEPTH} levels")
    if value.count(b",") + value.count(b":") > MAX_TOKENS:
        bare = _STRINGS.sub(b"", value)
        if bare.count(b",") + bare.count(b":") > MAX_TOKENS:
            raise EventError("too_many_tokens", f"more than {MAX_TOKENS} values")


def _is_too_deep(value: bytes) -> bool:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(value):
        if (token := match[0]) in _OPEN:
            depth += 1
        elif token in _CLOSED:
            depth -= 1
        if depth > MAX_DEPTH:
            return True
    return False


def _parse(value: bytes) -> dict[str, Any]:
    """The JSON object in the bytes; NaN, infinities, lone surrogates and repeated keys are refused."""
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        try:
            value.decode()
        except UnicodeDecodeError:
            raise EventError("not_utf8", "the bytes are not UTF-8") from None
        raise EventError("not_json", f"{error.msg} at line {error.lineno} column {error.colno}") from None
    if not isinstance(parsed, dict):
        raise EventError("not_an_object", f"a JSON {_json_type(parsed)}, expected an object")
    if repeats_key(value, b"\\" in value, parsed):
        json.loads(value, object_pairs_hook=_refuse_repeated)
    return parsed


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise EventError("duplicate_key", "an object repeats a key")
    return names


def _json_type(parsed: Any) -> str:
    names = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(parsed), "number")


def without_envelope(headers: Headers) -> list[tuple[str, bytes]]:
    """The headers of a record whose event has come out of its CloudEvents envelope."""
    return [(name, value) for name, value in headers if name.lower() != "content-type"]


def _may_be_cloudevent(headers: Headers) -> bool:
    return _is_structured(headers) or any(name in _ATTRIBUTE_HEADERS for name, _ in headers)


def _is_structured(headers: Headers) -> bool:
    return any(name.lower() == "content-type" and value.lower().startswith(_STRUCTURED) for name, value in headers)


def _check_binary_envelope(headers: Headers) -> None:
    """CloudEvents 1.0, Kafka protocol binding 3.2: attributes are `ce_` headers, the value is the data."""
    attributes = {name: value for name, value in headers if name.startswith("ce_")}
    missing = [name for name in map("ce_{}".format, _ATTRIBUTES) if not attributes.get(name)]
    if missing:
        raise EventError("cloudevent_invalid", f"header {', '.join(missing)} is missing")
    if attributes["ce_specversion"] != b"1.0":
        raise EventError("cloudevent_invalid", "only CloudEvents specversion 1.0 is known")


def _structured_data(envelope: dict[str, Any]) -> bytes:
    """CloudEvents 1.0, JSON format 3.1: the event is in `data`, or in `data_base64`."""
    missing = [name for name in _ATTRIBUTES if not envelope.get(name)]
    if missing:
        raise EventError("cloudevent_invalid", f"attribute {', '.join(missing)} is missing")
    if envelope["specversion"] != "1.0":
        raise EventError("cloudevent_invalid", "only CloudEvents specversion 1.0 is known")
    if "data_base64" in envelope:
        try:
            return base64.b64decode(envelope["data_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise EventError("cloudevent_invalid", "data_base64 is not base64") from None
    if not isinstance(envelope.get("data"), dict):
        raise EventError("cloudevent_invalid", "data is missing or no object")
    return orjson.dumps(envelope["data"])


def _bad_event(error: ValidationError) -> EventError:
    """Code and reason without any input value: a value may be personal."""
    errors = error.errors(include_input=False, include_url=False, include_context=False)
    reason = "; ".join(f"{_path(item['loc'])}: {item['msg']}" for item in errors[:5])
    missing = all(item["type"] == "missing" for item in errors)
    return EventError("missing_field" if missing else "invalid_field", reason)


def _path(loc: tuple[int | str, ...]) -> str:
    # Below `contact` a step may be a key that somebody else chose.
    return ".".join(str(step) for step in (loc[:1] if loc[:1] == ("contact",) else loc)) or "event"
