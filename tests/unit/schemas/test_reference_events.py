"""Reference events: what each is about, and what is refused."""

import json
from typing import Any

import pytest

from schemas.decode import EventError
from schemas.reference_events import REFERENCE_DECODER, ReferenceEvent, admit_reference
from tests.kafka_record import KafkaRecord

ENVELOPE = {"event_id": "e1", "occurred_at": "2026-03-02T07:30:00Z"}
SHIFT = ENVELOPE | {
    **{"type": "staff_shift", "center_id": "c1", "staff_id": "t1", "role": "technician", "phase": "planned"},
    **{"starts_at": "2026-03-02T08:00:00+08:00", "ends_at": "2026-03-02T17:00:00+08:00"},
}
GRADE = ENVELOPE | {"type": "staff_grade", "staff_id": "t1", "grade": "senior", "from": "2026-03-01"}
PRICES = ENVELOPE | {"type": "price_list", "valid_from": "2026-04-01", "labour": [], "parts": [], "currency": "CNY"}
STOCK = ENVELOPE | {"type": "stock_level", "center_id": "c1", "part_no": "P1", "on_hand": 3}


def event_of(fields: dict[str, Any]) -> ReferenceEvent:
    return REFERENCE_DECODER.decode(json.dumps(fields).encode())[0]


def refusal_of(fields: dict[str, Any]) -> EventError:
    with pytest.raises(EventError) as refusal:
        event_of(fields)
    return refusal.value


def test_a_shift_as_worked_stands_beside_the_planned_one_and_a_cancelled_one_takes_that_back():
    planned, actual, cancelled = (event_of(SHIFT | {"phase": phase}) for phase in ("planned", "actual", "cancelled"))

    assert planned.natural_key == cancelled.natural_key
    assert planned.natural_key != actual.natural_key


def test_the_same_start_in_another_zone_is_the_same_shift():
    assert event_of(SHIFT).natural_key == event_of(SHIFT | {"starts_at": "2026-03-02T00:00:00Z"}).natural_key


def test_a_shift_that_ends_before_it_starts_is_refused():
    error = refusal_of(SHIFT | {"ends_at": SHIFT["starts_at"]})

    assert error.code == "invalid_field"
    assert "ends_at must lie after starts_at" in error.reason


@pytest.mark.parametrize("from_", ["2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01T08:00:00+08:00"])
def test_a_day_is_its_beginning_in_utc(from_: str):
    assert event_of(GRADE | {"from": from_}).natural_key == event_of(GRADE).natural_key


@pytest.mark.parametrize("from_", ["2026-03-01T00:00:00", "2026-13-01", "1.3.2026", "1767225600", 1767225600, None])
def test_a_day_that_is_none_is_refused(from_: Any):
    assert refusal_of(GRADE | {"from": from_}).code == "invalid_field"


def test_grades_and_price_lists_may_be_of_all_centers_and_then_have_no_key():
    for fields in (GRADE, PRICES):
        for key in (b"", None):
            event, _ = admit_reference(KafkaRecord(json.dumps(fields).encode(), key))
            assert event.center_id is None
        with pytest.raises(EventError, match="key_mismatch"):
            admit_reference(KafkaRecord(json.dumps(fields).encode(), b"c1"))


def test_a_center_that_cannot_be_read_does_not_make_the_event_one_of_all_centers():
    assert refusal_of(GRADE | {"center_id": 17}).code == "invalid_field"


def test_a_number_may_stand_for_a_word():
    assert event_of(GRADE | {"grade": 3}).grade == "3"  # type: ignore[attr-defined]


@pytest.mark.parametrize("on_hand", [-1, "", "many", None, True])
def test_a_stock_is_at_least_nothing(on_hand: Any):
    assert refusal_of(STOCK | {"on_hand": on_hand}).code == "invalid_field"


def test_an_event_of_an_order_is_told_which_types_there_are():
    error = refusal_of(STOCK | {"type": "stock_levels"})

    assert error.code == "unknown_type"
    assert error.reason.endswith("did you mean stock_level?")


def test_an_event_from_the_future_is_refused():
    with pytest.raises(EventError, match="too_far_ahead"):
        admit_reference(KafkaRecord(json.dumps(STOCK).encode(), b"c1", timestamp=1))
