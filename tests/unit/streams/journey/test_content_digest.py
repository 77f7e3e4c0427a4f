"""A second event under an id is a duplicate where it says the same, and a conflict wherever it does not."""

from datetime import timedelta, timezone
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given

from schemas.decode import decode_event
from schemas.times import EPOCH
from streams.journey.content_digest import LENGTH, content_digest
from streams.journey.entries import entry_of
from streams.journey.merge import merge_orders
from streams.journey.order import Order
from tests.histories import CHANCES, histories
from tests.paths import ROOT
from tests.workshop import R1, Sent, checked_in, event_of, handed_off, quoted, repair, sent, surveyed

EXAMPLES = {path.stem: orjson.loads(path.read_bytes()) for path in (ROOT / "tests/examples").glob("*.json")}
ENVELOPE = {"event_id", "type", "order_id", "vehicle_id", "center_id", "occurred_at"}
# Who a check-in is about is compared in its entry.
IN_THE_ENTRY = {("check_in", "customer_id"), ("check_in", "contact")}


def outcome(first: Sent, second: Sent) -> str:
    """What the second event is in an order that has the first one, read again from its bytes in between."""
    order = Order(R1)
    order.apply(entry_of(event_of(first)), 0, content_digest(event_of(first)))
    again = event_of(second)
    return Order(R1, order.state()).apply(entry_of(again), 1, content_digest(again))[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (repair("started", "09:00", technician_id="t1"), {"technician_id": "t2"}),
        (surveyed("12:00", comment="kind people"), {"comment": "nobody there"}),
        (surveyed("12:00", scores={"price": 3}), {"scores": {"price": 4}}),
        (surveyed("12:00", comment="sealed:key.one"), {"comment": "sealed:key.two"}),
        (handed_off("12:00", odometer_km=100), {"odometer_km": 101}),
        (quoted("09:00"), {"fault_codes": ["P0301"]}),
        (checked_in("08:00", vehicle_label="沪A··345"), {"vehicle_label": "沪A··346"}),
        (sent("expert", "09:00", phase="requested", session_id="s1"), {"phase": "joined"}),
    ],
)
def test_what_the_rules_do_not_need_contradicts_too(first: Sent, second: dict[str, Any]):
    event = {**first, "event_id": "e1"}

    assert outcome(event, {**event, **second}) == "conflict"
    assert outcome(event, event) == "duplicate"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (surveyed("12:00", comment="kind people"), {"comment": "sealed:key.one"}),
        (surveyed("12:00", comment="sealed:key.one"), {"comment": "sealed:other.two"}),
    ],
)
def test_texts_of_two_forms_cannot_be_compared(first: Sent, second: dict[str, Any]):
    event = {**first, "event_id": "e1"}

    assert outcome(event, {**event, **second}) == "duplicate"


@given(histories(), CHANCES)
def test_an_event_written_another_way_is_a_duplicate(history: list[Sent], chance: Random):
    """Another order of keys, other blanks, an offset of its own, null for absent, and what nobody reads."""
    for event in history:
        order, first = Order(R1), event_of(event)
        order.apply(entry_of(first), 0, content_digest(first))
        items = [*orjson.loads(orjson.dumps(event)).items(), ("sent_at", chance.random())]
        chance.shuffle(items)
        fields = {name: elsewhere(text) if name in ("occurred_at", "promised_at") else text for name, text in items}
        again = decode_event(orjson.dumps(fields, option=orjson.OPT_INDENT_2))

        assert order.apply(entry_of(again), 1, content_digest(again)) == ("duplicate", [])


def elsewhere(stamp: str | None) -> str | None:
    """The same instant in another time zone."""
    event = event_of(checked_in("08:00") | ({} if stamp is None else {"occurred_at": stamp}))
    return stamp and event.occurred_at.astimezone(timezone(timedelta(hours=-5))).isoformat()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_field_of_every_example_counts(name: str):
    example = EXAMPLES[name]
    event = event_of(example)
    for field in example.keys() - ENVELOPE:
        changed = event.model_copy(update={field: None if getattr(event, field) else "another"})
        if (example["type"], field) not in IN_THE_ENTRY:
            assert content_digest(changed) != content_digest(event), field


def test_a_digest_is_short_and_an_order_that_has_none_yet_compares_as_before():
    first = {**repair("started", "09:00", technician_id="t1"), "event_id": "e1"}
    order, entry = Order(R1), entry_of(event_of(first))
    order.apply(entry, 0)

    assert len(content_digest(event_of(first))) == LENGTH == 8
    older = b"\n".join([orjson.dumps([0, [], None]), *order.state().split(b"\n")[1:]])
    contradicted = content_digest(event_of({**first, "technician_id": "t2"}))
    assert Order(R1, older).apply(entry, 1, contradicted)[0] == "duplicate"


def test_a_merged_order_still_knows_what_its_events_said():
    events = [{**repair("started", clock, technician_id="t1"), "event_id": clock} for clock in ("09:00", "10:00")]
    states = []
    for event in events:
        order = Order(R1)
        order.apply(entry_of(event_of(event)), 0, content_digest(event_of(event)))
        states.append(order.state())
    for event in events:
        contradicted = event_of({**event, "technician_id": "t2"})
        merged = Order(R1, merge_orders(*states))

        assert merged.apply(entry_of(contradicted), 5, content_digest(contradicted))[0] == "conflict"


def test_instants_count_by_their_millisecond():
    later = EPOCH + timedelta(milliseconds=1)
    booked = [event_of(sent("appointment", "08:00", phase="booked", starts_at=at.isoformat())) for at in (EPOCH, later)]

    assert content_digest(booked[0]) != content_digest(booked[1])
