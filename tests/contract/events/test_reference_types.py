"""One suite for every type of reference event: a type joins by being registered and having its examples."""

import json
from typing import Any, get_args

import jsonschema
import pytest

from schemas.decode import EventError, names_of
from schemas.json_schema import any_reference_schema
from schemas.reference_events import REFERENCE_DECODER, REFERENCE_TYPES, admit_reference
from sinks.clickhouse.keyed_hash import KeyedHash
from sinks.clickhouse.reference_rows import REFERENCE_EVENTS, ReferenceRows
from tests.kafka_record import KafkaRecord
from tests.paths import ROOT
from tests.workshop import bytes_of

FOLDER = ROOT / "tests" / "examples" / "reference"
EXAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
WRONG = [{"canary": [1]}, [["canary"]], True, -1, "canary-" * 20_000]

every_example = pytest.mark.parametrize("name", EXAMPLES)


def refusal_of(event: dict[str, Any]) -> EventError:
    with pytest.raises(EventError) as refusal:
        REFERENCE_DECODER.decode(bytes_of(event))
    return refusal.value


@pytest.mark.parametrize("type_", REFERENCE_TYPES)
def test_a_type_has_an_example_of_each_phase_and_field(type_: str):
    model = REFERENCE_TYPES[type_]
    phase = model.model_fields.get("phase")
    expected = {f"{type_}.{name}" for name in get_args(phase.annotation)} if phase else {type_}

    examples = {name: event for name, event in EXAMPLES.items() if event["type"] == type_}

    assert examples.keys() == expected
    assert {field for event in examples.values() for field in event} == set(names_of(model))


@every_example
def test_an_example_is_admitted_under_its_center_and_read_whole(name: str):
    event, ignored = admit_reference(KafkaRecord(bytes_of(EXAMPLES[name]), b"east-01"))

    assert (event.center_id, set(ignored)) == ("east-01", set())
    jsonschema.validate(EXAMPLES[name], any_reference_schema())


@every_example
def test_an_event_without_a_required_field_is_refused_by_name(name: str):
    model = REFERENCE_TYPES[EXAMPLES[name]["type"]]
    required = [field.alias or key for key, field in model.model_fields.items() if field.is_required()]
    for field in set(required) - {"type"}:
        error = refusal_of({key: value for key, value in EXAMPLES[name].items() if key != field})
        assert (error.code, error.reason) == ("missing_field", f"{field}: Field required")


@every_example
def test_a_wrong_value_costs_an_optional_field_or_the_event_and_is_not_told(name: str):
    model = REFERENCE_TYPES[EXAMPLES[name]["type"]]
    for field in set(names_of(model)) - {"type"}:
        for wrong in WRONG:
            value = bytes_of(EXAMPLES[name] | {field: wrong})
            try:
                event, ignored = REFERENCE_DECODER.decode(value)
            except EventError as error:
                assert "canary" not in error.reason
            else:
                # A score of any number may be one, and a word may be a number.
                assert set(ignored) == {field} or getattr(event, field, None) is not None


@every_example
def test_an_example_makes_a_row_without_who_of_the_staff_it_is_about(name: str):
    row = ReferenceRows(KeyedHash(b"a secret of these tests")).row(KafkaRecord(bytes_of(EXAMPLES[name]), b"east-01"))
    columns = dict(zip(REFERENCE_EVENTS.columns, row, strict=True))

    assert (columns["type"], columns["center_id"]) == (EXAMPLES[name]["type"], "east-01")
    assert "east-01-t1" not in repr(row) and "r-7f3a" not in repr(row)


@every_example
def test_a_record_under_another_center_is_refused(name: str):
    for key, code in ((b"west-01", "key_mismatch"), (None, "key_missing")):
        with pytest.raises(EventError) as refusal:
            admit_reference(KafkaRecord(bytes_of(EXAMPLES[name]), key))
        assert refusal.value.code == code
