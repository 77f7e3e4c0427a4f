"""What pages and API are given of estimates, and what goes into the record of what was shown."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from fixtrail.estimates.cells import Cell, CellKey, CenterRecord, EstimateTable
from fixtrail.estimates.estimate import Estimate
from fixtrail.estimates.past import PastVisits
from fixtrail.web.estimates import Estimates
from fixtrail.web.events import NotAcknowledgedError
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from schemas.times import MINUTE_MS
from tests.workshop import called_off, checked_in, diagnosed, handed_off, ms, order_after, repair

GOOD = CenterRecord("", 900, 300, 0.8, 10.0, 10.0, 20.0, 30.0, 0.0)
UNDER_REPAIR = [checked_in("08:00", promised="10:00"), diagnosed("08:20"), repair("started", "08:40")]


def a_table() -> EstimateTable:
    errors = [minutes * MINUTE_MS for minutes in range(-20, 80)]
    cell = Cell(100, errors, [(index + 1) / 100 for index in range(100)])
    key = CellKey(None, "repair", "standard", -1)
    return EstimateTable(7, {key: cell}, {"": GOOD}, {("standard", None): Cell(100, errors[20:], cell.shares[20:])})


@pytest.fixture
def estimates() -> Estimates:
    nowhere: Any = SimpleNamespace(all=dict)
    estimates = Estimates(PastVisits(), nowhere)
    estimates.table = a_table()
    return estimates


def noted_fact(estimates: Estimates, *events: dict[str, Any]) -> JourneyFact:
    """The order's fact after these events, as the topic brings it."""
    fact = order_after(*events)
    estimates._visits.add(fact)
    return JourneyFact.model_validate(fact)


class Topic:
    """Keeps what is written, once Kafka is there."""

    def __init__(self) -> None:
        self.away, self.records = False, []

    async def write(self, value: bytes, key: bytes, topic: str) -> None:
        if self.away:
            raise NotAcknowledgedError("Kafka is away")
        self.records.append((topic, OrderKey.decode(key), orjson.loads(value)))


def test_what_a_customer_is_shown_goes_into_the_record_once(estimates: Estimates):
    fact, topic = noted_fact(estimates, *UNDER_REPAIR), Topic()

    first, again = estimates.shown(fact, ms("08:41")), estimates.shown(fact, ms("08:41"))
    asyncio.run(estimates._send(topic.write))

    assert isinstance(first, Estimate)
    assert again == first
    ((name, order, estimate),) = topic.records
    assert (name, order) == ("estimates", OrderKey("C1", "R1"))
    assert (estimate["low"], estimate["high"], estimate["as_of"]) == (first.low, first.high, 7)
    assert estimate["promised_at"] == ms("10:00")


def test_what_was_shown_while_kafka_was_away_is_sent_afterwards(estimates: Estimates):
    fact, topic = noted_fact(estimates, *UNDER_REPAIR), Topic()
    topic.away = True

    estimates.shown(fact, ms("08:41"))
    asyncio.run(estimates._send(topic.write))
    assert topic.records == []
    topic.away = False
    asyncio.run(estimates._send(topic.write))

    assert len(topic.records) == 1


def test_the_board_looks_without_showing_anybody(estimates: Estimates):
    fact, topic = noted_fact(estimates, *UNDER_REPAIR), Topic()

    probable = estimates.current(fact, ms("08:41"))
    asyncio.run(estimates._send(topic.write))

    assert probable is not None and probable.late_probability == pytest.approx(0.79)
    assert topic.records == []


def test_of_a_car_that_is_gone_nothing_is_estimated(estimates: Estimates):
    fact = noted_fact(estimates, *UNDER_REPAIR, repair("completed", "09:00"), handed_off("09:30"))

    assert estimates.of(fact, ms("09:31")) == "ready"
    assert estimates.shown(fact, ms("09:31")) is None


def test_where_the_record_is_bad_neither_customer_nor_advisor_is_told(estimates: Estimates):
    fact = noted_fact(estimates, *UNDER_REPAIR)
    estimates.table = replace(estimates.table, records={"": replace(GOOD, inside=0.6)})

    assert estimates.shown(fact, ms("08:41")) is None
    assert estimates.at_arrival("C1", "standard", None) == "record"


def test_an_older_fact_does_not_undo_a_newer_one():
    past = PastVisits()
    early, late = order_after(*UNDER_REPAIR[:1]), order_after(*UNDER_REPAIR)

    past.add(late)
    past.add(early)

    visit = past.get(OrderKey("C1", "R1"), "V1")
    assert visit is not None and visit.points[-1].activity == "repair"


def test_an_order_under_two_vehicles_has_the_visit_of_each_until_it_is_moved_to_the_right_one(estimates: Estimates):
    wrong = [{**event, "vehicle_id": "TYPO"} for event in UNDER_REPAIR]
    waiting = noted_fact(estimates, *UNDER_REPAIR[:1])
    mended = noted_fact(estimates, *wrong)

    assert estimates.of(waiting, ms("08:41")) == "few", "it waits for reception: of that nothing was learned"
    assert isinstance(estimates.of(mended, ms("08:41")), Estimate)
    assert len(estimates._visits.recent(ms("08:41"))) == 2

    moved = noted_fact(estimates, *wrong, called_off("08:45", reason="vehicle_corrected", vehicle_id="TYPO"))

    assert estimates.of(moved, ms("08:50")) == "ready"
    assert [visit.points[0].at for visit in estimates._visits.recent(ms("08:50"))] == [ms("08:00")]
