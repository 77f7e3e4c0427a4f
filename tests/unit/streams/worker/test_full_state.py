"""An order that an upstream fills without end: what its last events come to, and that it fits where it has to."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from schemas.topics import MAX_SENT_BYTES
from streams.journey import order, vehicle
from streams.worker.process import MAX_REQUEST_BYTES
from tests.worker_memory import Memory, Records
from tests.workshop import R1, R2, Sent, at, checked_in, event_of, sent


def visit(event: Sent, number: int) -> Records:
    """A check-in and so many events like this one, a second apart."""
    events = [checked_in("08:00")]
    for count in range(1, number + 1):
        moment = (at("08:00") + timedelta(seconds=count)).isoformat()
        own = {name: f"{value}{count}" for name, value in event.items() if name in ("event_id", "request_id")}
        events.append({**event, **own, "occurred_at": moment})
    return list(enumerate(map(event_of, events)))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "FULL_BYTES", 800)


def paused() -> Sent:
    return sent("repair", "08:00", job_id="J1", phase="paused")


@pytest.mark.usefixtures("small")
def test_what_comes_for_a_full_order_is_diverted_and_its_facts_stay():
    memory = Memory()
    memory.take(visit(paused(), 20))
    facts = dict(memory.facts)

    out = memory.take([(offset + 21, event) for offset, event in visit(paused() | {"event_id": "more"}, 3)[1:]])

    assert (out.diverted, out.outcomes) == ([(at, "order_full") for at in (22, 23, 24)], {"order_full": 3})
    assert (out.journeys, memory.facts) == ([], facts)


@pytest.mark.usefixtures("small")
def test_what_a_full_order_knows_is_a_duplicate_and_other_orders_go_on():
    memory = Memory()
    records = visit(paused(), 20)
    memory.take(records)

    out = memory.take([(30, records[3][1]), (31, event_of(checked_in("09:00", order_id="R2")))])

    assert (out.diverted, out.outcomes) == ([], {"duplicate": 1, "new": 1})
    assert set(memory.facts) == {R1, R2}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [1, 3, 50])
def test_which_events_are_diverted_depends_on_no_batch_and_no_restart(size: int):
    records = visit(paused(), 30)
    uncut, cut = Memory(), Memory()
    diverted = uncut.take(records).diverted
    diverted_in_parts: set[tuple[int, str]] = set()

    for start in range(0, len(records), size):
        diverted_in_parts |= set(cut.take(records[start : start + size]).diverted)
    cut.restart()
    again = cut.take(records)

    assert diverted and diverted_in_parts == set(diverted)
    assert set(again.diverted) <= diverted_in_parts
    assert cut.facts == uncut.facts


@pytest.mark.parametrize(
    "event",
    [
        paused(),
        sent("part_request", "08:00", request_id="P", part_no="A", quantity=1, phase="requested"),
        sent("quality_check", "08:00", passed=False),
        sent("survey", "08:00", score=9, reasons=["r"]),
    ],
    ids=lambda event: event["type"],
)
def test_what_a_full_order_comes_to_fits_into_a_message(event: dict[str, Any]):
    number = 2_000
    out = Memory().take(visit(event, number))
    [state], [fact] = out.order_changes.values(), out.journeys
    assert state is not None
    _, _, lines = state.partition(b"\n")
    # Both grow with the number of events; there is no need for twenty thousand of them.
    grown = order.FULL_BYTES / len(lines)

    assert len(orjson.dumps(fact)) * grown < MAX_SENT_BYTES
    assert len(state) * grown < MAX_REQUEST_BYTES


def test_a_number_that_stands_for_many_cars_takes_no_further_orders_and_those_it_has_go_on(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(vehicle, "FULL_ORDERS", 2)
    memory = Memory()
    arrivals = [checked_in("08:00", order_id=f"O{number}") for number in range(3)]
    memory.take(list(enumerate(map(event_of, arrivals[:2]))))

    started = sent("repair", "09:30", order_id="O1", job_id="J1", phase="started")
    out = memory.take([(2, event_of(arrivals[2])), (3, event_of(started))])

    assert out.diverted == [(2, "vehicle_full")]
    assert [fact["order_id"] for fact in out.journeys] == ["O1"]


def test_a_center_that_fills_a_vehicle_with_orders_shuts_no_other_center_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vehicle, "FULL_ORDERS", 2)
    memory = Memory()
    filled = [checked_in("08:00", order_id=f"E{number}", center_id="east-01") for number in range(3)]
    memory.take(list(enumerate(map(event_of, filled))))

    out = memory.take([(3, event_of(checked_in("09:00", order_id="W1", center_id="west-02")))])

    assert out.diverted == []
    assert [fact["order_id"] for fact in out.journeys if fact["center_id"] == "west-02"] == ["W1"]
