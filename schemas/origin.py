"""Where a record came from: who sent it, when, and for which center, as far as its headers and bytes tell."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from schemas.times import to_ms

KAFKA = "kafka"
LONGEST = 128


def origin_of(headers: Collection[tuple[str, bytes]], value: bytes | None) -> tuple[str, int | None]:
    """`source_of` and `sent_ms_of`."""
    if not headers and b'"specversion"' not in (value or b""):
        return KAFKA, None
    return source_of(headers, value), sent_ms_of(headers, value)


def source_of(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> str:
    """The name of the API key, else the CloudEvents source, else `kafka`."""
    texts = _text_headers(headers)
    source = texts.get("source") or texts.get("ce_source") or _envelope(value).get("source")
    return source[:LONGEST] if isinstance(source, str) and source.isprintable() and source else KAFKA


def sent_ms_of(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> int | None:
    """When the source says that it sent the record (CloudEvents `time`), in ms; None where it does not say."""
    sent = _text_headers(headers).get("ce_time") or _envelope(value).get("time")
    try:
        at = datetime.fromisoformat(sent) if isinstance(sent, str) else None
        return None if at is None or at.tzinfo is None or not 1970 <= at.year < 2299 else to_ms(at)
    except (ValueError, OverflowError):
        return None


def center_of(value: bytes | None) -> str | None:
    """The center that the bytes of a refused record name; None where they do not parse that far."""
    parsed = _parsed(value)
    data = parsed.get("data", parsed)
    center = data.get("center_id") if isinstance(data, Mapping) else None
    return center if isinstance(center, str) and 0 < len(center) <= 64 and center.isprintable() else None


def _text_headers(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    header_names = ("source", "ce_source", "ce_time")
    return {name: value.decode("utf-8", "replace") for name, value in headers if name in header_names and value}


def _envelope(value: bytes | None) -> Mapping[str, Any]:
    """The CloudEvent around an event in structured mode; empty for a plain event."""
    return _parsed(value) if value is not None and b'"specversion"' in value else {}


def _parsed(value: bytes | None) -> Mapping[str, Any]:
    try:
        parsed = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
