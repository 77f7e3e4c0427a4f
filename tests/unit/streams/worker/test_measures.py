"""A vehicle that is none is named, once at each doubling of its orders."""

import json
from typing import Any

import pytest

from runtime.progress import Progress
from schemas.decode import decode_event
from schemas.events import Event
from streams.journey import partition_state
from streams.journey.partition_state import BatchOutput, PartitionState
from streams.worker.measures import note_batch
from tests.kafka_record import KafkaRecord
from tests.workshop import Sent, checked_in


def as_event(event: Sent) -> Event:
    return decode_event(json.dumps(event).encode())


def lines_after(caplog: pytest.LogCaptureFixture, *orders: int) -> list[Any]:
    progress = Progress()
    for count in orders:
        output = BatchOutput(crowded={"UNKNOWN": count})
        note_batch(progress, [KafkaRecord(b"{}", partition=3)], {}, output, 0.1)
    assert progress.gauges["vehicle_orders", "3"] > 0
    return [(line["vehicle"], line["orders"], line["partition"]) for line in map(vars, caplog.records)]


def test_a_crowded_vehicle_is_named_at_each_doubling_and_not_in_full(caplog: pytest.LogCaptureFixture):
    assert lines_after(caplog, 500, 501, 999, 1000, 1500) == [("UNKN…", 500, 3), ("UNKN…", 1000, 3)]


def test_the_rules_tell_which_vehicle_is_crowded(monkeypatch: Any):
    monkeypatch.setattr(partition_state, "CROWDED_ORDERS", 2)
    state = PartitionState(0, {}, {}, {})
    first, second = (as_event(checked_in(clock, order_id=order)) for clock, order in (("08:00", "R1"), ("09:00", "R2")))

    assert state.apply([(0, first)]).crowded == {}
    assert state.apply([(1, second)]).crowded == {"V1": 2}
