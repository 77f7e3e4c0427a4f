"""Requests and responses as plain dicts, coded with aiokafka's protocol schemas (pinned for it).

Produce and Fetch are not here: they carry the records and have a codec of their own in `records_wire`.
"""

import importlib
import inspect
import pkgutil
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiokafka.protocol
from aiokafka.protocol.api import RequestStruct
from aiokafka.protocol.types import Array, Schema

from fixtrail.local.broker.errors import ErrorCode

Fields = dict[str, Any]
"""A request or response by field name; an array of structures is a list of such dicts."""

PRODUCE, FETCH, API_VERSIONS = 0, 1, 18

VERSIONS: dict[int, tuple[int, int]] = {
    PRODUCE: (3, 7),
    FETCH: (4, 11),
    2: (1, 3),
    3: (0, 5),
    8: (2, 3),
    9: (1, 3),
    10: (0, 1),
    11: (0, 5),
    12: (0, 1),
    13: (0, 1),
    14: (0, 3),
    15: (0, 2),
    16: (0, 1),
    API_VERSIONS: (0, 2),
    19: (0, 3),
    20: (0, 3),
    21: (0, 1),
    22: (0, 0),
    24: (0, 0),
    25: (0, 0),
    26: (0, 0),
    28: (0, 0),
    32: (0, 2),
    33: (0, 1),
    37: (0, 1),
    42: (0, 1),
}
"""API key: lowest and highest version. Where aiokafka has gaps in a range, its missing versions are refused."""

DEFAULTS: Fields = {
    "throttle_time_ms": 0,
    "error_code": 0,
    "error_message": None,
    "rack": None,
    "offline_replicas": [],
    "is_internal": False,
    "is_sensitive": False,
    "config_synonyms": [],
}
"""What a response field holds when the answer does not name it."""


class MalformedRequestError(ValueError):
    """The bytes are no request of this version. The connection they came on cannot be used any more."""


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """What every request starts with; `body_at` is where its own fields start."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str
    body_at: int

    @property
    def supported(self) -> bool:
        lowest, highest = VERSIONS.get(self.api_key, (0, -1))
        has_codec = self.api_key in (PRODUCE, FETCH) or (self.api_key, self.version) in _REQUESTS
        return lowest <= self.version <= highest and has_codec


def read_request_header(frame: bytes | bytearray | memoryview) -> RequestHeader:
    """The header of a request frame (without its length). Raises MalformedRequestError."""
    try:
        api_key, version, correlation_id, length = struct.unpack_from(">hhih", frame)
        body_at = 10 + max(length, 0)
        if body_at > len(frame):
            raise MalformedRequestError("client id longer than the request")
        return RequestHeader(api_key, version, correlation_id, bytes(frame[10:body_at]).decode(), body_at)
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedRequestError(str(error)) from error


def read_fields(header: RequestHeader, frame: bytes | bytearray | memoryview) -> Fields:
    """The request's own fields. Raises MalformedRequestError."""
    schema = _REQUESTS[header.api_key, header.version].SCHEMA
    body = BytesIO(frame[header.body_at :])
    try:
        return _named(schema, [field.decode(body) for field in schema.fields])
    except (ValueError, TypeError, struct.error) as error:
        raise MalformedRequestError(str(error)) from error


def response_bytes(header: RequestHeader, fields: Fields) -> bytes:
    """The whole response frame, with its length."""
    schema = _REQUESTS[header.api_key, header.version].RESPONSE_TYPE.SCHEMA
    return frame_of(header, schema.encode(_positional(schema, fields)))


def api_versions_bytes(header: RequestHeader) -> bytes:
    """The answer to ApiVersions; an unknown version gets one in version 0, so that the client can ask again."""
    error = ErrorCode.NONE if header.supported else ErrorCode.UNSUPPORTED_VERSION
    body = struct.pack(">hi", error, len(VERSIONS))
    body += b"".join(struct.pack(">hhh", key, *versions) for key, versions in sorted(VERSIONS.items()))
    if header.version in (1, 2):
        body += struct.pack(">i", 0)
    return frame_of(header, body)


def frame_of(header: RequestHeader, body: bytes) -> bytes:
    """Length, correlation id and body."""
    return struct.pack(">ii", 4 + len(body), header.correlation_id) + body


def _is_request(item: Any) -> bool:
    return inspect.isclass(item) and issubclass(item, RequestStruct)


def _find_requests() -> dict[tuple[int, int], Any]:
    requests: dict[tuple[int, int], Any] = {}
    for module in pkgutil.iter_modules(aiokafka.protocol.__path__):
        members: dict[str, Any] = vars(importlib.import_module(f"aiokafka.protocol.{module.name}"))
        for item in members.values():
            if item is RequestStruct or not _is_request(item):
                continue
            if item.API_KEY in VERSIONS and not item.FLEXIBLE_VERSION:
                requests.setdefault((item.API_KEY, item.API_VERSION), item)
    return requests


_REQUESTS = _find_requests()


def _named(schema: Any, values: list[Any] | tuple[Any, ...]) -> Fields:
    fields: Fields = {}
    for name, kind, value in zip(schema.names, schema.fields, values, strict=True):
        if isinstance(kind, Schema):
            fields[name] = _named(kind, value)
        elif isinstance(kind, Array) and isinstance(kind.array_of, Schema) and value is not None:
            fields[name] = [_named(kind.array_of, item) for item in value]
        else:
            fields[name] = value
    return fields


def _positional(schema: Any, fields: Fields) -> list[Any]:
    values = []
    for name, kind in zip(schema.names, schema.fields, strict=True):
        value = fields[name] if name in fields else DEFAULTS[name]
        if isinstance(kind, Array) and isinstance(kind.array_of, Schema):
            value = [_positional(kind.array_of, item) for item in value]
        values.append(value)
    return values
