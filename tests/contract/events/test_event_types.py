"""One suite for every event type: a type joins by being registered in EVENT_TYPES and having its examples.

An example is one file per type, or per type and phase: tests/examples/repair.paused.json.
"""

import base64
import json
from typing import Any, get_args

import jsonschema
import msgspec
import orjson
import pytest

from schemas.decode import EventError, admit, decode_event, decode_with_extras
from schemas.events import EVENT_TYPES, SERVICE_EVENT
from streams.journey.batch import journey_facts
from streams.journey.entries import decode_entry, entry_of
from streams.journey.visit import fold
from tests import oracle
from tests.kafka_record import record_of
from tests.oracle_terms import EPOCH
from tests.paths import ROOT
from tests.workshop import bytes_of

EXAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "tests" / "examples").glob("*.json"))}
# Of no field the right type, or too much of it.
WRONG = [{"canary": [1]}, [["canary"]], True, -1, "canary-" * 20_000]

every_example = pytest.mark.parametrize("name", EXAMPLES)
every_type = pytest.mark.parametrize("type_", EVENT_TYPES)


def examples_of(type_: str) -> dict[str, Any]:
    return {name: event for name, event in EXAMPLES.items() if name.partition(".")[0] == type_}


def phases_of(type_: str) -> tuple[str, ...]:
    phase = EVENT_TYPES[type_].model_fields.get("phase")
    return () if phase is None else get_args(phase.annotation)


def required_fields(name: str) -> list[str]:
    model = EVENT_TYPES[EXAMPLES[name]["type"]]
    return [field for field, info in model.model_fields.items() if info.is_required()]


# Each type has its examples


@every_type
def test_a_type_has_an_example_of_each_of_its_phases(type_: str):
    expected = {f"{type_}.{phase}" for phase in phases_of(type_)} or {type_}

    assert examples_of(type_).keys() == expected
    for name, event in examples_of(type_).items():
        assert event["type"] == type_
        assert name == (f"{type_}.{event['phase']}" if "phase" in event else type_)


@every_type
def test_the_examples_of_a_type_show_each_of_its_fields(type_: str):
    fields = {field for event in examples_of(type_).values() for field in event}

    assert fields == EVENT_TYPES[type_].model_fields.keys()


def test_no_example_is_of_a_type_that_is_not_registered():
    assert {event["type"] for event in EXAMPLES.values()} == EVENT_TYPES.keys()


# It is decoded


@every_example
def test_an_example_is_an_event_with_nothing_unknown_in_it(name: str):
    event, extras = decode_with_extras(bytes_of(EXAMPLES[name]))

    assert type(event) is EVENT_TYPES[EXAMPLES[name]["type"]]
    assert not extras
    assert event == SERVICE_EVENT.validate_json(bytes_of(EXAMPLES[name]))


@every_example
def test_both_cloudevents_modes_carry_it(name: str):
    data = EXAMPLES[name]
    envelope = {"specversion": "1.0", "id": "1", "source": "/dms", "type": "org.example.service"}
    headers = [(f"ce_{attribute}", value.encode()) for attribute, value in envelope.items()]
    structured = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    in_base64 = envelope | {"data_base64": base64.b64encode(bytes_of(data)).decode()}

    plain = decode_event(bytes_of(data))

    assert decode_event(bytes_of(data), headers) == plain
    assert decode_event(bytes_of(envelope | {"data": data}), structured) == plain
    assert decode_event(bytes_of(envelope | {"data": data})) == plain
    assert decode_event(bytes_of(in_base64), structured) == plain


@every_example
def test_a_record_with_its_vehicle_as_key_is_admitted(name: str):
    assert admit(record_of(EXAMPLES[name]))[0] == decode_event(bytes_of(EXAMPLES[name]))


@every_example
def test_optional_fields_may_be_null_or_missing(name: str):
    event = EXAMPLES[name]
    optional = [field for field in event if field not in required_fields(name) and field not in ("phase", "passed")]

    without = decode_event(bytes_of({field: value for field, value in event.items() if field not in optional}))

    assert decode_event(bytes_of(event | dict.fromkeys(optional))) == without


def test_a_failed_check_whose_phase_is_null_is_a_completed_one():
    failed = EXAMPLES["quality_check.completed"] | {"passed": False}
    unsaid = failed | {"phase": None}
    story = [event for name, event in EXAMPLES.items() if name not in ("cancellation", "quality_check.completed")]
    (fact,) = journey_facts(decode_event(bytes_of(event)) for event in [*story, unsaid])

    assert decode_event(bytes_of(unsaid)) == decode_event(bytes_of(failed))
    assert fact["ftf_cause"] == "rework"
    assert oracle.orders_of([*story, unsaid], EPOCH) == oracle.orders_of([*story, failed], EPOCH)
    assert oracle.orders_of([*story, unsaid], EPOCH)[fact["order_id"]]["ftf_cause"] == "rework"
    for file in ("quality_check.json", "service-event.json"):
        schema = json.loads((ROOT / "docs" / "schemas" / file).read_text())
        jsonschema.validate(unsaid, schema, jsonschema.Draft202012Validator)


# It is refused


@every_example
def test_each_required_field_is_missed_by_name(name: str):
    for field in required_fields(name):
        with pytest.raises(EventError) as refused:
            decode_event(bytes_of({key: value for key, value in EXAMPLES[name].items() if key != field}))

        assert refused.value.code == "missing_field"
        assert refused.value.reason.startswith(f"{field}: ")


@every_example
@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: type(value).__name__)
def test_a_field_of_the_wrong_type_is_refused_without_its_value(name: str, wrong: Any):
    for field in EXAMPLES[name]:
        if _is_right(EXAMPLES[name][field], wrong) or not _is_indispensable(name, field):
            continue
        with pytest.raises(EventError) as refused:
            decode_event(bytes_of(EXAMPLES[name] | {field: wrong}))

        codes = ("unknown_type",) if field == "type" else ("invalid_field", "missing_field")
        assert refused.value.code in codes, field
        assert "canary" not in refused.value.reason


@every_example
@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: type(value).__name__)
def test_an_optional_field_of_the_wrong_type_costs_that_field_and_is_named(name: str, wrong: Any):
    for field in EXAMPLES[name]:
        if _is_right(EXAMPLES[name][field], wrong) or _is_indispensable(name, field):
            continue
        event, ignored = decode_with_extras(bytes_of(EXAMPLES[name] | {field: wrong}))

        if field in ignored:
            assert event == decode_event(bytes_of(EXAMPLES[name] | {field: None}))
        else:
            # A negative number is none of the wrong ones for a credit.
            assert (field, wrong) == ("amount", -1)


def _is_right(value: Any, wrong: Any) -> bool:
    return isinstance(value, bool) and isinstance(wrong, bool)


def _is_indispensable(name: str, field: str) -> bool:
    """Whether an example's field is needed: required, its phase, or what a completed check needs."""
    return field in required_fields(name) or field == "phase" or (name, field) == ("quality_check.completed", "passed")


@every_example
def test_a_field_nobody_knows_is_named_and_dropped(name: str):
    event, extras = decode_with_extras(bytes_of(EXAMPLES[name] | {"plate": "canary", "x-trace": 1}))

    assert extras == {"plate", "x-trace"}
    assert event == decode_event(bytes_of(EXAMPLES[name]))
    assert "canary" not in repr(event)


# It is documented


@every_example
def test_the_json_schemas_take_it(name: str):
    for file in (f"{EXAMPLES[name]['type']}.json", "service-event.json"):
        schema = json.loads((ROOT / "docs" / "schemas" / file).read_text())
        jsonschema.validate(EXAMPLES[name], schema, jsonschema.Draft202012Validator)


# The rules know it


@every_example
def test_it_has_an_entry_that_its_json_gives_again(name: str):
    event = decode_event(bytes_of(EXAMPLES[name]))
    entry = entry_of(event)

    assert (entry.event_id, entry.center) == (event.event_id, event.center_id)
    assert entry.at == (event.occurred_at - EPOCH).total_seconds() * 1000
    assert decode_entry(msgspec.json.encode(entry)) == entry


@every_example
def test_an_order_of_it_alone_has_facts(name: str):
    (fact,) = journey_facts([decode_event(bytes_of(EXAMPLES[name]))])

    assert (fact["order_id"], fact["event_count"]) == (EXAMPLES[name]["order_id"], 1)
    assert orjson.dumps(fact)


def test_the_examples_together_are_one_visit():
    """Told in the order of time they make the order that the documentation speaks of."""
    story = [event for name, event in EXAMPLES.items() if name != "cancellation"]
    (fact,) = journey_facts(decode_event(bytes_of(event)) for event in story)
    order = oracle.orders_of(story, EPOCH)[fact["order_id"]]

    assert (fact["status"], fact["score"], fact["complaints"], fact["stockouts"]) == ("handed_off", 9, 1, 1)
    assert {field: fact[field] for field in fact if field.endswith("_s")} == {
        field: order[field] for field in order if field.endswith("_s")
    }
    assert (fact["ftf"], order["ftf"]) == (True, True)
    assert fold(entry_of(decode_event(bytes_of(event))) for event in story).count == len(story)
