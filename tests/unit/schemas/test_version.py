"""A reader that meets what only a newer Fixtrail knows stops, and a newer one reads what the one before wrote."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from runtime.kafka.table import Table
from runtime.progress import Progress
from schemas.events import EVENT_TYPES
from schemas.facts import (
    Alert,
    CenterHour,
    ComplaintFact,
    FollowUpFact,
    JourneyFact,
    PartRequestFact,
    Stage,
    SurveyFact,
)
from schemas.version import HEADER, SCHEMA, SCHEMA_HEADER, NewerSchemaError, schema_of
from sinks.clickhouse.batch import Batch, Reader
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.fact_rows import JOURNEYS, FactRows
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.worker.intake import Intake
from tests.kafka_record import KafkaRecord, record_of
from tests.workshop import checked_in, order_after, repaired_visit, surveyed

NEWER_HEADER = (HEADER, str(SCHEMA + 1).encode())
KEYED = KeyedHash(b"a secret of these tests")
UNKNOWN = {**checked_in("08:00"), "type": "wash"}


def events_reader() -> Reader:
    return Reader(KEYED, EventRows(KEYED), Progress())


def read_event(record: Any) -> Batch:
    batch = Batch()
    events_reader().add(batch, TopicPartition("service-events", 0), [record])
    return batch


def test_a_worker_stops_at_an_event_of_a_newer_version():
    with pytest.raises(NewerSchemaError, match=r"record 0:7 of service-events .* Upgrade this box"):
        Intake().admit([record_of(checked_in("08:00"), headers=(NEWER_HEADER,), offset=7)])


def test_a_type_that_a_sender_of_fixtrail_knew_and_this_one_does_not_stops_worker_and_writer():
    record = record_of(UNKNOWN, headers=(SCHEMA_HEADER,))

    with pytest.raises(NewerSchemaError, match="a type of event that is not known here"):
        Intake().admit([record])
    with pytest.raises(NewerSchemaError):
        read_event(record)


def test_a_type_that_nobody_vouches_for_is_a_dead_letter_and_stops_nobody():
    record = record_of(UNKNOWN)

    assert [letter.code for _, letter in Intake().admit([record]).refused] == ["unknown_type"]
    assert not read_event(record).longest


def test_a_table_stops_at_a_fact_of_a_newer_version():
    table = Table[Any]("journeys", json.loads)
    record = SimpleNamespace(key=b"k", value=b"{}", headers=(NEWER_HEADER,), partition=1, offset=3)

    with pytest.raises(NewerSchemaError, match="record 1:3 of journeys"):
        table.apply([record])


@pytest.mark.parametrize("value", [b"", b"one", b"-1", b"9" * 5000])
def test_a_header_that_is_no_number_says_nothing(value: bytes):
    assert schema_of([(HEADER, value)]) is None


def without_new_fields(model: Any, values: dict[str, Any]) -> dict[str, Any]:
    """What a version wrote that did not know any of the fields that have a default."""
    return {name: item for name, item in values.items() if model.model_fields[name].is_required()}


def test_a_fact_without_the_fields_that_have_a_default_gets_them():
    fact = order_after(*repaired_visit(), surveyed("19:00", score=9))
    old = without_new_fields(JourneyFact, fact)
    rows = FactRows(KEYED)
    record = KafkaRecord(json.dumps(old).encode(), topic="journeys")

    _, _, read = rows.journey(record)
    row = dict(zip(JOURNEYS.columns, rows.journey_row(read), strict=True))
    assert (row["order_id"], row["paused_for"]) == (fact["order_id"], ())


@pytest.mark.parametrize("field", [name for name, info in JourneyFact.model_fields.items() if not info.is_required()])
def test_a_fact_that_lacks_one_field_with_a_default_has_a_row(field: str):
    fact = order_after(*repaired_visit())
    fact.pop(field, None)
    rows = FactRows(KEYED)

    assert rows.journey_row(rows.journey(KafkaRecord(json.dumps(fact).encode(), topic="journeys"))[2])


# Grow SCHEMA (schemas/version.py) with each type of event and each field that is added here, and give a new field a
# default: a version of before wrote none.
EVENT_TYPES_IN_VERSION_1 = 14
# By model: its fields, and how many of them have no default.
FIELDS_IN_VERSION_1 = {
    JourneyFact: (62, 51),
    CenterHour: (29, 29),
    Alert: (24, 16),
    Stage: (3, 3),
    PartRequestFact: (10, 10),
    SurveyFact: (4, 4),
    ComplaintFact: (7, 7),
    FollowUpFact: (4, 4),
}


def test_what_readers_of_before_cannot_know_has_a_new_version():
    assert {model: len(model.model_fields) for model in FIELDS_IN_VERSION_1} == {
        model: count for model, (count, _) in FIELDS_IN_VERSION_1.items()
    }, "another field: another SCHEMA"
    assert (SCHEMA, len(EVENT_TYPES)) == (1, EVENT_TYPES_IN_VERSION_1)


def test_a_field_that_was_added_has_a_default():
    assert {model: _required(model) for model in FIELDS_IN_VERSION_1} == {
        model: required for model, (_, required) in FIELDS_IN_VERSION_1.items()
    }


def _required(model: Any) -> int:
    return sum(field.is_required() for field in model.model_fields.values())
