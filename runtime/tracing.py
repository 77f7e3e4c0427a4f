"""OpenTelemetry traces, where they are switched on: one trace follows an event from its sender to its rows.

The context travels as W3C `traceparent` (and `tracestate`) in the headers of the Kafka records. A span is per batch:
one of a sender's record batch, and where a box takes a batch, one for each trace that its records belong to. Names and
attributes are those of OpenTelemetry's semantic conventions for messaging and databases; none holds an id of ours.

Needs the extra `otel`. Nothing of it is imported while traces are off.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

# More traces than these in one batch go unseen: spans must not cost more than the work.
TRACES_A_BATCH = 128

Header = tuple[str, bytes]
# `traceparent` and `tracestate` as they came.
Origin = tuple[bytes, bytes]

_PARENT, _STATE = "traceparent", "tracestate"
# W3C Trace Context 3.2.2; the lowest bit of the flags says that the sender records the trace.
_RECORDED = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf]")
_PARENT_FORM = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Tracing:
    """Makes the spans of one process. `group` is the consumer group that it works in, empty for a sender."""

    def __init__(self, provider: "TracerProvider", group: str = "") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = provider.get_tracer("fixtrail")
        self._propagator = TraceContextTextMapPropagator()
        self._group = group

    def send(self, topic: str, partition: int | None = None, incoming: Iterable[Header] = ()) -> "Sending":
        """The span of a record batch that is being filled: the start of a trace, or part of the one that came."""
        from opentelemetry.trace import SpanKind

        attributes = self._attributes("send", topic, partition)
        origin = _origin(incoming)
        parent = None if origin is None else self._context(origin)
        span = self._tracer.start_span(f"send {topic}", parent, SpanKind.PRODUCER, attributes)
        return Sending(span, self._headers(span))

    def process(self, records: Sequence[Any], *, since: float | None = None) -> "Processing":
        """The spans of a partition's or a topic's records that are being worked on since then (time.monotonic)."""
        by_origin: dict[Origin, list[Any]] = {}
        for record in records:
            if (origin := _origin(record.headers)) is not None:
                by_origin.setdefault(origin, []).append(record)
        began_ns = time.time_ns() - (0 if since is None else int((time.monotonic() - since) * 1e9))
        traced = list(by_origin.items())[:TRACES_A_BATCH]
        return Processing(self, {origin: self._process_one(origin, batch, began_ns) for origin, batch in traced})

    @contextmanager
    def inserting(self, table: str, records: Sequence[Any], since: float) -> Iterator[None]:
        """The spans of records read since then (time.monotonic) and, while this lasts, of the insert of their rows.

        The insert is part of the first trace and linked to all others.
        """
        from opentelemetry.trace import Link, SpanKind, set_span_in_context

        processing = self.process(records, since=since)
        if not processing.spans:
            yield
            return
        first, *further_spans = processing.spans.values()
        attributes: dict[str, Any] = {
            "db.system.name": "clickhouse",
            "db.operation.name": "INSERT",
            "db.collection.name": table,
            "db.operation.batch.size": len(records),
        }
        links = [Link(span.get_span_context()) for span in further_spans]
        insert = self._tracer.start_span(
            f"INSERT {table}", set_span_in_context(first), SpanKind.CLIENT, attributes, links
        )
        error: str | None = "given up"
        try:
            yield
            error = None
        finally:
            _end([insert, *processing.spans.values()], error)

    def _process_one(self, origin: Origin, records: Sequence[Any], began_ns: int) -> "Span":
        from opentelemetry.trace import SpanKind

        topic, partitions = records[0].topic, {record.partition for record in records}
        attributes = self._attributes("process", topic, min(partitions) if len(partitions) == 1 else None)
        attributes["messaging.batch.message_count"] = len(records)
        attributes["messaging.consumer.group.name"] = self._group
        # A batch may have been begun before these came.
        came_ns = min(record.timestamp for record in records) * 1_000_000
        return self._tracer.start_span(
            f"process {topic}",
            self._context(origin),
            SpanKind.CONSUMER,
            attributes,
            start_time=min(max(began_ns, came_ns), time.time_ns()),
        )

    def _context(self, origin: Origin) -> "Context":
        parent, state = origin
        carrier = {_PARENT: parent.decode("ascii", "replace"), _STATE: state.decode("ascii", "replace")}
        return self._propagator.extract(carrier)

    def _headers(self, span: "Span") -> list[Header]:
        from opentelemetry.trace import set_span_in_context

        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, set_span_in_context(span))
        return [(name, value.encode()) for name, value in carrier.items()]

    def _attributes(self, operation: str, topic: str, partition: int | None) -> dict[str, Any]:
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": topic,
        }
        return attributes if partition is None else {**attributes, "messaging.destination.partition.id": str(partition)}


class Sending:
    """One record batch on its way; `headers` belong on each of its records."""

    def __init__(self, span: "Span", headers: list[Header]) -> None:
        self._span, self.headers = span, headers

    @property
    def trace_id(self) -> str:
        return format(self._span.get_span_context().trace_id, "032x")

    def end(self, records: int, error: str | None = None) -> None:
        """The broker has acknowledged the batch, or not."""
        self._span.set_attribute("messaging.batch.message_count", records)
        _end([self._span], error)


class Processing:
    """A batch being worked on: one span for each trace that its records belong to."""

    def __init__(self, tracing: Tracing, spans: dict[Origin, "Span"]) -> None:
        self._tracing, self.spans = tracing, spans
        self._next = {origin: tracing._headers(span) for origin, span in spans.items()}

    def headers_after(self, record: Any) -> list[Header]:
        """What carries the record's trace on to what follows from it; empty where it has none."""
        origin = _origin(record.headers) if self._next else None
        return [] if origin is None else self._next.get(origin, [])

    def end(self, error: str | None = None) -> None:
        """End the batch's spans, with the error if it failed."""
        _end(self.spans.values(), error)


def start_tracing(service: str, group: str = "", file: Path | None = None) -> Tracing:
    """Traces of this process, told to an OTLP collector as the OTEL_* variables say, or to a file as JSON lines.

    Raises ImportError where the extra `otel` is not installed.
    """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.namespace": "fixtrail"}))
    if file is not None:
        from runtime.tracing_file import SpanFile

        provider.add_span_processor(SimpleSpanProcessor(SpanFile(file)))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider, group)


def is_traceparent(value: bytes) -> bool:
    """Whether this is a `traceparent` of version 00, of a trace that is recorded or not."""
    return _PARENT_FORM.fullmatch(value) is not None


def _origin(headers: Iterable[Header]) -> Origin | None:
    parent, state = b"", b""
    for name, value in headers:
        if name == _PARENT:
            parent = value or b""
        elif name == _STATE:
            state = value or b""
    return (parent, state) if _RECORDED.fullmatch(parent) else None


def _end(spans: Iterable["Span"], error: str | None) -> None:
    from opentelemetry.trace import StatusCode

    for span in spans:
        if error is not None:
            span.set_status(StatusCode.ERROR, error)
        span.end()
