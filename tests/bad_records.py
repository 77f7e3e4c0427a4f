"""Records that are no event, each kind with the code that its dead letter has."""

import json
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]

POISONED_VEHICLE = "LFVPOISON00000001"
_GOOD: Event = {
    "event_id": "poison-1",
    "type": "survey",
    "order_id": "R-poison",
    "vehicle_id": POISONED_VEHICLE,
    "center_id": "C01",
    "occurred_at": "2025-03-03T08:00:00.000Z",
    "score": 9,
}
_CHECK_IN = {"type": "check_in", "customer_id": "K1", "lane": "quick"}
_PART = {"type": "part_request", "phase": "requested", "request_id": "Q1", "part_no": "P-1", "quantity": 1}
_REMOVED = object()


def _record(vehicle: str, **fields: Any) -> bytes:
    """A good survey's bytes but for these fields; a field set to _REMOVED is missing."""
    event = {**_GOOD, "vehicle_id": vehicle, **fields}
    return json.dumps({name: value for name, value in event.items() if value is not _REMOVED}).encode()


def _bad(**fields: Any) -> Callable[[str], bytes]:
    return lambda vehicle: _record(vehicle, **fields)


def _text(old: bytes, new: bytes) -> Callable[[str], bytes]:
    return lambda vehicle: _record(vehicle).replace(old, new)


# The value of each kind of bad record, for the vehicle whose key it is sent with. None is a tombstone.
POISON: dict[str, Callable[[str], bytes | None]] = {
    "tombstone": lambda vehicle: None,
    "empty_bytes": lambda vehicle: b"",
    "blank": lambda vehicle: b" \n\t ",
    "plain_text": lambda vehicle: b"hello workshop",
    "broken_utf8": _text(b'"R-poison"', b'"R-\xff\xfe\xc3"'),
    "utf16": lambda vehicle: _record(vehicle).decode().encode("utf-16"),
    "truncated": lambda vehicle: _record(vehicle)[:-20],
    "two_records": lambda vehicle: _record(vehicle) + b"\n" + _record(vehicle),
    "json_array": lambda vehicle: b"[" + _record(vehicle) + b"]",
    "json_null": lambda vehicle: b"null",
    "json_number": lambda vehicle: b"17",
    "empty_object": lambda vehicle: b"{}",
    "deep_nesting": _text(b'"score": 9', b'"score": 9, "x": ' + b"[" * 10_000 + b"]" * 10_000),
    "unclosed_nesting": lambda vehicle: b'{"a":' * 10_000,
    "two_megabytes": _bad(comment="x" * 2_000_000),
    "many_values": _bad(x=[0] * 30_000),
    "nan": _text(b'"score": 9', b'"score": NaN'),
    "infinity": _text(b'"score": 9', b'"score": Infinity'),
    "overflowing_number": _text(b'"score": 9', b'"score": 1e999'),
    "huge_integer": _text(b'"score": 9', b'"score": ' + b"9" * 5_000),
    "duplicate_keys": _text(b'"score": 9', b'"score": 9, "score": 1'),
    "duplicate_keys_escaped": _text(b'"score": 9', b'"score": 9, "\\u0073core": 1'),
    "lone_surrogate": _text(b'"R-poison"', b'"R-\\ud800"'),
    "unknown_type": _bad(type="teleport"),
    "type_of_wrong_type": _bad(type=["survey"]),
    "missing_type": _bad(type=_REMOVED),
    "missing_order_id": _bad(order_id=_REMOVED),
    "missing_occurred_at": _bad(occurred_at=_REMOVED),
    "missing_vehicle_id": _bad(vehicle_id=_REMOVED),
    "missing_score": _bad(score=_REMOVED),
    "check_in_without_lane": _bad(**{**_CHECK_IN, "lane": _REMOVED}),
    "unknown_lane": _bad(**{**_CHECK_IN, "lane": "express"}),
    "unknown_phase": _bad(type="repair", phase="finished", job_id="J1"),
    "completed_check_without_result": _bad(type="quality_check", phase="completed"),
    "string_for_bool": _bad(type="quote_decision", approved="yes"),
    "number_for_bool": _bad(type="quote_decision", approved=1),
    "number_for_string": _bad(order_id=12345),
    "bool_for_score": _bad(score=True),
    "string_for_score": _bad(score="9"),
    "fraction_for_score": _bad(score=9.5),
    "score_11": _bad(score=11),
    "negative_quantity": _bad(**{**_PART, "quantity": -2}),
    "control_character_in_order_id": _bad(order_id="R1\n"),
    "empty_center_id": _bad(center_id=""),
    "naive_time": _bad(occurred_at="2025-03-03T08:00:00"),
    "epoch_time": _bad(occurred_at=1_740_988_800),
    "epoch_time_in_string": _bad(occurred_at="1740988800"),
    "no_such_day": _bad(occurred_at="2025-02-30T08:00:00Z"),
    "year_2999": _bad(occurred_at="2999-01-01T00:00:00Z"),
    "year_2200": _bad(occurred_at="2200-01-01T00:00:00Z"),
    "empty_order_id": _bad(order_id=""),
    "order_id_of_200": _bad(order_id="R" * 200),
    "event_id_of_200": _bad(event_id="e" * 200),
    "no_key": lambda vehicle: _record(vehicle),
    "key_of_another_vehicle": lambda vehicle: _record(vehicle),
}

# What the dead letter says it was; every other kind is `invalid_field`.
_POISON_CODES = {
    "tombstone": ("tombstone",),
    "empty": ("empty_bytes", "blank"),
    "not_utf8": ("broken_utf8", "utf16"),
    "too_deep": ("deep_nesting", "unclosed_nesting"),
    "too_large": ("two_megabytes",),
    "too_many_tokens": ("many_values",),
    "not_json": (
        *("plain_text", "truncated", "two_records", "nan", "infinity", "overflowing_number", "huge_integer"),
        "lone_surrogate",
    ),
    "not_an_object": ("json_array", "json_null", "json_number"),
    "duplicate_key": ("duplicate_keys", "duplicate_keys_escaped"),
    "unknown_type": ("unknown_type", "type_of_wrong_type"),
    "missing_field": (
        *("empty_object", "missing_type", "missing_order_id", "missing_occurred_at", "missing_vehicle_id"),
        *("missing_score", "check_in_without_lane"),
    ),
    "too_far_ahead": ("year_2200",),
    "key_missing": ("no_key",),
    "key_mismatch": ("key_of_another_vehicle",),
}


def poison_code(kind: str) -> str:
    """The code that the dead letter of such a record carries."""
    return next((code for code, kinds in _POISON_CODES.items() if kind in kinds), "invalid_field")


def poison(kind: str, vehicle: str = POISONED_VEHICLE) -> bytes | None:
    """The value of a record that no consumer may accept; None for the tombstone."""
    return POISON[kind](vehicle)


def poison_key(kind: str, vehicle: str = POISONED_VEHICLE) -> bytes | None:
    """The key to send that record with: the vehicle's, but for the kinds where the key itself is what is wrong."""
    return {"no_key": None, "key_of_another_vehicle": b"LFVANOTHER0000001"}.get(kind, vehicle.encode())
