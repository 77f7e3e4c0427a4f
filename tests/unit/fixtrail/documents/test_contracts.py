"""The documents for integrators say what the models say."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from fixtrail.documents.write import documents, stale_documents, write_documents
from schemas.decode import EventError, decode_with_extras
from schemas.events import EVENT_TYPES
from tests.paths import ROOT

DOCS = ROOT / "docs"
COMMON = {
    "event_id": "e1",
    "order_id": "o1",
    "vehicle_id": "v1",
    "center_id": "c1",
    "occurred_at": "2026-03-01T08:00:00Z",
}
QUALITY = COMMON | {"type": "quality_check"}
EVENTS = [
    COMMON | {"type": "check_in", "customer_id": "u1", "lane": "quick", "contact": ["sms:1", {"kind": "wechat"}]},
    COMMON | {"type": "check_in", "customer_id": "u1", "lane": "express"},
    COMMON | {"type": "check_in", "customer_id": "u1"},
    QUALITY | {"passed": True},
    QUALITY | {"phase": "started"},
    QUALITY | {"phase": "completed"},
    QUALITY,
    QUALITY | {"passed": None},
    COMMON | {"type": "survey", "score": 11},
    COMMON | {"type": "survey", "score": 10, "reasons": ["fast"]},
    COMMON | {"type": "wash"},
    COMMON | {"type": "handoff", "amount": "12.50"},
    COMMON | {"type": "handoff", "amount": -1},
    *(COMMON | {"type": "handoff", "amount": amount} for amount in ("5 ", "1_000", "", ".", "+5", ".5", "5.")),
]


def is_accepted(event):
    """Whether all of the event's fields are taken as they were sent; one that nobody knows may stand beside them."""
    try:
        ignored = set(decode_with_extras(json.dumps(event).encode())[1])
    except EventError:
        return False
    return not ignored & EVENT_TYPES[event["type"]].model_fields.keys()


def test_the_documents_are_what_the_models_say_today():
    assert stale_documents(DOCS) == [], "run `fixtrail contracts --write`"


def test_a_document_that_was_edited_or_left_behind_is_stale(tmp_path):
    write_documents(tmp_path)
    assert stale_documents(tmp_path) == []

    (tmp_path / "schemas/survey.json").write_text("{}")
    (tmp_path / "schemas/car_wash.json").write_text("{}")
    assert [path.name for path in stale_documents(tmp_path)] == ["car_wash.json", "survey.json"]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: json.dumps({k: event[k] for k in event if k not in COMMON}))
def test_schema_and_decoder_agree(event):
    schema = json.loads(documents()[Path("schemas/service-event.json")])

    assert jsonschema.Draft202012Validator(schema).is_valid(event) is is_accepted(event)


@pytest.mark.parametrize("path", [path for path in documents() if path.parent.name == "schemas"], ids=str)
def test_every_schema_is_valid_itself(path):
    jsonschema.Draft202012Validator.check_schema(json.loads(documents()[path]))


def test_every_event_type_is_a_message_of_its_topic():
    document = yaml.safe_load(documents()[Path("asyncapi.yaml")])

    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]["service_events"]["messages"]) == set(EVENT_TYPES)
    for message in document["components"]["messages"].values():
        schema = message["payload"].get("$ref", "#/components/schemas/DeadLetterHeaders").rsplit("/", 1)[1]
        assert schema in document["components"]["schemas"]


def test_the_openapi_document_is_whole():
    document = json.loads(documents()[Path("openapi.json")])

    assert document["openapi"].startswith("3.1")
    orders = {"/events", "/consents", "/orders/{order_id}", "/centers/{center_id}/open"}
    assert set(document["paths"]) == orders | {"/reference", "/estimates", "/figures", "/figures/{name}", "/requests"}
    referenced = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert referenced <= set(document["components"]["schemas"])
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"] and operation["description"] and operation["security"]
            assert {"401", "429", "503"} <= set(operation["responses"])
            # Its own requests every key may read.
            assert "403" in operation["responses"] or path == "/requests"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: json.dumps({k: event[k] for k in event if k not in COMMON}))
def test_openapi_and_decoder_agree(event):
    document = json.loads(documents()[Path("openapi.json")])
    schema = {"$ref": "#/components/schemas/ServiceEvent", "components": document["components"]}

    assert jsonschema.Draft202012Validator(schema).is_valid(event) is is_accepted(event)
