"""Events as CloudEvents, in binary and in structured mode."""

import base64
import json
from typing import Any

import pytest

from schemas.decode import (
    decode_event,
    decode_with_extras,
)
from tests.unit.schemas.decoding import CE_HEADERS, ENVELOPE, STRUCTURED, SURVEY, bytes_of, code_of, refusal


def test_ce_headers_beside_structured_mode_change_nothing():
    wrapped = bytes_of(ENVELOPE | {"data": SURVEY})

    for headers in ([*STRUCTURED, *CE_HEADERS], [*STRUCTURED, CE_HEADERS[0]], CE_HEADERS):
        assert decode_event(wrapped, headers) == decode_event(bytes_of(SURVEY))


@pytest.mark.parametrize("name", ["ce_traceparent", "ce_tracestate", "ce_subject"])
def test_an_extension_alone_makes_no_cloudevent(name: str):
    assert decode_event(bytes_of(SURVEY), [(name, b"x")]) == decode_event(bytes_of(SURVEY))


def test_binary_mode_has_its_attributes_in_headers():
    assert decode_event(bytes_of(SURVEY), CE_HEADERS) == decode_event(bytes_of(SURVEY))


@pytest.mark.parametrize("missing", [name for name, _ in CE_HEADERS])
def test_binary_mode_without_a_required_attribute_is_refused(missing: str):
    bad = refusal(bytes_of(SURVEY), [header for header in CE_HEADERS if header[0] != missing])

    assert (bad.code, bad.reason) == ("cloudevent_invalid", f"header {missing} is missing")


@pytest.mark.parametrize(
    "headers", [STRUCTURED, [], [("Content-Type", b"Application/CloudEvents+JSON; charset=utf-8")]]
)
def test_structured_mode_is_known_by_its_header_and_by_its_shape(headers: Any):
    assert decode_event(bytes_of(ENVELOPE | {"data": SURVEY}), headers) == decode_event(bytes_of(SURVEY))


def test_structured_mode_with_data_in_base64():
    wrapped = ENVELOPE | {"data_base64": base64.b64encode(bytes_of(SURVEY)).decode()}

    assert decode_event(bytes_of(wrapped)) == decode_event(bytes_of(SURVEY))


@pytest.mark.parametrize(
    "envelope",
    [
        {**ENVELOPE, "data": SURVEY, "id": ""},
        {**ENVELOPE, "data": SURVEY, "source": None},
        {name: value for name, value in {**ENVELOPE, "data": SURVEY}.items() if name != "type"},
        {**ENVELOPE, "data": SURVEY, "specversion": "0.3"},
        {**ENVELOPE, "data": SURVEY, "specversion": 1.0},
        {**ENVELOPE, "data": None},
        {**ENVELOPE, "data": [SURVEY]},
        {**ENVELOPE, "data": json.dumps(SURVEY)},
        {**ENVELOPE, "data_base64": "not base64!"},
        {**ENVELOPE, "data_base64": 17},
        ENVELOPE,
    ],
)
def test_an_envelope_that_is_not_as_the_standard_says_is_refused(envelope: dict[str, Any]):
    assert code_of(envelope, STRUCTURED) == "cloudevent_invalid"


def test_a_plain_event_sent_as_structured_is_refused():
    assert code_of(SURVEY, STRUCTURED) == "cloudevent_invalid"


def test_what_is_wrong_inside_an_envelope_is_found():
    assert code_of(ENVELOPE | {"data": SURVEY | {"score": 11}}) == "invalid_field"
    assert refusal(bytes_of(SURVEY | {"score": 11}), CE_HEADERS).code == "invalid_field"


def test_the_limits_hold_for_what_is_packed_inside():
    deep = b'{"a":' * 40 + b"1" + b"}" * 40
    packed = ENVELOPE | {"data_base64": base64.b64encode(deep).decode()}

    assert code_of(packed) == "too_deep"


def test_extras_are_those_of_the_event_not_of_the_envelope():
    wrapped = {**ENVELOPE, "subject": "x", "data": SURVEY | {"plate": "x"}}

    assert set(decode_with_extras(bytes_of(wrapped))[1]) == {"plate"}
