"""What simulated centers tell beside their orders."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from fixtrail.simulator.reference import reference_events
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from schemas.reference_events import REFERENCE_DECODER, REFERENCE_TYPES

START = datetime(2026, 3, 2, tzinfo=UTC)
SCENARIO = load_scenario("owners-story")


def run_of(days: int, centers: int = 2, seed: int = 7) -> list[tuple[datetime, dict[str, Any]]]:
    return list(reference_events(SCENARIO, seed, days, centers, START))


@pytest.fixture(scope="module")
def month() -> list[tuple[datetime, dict[str, Any]]]:
    return run_of(30)


def test_every_type_is_there_and_every_event_is_one(month: list[tuple[datetime, dict[str, Any]]]):
    for _, event in month:
        assert not REFERENCE_DECODER.decode(orjson.dumps(event))[1]
    assert {event["type"] for _, event in month} == REFERENCE_TYPES.keys()


def test_events_arrive_in_order_and_none_before_it_happened(month: list[tuple[datetime, dict[str, Any]]]):
    arrivals = [arrived for arrived, _ in month]

    assert arrivals == sorted(arrivals)
    assert all(datetime.fromisoformat(event["occurred_at"]) <= arrived for arrived, event in month)


def test_some_events_come_twice_and_are_the_same_then(month: list[tuple[datetime, dict[str, Any]]]):
    counts = Counter(event["event_id"] for _, event in month)
    contents = {orjson.dumps(event) for _, event in month}

    assert max(counts.values()) == 2
    assert len(contents) == len(counts)


def test_the_same_arguments_give_the_same_events_and_others_others(month: list[tuple[datetime, dict[str, Any]]]):
    assert run_of(30) == month
    assert run_of(30, seed=8) != month


def test_another_center_changes_nothing_of_the_first_ones(month: list[tuple[datetime, dict[str, Any]]]):
    names = {event.get("center_id") for _, event in month}
    more = [(arrived, event) for arrived, event in run_of(30, centers=3) if event.get("center_id") in names]

    assert more == month


def test_technicians_are_those_of_the_orders():
    staff = {event["staff_id"] for _, event in run_of(3) if event["type"] == "staff_shift"}
    working = {event["technician_id"] for _, event in simulate(SCENARIO, 7, 3, 2, START) if "technician_id" in event}

    assert working and working <= staff
