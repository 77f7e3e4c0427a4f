"""A record as it is admitted: its event, its key and its time."""

from datetime import UTC, datetime

import pytest

from schemas.decode import (
    EventError,
    admit,
    text_field,
)
from tests.kafka_record import KafkaRecord, record_of
from tests.unit.schemas.decoding import ENVELOPE, SURVEY, bytes_of


def test_a_good_record_is_admitted_with_the_names_of_what_nobody_knows():
    event, extras = admit(record_of(SURVEY | {"plate": "x"}))

    assert (event.event_id, set(extras)) == ("e1", {"plate"})


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "key_missing"),
        (b"", "key_mismatch"),
        (b"v1", "key_mismatch"),
        (b"V1 ", "key_mismatch"),
        (b"\xff", "key_mismatch"),
    ],
)
def test_the_key_is_the_vehicle(key: bytes | None, code: str):
    with pytest.raises(EventError) as refused:
        admit(record_of(SURVEY, key=key))

    assert refused.value.code == code


def test_the_key_is_the_vehicle_in_utf8():
    assert admit(record_of(SURVEY | {"vehicle_id": "粤B·00003"}))[0].vehicle_id == "粤B·00003"


def test_an_event_a_day_ahead_of_its_record_is_taken_a_millisecond_more_is_too_far():
    produced = int(datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp() * 1000)

    assert admit(record_of(SURVEY, timestamp=produced))
    with pytest.raises(EventError, match="too_far_ahead"):
        admit(record_of(SURVEY, timestamp=produced - 1))
    assert admit(record_of(SURVEY, timestamp=produced - 1), ahead_ms=48 * 3600 * 1000)


def test_an_event_may_be_as_old_as_it_likes():
    old = SURVEY | {"occurred_at": "1970-01-01T08:00:00Z"}

    assert admit(record_of(old))


@pytest.mark.parametrize("timestamp", [0, -1])
def test_a_record_that_says_not_when_it_was_produced_is_trusted(timestamp: int):
    assert admit(record_of(SURVEY, timestamp=timestamp))


def test_a_record_is_first_of_all_an_event():
    with pytest.raises(EventError, match="tombstone"):
        admit(KafkaRecord(None, key=None))


@pytest.mark.parametrize(
    ("value", "vehicle_id"),
    [
        (bytes_of(SURVEY), "V1"),
        (bytes_of(ENVELOPE | {"data": SURVEY}), "V1"),
        (b'{"vehicle_id": "V1", "type": "unknown"}', "V1"),
        (b'{"vehicle_id": ""}', None),
        (b'{"vehicle_id": 7}', None),
        (b"{}", None),
        (b"[]", None),
        (b"{", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_the_vehicle_is_found_even_in_what_is_no_event(value: bytes, vehicle_id: str | None):
    assert text_field(value, "vehicle_id") == vehicle_id
