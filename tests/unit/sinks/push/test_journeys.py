"""What the push sink keeps of the journeys: the newest of each, as long as a notice may be about it."""

import time
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.order_key import OrderKey, journey_key
from sinks.push.journeys import KEPT_CLOSED_MS, NoticeJourneys
from streams.journey.notices import is_still_true
from tests.providers.messages import HOUR, a_fact, a_notice, now_ms
from tests.workshop import R1


@dataclass
class Record:
    key: bytes | None
    value: bytes | None
    offset: int = 0
    partition: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def record(fact: dict[str, Any]) -> Record:
    return Record(journey_key(OrderKey.of(fact), fact["vehicle_id"]), orjson.dumps(fact))


def journeys_of(*batches: list[Record]) -> NoticeJourneys:
    journeys = NoticeJourneys({})
    for batch in batches:
        journeys.apply(batch)
    return journeys


async def test_the_newest_fact_of_an_order_counts():
    old, new = a_fact("R1", version=1, activity="repair"), a_fact("R1", version=2, activity="pickup")

    assert journeys_of([record(old)], [record(new)]).fact(R1)["activity"] == "pickup"
    assert journeys_of([record(old), record(new)]).fact(R1)["activity"] == "pickup"
    assert journeys_of([record(new)], [record(old)]).fact(R1)["activity"] == "pickup", "repeated after a crash"
    assert journeys_of([record(new), record(old)]).fact(R1)["activity"] == "pickup", "repeated in the same batch"


async def test_what_is_kept_is_enough_to_judge_a_notice():
    ready = a_notice("ready")
    fact = journeys_of([record(a_fact("R1", ready))]).fact(R1)

    assert is_still_true(ready, fact)
    assert not is_still_true(a_notice("quote_ready"), fact)


async def test_nothing_personal_is_kept():
    fact = {**a_fact("R1"), "customer_id": "K-canary", "vehicle_id": "VIN-canary"}

    assert b"canary" not in b"".join(row.fact for row in journeys_of([record(fact)]).values())


async def test_the_currency_of_the_quote_is_kept():
    assert journeys_of([record(a_fact("R1", quote={"currency": "HKD"}))]).fact(R1)["currency"] == "HKD"


async def test_tombstones_heartbeats_and_foreign_records_do_no_harm():
    foreign = [
        Record(b"R2", b"not json"),
        Record(b"R3", b"[]"),
        Record(b"R4", b"{}"),
        Record(None, b"x"),
        Record(None, None),
    ]
    journeys = journeys_of([record(a_fact("R1"))], foreign, [Record(b"fixtrail-heartbeat-0", None)])

    assert (len(journeys), journeys.fact(OrderKey("C1", "R2"))) == (1, None)
    assert len(journeys_of([record(a_fact("R1"))], [Record(record(a_fact("R1")).key, None)])) == 0


async def test_orders_that_were_closed_long_ago_are_let_go():
    long_ago = now_ms() - KEPT_CLOSED_MS - HOUR
    closed = a_fact("R1", status="handed_off", last_event_at=long_ago)
    open_ = a_fact("R2", last_event_at=long_ago)
    journeys = journeys_of([record(closed), record(open_), record(a_fact("R3", status="handed_off"))])
    journeys.expire(now_ms())

    assert [journeys.fact(OrderKey("C1", number)) is not None for number in ("R1", "R2", "R3")] == [False, True, True]


async def test_until_all_has_been_read_nothing_can_be_judged():
    journeys = NoticeJourneys({})

    assert not journeys.is_current
    journeys.note_complete(time.monotonic())
    assert journeys.is_current
    journeys.note_complete(time.monotonic() - 3600)
    assert not journeys.is_current


async def test_a_center_s_order_is_not_judged_by_another_center_s_of_the_same_number():
    ours, theirs = a_fact("R1", activity="pickup"), a_fact("R1", activity="repair", center_id="C2", version=9)
    journeys = journeys_of([record(ours), record(theirs)])

    assert journeys.fact(R1)["activity"] == "pickup"
    assert journeys.fact(OrderKey("C2", "R1"))["activity"] == "repair"
    assert journeys.fact(OrderKey("C3", "R1")) is None
