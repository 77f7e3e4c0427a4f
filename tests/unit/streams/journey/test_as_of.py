"""The figures of a fact run on as those of the whole journey would."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.times import DAY_MS
from streams.journey.as_of import at_instant
from streams.journey.batch import journey_facts
from tests.histories import histories
from tests.workshop import Sent, checked_in, event_of, ms, repair


def facts_at(events: list[Sent], now: int | None) -> list[dict[str, Any]]:
    return list(journey_facts(map(event_of, events), now))


@given(histories(orders=2), st.integers(0, 40 * DAY_MS))
def test_any_journey_runs_on_to_what_it_is_at_that_instant(events: list[Sent], later: int):
    now = ms("08:00") + later

    assert [at_instant(fact, now) for fact in facts_at(events, None)] == facts_at(events, now)


def test_a_wait_for_a_bay_grows_second_by_second():
    (fact,) = facts_at([checked_in("08:00"), repair("started", "08:10")], None)

    later = at_instant(fact, ms("08:25"))

    assert (later["repair_s"], later["touch_s"], later["lead_s"], later["wait_s"]) == (900, 900, 1500, 600)


def test_a_clock_that_is_behind_takes_nothing_back():
    (fact,) = facts_at([checked_in("08:00"), repair("started", "08:10")], None)

    assert at_instant(fact, ms("08:05")) == fact
