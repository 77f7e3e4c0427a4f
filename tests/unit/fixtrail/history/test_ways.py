"""Which vehicles of a file may go past Kafka: those of which the stream would make the same at any time of arrival."""

import json
from itertools import count, pairwise
from typing import Any

import pytest

from fixtrail.history import reading
from fixtrail.history.judging import BUCKETS, Judging
from fixtrail.history.reading import HistoryFile, edges_of
from fixtrail.history.vehicles import EventLine, Way, digest_of, distinct, way_of
from schemas.times import DAY_MS
from tests.workshop import (
    Sent,
    called_off,
    checked_in,
    complained,
    diagnosed,
    handed_off,
    ms,
    repaired_visit,
    surveyed,
)

HOLD = 60
READ_MS = ms("08:00", 4000)
JUDGING = Judging(b"a secret of these tests, long enough", 1, READ_MS, 256 * 1024, DAY_MS)


def read(*items: Sent | bytes, clock: int = 0) -> HistoryFile:
    """A file of these events, in this order."""
    with HistoryFile(JUDGING, {0: clock}) as file:
        for item in items:
            file.add(item if isinstance(item, bytes) else json.dumps(item).encode())
        file.end()
    return file


def lines_of(*events: Sent, clock: int = 0) -> list[EventLine]:
    """The lines of V1, in a file that has these events and perhaps those of others."""
    file = read(*events, clock=clock)
    vehicles = [vehicle for number in range(BUCKETS) for vehicle in file.bucket(number).items()]
    return dict(vehicles)["V1"]


def way(*events: Sent, day: int = 365, clock: int = 0) -> Way:
    """How V1 goes where its partition has come to this day at the end of the file."""
    return way_of(lines_of(*events, clock=clock), ms("08:00", day), HOLD)


def test_a_vehicle_whose_visits_are_long_over_goes_straight_into_clickhouse():
    visits = [*repaired_visit("brakes"), *repaired_visit("engine", day=100, order_id="R2")]

    assert way(*visits) == "history"


@pytest.mark.parametrize("day", [60, 61])
def test_it_does_so_once_the_hold_has_passed(day: int):
    """Its last event was at 11:00, and the partition has come to 08:00 of the day."""
    assert way(*repaired_visit("brakes"), day=day) == ("history" if day > HOLD else "stream")


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([checked_in("08:00"), diagnosed("09:00", 0, "brakes")], id="an open order"),
        pytest.param([handed_off("07:00"), checked_in("08:00")], id="an end before the check-in ends nothing"),
        pytest.param([checked_in("08:00"), handed_off("08:00")], id="an end in the moment of the check-in"),
        pytest.param([*repaired_visit("a"), checked_in("08:00", 3, order_id="R2")], id="one of two orders is open"),
        pytest.param([surveyed("08:00")], id="an order that nothing has ended"),
    ],
)
def test_a_vehicle_with_an_order_that_may_be_open_goes_through_the_stream(events: list[Sent]):
    assert way(*events) == "stream"


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([checked_in("08:00"), called_off("09:00")], id="cancelled"),
        pytest.param([diagnosed("08:00", 0, "a"), handed_off("09:00")], id="never checked in"),
        pytest.param([*repaired_visit("a"), complained("09:00", 8), surveyed("09:00", 9)], id="heard of afterwards"),
        pytest.param([handed_off("11:00"), checked_in("08:00")], id="told in the wrong order"),
    ],
)
def test_every_end_is_one(events: list[Sent]):
    assert way(*events) == "history"


def test_a_line_that_comes_twice_as_it_is_changes_nothing():
    visit = repaired_visit("brakes")
    lines = lines_of(*visit, visit[0], visit[0])
    first, copies = distinct(lines)

    assert way_of(lines, READ_MS, HOLD) == "history"
    assert [line.number for line in first] == [1, 2, 3, 4, 5, 6]
    assert [line.number for line in copies] == [7, 8]


def late(day: int, **fields: Any) -> Sent:
    """An event of another vehicle, which shows the partition that time has passed."""
    return checked_in("08:00", day, order_id="R9", **{"vehicle_id": "V9", **fields})


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [*repaired_visit("a"), surveyed("12:00", event_id="same"), surveyed("12:00", event_id="same", score=1)],
            id="two contents under one id",
        ),
        pytest.param([*repaired_visit("a"), late(61), surveyed("12:00", 3)], id="an event of an order let go by then"),
        pytest.param(
            [*repaired_visit("a"), late(61), *repaired_visit("a", day=29, order_id="R2")],
            id="an order that might have been its comeback",
        ),
        pytest.param(
            [event for n in range(100) for event in repaired_visit("a", order_id=f"R{n}")], id="a number for many cars"
        ),
    ],
)
def test_what_the_stream_may_judge_by_the_time_of_arrival_it_judges(events: list[Sent]):
    assert way(*events) == "timed"


def test_it_does_not_where_the_order_was_still_held_or_is_later_than_any_comeback():
    assert way(*repaired_visit("a"), late(60, vehicle_id="V9"), surveyed("12:00", 3)) == "history"
    assert way(*repaired_visit("a"), late(61), *repaired_visit("a", day=31, order_id="R2")) == "history"


def test_a_file_counts_what_is_no_event_and_when_it_began():
    file = read(b"{", checked_in("08:00"), b"", handed_off("09:00", 5000), checked_in("07:00"))

    assert (file.lines, file.empty, dict(file.codes)) == (4, 1, {"not_json": 1, "too_far_ahead": 1})
    assert [(refused.number, refused.code) for refused in file.refusals()] == [
        (1, "not_json"),
        (4, "too_far_ahead"),
    ]
    assert (file.first_ms, file.clocks) == (ms("07:00"), {0: ms("08:00")})


def test_a_line_knows_how_far_its_partition_had_come_before_it():
    lines = lines_of(checked_in("08:00"), late(3), diagnosed("09:00", 0, "a"), handed_off("09:00", 4))

    assert [line.clock for line in lines] == [0, ms("08:00", 3), ms("08:00", 3)]


def test_buckets_cover_every_vehicle_key_once():
    edges = [edges_of(number) for number in range(BUCKETS)]

    assert edges[0][0] == "" and edges[-1][1] == "g"
    assert all(until == since for (_, until), (since, _) in pairwise(edges))


def test_a_digest_is_of_the_events_in_whatever_order():
    numbers = count()
    visit = [{**event, "event_id": f"e{next(numbers)}"} for event in repaired_visit("a")]

    assert digest_of(lines_of(*visit)) == digest_of(lines_of(*visit[::-1]))
    assert digest_of(lines_of(*visit)) != digest_of(lines_of(*visit[:-1]))


def test_other_processes_read_a_long_file_as_this_one_would(monkeypatch: pytest.MonkeyPatch):
    visits = [
        event for n in range(30) for event in repaired_visit("a", day=n, order_id=f"R{n}", vehicle_id=f"V{n % 7}")
    ]
    alone = read(*visits, b"{", b"")
    monkeypatch.setattr(reading, "HELPED_FROM", 0)
    monkeypatch.setattr(reading, "LINES_AT_ONCE", 25)
    monkeypatch.setattr(reading, "_spare_cores", lambda: 2)
    helped = read(*visits, b"{", b"")

    assert [helped.bucket(number) for number in range(BUCKETS)] == [alone.bucket(number) for number in range(BUCKETS)]
    assert (helped.clocks, helped.lines, helped.empty, helped.codes) == (alone.clocks, alone.lines, 1, alone.codes)
