"""A partition's book of journeys: what a batch of events writes, in whatever order and batches it comes."""

from collections.abc import Iterable
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given

from schemas.facts import CenterHour, JourneyFact, Notice
from schemas.order_key import OrderKey
from streams.journey.batch import journey_facts
from streams.journey.partition_state import BatchOutput
from tests.compare import contradictions
from tests.histories import CHANCES, a_few, endings, feeds, histories
from tests.oracle import orders_of
from tests.oracle_figures import center_hours_of
from tests.oracle_terms import EPOCH
from tests.worker_memory import Memory
from tests.workshop import (
    R1,
    R2,
    Sent,
    checked_in,
    complained,
    diagnosed,
    event_of,
    facts_after,
    handed_off,
    in_plain_types,
    in_plain_types_too,
    ms,
    part,
    quoted,
    repair,
    repaired_visit,
    surveyed,
)

Records = list[tuple[int, Any]]
YEARS = 3650


def records_of(events: Iterable[Sent]) -> Records:
    """The events as (offset, event), as the partition holds them."""
    return list(enumerate(map(event_of, events)))


def batches(records: Records, chance: Random) -> list[Records]:
    """The records cut into batches somewhere."""
    cuts = sorted({0, len(records), *(chance.randint(0, len(records)) for _ in range(chance.randint(0, 8)))})
    return [records[start:end] for start, end in pairwise(cuts)]


def memory_after(events: Iterable[Sent], chance: Random | None = None) -> Memory:
    """What a worker has written after these events, in one batch or in several."""
    records = records_of(events)
    memory = Memory(hold_days=YEARS)
    for batch in [records] if chance is None else batches(records, chance):
        memory.take(batch)
    return memory


def written_by(*events: Sent) -> BatchOutput:
    return Memory(hold_days=YEARS).take(records_of(events))


def without_versions(facts: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """The facts but for their versions, which grow with the vehicle's other orders."""
    return {order: {**fact, "version": None} for order, fact in facts.items()}


# What a batch writes


def test_a_batch_writes_one_fact_an_order_however_many_events_it_has():
    out = written_by(*repaired_visit("brakes"), checked_in("08:00", order_id="R2"))

    assert [(fact["order_id"], fact["event_count"]) for fact in out.journeys] == [("R1", 6), ("R2", 1)]


def test_everything_written_is_what_the_documents_say():
    out = written_by(*repaired_visit("brakes"), part("requested", "12:00"), surveyed("13:00"))

    for model, facts in ((JourneyFact, out.journeys), (CenterHour, out.hours), (Notice, out.notices)):
        assert facts
        for fact in facts:
            assert model.model_validate(fact, strict=False)
            assert fact.keys() == model.model_fields.keys()


def test_an_event_of_one_order_writes_the_others_again_only_when_it_links_visits():
    memory = Memory(hold_days=YEARS)
    memory.take(records_of([*repaired_visit("brakes"), checked_in("08:00", 5, order_id="R2")]))

    unrelated = memory.take([(10, event_of(repair("started", "08:10", 5, order_id="R2")))])
    linking = memory.take([(11, event_of(diagnosed("08:20", 5, "brakes", order_id="R2")))])

    assert [fact["order_id"] for fact in unrelated.journeys] == ["R2"]
    assert {fact["order_id"]: fact["ftf_cause"] for fact in linking.journeys} == {"R1": "comeback", "R2": None}


def test_a_comeback_found_weeks_later_rewrites_the_hour_of_the_handoff():
    memory = Memory(hold_days=YEARS)
    memory.take(records_of(repaired_visit("brakes")))
    before = memory.center_hours()["C1", ms("11:00")]

    memory.take([(n + 10, event) for n, event in records_of(repaired_visit("brakes", day=20, order_id="R2"))])
    after = memory.center_hours()["C1", ms("11:00")]

    assert (before["fixed_first_time"], after["fixed_first_time"], after["judged"]) == (1, 0, 1)
    assert after["revision"] > before["revision"]


def test_an_order_moves_to_another_hour_when_an_earlier_check_in_turns_up():
    memory = Memory(hold_days=YEARS)
    memory.take(records_of([checked_in("09:00"), handed_off("11:00")]))
    memory.take([(5, event_of(checked_in("08:00")))])

    hours = memory.center_hours()
    assert (hours["C1", ms("09:00")]["check_ins"], hours["C1", ms("08:00")]["check_ins"]) == (0, 1)
    assert hours["C1", ms("11:00")]["handed_off"] == 1


def test_what_happened_to_each_event_is_counted():
    survey = surveyed("13:00", event_id="e")
    out = written_by(
        *(checked_in("08:00"), survey, repair("started", "08:30"), survey),
        *(surveyed("13:00", event_id="e", score=1), surveyed("13:00", event_id="e", order_id="R2")),
    )

    assert out.outcomes == {"new": 3, "late": 1, "duplicate": 1, "event_id_conflict": 1}
    assert [code for _, code in out.diverted] == ["event_id_conflict"]


def test_a_record_met_again_is_no_conflict_with_what_an_earlier_version_understood_of_it():
    memory = Memory(hold_days=YEARS)
    memory.take(records_of([checked_in("08:00", event_id="e"), repair("started", "08:30")]))
    # What was an unknown field then is known now.
    known_now = event_of(checked_in("08:00", event_id="e", advisor="Li"))

    assert memory.take([(0, known_now)]).diverted == []
    assert [code for _, code in memory.take([(9, known_now)]).diverted] == ["event_id_conflict"]


def test_an_event_id_taken_by_another_order_of_the_vehicle_takes_nothing_away():
    """Whoever may send for one order must not be able to use up the ids of another."""
    squatted = complained("07:00", event_id="dms-777", order_id="E-1", center_id="C2")
    memory = memory_after([squatted, checked_in("08:00", event_id="dms-777"), handed_off("09:00")])

    assert memory.facts[R1]["status"] == "handed_off"
    assert memory.facts["C2", "E-1"]["complaints"] == 1


def test_an_id_used_for_another_vehicle_is_another_event():
    again = checked_in("09:00", event_id="e", order_id="R2", vehicle_id="V2")

    assert memory_after([checked_in("08:00", event_id="e"), again]).facts.keys() == {R1, R2}


def test_two_centers_with_the_same_number_have_two_orders_though_it_is_the_same_vehicle():
    ours = [checked_in("08:00", promised="12:00"), quoted("08:30"), handed_off("09:00", amount=200)]
    theirs = [checked_in("07:00", center_id="C2"), handed_off("07:30", center_id="C2", amount=99_999)]
    memory = memory_after([*ours, *theirs])

    assert without_versions(memory.facts) == without_versions(facts_after(*ours) | facts_after(*theirs))
    assert memory.facts[R1]["final_amount"] == "200"
    assert len(memory.notices) == len(memory_after(ours).notices) + len(memory_after(theirs).notices)


def test_a_duplicate_writes_nothing():
    memory = Memory(hold_days=YEARS)
    visit = repaired_visit("brakes")
    memory.take(records_of(visit))

    out = memory.take([(99, event_of(visit[0]))])

    assert (out.journeys, out.hours, out.notices, out.order_changes) == ([], [], [], {})


def test_the_state_is_let_in_only_by_the_batch_not_by_the_book():
    """Two books over the same tables, one after the other, are one book: nothing else is remembered."""
    memory, records = Memory(hold_days=YEARS), records_of(repaired_visit("brakes"))
    for record in records:
        memory.take([record])
        memory.restart()

    assert memory.facts == facts_after(*repaired_visit_of(records))


def repaired_visit_of(records: Records) -> list[Sent]:
    return [fact.model_dump(mode="json", exclude_none=True) for _, fact in records]


# The same result every time


@given(histories(orders=3, longest=24) | endings())
def test_facts_are_what_an_independent_computation_says(history: list[Sent]):
    expected = {name: in_plain_types_too(order) for name, order in orders_of(history, EPOCH).items()}

    assert {name: in_plain_types(fact) for name, fact in memory_after(history).facts.items()} == expected


@a_few
@given(feeds(), CHANCES)
def test_a_dirty_feed_in_any_batches_gives_what_an_independent_computation_says(arrivals: list[Sent], chance: Random):
    memory, orders = memory_after(arrivals, chance), orders_of(arrivals, EPOCH)

    assert {name: in_plain_types(fact) for name, fact in memory.facts.items()} == {
        name: in_plain_types_too(order) for name, order in orders.items()
    }
    assert _counts(memory.center_hours()) == {
        (center, int(hour.timestamp() * 1000)): counts for (center, hour), counts in center_hours_of(orders).items()
    }


def _counts(hours: dict[tuple[str, int], dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    """The hours in which somebody counts, without what the independent computation does not work out."""
    keys = ("center_id", "hour", "partition", "revision", "wait_buckets")
    rows = {key: {name: row[name] for name in row if name not in keys} for key, row in hours.items()}
    return {key: row for key, row in rows.items() if any(row.values())}


@given(histories(orders=3, longest=24), CHANCES)
def test_any_order_of_arrival_any_duplicates_and_any_batches_give_the_same(history: list[Sent], chance: Random):
    arrived = [*history, *chance.choices(history, k=5)]
    chance.shuffle(arrived)

    memory, in_order = memory_after(arrived, chance), memory_after(history)

    assert memory.facts == in_order.facts == facts_after(*history)
    assert _counts(memory.center_hours()) == _counts(in_order.center_hours())


@given(histories(orders=2, longest=16) | endings(), CHANCES)
def test_what_comes_again_under_its_id_and_says_something_else_changes_nothing(history: list[Sent], chance: Random):
    arrived = list(history)
    for event in chance.choices(history, k=3):
        moved_event = {**event, "occurred_at": chance.choice(history)["occurred_at"]}
        arrived.insert(chance.randint(arrived.index(event) + 1, len(arrived)), moved_event)
    memory = Memory(hold_days=YEARS)

    outs = [memory.take(batch) for batch in batches(records_of(arrived), chance)]

    assert memory.facts == memory_after(history).facts
    assert sum(len(out.diverted) for out in outs) == len(contradictions(arrived))


@given(histories(orders=3, longest=20), CHANCES)
def test_versions_grow_with_whatever_changes_a_fact(history: list[Sent], chance: Random):
    chance.shuffle(history)
    memory = Memory(hold_days=YEARS)
    facts: dict[OrderKey, dict[str, Any]] = {}

    for batch in batches(records_of(history), chance):
        for fact in memory.take(batch).journeys:
            before = facts.get(OrderKey.of(fact))
            assert before is None or fact["version"] > before["version"] or fact == before
            facts[OrderKey.of(fact)] = fact


@given(histories(orders=3, longest=20), CHANCES)
def test_revisions_of_an_hour_grow(history: list[Sent], chance: Random):
    memory = Memory(hold_days=YEARS)
    hours: dict[tuple[str, int], int] = {}

    for batch in batches(records_of(history), chance):
        for row in memory.take(batch).hours:
            assert row["revision"] > hours.get((row["center_id"], row["hour"]), -1)
            hours[row["center_id"], row["hour"]] = row["revision"]


@given(histories(orders=2), CHANCES)
def test_the_last_of_all_versions_is_the_one_of_all_events_at_once(history: list[Sent], chance: Random):
    chance.shuffle(history)

    assert memory_after(history, chance).facts == {
        OrderKey.of(fact): fact for fact in journey_facts(map(event_of, history))
    }
