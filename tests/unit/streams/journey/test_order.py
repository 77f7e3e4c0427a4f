"""An order's state: the set of its events, whatever way they came, in bytes that recover exactly."""

from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import orjson
from hypothesis import given

from streams.journey.entries import Entry, HandoffEntry, decode_entry, entry_of
from streams.journey.facts import journey_fact
from streams.journey.first_time_fix import NOT_JUDGED
from streams.journey.order import Order
from streams.journey.packed_state import plain_state
from streams.journey.visit import Visit, fold
from tests.histories import CHANCES, histories
from tests.workshop import (
    R1,
    Sent,
    checked_in,
    complained,
    diagnosis_started,
    entries_of,
    event_of,
    handed_off,
    order_of,
    part,
    quoted,
    repair,
    repaired_visit,
    sent,
    surveyed,
)


def facts(visit: Visit) -> dict[str, Any]:
    """All that a visit says of itself."""
    return journey_fact(R1, "V1", visit, NOT_JUDGED, 0)


def by_time(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.at, entry.event_id))


# How an event is taken


def test_a_survey_of_an_order_closed_before_is_not_late():
    arrived, closed, survey, older = entries_of(
        [checked_in("08:00"), handed_off("09:00"), surveyed("12:00"), surveyed("11:00")]
    )
    order = Order(R1, order_of([arrived, closed]).state())

    assert order.apply(survey, 3)[0] == "new"
    assert Order(R1, order.state()).apply(older, 4)[0] == "late"


def test_an_event_newer_than_all_before_is_new_and_an_older_one_late():
    order = Order(R1)
    first, second, third = entries_of([checked_in("08:00"), repair("started", "09:00"), diagnosis_started("08:30")])

    assert [order.apply(entry, 0)[0] for entry in (first, second, third)] == ["new", "new", "late"]


def test_the_same_event_once_more_is_a_duplicate_and_another_under_its_id_a_conflict():
    order = order_of(entries_of(repaired_visit()))
    before = order.state()
    again, contradicted = entries_of([checked_in("08:00", event_id="e1"), checked_in("09:00", event_id="e1")])

    assert order.apply(again, 7)[0] in ("new", "late")
    assert order.apply(again, 8) == ("duplicate", [])
    assert order.apply(contradicted, 9) == ("conflict", [])
    assert order.visit.count == Order(R1, before).visit.count + 1


def test_a_quote_of_a_version_that_knew_no_names_in_it_is_the_same_quote():
    (entry,), (second,) = entries_of([quoted("09:00", event_id="e1")]), entries_of([quoted("09:01", event_id="e1")])
    header, line = plain_state(order_of([entry]).state()).split(b"\n")
    quote = orjson.loads(line)
    index = next(number for number, item in enumerate(quote) if isinstance(item, list) and "769.9" in item)
    total, hours, rate, currency, parts, _ = quote[index]
    quote[index] = [total, hours, rate, currency, [part[:3] for part in parts]]
    order = Order(R1, header + b"\n" + orjson.dumps(quote))

    assert order.apply(entry, 2) == ("duplicate", [])
    assert order.apply(second, 3) == ("conflict", [])


def test_what_counts_is_the_first_event_accepted_under_an_id():
    early, late = surveyed("12:00", event_id="e1", score=3), surveyed("12:00", event_id="e1", score=10)

    assert facts(order_of(entries_of([early, late])).visit)["score"] == 3
    assert facts(order_of(entries_of([late, early])).visit)["score"] == 10


def test_an_id_is_found_only_where_it_is_the_id_of_an_event():
    tricky = 'e1\n["e2",'
    order = order_of(entries_of([complained("08:00", event_id=tricky, category='["e3",\n["e3",'), surveyed("09:00")]))

    assert order.has(tricky)
    assert not any(order.has(event_id) for event_id in ("e", "e1", "e2", "e3", '"', ""))


def test_the_offset_is_that_of_the_newest_record_that_brought_something():
    order, (entry,) = Order(R1), entries_of([checked_in("08:00")])

    order.apply(entry, 40)
    order.apply(entry, 90)

    assert order.offset == 40


# Bytes


def test_an_open_order_keeps_its_running_visit_and_a_closed_one_only_its_events():
    visit = entries_of(repaired_visit())
    open_header, closed_header = (
        orjson.loads(plain_state(order_of(entries).state()).split(b"\n")[0]) for entries in (visit[:-1], visit)
    )

    assert msgspec.convert(open_header[2], Visit) == fold(visit[:-1])
    assert closed_header[2] is None


def test_state_is_lines_of_json_in_order_of_arrival():
    late_first = entries_of([handed_off("09:00", event_id="b"), checked_in("08:00", event_id="a")])
    header, *lines = plain_state(order_of(late_first).state()).split(b"\n")

    assert orjson.loads(header)[0] == 1
    assert [decode_entry(line) for line in lines] == late_first
    assert [orjson.loads(line)[0] for line in lines] == ["b", "a"]
    assert order_of(late_first).entries() == late_first


@given(histories())
def test_an_order_read_from_its_bytes_is_the_same(history: list[Sent]):
    order = order_of(entries_of(history))
    order.hours = [("C1", 1_772_438_400_000)]

    again = Order(R1, order.state())

    assert (again.offset, again.hours, again.entries()) == (order.offset, order.hours, order.entries())
    assert facts(again.visit) == facts(order.visit)
    assert Order(R1, again.state()).state() == again.state()


@given(histories())
def test_what_is_kept_of_events_and_visits_is_json_normal(history: list[Sent]):
    entries = entries_of(history)
    visit = fold(entries)

    assert [decode_entry(msgspec.json.encode(entry)) for entry in entries] == entries
    assert msgspec.json.decode(msgspec.json.encode(visit), type=Visit) == visit


def test_money_keeps_every_digit_and_equal_amounts_are_equal():
    amounts = ["12.50", "12.5", 12.5, "1E+2", 100, "0.1", 123456789.01]
    entries = [entry_of(event_of(handed_off("09:00", amount=amount))) for amount in amounts]
    digits = [entry.amount for entry in entries if isinstance(entry, HandoffEntry)]

    assert digits == ["12.5", "12.5", "12.5", "100", "100", "0.1", "123456789.01"]


# Laws


@given(histories(), CHANCES)
def test_the_order_of_arrival_duplicates_and_restarts_change_no_fact(history: list[Sent], chance: Random):
    arrivals = [*history, *chance.choices(history, k=3)]
    chance.shuffle(arrivals)
    order = Order(R1)
    for offset, entry in enumerate(entries_of(arrivals)):
        order.apply(entry, offset)
        if chance.random() < 0.3:
            order = Order(R1, order.state())

    assert facts(order.visit) == facts(fold(entries_of(history)))


@given(histories())
def test_the_fast_path_gives_what_the_fold_of_all_events_gives(history: list[Sent]):
    entries = by_time(entries_of(history))
    visit = Visit()
    for number, entry in enumerate(entries, 1):
        if not visit.can_advance(entry):
            visit = fold(entries[:number])
            continue
        visit.advance(entry)

        assert facts(visit) == facts(fold(entries[:number]))


@given(histories())
def test_the_fast_path_takes_all_that_comes_in_order_of_time_but_a_check_in_behind_a_close(history: list[Sent]):
    entries = by_time(entries_of([checked_in("07:59"), *history]))
    visit = Visit()

    for entry in entries:
        assert visit.can_advance(entry)
        visit.advance(entry)


@given(histories())
def test_what_is_not_newer_than_all_before_is_never_taken_fast(history: list[Sent]):
    entries = by_time(entries_of(history))
    visit = fold(entries)

    assert not any(visit.can_advance(entry) for entry in entries)


def test_a_check_in_behind_a_handoff_opens_the_visit_again():
    order = order_of(entries_of([handed_off("07:00"), checked_in("08:00"), part("requested", "08:10")]))

    assert (order.visit.closed_at, order.visit.activity) == (None, "parts")


@given(histories(longest=20))
def test_lead_is_the_sum_of_its_parts(history: list[Sent]):
    fact = facts(fold(entries_of(history)))
    if fact["lead_s"] is None:
        return
    to_ms = {name: round(fact[name] * 1000) for name in fact if name.endswith("_s")}
    waits = sum(to_ms[f"wait_{name}_s"] for name in ("reception", "approval", "parts", "bay"))
    touch = sum(to_ms[f"{name}_s"] for name in ("repair", "diagnosis", "quality"))

    assert to_ms["wait_s"] == waits
    assert to_ms["touch_s"] == touch
    assert to_ms["lead_s"] == waits + touch + to_ms["pickup_s"]
    assert to_ms["lead_s"] == (fact["closed_at"] or fact["last_event_at"]) - fact["checked_in_at"]
    assert to_ms["lead_s"] == sum(
        (stage["ended_at"] or fact["last_event_at"]) - stage["started_at"] for stage in fact["stages"]
    )


@given(histories(longest=20))
def test_stages_follow_each_other_without_a_gap_and_no_two_alike(history: list[Sent]):
    fact = facts(fold(entries_of(history)))
    stages = fact["stages"]
    pairs = list(pairwise(stages))

    assert all(stage["ended_at"] == next_["started_at"] for stage, next_ in pairs)
    assert all(stage["activity"] != next_["activity"] for stage, next_ in pairs)
    assert sum(stage["activity"] == "pickup" for stage in stages) <= 1
    assert (fact["status"] == "open" and fact["checked_in_at"] is not None) == (fact["activity"] is not None)


def test_of_what_is_personal_only_the_addresses_for_notices_are_kept_and_no_fact_shows_them():
    milestones = [
        checked_in("08:00", contact=["sms:canary", {"channel": "wechat", "address": "canary"}, {"note": "nowhere"}]),
        surveyed("10:00", comment="secret comment", customer_name="secret name"),
        quoted("11:00", technician_id="secret technician"),
        sent("cancellation", "12:00", reason="secret reason"),
    ]
    order = order_of(entries_of(milestones))

    assert order.visit.contact == ["sms:canary", "wechat:canary"]
    assert b"secret" not in plain_state(order.state())
    assert b"canary" not in orjson.dumps(facts(order.visit))
