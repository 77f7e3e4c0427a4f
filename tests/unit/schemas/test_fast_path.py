"""The fast path reads plain events as pydantic does, and leaves to it whatever is unusual."""

from datetime import UTC, datetime
from random import Random
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, Field, field_validator

from schemas.decode import decode_carefully, decode_event, decode_with_extras
from schemas.events import EVENT_TYPES, Model, Surveyed
from schemas.fast_path import builder, fast_event
from schemas.fast_rules import UnsupportedError
from tests.beside_pydantic import difference
from tests.mutations import EXAMPLES, mutated
from tests.workshop import bytes_of

SURVEY = {
    **{"event_id": "e1", "type": "survey", "order_id": "R1", "vehicle_id": "V1", "center_id": "C1"},
    **{"occurred_at": "2026-03-02T08:00:00.000Z", "score": 9},
}
CHECK = SURVEY | {"type": "quality_check", "phase": "completed"}


@pytest.mark.parametrize("event", EXAMPLES, ids=[event["event_id"] for event in EXAMPLES])
def test_an_example_takes_the_fast_path_and_is_the_event_that_pydantic_gives(event: dict[str, Any]):
    assert fast_event(bytes_of(event)) == decode_carefully(bytes_of(event))[0]
    assert difference(bytes_of(event)) is None


@given(seed=st.integers(0, 2**64))
@settings(max_examples=500)
def test_what_the_fast_path_accepts_pydantic_accepts_as_the_same_event_entry_and_row(seed: int):
    """`make fast-path` reads a million of them."""
    value = mutated(Random(seed))

    assert difference(value) is None, value


@given(value=st.binary(max_size=200))
def test_bytes_that_are_no_event_are_left_to_pydantic(value: bytes):
    assert fast_event(value) is None


@pytest.mark.parametrize(
    "value",
    [
        bytes_of(SURVEY | {"plate": "x"}),
        bytes_of(SURVEY).replace(b'"score": 9', b'"score": 1, "score": 9'),
        bytes_of(SURVEY).replace(b'"score": 9', b'"score": 1, "\\u0073core": 9'),
        bytes_of(SURVEY).replace(b'"score": 9', b'"score" : 1,"score": 9'),
        bytes_of(SURVEY | {"scores": {"price": 1}}).replace(b'"price": 1', b'"price": 1, "price": 2'),
        bytes_of(SURVEY | {"comment": "x" * 17_000}),
        bytes_of(SURVEY | {"order_id": "R\x7f1"}),
        bytes_of(SURVEY | {"order_id": "R\n1"}),
        bytes_of(SURVEY | {"score": 11}),
        bytes_of(SURVEY | {"occurred_at": "1700000000"}),
        bytes_of(SURVEY | {"occurred_at": "2026-W10-1T08:00:00.000Z"}),
        bytes_of(SURVEY | {"occurred_at": "2026-03-02T08:00:00.1234567Z"}),
        bytes_of({"specversion": "1.0", "data": SURVEY}),
        b"\xef\xbb\xbf" + bytes_of(SURVEY),
        bytes_of(CHECK),
        bytes_of(CHECK | {"phase": None, "passed": True}),
        b'{"type":' + b"[" * 5_000,
    ],
)
def test_what_is_unusual_is_left_to_pydantic(value: bytes):
    assert fast_event(value) is None


def test_what_is_left_to_pydantic_is_an_event_all_the_same_where_it_accepts_it():
    event, ignored = decode_with_extras(bytes_of(SURVEY | {"score": 9.0, "plate": "x"}))

    assert isinstance(event, Surveyed)
    assert (event.score, ignored) == (9, {"plate"})
    assert fast_event(bytes_of(SURVEY)) == event


def test_a_repeated_part_of_a_string_is_no_repeated_key():
    event = SURVEY | {"comment": 'he said "score": 9, then "score": 1'}

    assert decode_event(bytes_of(event)) == decode_event(bytes_of(SURVEY)).model_copy(
        update={"comment": event["comment"]}
    )


def test_a_negative_zero_stays_what_it_is_though_zero_is_known():
    for amount in ("0", "0.0", "-0.0"):
        assert (
            difference(bytes_of(SURVEY | {"type": "handoff"}).replace(b'"score": 9', f'"amount": {amount}'.encode()))
            is None
        )


def test_a_record_larger_than_the_limit_is_refused_however_plain_it_is():
    with pytest.raises(ValueError, match="too_large"):
        decode_event(bytes_of(SURVEY), max_bytes=100)


def test_structured_mode_is_read_by_its_envelope_even_where_the_bytes_are_a_plain_event():
    with pytest.raises(ValueError, match="cloudevent_invalid"):
        decode_event(bytes_of(SURVEY), [("Content-Type", b"application/cloudevents+json")])
    with pytest.raises(ValueError, match="cloudevent_invalid"):
        decode_event(bytes_of(SURVEY), [("ce_id", b"1")])
    assert decode_event(bytes_of(SURVEY), [("ce_traceparent", b"1")]) == decode_event(bytes_of(SURVEY))


def test_every_event_type_has_a_fast_path_for_each_of_its_fields():
    """Else the derivation has to learn what is new in the models, or the type is slow in silence."""
    slow = {event["event_id"] for event in EXAMPLES if fast_event(bytes_of(event)) is None}

    assert slow == set()
    assert {event["type"] for event in EXAMPLES} == EVENT_TYPES.keys()


# What the derivation does not understand


class Timed(Model):
    at: Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC))]


class Multiple(Model):
    count: Annotated[int, Field(multiple_of=3)]


class Pattern(Model):
    text: Annotated[str, Field(pattern=r"^\w+$")]


class Validated(Model):
    kind: Literal["a", "b"]

    @field_validator("kind")
    @classmethod
    def _kind(cls, kind: str) -> str:
        return kind.upper()


@pytest.mark.parametrize("model", [Timed, Multiple, Pattern, Validated])
def test_a_model_that_the_derivation_does_not_understand_has_no_fast_path(model: type[Model]):
    with pytest.raises(UnsupportedError):
        builder(model)
