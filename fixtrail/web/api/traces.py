"""The trace that a request belongs to goes on in the headers of its Kafka records (docs/operators.md)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from fixtrail.web.api.bodies import Header
from runtime.tracing import Tracing, is_traceparent
from schemas.topics import SERVICE_EVENTS

_STATE_BYTES = 512


@dataclass(slots=True)
class Trace:
    """What goes into every record's headers; `acknowledged` is told once it is known."""

    headers: list[Header]
    acknowledged: bool = False


@contextmanager
def tracing(own_tracing: Tracing | None, request: Mapping[str, str], records: int) -> Iterator[Trace]:
    """A span of the sending, below the caller's own; where traces are off, the caller's context goes on unchanged."""
    incoming = _incoming(request)
    if own_tracing is None:
        yield Trace(incoming)
        return
    span = own_tracing.send(SERVICE_EVENTS, incoming=incoming)
    trace = Trace(span.headers)
    try:
        yield trace
    finally:
        span.end(records, None if trace.acknowledged else "not acknowledged")


def _incoming(request: Mapping[str, str]) -> list[Header]:
    """W3C Trace Context of the request, as far as it is well formed."""
    parent = request.get("traceparent", "").encode()
    if not is_traceparent(parent):
        return []
    state = request.get("tracestate", "").encode()
    return [("traceparent", parent), *([("tracestate", state)] if 0 < len(state) <= _STATE_BYTES else [])]
