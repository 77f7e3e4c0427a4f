"""How many cars wait for a bay before one: counted as an independent count does, told only where it means anything."""

from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from statistics import median
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from fixtrail.estimates.bay_queue import BayWait, TurnRecord, turn_record
from fixtrail.estimates.clock import OpeningClock
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from fixtrail.web.api.order import order_at
from fixtrail.web.queues import QueuePosition, Queues
from fixtrail.web.tracking import routes
from schemas.decode import EventError, decode_event
from schemas.events import Event
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from schemas.times import DAY_MS, MINUTE_MS, from_ms, to_ms
from streams.journey.batch import journey_facts
from tests.oracle import is_never_closed, orders_of
from tests.staff import Staff, staff
from tests.workshop import approved, checked_in, diagnosed, facts_after, ms, quoted, repair

GOOD = TurnRecord(40, 38, 40, 17.6)
START = datetime(2026, 1, 5, tzinfo=UTC)
NOWHERE: Any = SimpleNamespace(get=lambda center_id: None)


class PastTurns:
    """The waits of the last weeks, as a test says they were."""

    def __init__(self, record: TurnRecord) -> None:
        self.record_of_center = record

    def record(self, *_: object) -> TurnRecord:
        return self.record_of_center


def queues_of(facts: list[JourneyFact], record: TurnRecord = GOOD) -> Queues:
    past: Any = PastTurns(record)
    return Queues(lambda center_id: [fact for fact in facts if fact.center_id == center_id], past, NOWHERE)


def test_whenever_a_quote_is_answered_it_is_what_an_independent_count_of_the_events_says():
    events = simulated_events()
    length, times = 0, [to_ms(model.occurred_at) + 1 for _, model in events if model.type == "quote_decision"]
    for now in times[::3]:
        so_far = open_at(events, now)
        facts = [JourneyFact.model_validate(fact) for fact in journey_facts(model for _, model in so_far)]
        queues, expected = queues_of(facts), places_by_hand([event for event, _ in so_far], from_ms(now))
        assert expected == {
            fact.order: position.before for fact in facts if (position := queues.position_of(fact, now)) is not None
        }
        length += sum(expected.values())
    assert length > 5, "somebody has to wait before somebody else for this to show anything"


def simulated_events() -> list[tuple[dict[str, Any], Event]]:
    """Days of four centers, as sent and as read."""
    events = []
    for _, event in simulate(load_scenario("owners-story"), 5, 4, 4, START):
        with suppress(EventError):
            events.append((event, decode_event(orjson.dumps(event))))
    return events


def open_at(events: list[tuple[dict[str, Any], Event]], now: int) -> list[tuple[dict[str, Any], Event]]:
    """What had happened by then of the orders that nobody had closed."""
    so_far = [(event, model) for event, model in events if to_ms(model.occurred_at) <= now]
    closed = {(model.center_id, model.order_id) for _, model in so_far if model.type in ("handoff", "cancellation")}
    return [(event, model) for event, model in so_far if (model.center_id, model.order_id) not in closed]


def places_by_hand(events: list[dict[str, Any]], now: datetime) -> dict[OrderKey, int]:
    """By the oracle's activities: who waits for a bay and was never worked on, and how many of them wait for longer."""
    single = {}
    for event in events:
        single.setdefault((event["center_id"], event["order_id"]), set()).add(event["vehicle_id"])
    usable = [event for event in events if len(single[event["center_id"], event["order_id"]]) == 1]
    waiting = defaultdict(list)
    for key, order in orders_of(usable, now).items():
        stages = order["stages"]
        is_waiting = order["status"] == "open" and stages and stages[-1][0] == "bay" and order["lane"] is not None
        if is_waiting and not is_never_closed(order, now) and not {"repair", "quality"} & {name for name, *_ in stages}:
            waiting[key[0], order["lane"]].append((stages[-1][1], key[1]))
    return {
        OrderKey(center_id, order_id): sum(entry < (since, order_id) for entry in queue)
        for (center_id, _), queue in waiting.items()
        for since, order_id in queue
    }


def test_the_record_of_a_queue_is_what_counting_pair_by_pair_gives():
    random, now = Random(7), 100 * DAY_MS
    waits = []
    for _ in range(400):
        began_at = now - random.randrange(60 * 24 * 60) * MINUTE_MS
        ended_at = began_at + random.choice((0, 20, 45, 90, 300)) * MINUTE_MS
        waits.append(BayWait(began_at, ended_at if ended_at < now else None, ended_at < now and random.random() < 0.9))

    record = turn_record(waits, now, OpeningClock(None))

    recent = [wait for wait in waits if wait.ended_at is None or wait.ended_at >= now - 28 * DAY_MS]
    turns = sorted((wait for wait in recent if wait.is_turn), key=lambda wait: wait.ended_at)
    contested = by_arrival = 0
    for turn in turns:
        others = [
            wait.began_at
            for wait in recent
            if wait.began_at < turn.ended_at and (wait.ended_at is None or wait.ended_at > turn.ended_at)
        ]
        contested += bool(others)
        by_arrival += bool(others) and turn.began_at - min(others) <= 10 * MINUTE_MS
    gaps = [
        (turns[index].ended_at - turns[index - 1].ended_at) / MINUTE_MS
        for index in range(1, len(turns))
        if turns[index].began_at <= turns[index - 1].ended_at
    ]
    assert record == TurnRecord(contested, by_arrival, len(gaps), pytest.approx(median(gaps)))
    assert contested > 20


@pytest.mark.parametrize(
    "record",
    [
        TurnRecord(19, 19, 40, 18.0),
        TurnRecord(40, 31, 40, 18.0),
        TurnRecord(40, 40, 19, 18.0),
        TurnRecord(0, 0, 0, None),
    ],
)
def test_where_cars_are_not_taken_as_they_came_or_turns_were_few_nothing_is_told(record):
    fact = JourneyFact.model_validate(facts_after(*waits_for_bay("R1", "09:00"))[OrderKey("C1", "R1")])
    assert queues_of([fact], record).position_of(fact, ms("09:30")) is None
    assert queues_of([fact]).position_of(fact, ms("09:30")) == QueuePosition(0, 18)


def test_only_cars_of_the_same_center_and_lane_that_nobody_has_worked_on_are_before_it():
    events = [
        *waits_for_bay("R-OWN", "09:00"),
        *waits_for_bay("R-BEFORE", "08:50"),
        *waits_for_bay("R-LATER", "09:10"),
        *waits_for_bay("R-QUICK", "08:40", lane="quick"),
        *waits_for_bay("R-ELSEWHERE", "08:40", center_id="C2"),
        *waits_for_bay("R-UNDER-REPAIR", "08:40"),
        repair("started", "08:55", **names("R-UNDER-REPAIR")),
        *waits_for_bay("R-PAUSED", "08:30"),
        repair("started", "08:45", **names("R-PAUSED")),
        repair("paused", "08:50", pause_reason="shift_end", **names("R-PAUSED")),
    ]
    facts = [JourneyFact.model_validate(fact) for fact in facts_after(*events).values()]
    queues = queues_of(facts)
    before = {fact.order_id: position.before for fact in facts if (position := queues.position_of(fact, ms("09:30")))}
    assert before == {"R-OWN": 1, "R-BEFORE": 0, "R-LATER": 2, "R-QUICK": 0, "R-ELSEWHERE": 0}


def names(order_id: str, center_id: str = "C1") -> dict[str, str]:
    return {"order_id": order_id, "vehicle_id": f"V-{order_id}", "center_id": center_id}


def waits_for_bay(order_id: str, since: str, lane: str = "standard", center_id: str = "C1") -> list[dict[str, Any]]:
    """A car whose quote was approved and that nobody has begun to repair."""
    order = names(order_id, center_id)
    return [
        checked_in("08:00", lane=lane, **order),
        diagnosed("08:10", **order),
        quoted("08:20", **order),
        approved(since, **order),
    ]


@pytest.fixture
def pages(tmp_path, monkeypatch) -> Staff:
    pages = staff(tmp_path, now=ms("09:30"))
    pages.web.queues._past = PastTurns(GOOD)  # type: ignore[assignment]
    pages.know(*waits_for_bay("R-OWN", "09:00"), *waits_for_bay("R-A", "08:50"), *waits_for_bay("R-B", "08:45"))
    monkeypatch.setattr(routes, "now_ms", lambda: ms("09:30"))
    return pages


async def test_the_customer_reads_the_number_and_nothing_of_the_others(pages):
    with pages.browser() as customer:
        for locale, text in (
            ("en", "2 cars before you for the bay, about 18 min each"),
            ("zh-CN", "前面还有 2 辆车等工位，平均每辆约 18 分钟"),
        ):
            page = (await customer.get(path_of(pages, "R-OWN", locale))).text
            assert text in page
            assert not any(name in page for name in ("R-A", "R-B", "V-R"))
        assert "1 car before you for the bay, about 18 min<" in (await customer.get(path_of(pages, "R-A", "en"))).text
        assert "You are next for a bay" in (await customer.get(path_of(pages, "R-B", "en"))).text


async def test_the_number_goes_down_on_the_open_page_when_another_car_is_taken(pages):
    own = pages.web.journeys.get(OrderKey("C1", "R-OWN"))
    state = pages.app.state.tracking
    assert b"2 cars before you" in state.live(own, "en", ms("09:30"))
    pages.know(*waits_for_bay("R-B", "08:45"), repair("started", "09:31", **names("R-B")))
    assert state.beside(own, ms("09:32"))[1] == QueuePosition(1, 18)
    assert b"1 car before you" in state.live(own, "en", ms("09:32"))


def test_the_api_tells_the_same(pages):
    own = pages.web.journeys.get(OrderKey("C1", "R-OWN"))
    order = order_at(own, ms("09:30"), personal=False, queue=pages.web.queues.position_of(own, ms("09:30")))
    assert order.model_dump(mode="json")["queue"] == {"before": 2, "minutes_each": 18}


def path_of(pages: Staff, order_id: str, locale: str) -> str:
    token = pages.web.links.issue(OrderKey("C1", order_id), f"V-{order_id}", ms("08:00"))
    return f"/t/{token}?lang={locale}"
