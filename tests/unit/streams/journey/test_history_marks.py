"""A vehicle whose orders went straight into ClickHouse is to the worker what it would be had it let them go itself."""

from types import SimpleNamespace
from typing import Any

import pytest

from schemas.history_mark import HistoryMark, read_history_mark
from schemas.times import DAY_MS
from streams.journey.partition_state import BatchOutput, PartitionState
from streams.journey.vehicle import Vehicle
from tests.workshop import R1, R2, Sent, checked_in, event_of, ms, repaired_visit, surveyed

WINDOW_MS = 30 * DAY_MS
LATER = 70
OF_R1 = HistoryMark("V1", until=ms("11:00") + WINDOW_MS, let_go={R1: 3})


class Partition:
    """A partition's state; `take` applies a batch of events and marks in this order."""

    def __init__(self) -> None:
        self.orders: dict[bytes, bytes] = {}
        self.vehicles: dict[bytes, bytes] = {}
        self.hours: dict[bytes, bytes] = {}
        self.state = PartitionState(0, self.orders, self.vehicles, self.hours)
        self.offset = -1

    def take(self, *items: Sent | HistoryMark) -> BatchOutput:
        events, marks = [], []
        for item in items:
            self.offset += 1
            if isinstance(item, HistoryMark):
                marks.append((self.offset, item))
            else:
                events.append((self.offset, event_of(item)))
        return self.state.apply(events, marks=marks)

    def vehicle(self) -> Vehicle:
        return Vehicle("V1", self.vehicles[b"V1"])


@pytest.fixture
def spared() -> Partition:
    """A partition that was spared V1's first order."""
    partition = Partition()
    partition.take(OF_R1)
    return partition


@pytest.fixture
def streamed() -> Partition:
    """A partition that has had V1's first order, and has let it go."""
    partition = Partition()
    partition.take(*repaired_visit("brakes"))
    partition.take(checked_in("08:00", LATER, vehicle_id="V2", order_id="R9"))
    return partition


def test_it_remembers_of_the_vehicle_what_it_would_if_all_had_come_by_the_stream(
    spared: Partition, streamed: Partition
) -> None:
    first, second = spared.vehicle(), streamed.vehicle()

    assert first.let_go == second.let_go == {R1: 3}
    assert (first.until, first.orders()) == (second.until, second.orders()) == (OF_R1.until, [])
    assert not spared.orders and not spared.hours


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(surveyed("09:00", LATER), id="an event of the order"),
        pytest.param(checked_in("09:00", 20, order_id="R2"), id="an order that might have been its comeback"),
    ],
)
def test_what_comes_too_late_for_it_does_so_either_way(spared: Partition, streamed: Partition, event: Sent) -> None:
    assert [code for _, code in spared.take(event).diverted] == ["too_late"]
    assert [code for _, code in streamed.take(event).diverted] == ["too_late"]


def test_the_vehicle_s_next_order_has_the_version_that_it_would_have(spared: Partition, streamed: Partition) -> None:
    visit = repaired_visit("brakes", day=LATER, order_id="R2")

    facts = [partition.take(*visit).journeys for partition in (spared, streamed)]

    assert [fact["version"] for fact in facts[0]] == [9]
    assert facts[0] == facts[1]


def test_a_mark_that_comes_behind_the_next_order_gives_it_the_same_version() -> None:
    partition = Partition()
    before = partition.take(*repaired_visit("brakes", day=LATER, order_id="R2"))
    after = partition.take(OF_R1)

    assert [fact["version"] for fact in before.journeys] == [6]
    assert [(fact["order_id"], fact["version"]) for fact in after.journeys] == [("R2", 9)]


def test_a_mark_told_again_changes_nothing(spared: Partition) -> None:
    spared.take(*repaired_visit("brakes", day=LATER, order_id="R2"))
    before = spared.vehicle()
    out = spared.take(OF_R1, OF_R1)

    assert not out.journeys
    assert (spared.vehicle().let_go, spared.vehicle().orders()) == (before.let_go, [R2])


def test_an_order_of_which_the_worker_had_heard_counts_in_no_hour_of_it_any_more() -> None:
    partition = Partition()
    partition.take(*repaired_visit("brakes"))
    out = partition.take(OF_R1)

    assert {(hour["hour"], hour["check_ins"], hour["handed_off"]) for hour in out.hours} == {
        (ms("08:00"), 0, 0),
        (ms("11:00"), 0, 0),
    }
    assert partition.vehicle().let_go == {R1: 3}
    assert len(out.deleted_orders) == 1 and not partition.orders


def test_a_clock_lets_go_what_it_passes(streamed: Partition) -> None:
    """As far as the event time of all events had come, though most of them went another way."""
    partition = Partition()
    partition.take(*repaired_visit("brakes"))
    out = partition.take(HistoryMark("V2", clock=ms("08:00", LATER)), surveyed("09:00", LATER))

    assert [code for _, code in out.diverted] == ["too_late"]
    assert partition.vehicle().let_go == streamed.vehicle().let_go


def record_of(mark: HistoryMark) -> Any:
    return SimpleNamespace(key=mark.vehicle_id.encode(), value=None, headers=mark.headers(), timestamp=0)


def test_a_mark_is_read_as_it_was_written() -> None:
    assert read_history_mark(record_of(OF_R1)) == OF_R1
    assert read_history_mark(record_of(HistoryMark("V1", clock=7))) == HistoryMark("V1", clock=7)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"clock":1}', b'{"clock":1,"until":2,"let_go":{"R1":3}}', b'{"let_go":[]}']
)
def test_a_header_that_is_no_mark_is_none(content: bytes) -> None:
    record = SimpleNamespace(key=b"V1", value=None, headers=[("fixtrail-history", content)], timestamp=0)

    assert read_history_mark(record) is None
