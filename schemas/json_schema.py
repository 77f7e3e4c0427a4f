"""JSON Schema of events, facts and dead letter headers, from their pydantic models."""

import json
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.call_request import CallRequest
from schemas.dead_letter import DeadLetter, header_name
from schemas.events import EVENT_TYPES, SERVICE_EVENT
from schemas.facts import Acknowledgement, Alert, CenterHour, JourneyFact, Notice
from schemas.reference_events import REFERENCE_EVENT, REFERENCE_TYPES
from schemas.shown_estimate import ShownEstimate

DRAFT = "https://json-schema.org/draft/2020-12/schema"

# What the model checks in code: a completed quality check says whether it was passed.
_PASSED = {
    "if": {"properties": {"phase": {"const": "started"}}, "required": ["phase"]},
    "else": {"properties": {"passed": {"type": "boolean"}}, "required": ["passed"]},
}

# (message, model, mode): events are described as they are read, facts as they are written.
FACTS: dict[str, type[BaseModel]] = {
    "journey": JourneyFact,
    "center_hour": CenterHour,
    "notice": Notice,
    "alert": Alert,
    "acknowledgement": Acknowledgement,
    "estimate": ShownEstimate,
    "call_request": CallRequest,
}


def event_schemas(ref_template: str) -> dict[str, Any]:
    """The JSON Schema of each event type and of what it consists of, by name, for a document that holds them."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation") for model in (*EVENT_TYPES.values(), *REFERENCE_TYPES.values())
    ]
    _, schema = models_json_schema(models, ref_template=ref_template)
    return {name: with_rules(plain_schema(part)) for name, part in schema["$defs"].items()}


def json_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_of_model(model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
    return {"$schema": DRAFT, **plain_schema(model.model_json_schema(mode=mode))}


def any_event_schema() -> dict[str, Any]:
    return _any_of(SERVICE_EVENT, "ServiceEvent")


def any_reference_schema() -> dict[str, Any]:
    return _any_of(REFERENCE_EVENT, "ReferenceEvent")


def _any_of(union: TypeAdapter[Any], title: str) -> dict[str, Any]:
    schema = plain_schema(union.json_schema())
    schema["$defs"] = {name: with_rules(definition) for name, definition in schema["$defs"].items()}
    schema.pop("discriminator")
    return {"$schema": DRAFT, "title": title, **schema}


def with_rules(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, **_PASSED} if schema.get("title") == EVENT_TYPES["quality_check"].__name__ else schema


def plain_schema(schema: Any, *, names: bool = False) -> Any:
    """The same without the titles that pydantic derives from every field's name; `names` where keys are field names."""
    if isinstance(schema, list):
        return [plain_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    entries = {name: value for name, value in schema.items() if names or name != "title" or "properties" in schema}
    return {name: plain_schema(value, names=name in ("properties", "$defs")) for name, value in entries.items()}


def dead_letter_headers_schema() -> dict[str, Any]:
    """The headers that a dead letter has besides those of the original record; header values are UTF-8 text."""
    schema = TypeAdapter(DeadLetter).json_schema()
    descriptions = {
        "code": "What kind of error, one word.",
        "reason": "A sentence without any input value.",
        "topic": "Where the record was read.",
        "partition": "Decimal number.",
        "offset": "Decimal number.",
        "timestamp": "Of the original record, milliseconds since 1970-01-01 UTC.",
        "value_cut": "Only where the topic did not take the whole value and it was cut: its original size in bytes.",
    }
    properties = {
        header_name(name): {"type": "string", "description": descriptions[name]} for name in schema["properties"]
    }
    required = [header_name(name) for name in schema["required"]]
    return {"title": "DeadLetterHeaders", "type": "object", "properties": properties, "required": required}
