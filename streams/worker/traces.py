"""Propagates trace context from a batch's events to its facts."""

from collections.abc import Iterable

from runtime.tracing import Header, Processing, Tracing
from schemas.events import Event
from schemas.order_key import OrderKey
from streams.journey.facts import Fact
from streams.worker.batches import Records


class BatchTraces:
    """The spans of a batch: a fact continues the trace of its order's last event, else its vehicle's or center's."""

    def __init__(self, tracing: Tracing, records: Records, since: float) -> None:
        self._records = {record.offset: record for record in records}
        self._processing: Processing = tracing.process(records, since=since)
        self._after: dict[str | OrderKey, list[Header]] = {}

    def follow(self, events: Iterable[tuple[int, Event]]) -> None:
        """Note which trace each event belongs to."""
        for offset, event in events:
            if headers := self._processing.headers_after(self._records[offset]):
                for name in (event.center_id, event.vehicle_id, event.order):
                    self._after[name] = headers

    def headers_of(self, fact: Fact) -> list[Header]:
        """The record headers for a journey, a center's hour or a notice; empty where no trace led to it."""
        order = OrderKey.of(fact) if "order_id" in fact else ""
        for name in (order, fact.get("vehicle_id", ""), fact.get("center_id", "")):
            if headers := self._after.get(name):
                return headers
        return []

    def end(self) -> None:
        """End the batch's spans: its outputs are durable."""
        self._processing.end()
