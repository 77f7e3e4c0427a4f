"""State is let go sixty days after the close; what comes after that is too late."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import feed
from tests.histories import CHANCES, a_few
from tests.worker_memory import Memory, Records
from tests.workshop import (
    Sent,
    checked_in,
    complained,
    diagnosed,
    event_of,
    facts_after,
    handed_off,
    ms,
    repair,
    repaired_visit,
    surveyed,
)

# Of another vehicle, so that it only moves the partition's clock.
ELSEWHERE = {"vehicle_id": "V9", "order_id": "R9"}


def record(offset: int, event: Sent) -> Records:
    return [(offset, event_of(event))]


def memory_after(*events: Sent) -> Memory:
    memory = Memory(hold_days=60)
    memory.take(list(enumerate(map(event_of, events))))
    return memory


def clock_at(day: int, clock: str = "11:00:00.001") -> Sent:
    """An event elsewhere that tells what time it is."""
    return checked_in(clock, day, **ELSEWHERE)


def keys(memory: Memory) -> list[str]:
    return sorted(key.decode() for key in memory.tables[0])


def test_sixty_days_after_its_close_nothing_is_kept_of_an_order_but_that_it_was_there():
    memory = memory_after(*repaired_visit("brakes"))
    memory.take(record(10, clock_at(60, "11:00")))
    assert keys(memory) == ['["V1","C1","R1"]', '["V9","C1","R9"]']

    memory.take(record(11, clock_at(60)))

    assert keys(memory) == ['["V9","C1","R9"]']
    assert len(memory.tables[1][b"V1"]) < 100


def test_letting_go_sends_nothing():
    memory = memory_after(*repaired_visit("brakes"))

    out = memory.take(record(10, clock_at(99)))

    assert {fact["order_id"] for fact in out.journeys} == {"R9"}
    assert {(row["center_id"], row["hour"]) for row in out.hours} == {("C1", ms("11:00", 99))}


def test_an_open_order_keeps_all_orders_of_its_vehicle():
    memory = memory_after(*repaired_visit("brakes"), checked_in("08:00", 20, order_id="R2"))

    memory.take(record(10, clock_at(200)))

    assert keys(memory) == ['["V1","C1","R1"]', '["V1","C1","R2"]', '["V9","C1","R9"]']


@pytest.mark.parametrize(
    "late",
    [surveyed("12:00", 3), complained("12:00", 70), repair("started", "10:00"), checked_in("07:00")],
    ids=lambda event: event["type"],
)
def test_whatever_comes_for_an_order_let_go_is_too_late(late: Sent):
    memory = memory_after(*repaired_visit("brakes"), clock_at(61))
    facts, state = dict(memory.facts), dict(memory.tables[0])

    out = memory.take(record(10, late))

    assert (out.diverted, out.outcomes) == ([(10, "too_late")], {"too_late": 1})
    assert (memory.facts, memory.tables[0]) == (facts, state)


def test_a_visit_that_would_have_been_a_comeback_is_too_late_a_later_one_is_not():
    memory = memory_after(*repaired_visit("brakes"), clock_at(61))

    memory.take(record(10, checked_in("10:00", 30, order_id="R2")))
    memory.take(record(11, checked_in("12:00", 30, order_id="R3")))

    assert memory.too_late == [10]
    assert {order.order_id for order in memory.facts} == {"R1", "R3", "R9"}


def test_the_vehicle_itself_comes_back_after_its_orders_were_let_go():
    memory = memory_after(*repaired_visit("brakes"), clock_at(61))

    memory.take(record(10, checked_in("08:00", 62, order_id="R2")))
    memory.take(record(11, diagnosed("09:00", 62, "brakes", order_id="R2")))

    assert memory.facts["R2"]["event_count"] == 2
    assert memory.facts["R1"]["ftf"] is True
    assert memory.too_late == []


def test_history_told_late_is_not_let_go_at_once():
    memory = memory_after(clock_at(365))

    memory.take([(n + 10, event_of(event)) for n, event in enumerate(repaired_visit("brakes"))])
    memory.take(record(20, surveyed("12:00", 3, score=10)))

    assert (memory.facts["R1"]["score"], memory.too_late) == (10, [])


def test_records_read_again_after_their_order_was_let_go_are_not_diverted():
    visit = repaired_visit("brakes")
    memory = memory_after(*visit, clock_at(61))
    facts, rows = dict(memory.facts), dict(memory.center_hours())

    memory.restart()
    out = memory.take(list(enumerate(map(event_of, visit))))

    assert (out.outcomes, out.diverted) == ({"redelivered": 6}, [])
    assert (out.journeys, out.notices) == ([], [])
    assert (memory.facts, memory.center_hours()) == (facts, rows)


def test_a_center_hour_let_go_stays_as_it_was_written_last():
    memory = memory_after(*repaired_visit("brakes"))
    rows = dict(memory.center_hours())

    memory.take(record(10, clock_at(61)))

    assert {key: memory.center_hours()[key] for key in rows} == rows
    assert len(memory.tables[2][f'["C1",{ms("11:00")},0]'.encode()]) < 20


def test_an_event_for_an_hour_let_go_does_not_write_it_as_if_it_were_empty():
    """The hour has been forgotten, so a row made of what is new alone would take away what was there."""
    memory = memory_after(*repaired_visit("brakes"))
    memory.take(record(10, clock_at(61)))
    before = memory.center_hours()["C1", ms("08:00")]

    out = memory.take(record(11, checked_in("08:30", vehicle_id="V5", order_id="R5")))

    assert out.outcomes["hour_let_go"] == 1
    assert memory.center_hours()["C1", ms("08:00")] == before
    assert memory.facts["R5"]["status"] == "open"


def test_an_hour_is_kept_as_long_as_one_of_its_orders():
    """An open order keeps the one before it, which it may yet turn out to be the comeback of."""
    memory = memory_after(*repaired_visit("brakes"), checked_in("08:00", 5, order_id="R2"))
    memory.take(record(10, clock_at(100)))

    memory.take(record(11, diagnosed("09:00", 100, "brakes", order_id="R2")))

    assert memory.facts["R1"]["ftf_cause"] == "comeback"
    assert memory.center_hours()["C1", ms("11:00")]["fixed_first_time"] == 0


def test_the_clock_is_found_again_after_a_restart():
    memory = memory_after(*repaired_visit("brakes"), clock_at(50))
    memory.restart()

    assert memory.state.clock == ms("11:00:00.001", 50)


def test_what_was_due_before_a_restart_is_let_go_after_it():
    memory = memory_after(*repaired_visit("brakes"))
    memory.restart()
    memory.take(record(10, clock_at(61)))

    assert keys(memory) == ['["V9","C1","R9"]']


def test_orders_that_are_gone_have_left_their_versions_behind():
    first, second = repaired_visit("brakes"), repaired_visit("brakes", day=40, order_id="R2")
    memory = memory_after(*first, *second)
    before = memory.facts["R2"]["version"]

    memory.take(record(20, clock_at(61)))
    memory.take(record(21, surveyed("12:00", 62, order_id="R2")))

    assert keys(memory) == ['["V1","C1","R2"]', '["V9","C1","R9"]']
    assert memory.facts["R2"]["version"] == before + 1


@a_few
@given(st.integers(0, 2**20), st.integers(5, 60), CHANCES)
def test_a_year_of_visits_is_told_as_if_nothing_were_ever_let_go(seed: int, size: int, chance: Random):
    """Events are at most ten days late, so sixty days are enough for every fact and every hour."""
    events = feed.clean_events(seed, orders=25, vehicles=4, centers=2, days=360)
    arrivals = [event_of(event) for event in feed.dirty(events, seed)]
    records = list(enumerate(arrivals))
    lasting, forgetful = Memory(hold_days=3650), Memory(hold_days=60)

    for start in range(0, len(records), size):
        batch = records[start : start + size]
        lasting.take(batch)
        forgetful.take(batch)
        if chance.random() < 0.3:
            forgetful.restart()

    late = {arrivals[offset].order for offset in forgetful.too_late}
    assert forgetful.facts_but(late) == lasting.facts_but(late)
    assert len(forgetful.tables[0]) < len(lasting.tables[0])


def test_facts_of_what_is_kept_are_as_ever():
    visit = [checked_in("08:00"), handed_off("09:00")]

    assert memory_after(*visit).facts == facts_after(*visit)
