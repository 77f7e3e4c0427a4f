"""A trace goes from the sender through the worker to the insert, and costs nothing while it is off."""

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from runtime.tracing import TRACES_A_BATCH, Tracing
from schemas.order_key import OrderKey
from streams.worker.traces import BatchTraces

RECORDED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Traced:
    """A process with traces on, and the spans that it has ended."""

    def __init__(self, group: str = "") -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(provider, group)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())


def record(offset: int, headers: Any = (), topic: str = "service-events", partition: int = 0) -> Any:
    return SimpleNamespace(topic=topic, partition=partition, offset=offset, headers=tuple(headers), timestamp=0)


def traced_record(offset: int, traceparent: str, **where: Any) -> Any:
    return record(offset, [("traceparent", traceparent.encode())], **where)


def event(order_id: str, vehicle_id: str = "V1", center_id: str = "C1") -> Any:
    order = OrderKey(center_id, order_id)
    return SimpleNamespace(order=order, order_id=order_id, vehicle_id=vehicle_id, center_id=center_id)


def test_one_trace_from_the_sender_to_the_insert():
    sender, worker, writer = Traced(), Traced("fixtrail"), Traced("fixtrail-clickhouse")

    sending = sender.tracing.send("service-events", 3)
    sent = record(7, sending.headers, partition=3)
    sending.end(1)
    traces = BatchTraces(worker.tracing, [sent], time.monotonic())
    traces.follow([(7, event("R1"))])
    fact = record(
        0, traces.headers_of({"order_id": "R1", "vehicle_id": "V1", "center_id": "C1"}), topic="journeys", partition=1
    )
    traces.end()
    with writer.tracing.inserting("fixtrail_raw.journeys", [fact], time.monotonic()):
        pass

    (send,), (process,), (insert, process_fact) = sender.spans, worker.spans, writer.spans
    chain = [send, process, process_fact, insert]
    assert [span.name for span in chain] == [
        "send service-events",
        "process service-events",
        "process journeys",
        "INSERT fixtrail_raw.journeys",
    ]
    assert len({span.context.trace_id for span in chain}) == 1
    assert [span.parent and span.parent.span_id for span in chain] == [None, *(s.context.span_id for s in chain[:-1])]
    assert [span.kind for span in chain] == [
        SpanKind.PRODUCER,
        SpanKind.CONSUMER,
        SpanKind.CONSUMER,
        SpanKind.CLIENT,
    ]
    assert process.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "service-events",
        "messaging.destination.partition.id": "3",
        "messaging.batch.message_count": 1,
        "messaging.consumer.group.name": "fixtrail",
    }


def test_a_batch_of_several_traces_goes_on_with_each_and_the_insert_links_them():
    traced = Traced("g")
    records = [traced_record(n, RECORDED.replace("4bf9", f"000{n % 2}")) for n in range(4)]
    with traced.tracing.inserting("fixtrail_raw.events", records, time.monotonic()):
        pass

    insert, first, second = traced.spans
    assert [first.attributes["messaging.batch.message_count"], second.attributes["messaging.batch.message_count"]] == [
        2,
        2,
    ]
    assert insert.parent.span_id == first.context.span_id
    assert [link.context.span_id for link in insert.links] == [second.context.span_id]
    assert insert.attributes["db.operation.batch.size"] == 4


def test_a_fact_goes_on_with_its_orders_trace_else_its_vehicles_or_centers():
    traced = Traced()
    first, two = RECORDED, RECORDED.replace("4bf9", "aaaa")
    traces = BatchTraces(traced.tracing, [traced_record(0, first), traced_record(1, two), record(2)], time.monotonic())
    traces.follow([(0, event("R1")), (1, event("R2", "V2")), (2, event("R3", "V3", "C3"))])

    def trace_of(**fact: str) -> str:
        return "".join(value.decode()[3:7] for name, value in traces.headers_of(fact) if name == "traceparent")

    assert trace_of(order_id="R1", vehicle_id="V1", center_id="C1") == "4bf9"
    assert trace_of(order_id="R2", vehicle_id="V2", center_id="C1") == "aaaa"
    assert trace_of(order_id="R0", vehicle_id="V1", center_id="C1") == "4bf9"
    assert trace_of(center_id="C1") == "aaaa"
    assert trace_of(order_id="R3", vehicle_id="V3", center_id="C3") == ""


@pytest.mark.parametrize(
    "traceparent",
    [
        RECORDED[:-1] + "0",
        RECORDED.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        RECORDED[:-3],
        "00-canary-VIN-01",
        "",
    ],
)
def test_records_without_a_recorded_trace_make_no_span(traceparent):
    traced = Traced()
    with traced.tracing.inserting("fixtrail_raw.events", [traced_record(0, traceparent), record(1)], time.monotonic()):
        pass

    assert traced.spans == []


def test_an_insert_that_is_given_up_is_an_error():
    traced = Traced()
    with (
        pytest.raises(TimeoutError),
        traced.tracing.inserting("fixtrail_raw.events", [traced_record(0, RECORDED)], time.monotonic()),
    ):
        raise TimeoutError

    assert {span.status.status_code for span in traced.spans} == {StatusCode.ERROR}


def test_many_traces_in_one_batch_do_not_cost_more_than_the_work():
    traced = Traced()
    records = [traced_record(n, f"00-{n + 1:032x}-00f067aa0ba902b7-01") for n in range(1000)]

    assert len(traced.tracing.process(records).spans) == TRACES_A_BATCH


def test_nothing_is_imported_while_traces_are_off():
    code = (
        "import sys, runtime.tracing, streams.worker.tracker, sinks.clickhouse.writer, fixtrail.sending.send;"
        "from fixtrail.settings import TracingSettings, tracing_of;"
        "assert tracing_of(TracingSettings(), 'worker') is None;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
