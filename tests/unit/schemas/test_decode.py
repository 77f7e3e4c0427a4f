"""From the bytes of a record to an event, or to a code and a reason in which nothing of the bytes is repeated."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decode import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_TOKENS,
    EventError,
    admit,
    decode_event,
    decode_with_extras,
    text_field,
)
from schemas.events import Surveyed
from tests.bad_records import POISON, poison, poison_code, poison_key
from tests.kafka_record import PRODUCED_MS, KafkaRecord, record_of
from tests.unit.schemas.decoding import ORDERED, SURVEY, bytes_of, code_of, refusal

# What is taken


def test_plain_json():
    event = decode_event(bytes_of(SURVEY))

    assert isinstance(event, Surveyed)
    assert (event.score, event.occurred_at) == (9, datetime(2026, 3, 2, 8, tzinfo=UTC))


def test_a_content_type_of_json_changes_nothing():
    assert decode_event(bytes_of(SURVEY), [("content-type", b"application/json")]) == decode_event(bytes_of(SURVEY))


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-03-02T08:00:00Z",
        "2026-03-02T08:00:00.000000Z",
        "2026-03-02t08:00:00z",
        "2026-03-02T16:00:00+08:00",
        "2026-03-02T04:30:00-03:30",
        "2026-03-01T18:00:00.0-14:00",
    ],
)
def test_every_form_of_a_time_with_offset(stamp: str):
    assert decode_event(bytes_of(SURVEY | {"occurred_at": stamp})).occurred_at == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "stamp",
    [
        *("2026-03-02T08:00:00", "2026-03-02", "1772438400", "1772438400000", "08:00:00Z", "", "now"),
        *("2026-13-02T08:00:00Z", "2026-02-29T08:00:00Z", "2026-03-02T25:00:00Z", "1899-12-31T23:59:59Z"),
        *("2299-12-31T00:00:00Z", "9999-12-31T23:59:59Z", 1_772_438_400, 1.5e9, None, [], {}),
    ],
)
def test_what_is_no_time_with_offset_is_refused(stamp: Any):
    assert code_of(SURVEY | {"occurred_at": stamp}) == "invalid_field"


def test_words_of_any_script_and_of_any_length_up_to_the_limit():
    event = decode_event(bytes_of(SURVEY | {"order_id": "工单🔧" * 16, "comment": "等" * 16_384}))

    assert event.order_id == "工单🔧" * 16


def test_a_byte_order_mark_is_no_content():
    marked = b"\xef\xbb\xbf" + bytes_of(SURVEY)

    assert decode_event(marked) == decode_event(bytes_of(SURVEY))
    assert text_field(marked, "vehicle_id") == "V1"


@pytest.mark.parametrize(("number", "score"), [("9.0", 9), ("9", 9), ("9e0", 9), ("0.0", 0), ("10.0", 10)])
def test_a_whole_number_may_be_written_with_a_fraction_of_zero(number: str, score: int):
    event = decode_event(bytes_of(SURVEY | {"score": "?"}).replace(b'"?"', number.encode()))

    assert isinstance(event, Surveyed)
    assert (event.score, type(event.score)) == (score, int)


@pytest.mark.parametrize("number", ["9.5", "10.5", "11.0", "-1.0", "true"])
def test_what_is_no_whole_number_of_the_scale_is_refused(number: str):
    assert refusal(bytes_of(SURVEY | {"score": "?"}).replace(b'"?"', number.encode())).code == "invalid_field"


@pytest.mark.parametrize("name", ["order_id", "vehicle_id", "center_id"])
@pytest.mark.parametrize("character", ["\n", "\x00", "\x1f", "\x7f", "\x85"], ids=ascii)
def test_a_control_character_in_an_id_is_refused(name: str, character: str):
    assert code_of(SURVEY | {name: f"R{character}1"}) == "invalid_field"
    assert code_of(SURVEY | {name: f"R1{character}"}) == "invalid_field"


# An optional field that cannot be read


CHECK_IN = {name: value for name, value in SURVEY.items() if name != "score"} | {
    **{"type": "check_in", "customer_id": "K1", "lane": "quick"},
    **{"odometer_km": 12_000, "promised_at": "2026-03-02T17:00:00+08:00"},
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("promised_at", "9999-01-01T00:00:00Z"),
        ("promised_at", "tomorrow"),
        ("promised_at", "1700000000"),
        ("odometer_km", ""),
        ("odometer_km", -1),
        ("locale", "!"),
        ("contact", [["canary"]]),
    ],
)
def test_an_optional_field_that_cannot_be_read_costs_that_field_and_is_named(name: str, value: Any):
    spoilt = bytes_of(CHECK_IN | {name: value, "plate": "x"})

    event, ignored = decode_with_extras(spoilt)

    assert set(ignored) == {name, "plate"}
    assert event == decode_event(bytes_of(CHECK_IN | {name: None}))


def test_several_unreadable_fields_are_named_each():
    spoilt = CHECK_IN | {"promised_at": "soon", "odometer_km": "?", "locale": 7}

    assert set(decode_with_extras(bytes_of(spoilt))[1]) == {"promised_at", "odometer_km", "locale"}


def test_a_required_field_is_never_done_without():
    bad = refusal(bytes_of(CHECK_IN | {"lane": "express", "promised_at": "soon"}))

    assert bad.code == "invalid_field"


def test_a_phase_that_nobody_knows_is_refused_although_it_may_be_left_out():
    check = {**SURVEY, "type": "quality_check", "phase": "paused", "passed": True}

    assert refusal(bytes_of(check)).reason.startswith("phase: ")


def test_a_completed_check_does_not_do_without_its_result():
    assert code_of({**SURVEY, "type": "quality_check", "passed": "yes"}) == "invalid_field"


# CloudEvents


# Limits


def test_a_record_up_to_the_limit_of_size_is_read():
    filler = "x" * (MAX_BYTES - len(bytes_of(SURVEY | {"x": ""})))

    assert decode_event(bytes_of(SURVEY | {"x": filler})).event_id == "e1"
    assert code_of(SURVEY | {"x": filler + "x"}) == "too_large"
    assert refusal(bytes_of(SURVEY), max_bytes=100).code == "too_large"


@pytest.mark.parametrize(("levels", "is_taken"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False)])
def test_nesting_up_to_the_limit_of_depth(levels: int, is_taken: bool):
    nested: Any = 0
    for _ in range(levels):
        nested = [nested]
    value = bytes_of(SURVEY | {"x": nested})

    if is_taken:
        assert decode_event(value).event_id == "e1"
    else:
        assert refusal(value).code == "too_deep"


def test_brackets_and_commas_inside_a_text_are_no_nesting():
    comment = '[{"a":' * 100 + "\\" + ',:"' * 1000

    assert decode_event(bytes_of(SURVEY | {"comment": comment})).comment == comment


def test_many_values_are_refused_before_they_are_read():
    assert code_of(SURVEY | {"x": [0] * (MAX_TOKENS + 1)}) == "too_many_tokens"
    assert decode_event(bytes_of(SURVEY | {"x": [0] * (MAX_TOKENS - 100)})).event_id == "e1"


def test_ten_thousand_open_brackets_end_in_a_refusal_not_in_the_stack():
    assert refusal(b"[" * 10_000).code == "too_deep"
    assert refusal(b'{"a":' * 10_000).code == "too_deep"


HOSTILE = {
    "a text of escaped quotes without end": (b'{"a":' * 40 + b'"\\"' * 80_000, "too_deep"),
    "the same within the depth": (b'{"x":[%s],"a":' % b",".join([b"{}"] * 40) + b'"\\"' * 80_000, "not_json"),
    "commas in it": (b'["' + b'\\",' * 60_000, "not_json"),
    "brackets in pairs": (b"[" + b"[]," * 80_000 + b"0]", "too_many_tokens"),
    "quotes alone": (b'"' * 200_000, "not_json"),
    "quotes and blanks": (b'{"a" ' + b'" ' * 100_000, "not_json"),
    "digits that are no number": (bytes_of(ORDERED | {"quantity": "1" * 200_000 + "x"}), "invalid_field"),
    "a number of many digits": (bytes_of(ORDERED | {"quantity": "1" * 200_000}), "invalid_field"),
    "many digits after the point": (bytes_of(ORDERED | {"quantity": "1." + "1" * 200_000 + "."}), "invalid_field"),
}


@pytest.mark.parametrize("pattern", HOSTILE)
def test_no_bytes_within_the_limit_of_size_hold_a_worker_up(pattern: str):
    value, code = HOSTILE[pattern]
    began = time.process_time()

    assert refusal(value).code == code
    # Each takes milliseconds; a rule that looks at a byte as often as there are bytes would take minutes.
    assert time.process_time() - began < 5


# JSON


@pytest.mark.parametrize(
    "repeated", [b'"score": 9, "score": 9', b'"score": 9, "scor\\u0065": 1', b'"x": {"a": 1, "a": 2}, "score": 9']
)
def test_an_object_that_repeats_a_key_is_refused(repeated: bytes):
    assert refusal(bytes_of(SURVEY).replace(b'"score": 9', repeated)).code == "duplicate_key"


@pytest.mark.parametrize(
    "comment", ['"score": 1', '\\"score\\": 1', 'a":', '\\":\\', '":', "\\", '"score": 1, "score": 2', "\n:"]
)
def test_a_text_that_looks_like_keys_repeats_none(comment: str):
    assert decode_event(bytes_of(SURVEY | {"comment": comment})).comment == comment


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "0x10", "01", "+1", "1."]
)
@pytest.mark.parametrize("field", ["score", "unknown"])
def test_what_json_does_not_call_a_number_is_none(number: str, field: str):
    value = bytes_of(SURVEY | {field: "?"}).replace(b'"?"', number.encode())

    assert refusal(value).code == "not_json"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "tombstone"),
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"a": "\xc3"}', "not_utf8"),
        (b"\xef\xbb\xbf{}", "missing_field"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "not_json"),
        (b"{} {}", "not_json"),
        (b"{'a': 1}", "not_json"),
        (b'{"a": 1,}', "not_json"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"true", "not_an_object"),
        (b"{}", "missing_field"),
        (b'{"type": null}', "unknown_type"),
        (b'{"type": "None"}', "unknown_type"),
        (b'{"type": "Survey"}', "unknown_type"),
        (b'{"type": " survey"}', "unknown_type"),
        (b'{"type": {"a": 1}}', "unknown_type"),
    ],
)
def test_whatever_is_no_event_has_its_code(value: bytes | None, code: str):
    assert refusal(value).code == code


@pytest.mark.parametrize("kind", POISON)
def test_every_kind_of_bad_record_is_refused_with_its_code(kind: str):
    bad = KafkaRecord(poison(kind), key=poison_key(kind), timestamp=PRODUCED_MS)

    with pytest.raises(EventError) as refused:
        admit(bad)

    assert refused.value.code == poison_code(kind)
    assert len(refused.value.reason) < 1000


# Reasons


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.just("canary"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("canary", "x")), inner, max_size=2),
    max_leaves=6,
)
_EXAMPLES = [
    SURVEY,
    {**SURVEY, "type": "check_in", "customer_id": "K1", "lane": "quick", "contact": ["sms:1"], "promised_at": None},
    {
        **SURVEY,
        "type": "diagnosis",
        "phase": "completed",
        "fault_groups": ["a"],
        "quote": {"labour_hours": 1, "parts": []},
    },
    {**SURVEY, "type": "part_request", "phase": "requested", "request_id": "Q", "part_no": "P", "quantity": 1},
    {**SURVEY, "type": "repair", "phase": "started", "job_id": "J"},
    {**SURVEY, "type": "quality_check", "phase": "completed", "passed": True},
    {**SURVEY, "type": "handoff", "amount": 1},
]


@given(st.sampled_from(_EXAMPLES), st.data())
def test_no_reason_repeats_anything_that_was_sent(event: dict[str, Any], data: st.DataObject):
    spoilt = event | {
        data.draw(st.sampled_from(sorted(event))): data.draw(_JSON) for _ in range(data.draw(st.integers(1, 3)))
    }
    try:
        decode_event(bytes_of(spoilt))
    except EventError as bad:
        assert "canary" not in bad.reason
        assert "canary" not in str(bad)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_event_or_refused(noise: bytes):
    value = bytes_of(SURVEY)
    for spoilt in (noise, value[: len(value) // 2] + noise, value[:20] + noise + value[20:]):
        try:
            decode_event(spoilt)
        except EventError as bad:
            assert bad.code
            assert "canary" not in bad.reason


def test_a_reason_names_the_field_and_its_trouble():
    assert refusal(bytes_of(SURVEY | {"score": 11})).reason == "score: Input should be less than or equal to 10"
    spoilt = {**_EXAMPLES[1], "lane": "express", "contact": [{"13800000000": 1}]}
    assert "keys" not in refusal(bytes_of(spoilt)).reason
    assert "13800000000" not in refusal(bytes_of(spoilt)).reason


def test_at_most_five_errors_are_told():
    many = {**SURVEY, "event_id": 1, "order_id": 1, "vehicle_id": 1, "center_id": 1, "score": "", "comment": 1}

    assert refusal(bytes_of(many)).reason.count(";") == 4


# Records


# The key of what is sent


def test_times_are_compared_in_utc():
    ahead = (datetime.fromtimestamp(PRODUCED_MS / 1000, UTC) + timedelta(hours=23)).isoformat()

    assert admit(record_of(SURVEY | {"occurred_at": ahead}))
