"""The models of the events: what they take, what they refuse, and how exact they are."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.decode import EventError, decode_event, decode_with_extras
from schemas.events import EVENT_TYPES, Diagnosed, Event, HandedOff, QualityChecked
from schemas.times import EPOCH, to_ms
from tests.workshop import QUOTE, Sent, approved, checked_in, handed_off, part, quoted, sent, surveyed


def accepted(event: Sent) -> Event:
    return decode_event(json.dumps(event).encode())


def is_refused(event: Sent) -> bool:
    """Whether something in it is not taken: a required field with the event, an optional one without it."""
    try:
        _, ignored = decode_with_extras(json.dumps(event).encode())
    except EventError as bad:
        assert bad.code in ("invalid_field", "missing_field")
        return True
    return bool(ignored)


# Times


@given(
    st.datetimes(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2299-12-30"), timezones=st.just(UTC)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_milliseconds_are_whole_cut_and_the_same_in_every_zone(moment: datetime, zone: timezone):
    exact = (moment - EPOCH) // timedelta(milliseconds=1)

    assert to_ms(moment) == to_ms(moment.astimezone(zone)) == exact


def test_before_1970_cutting_goes_back_in_time_too():
    assert to_ms(EPOCH - timedelta(microseconds=1)) == -1


@pytest.mark.parametrize(("year", "refused"), [(1899, True), (1900, False), (2299, False), (2300, True)])
def test_only_times_that_clickhouse_can_hold_are_taken(year: int, refused: bool):
    for name in ("occurred_at", "promised_at"):
        assert is_refused(checked_in("08:00", **{name: f"{year}-06-01T00:00:00Z"})) is refused


# Texts and numbers


@pytest.mark.parametrize("name", ["order_id", "vehicle_id", "center_id"])
def test_an_id_has_one_to_sixty_four_characters(name: str):
    assert not is_refused(surveyed("08:00", **{name: "工" * 64}))
    assert is_refused(surveyed("08:00", **{name: "x" * 65}))
    assert is_refused(surveyed("08:00", **{name: ""}))


def test_an_event_id_has_one_to_a_hundred_and_twenty_eight():
    assert not is_refused(surveyed("08:00", event_id="e" * 128))
    assert is_refused(surveyed("08:00", event_id="e" * 129))


@pytest.mark.parametrize(
    ("score", "refused"), [(-1, True), (0, False), (10, False), (11, True), (9.0, False), (9.5, True), ("9", True)]
)
def test_a_score_is_a_whole_number_from_nought_to_ten(score: Any, refused: bool):
    assert is_refused(surveyed("08:00", score=score)) is refused


@pytest.mark.parametrize("quantity", [0, -1, 10**9])
def test_a_quantity_is_more_than_nothing(quantity: int):
    assert is_refused(part("requested", "08:00", quantity=quantity))
    assert not is_refused(part("requested", "08:00", quantity=0.5))


@pytest.mark.parametrize(
    ("amount", "refused"), [(0, False), (-0.01, True), (999_999_999_999.99, False), (10**12, True)]
)
def test_a_price_is_never_negative_and_less_than_a_million_millions(amount: float, refused: bool):
    assert is_refused(approved("08:00", amount=amount)) is refused


@pytest.mark.parametrize(("amount", "refused"), [(-0.01, False), (-999_999_999_999, False), (-(10**12), True)])
def test_what_is_paid_at_the_handoff_may_be_a_credit(amount: float, refused: bool):
    assert is_refused(handed_off("08:00", amount=amount)) is refused


ENDLESS = ["1e-999999", "1e-21", 1e-300, 5e-324]
NO_DECIMALS = ["5 ", " 5", "1_000", "1e", "e3", "５", "٣", "5\n", "", ".", "NaN", "Infinity", "0x10"]


@pytest.mark.parametrize("amount", [*ENDLESS, *NO_DECIMALS])
def test_what_is_no_plain_decimal_number_or_would_be_endless_digits_is_no_amount(amount: Any):
    assert is_refused(handed_off("08:00", amount=amount))
    assert is_refused(part("requested", "08:00", quantity=amount))
    assert is_refused(quoted("08:00", quote=QUOTE | {"labour_hours": amount}))


@pytest.mark.parametrize("amount", ["5", "+5", "05.50", "5.", ".5", "769.90"])
def test_an_amount_may_be_a_string(amount: str):
    event = accepted(handed_off("08:00", amount=amount))

    assert isinstance(event, HandedOff) and event.amount == Decimal(amount)


@pytest.mark.parametrize("amount", [0.1 + 0.2, 19.990000000000002, 1 / 3])
def test_the_noise_of_a_float_is_none(amount: float):
    assert not is_refused(handed_off("08:00", amount=amount))


@pytest.mark.parametrize("amount", [19.99, 0.1, 769.9, 123456.78, 1e-05])
def test_an_amount_is_what_was_written_not_the_nearest_binary_fraction(amount: float):
    event = accepted(handed_off("08:00", amount=amount))

    assert isinstance(event, HandedOff)
    assert event.amount == Decimal(repr(amount))


@given(
    st.decimals(0, 99, places=2),
    st.decimals(0, 999, places=2),
    st.lists(st.tuples(st.integers(1, 9), st.decimals(0, 9999, places=2)), max_size=4),
)
def test_a_quote_comes_to_labour_and_parts_to_the_cent(hours: Decimal, rate: Decimal, parts: list[tuple[int, Decimal]]):
    quote = {
        **{"labour_hours": float(hours), "labour_rate": float(rate), "currency": "CNY"},
        "parts": [{"part_no": "P", "quantity": count, "unit_price": float(price)} for count, price in parts],
    }
    event = accepted(quoted("08:00", quote=quote))

    assert isinstance(event, Diagnosed)
    assert event.quote is not None
    assert event.quote.total() == hours * rate + sum((count * price for count, price in parts), Decimal(0))


@pytest.mark.parametrize("missing", QUOTE)
def test_a_quote_is_whole_or_none(missing: str):
    assert is_refused(quoted("08:00", quote={name: value for name, value in QUOTE.items() if name != missing}))


# Rules of a type


@pytest.mark.parametrize("unsaid", [{}, {"phase": None}], ids=["missing", "null"])
def test_a_quality_check_is_completed_unless_it_says_started(unsaid: dict[str, None]):
    check = accepted(sent("quality_check", "08:00", passed=False, **unsaid))

    assert isinstance(check, QualityChecked)
    assert (check.phase, check.passed) == ("completed", False)


def test_only_a_completed_quality_check_says_whether_it_was_passed():
    assert is_refused(sent("quality_check", "08:00"))
    assert is_refused(sent("quality_check", "08:00", phase="completed", passed=None))
    assert is_refused(sent("quality_check", "08:00", phase=None))
    assert not is_refused(sent("quality_check", "08:00", phase="started"))


@pytest.mark.parametrize(
    "contact", [["sms:+86138"], [{"channel": "sms", "address": "+86138"}], [], None, ["a", {"b": "c"}]], ids=str
)
def test_addresses_are_texts_or_objects_of_texts(contact: Any):
    assert not is_refused(checked_in("08:00", contact=contact))


@pytest.mark.parametrize(
    "contact", ["sms:+86138", [1], [["a"]], [{"a": 1}], ["x" * 513], ["a"] * 21], ids=lambda v: str(v)[:9]
)
def test_other_addresses_are_refused(contact: Any):
    assert is_refused(checked_in("08:00", contact=contact))


@pytest.mark.parametrize(
    ("type_", "fields"),
    [
        ("check_in", {"customer_id": "K", "lane": "express"}),
        ("check_in", {"customer_id": "K", "lane": "quick", "locale": "d"}),
        ("diagnosis", {"phase": "paused"}),
        ("diagnosis", {"phase": "completed", "fault_origin": "other"}),
        ("diagnosis", {"phase": "completed", "fault_groups": "brakes"}),
        ("part_request", {"phase": "started", "request_id": "Q", "part_no": "P", "quantity": 1}),
        ("repair", {"phase": "requested", "job_id": "J"}),
        ("repair", {"phase": "paused", "job_id": "J", "pause_reason": "lunch"}),
        ("complaint", {"category": "wait", "severity": "medium"}),
    ],
)
def test_a_word_that_the_contract_does_not_know_is_refused(type_: str, fields: dict[str, Any]):
    assert is_refused(sent(type_, "08:00", **fields))


# Models


@pytest.mark.parametrize("model", EVENT_TYPES.values(), ids=list(EVENT_TYPES))
def test_an_event_cannot_be_changed(model: type[Event]):
    assert model.model_config["frozen"]
    with pytest.raises(ValidationError):
        accepted(surveyed("08:00")).order_id = "R2"  # type: ignore[misc]


def test_the_registered_name_of_a_type_is_the_one_it_is_told_by():
    assert all(model.model_fields["type"].annotation.__args__ == (name,) for name, model in EVENT_TYPES.items())
