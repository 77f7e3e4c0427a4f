"""A worker that dies: what it had written is partly lost, what it had read it reads again, and all ends the same.

Outputs are acknowledged before the first change of a batch is logged, so what was sent stays sent. Of the changes any
part may have reached the log: the tables are logged side by side.
"""

from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.order_key import OrderKey
from streams.journey.order import Order
from streams.journey.vehicle import Vehicle
from tests import feed
from tests.histories import CHANCES, a_few, feeds, histories
from tests.worker_memory import Memory, Records
from tests.workshop import (
    R1,
    Sent,
    called_off,
    checked_in,
    event_of,
    facts_after,
    handed_off,
    ms,
    repaired_visit,
    surveyed,
)

YEARS = 3650


def records_of(events: list[Sent]) -> Records:
    return list(enumerate(map(event_of, events)))


def undisturbed(records: Records, size: int) -> Memory:
    memory = Memory(hold_days=YEARS)
    for start in range(0, len(records), size):
        memory.take(records[start : start + size])
    return memory


def killed_again_and_again(records: Records, size: int, chance: Random) -> Memory:
    """The same, but the process dies at times; it goes on where the lost batch began or some records before that.

    What has come meanwhile makes its batches larger.
    """
    memory = Memory(hold_days=YEARS)
    start = deaths = 0
    while start < len(records):
        memory.take(records[start : start + size])
        if deaths < 5 and chance.random() < 0.4:
            deaths += 1
            memory.crash(chance)
            start = max(0, start - chance.choice((0, 0, 1, size)))
            size += chance.choice((0, 1, size))
            continue
        start += size
    return memory


def state_of(memory: Memory) -> Any:
    """What the tables say, but for marks of when and in what order something was written."""
    orders, vehicles, hours = memory.tables
    return (
        {key: sorted(map(str, Order(R1, state).entries())) for key, state in orders.items()},
        {key: sorted(map(str, Order(R1, state).hours)) for key, state in orders.items()},
        {key: sorted(map(str, Vehicle("V", state).digests())) for key, state in vehicles.items()},
        {key: sorted(counted_in(state).items()) for key, state in hours.items()},
    )


def counted_in(state: bytes) -> dict[str, Any]:
    """What each order adds to an hour; one that has left it adds nothing."""
    return {name: added for name, (_, added) in orjson.loads(state)[1].items() if added is not None}


def rows_of(memory: Memory) -> Any:
    return {
        key: {name: value for name, value in row.items() if name != "revision"}
        for key, row in memory.center_hours().items()
    }


@given(histories(orders=3, longest=24), st.integers(1, 6), CHANCES)
def test_after_any_deaths_all_is_as_after_a_quiet_run(history: list[Sent], size: int, chance: Random):
    records = records_of([*history, *chance.choices(history, k=4)])
    quiet, killed = undisturbed(records, size), killed_again_and_again(records, size, chance)

    assert killed.facts == quiet.facts == facts_after(*history)
    assert rows_of(killed) == rows_of(quiet)
    assert state_of(killed) == state_of(quiet)
    assert killed.notices >= quiet.notices


@a_few
@given(feeds(), st.integers(5, 40), CHANCES)
def test_a_dirty_feed_survives_it(arrivals: list[Sent], size: int, chance: Random):
    records = records_of(arrivals)
    quiet, killed = undisturbed(records, size), killed_again_and_again(records, size, chance)

    assert killed.facts == quiet.facts
    assert rows_of(killed) == rows_of(quiet)
    assert state_of(killed) == state_of(quiet)


@given(histories(orders=3, longest=24), st.integers(1, 6), CHANCES)
def test_what_is_sent_again_has_the_version_of_what_it_says(history: list[Sent], size: int, chance: Random):
    """A version stands for one content, even when it was sent before a crash and again after it."""
    facts: dict[tuple[OrderKey, int], Any] = {}

    for fact in killed_again_and_again(records_of(history), size, chance).sent:
        assert facts.setdefault((OrderKey.of(fact), fact["version"]), fact) == fact


@given(histories(orders=2, longest=16), CHANCES)
def test_reading_everything_again_changes_nothing(history: list[Sent], chance: Random):
    records = records_of(history)
    memory = undisturbed(records, 3)
    facts, rows, state = memory.facts, rows_of(memory), state_of(memory)

    memory.restart()
    memory.take(records[chance.randint(0, len(records) - 1) :])

    assert (memory.facts, rows_of(memory), state_of(memory)) == (facts, rows, state)


def test_a_write_lost_for_the_hours_alone_is_repaired_by_the_records_read_again():
    records = records_of(repaired_visit("brakes"))
    memory = undisturbed(records, 6)
    memory.crash_with_only("orders", "vehicles")

    memory.take(records)

    assert rows_of(memory) == rows_of(undisturbed(records, 6))


def test_a_write_lost_for_the_vehicle_alone_is_repaired_too():
    visits = [*repaired_visit("brakes"), *repaired_visit("brakes", day=5, order_id="R2")]
    memory = undisturbed(records_of(visits), 12)
    memory.crash_with_only("orders", "hours")

    memory.take(records_of(visits))

    assert memory.facts["R1"]["comeback_order_id"] == "R2"
    assert memory.tables[1] == undisturbed(records_of(visits), 12).tables[1]


def test_an_order_that_moved_leaves_its_old_hour_even_when_that_was_lost():
    memory = undisturbed(records_of([checked_in("09:00")]), 1)
    moved = [(1, event_of(checked_in("08:00")))]
    memory.take(moved)
    memory.crash_with_only("orders", "vehicles")
    memory.take(moved)

    memory.take([(2, event_of(checked_in("09:30", order_id="R2", vehicle_id="V2")))])

    assert memory.center_hours()["C1", ms("09:00")]["check_ins"] == 1


@pytest.mark.parametrize(
    ("moving", "hours"),
    [
        (checked_in("08:00"), {"08:00": 1, "09:00": 0, "11:00": 0}),
        (called_off("12:00", reason="vehicle_corrected"), {"09:00": 0, "11:00": 0}),
    ],
    ids=["to an earlier check-in", "to another vehicle"],
)
def test_an_hour_that_was_sent_before_a_crash_is_left_by_an_order_that_moved_since(moving: Sent, hours: dict[str, int]):
    """The events before it were a batch of their own then, of which nothing was kept; now all of them are one."""
    records = records_of([checked_in("09:00"), handed_off("11:00"), moving])
    memory = undisturbed(records[:2], 2)
    memory.crash_with_only()

    memory.take(records)

    rows = memory.center_hours()
    assert {hour: rows["C1", ms(hour)]["check_ins"] for hour in hours} == hours


# With state being let go


def let_go_in_one_batch_with(event: Sent) -> tuple[Memory, Records]:
    """A visit weeks ago, and a batch that brings something for it and then, from elsewhere, a time to let it go."""
    memory = Memory(hold_days=60)
    memory.take(records_of(repaired_visit("brakes")))
    return memory, [(10, event_of(event)), (11, event_of(checked_in("12:00", 60, order_id="R9", vehicle_id="V9")))]


@pytest.mark.parametrize(
    "logged", [("orders",), ("vehicles",), ("orders", "hours"), ("vehicles", "hours"), ()], ids=str
)
def test_an_order_let_go_in_the_lost_batch_is_not_begun_anew(logged: tuple[str, ...]):
    memory, batch = let_go_in_one_batch_with(surveyed("12:00", 40, score=3))
    memory.take(batch)
    facts, rows = dict(memory.facts), rows_of(memory)

    memory.crash_with_only(*logged)
    memory.take(batch)
    memory.take([(12, event_of(surveyed("12:00", 61, order_id="R9", vehicle_id="V9")))])

    assert memory.facts[R1] == facts[R1]
    assert rows_of(memory) == rows
    assert [fact["event_count"] for fact in memory.sent if fact["order_id"] == "R1"] == sorted(
        fact["event_count"] for fact in memory.sent if fact["order_id"] == "R1"
    )
    assert memory.too_late == []
    assert [key for key in memory.tables[0] if b"R1" in key] == []


def test_what_is_let_go_is_deleted_from_the_log_in_the_end():
    memory, batch = let_go_in_one_batch_with(surveyed("12:00", 40))
    memory.take(batch)
    memory.crash_with_only("vehicles")

    for offset in (12, 13, 14):
        memory.take([(offset, event_of(surveyed("12:00", 61, order_id="R9", vehicle_id="V9")))])

    assert [key for key in memory.log[0] if b"R1" in key] == []


@a_few
@given(st.integers(0, 2**20), st.integers(5, 60), CHANCES)
def test_a_year_of_visits_survives_it(seed: int, size: int, chance: Random):
    """Only when state was let go may differ a little, and so what comes at that very moment."""
    events = feed.clean_events(seed, orders=25, vehicles=4, centers=2, days=360)
    arrivals = feed.dirty(events, seed)
    records = records_of(arrivals)
    quiet, killed = Memory(hold_days=60), Memory(hold_days=60)
    for start in range(0, len(records), size):
        batch = records[start : start + size]
        quiet.take(batch)
        killed.take(batch)
        if chance.random() < 0.3:
            killed.crash(chance)
            killed.take(batch)

    late = {event_of(arrivals[offset]).order for offset in (*quiet.too_late, *killed.too_late)}
    assert killed.facts_but(late) == quiet.facts_but(late)


def test_a_record_met_again_is_told_from_a_duplicate():
    records = records_of([checked_in("08:00"), surveyed("09:00"), handed_off("10:00")])
    memory = undisturbed(records, 3)

    again = memory.take(records)
    duplicate = memory.take([(77, records[1][1])])

    assert again.outcomes == {"redelivered": 3}
    assert duplicate.outcomes == {"duplicate": 1}
