"""The items in a request's body, each with its bytes as they were sent."""

import asyncio
import codecs
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import orjson
from starlette.requests import ClientDisconnect, Request

from fixtrail.web.api.problems import ApiError

JSON = "application/json"
EVENT = "application/cloudevents+json"
EVENT_BATCH = "application/cloudevents-batch+json"
LINES = ("application/x-ndjson", "application/jsonl")
MEDIA_TYPES = (JSON, EVENT, EVENT_BATCH, *LINES)

Header = tuple[str, bytes]

BODY_WITHIN_S = 30.0
# Counted before anything is parsed: a thousand events with four hundred fields each. What has more is made to be slow.
MOST_VALUES = 400_000

_STRUCTURED: tuple[Header, ...] = (("content-type", EVENT.encode()),)
_REQUIRED = ("ce-id", "ce-source", "ce-type", "ce-specversion")
_scan = json.JSONDecoder().raw_decode
_GAP = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Item:
    """One event as it came, with the Kafka headers that its CloudEvents mode puts beside it."""

    value: bytes
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """The items of a request's body; `single` where its media type allows one event only."""

    items: list[Item]
    single: bool


async def whole_body(request: Request, most: int, reserve: Callable[[int], None] = lambda size: None) -> bytes:
    """The whole body. Raises ApiError where it is longer than `most`, packed, or too slow.

    `reserve` gets the size of each piece, and may refuse it.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(415, "unsupported-media-type", "Send the body as it is, not packed.")
    too_large = ApiError(413, "too-large", f"A body may have {most:,} bytes. Nothing was accepted.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise too_large
    pieces, size = [], 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for piece in request.stream():
                size += len(piece)
                if size > most:
                    raise too_large
                reserve(len(piece))
                pieces.append(piece)
    except TimeoutError:
        raise ApiError(408, "body-too-slow", "Nothing was accepted.", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise ApiError(400, "unreadable-body", "The connection ended within the body.") from None
    return b"".join(pieces)


def read_body(body: bytes, headers: Mapping[str, str], most: int) -> Body:
    """The items of a body, in the mode that its headers say.

    Raises ApiError where the media type is none of those taken, the body as a whole is no JSON, or the items are more
    than `most`.
    """
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    media_type = media_type.strip().lower()
    if media_type not in MEDIA_TYPES:
        raise ApiError(
            415, "unsupported-media-type", f"Send {', '.join(MEDIA_TYPES)}.", headers={"Accept": ", ".join(MEDIA_TYPES)}
        )
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", parameters)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise ApiError(415, "unsupported-media-type", "JSON is UTF-8 (RFC 8259 8.1), no other charset is taken.")
    _check_values(body, media_type)
    # A byte order mark is no content.
    body = body.removeprefix(codecs.BOM_UTF8)
    if media_type == EVENT:
        return Body([Item(body, _STRUCTURED)], single=True)
    if media_type == EVENT_BATCH:
        return Body([Item(value, _STRUCTURED) for value in _array(body, most)], single=False)
    if media_type in LINES:
        lines = [line for line in body.split(b"\n") if line.strip()]
        _check_number(len(lines), most)
        return Body([Item(line) for line in lines], single=False)
    if attributes := _attributes(headers):
        return Body([Item(body, attributes)], single=True)
    if body.lstrip(b" \t\r\n").startswith(b"["):
        return Body([Item(value) for value in _array(body, most)], single=False)
    return Body([Item(body)], single=True)


def _check_values(body: bytes, media_type: str) -> None:
    """Raises ApiError (413) where the body may have more values than are parsed; counts at the speed of memory."""
    signs = (b",", b"[", b"{", b"\n") if media_type in LINES else (b",", b"[", b"{")
    if sum(map(body.count, signs)) > MOST_VALUES:
        raise ApiError(413, "too-large", f"A body may have {MOST_VALUES:,} commas and brackets. Nothing was accepted.")


def _attributes(headers: Mapping[str, str]) -> tuple[Header, ...]:
    """CloudEvents 1.0, HTTP binding 3.1.3: attributes are `ce-` headers, percent-encoded; in Kafka they are `ce_`.

    An extension alone, such as `ce-traceparent`, makes no CloudEvent.
    """
    if not any(name in headers for name in _REQUIRED):
        return ()
    return tuple(
        (f"ce_{name[3:]}", unquote_to_bytes(value)) for name, value in headers.items() if name.startswith("ce-")
    )


def _array(body: bytes, most: int) -> list[bytes]:
    """The bytes of each item of a JSON array. Raises ApiError where the body is none."""
    _check_number(_count_items(body), most)
    text = body.decode()
    items: list[bytes] = []
    at = _after_gap(text, text.index("[") + 1)
    while text[at] != "]":
        try:
            # Only where it ends is of interest: what is in it stays as it was sent, to the last digit.
            _, end = _scan(text, at)
        except RecursionError:
            raise _unreadable("is nested too deep") from None
        items.append(text[at:end].encode())
        at = _after_gap(text, end)
    return items


def _after_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return at if gap is None else gap.end()


def _count_items(body: bytes) -> int:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        fault = f"is no JSON: {error.msg} at line {error.lineno} column {error.colno}"
        try:
            body.decode()
        except UnicodeDecodeError:
            fault = "is not UTF-8"
        raise _unreadable(fault) from None
    if not isinstance(parsed, list):
        raise _unreadable("is no JSON array")
    return len(parsed)


def _unreadable(fault: str) -> ApiError:
    return ApiError(400, "unreadable-body", f"The batch {fault}. Nothing was accepted.")


def _check_number(items: int, most: int) -> None:
    if items > most:
        raise ApiError(413, "too-large", f"At most {most:,} events are taken in one request. Nothing was accepted.")
    if not items:
        raise ApiError(400, "unreadable-body", "There is no event in the batch.")
