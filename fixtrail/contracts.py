"""The documents of all that crosses a process border: JSON Schema, AsyncAPI 3, OpenAPI 3.1; and of the SQL schema."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from fixtrail.schema_page import schema_page
from fixtrail.topics import ALERT_ACKS, ALERTS, CENTER_HOURS, DEAD_LETTERS, JOURNEYS, NOTICES, SERVICE_EVENTS
from schemas.dead_letter import PREFIX, DeadLetter
from schemas.events import EVENT_TYPES, SERVICE_EVENT
from schemas.facts import Acknowledgement, Alert, CenterHour, JourneyFact, Notice

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI_FILE = "asyncapi.yaml"
OPENAPI_FILE = "openapi.json"
SCHEMA_PAGE = "schema.md"
SCHEMAS = "schemas"

# What the model checks in code: a completed quality check says whether it was passed.
_PASSED = {
    "if": {"properties": {"phase": {"const": "started"}}, "required": ["phase"]},
    "else": {"properties": {"passed": {"type": "boolean"}}, "required": ["passed"]},
}

# (message, model, mode): events are described as they are read, facts as they are written.
_FACTS: dict[str, type[BaseModel]] = {
    "journey": JourneyFact,
    "center_hour": CenterHour,
    "notice": Notice,
    "alert": Alert,
    "acknowledgement": Acknowledgement,
}

# topic → (what it carries, key, messages); the direction is Fixtrail's.
_CHANNELS: dict[str, tuple[str, str, str, list[str]]] = {
    SERVICE_EVENTS: ("receive", "What happened in a workshop. Upstream systems send it.", "vehicle_id", [*EVENT_TYPES]),
    JOURNEYS: (
        "send",
        "The whole current state of an order; compacted, the newest one counts.",
        "order_id",
        ["journey"],
    ),
    CENTER_HOURS: ("send", "Partial sums of a center's hour.", "center_id", ["center_hour"]),
    NOTICES: ("send", "Milestones of an order.", "order_id", ["notice"]),
    ALERTS: ("send", "What the staff must look at; compacted, the highest version counts.", "alert_id", ["alert"]),
    ALERT_ACKS: ("send", "Who takes care of an alert; compacted.", "alert_id", ["acknowledgement"]),
    DEAD_LETTERS: ("send", "What was refused: original key and bytes, the reason in headers.", "", ["dead_letter"]),
}


def documents() -> dict[Path, str]:
    """Content by path below `docs/`: a JSON Schema per message and one for any event, AsyncAPI, OpenAPI, schema.md."""
    found = {Path(SCHEMAS, "service-event.json"): _text(_any_event())}
    for name, event in EVENT_TYPES.items():
        found[Path(SCHEMAS, f"{name}.json")] = _text(_with_rules(_schema(event, "validation")))
    for name, model in _FACTS.items():
        found[Path(SCHEMAS, f"{name.replace('_', '-')}.json")] = _text(_schema(model, "serialization"))
    found[Path(SCHEMAS, "dead-letter-headers.json")] = _text({"$schema": DRAFT, **_dead_letter_headers()})
    found[Path(ASYNCAPI_FILE)] = _asyncapi_text()
    found[Path(OPENAPI_FILE)] = _openapi_text()
    found[Path(SCHEMA_PAGE)] = schema_page().rstrip("\n") + "\n"
    return found


def event_schemas(ref_template: str) -> dict[str, Any]:
    """The JSON Schema of each event type and of what it consists of, by name, for a document that holds them."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in EVENT_TYPES.values()]
    _, schema = models_json_schema(models, ref_template=ref_template)
    return {name: _with_rules(_plain(part)) for name, part in schema["$defs"].items()}


def write_documents(folder: Path) -> list[Path]:
    """Write every document below the folder, and remove schema files that no model has any more."""
    wanted = {folder / path: text for path, text in documents().items()}
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in (folder / SCHEMAS).glob("*.json"):
        if path not in wanted:
            path.unlink()
    return sorted(wanted)


def stale_documents(folder: Path) -> list[Path]:
    """The documents that are missing, differ from the models, or belong to none."""
    wanted = {folder / path: text for path, text in documents().items()}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    return sorted([*stale, *(path for path in (folder / SCHEMAS).glob("*.json") if path not in wanted)])


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
    return {"$schema": DRAFT, **_plain(model.model_json_schema(mode=mode))}


def _any_event() -> dict[str, Any]:
    schema = _plain(SERVICE_EVENT.json_schema())
    schema["$defs"] = {name: _with_rules(found) for name, found in schema["$defs"].items()}
    schema.pop("discriminator")
    return {"$schema": DRAFT, "title": "ServiceEvent", **schema}


def _with_rules(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, **_PASSED} if schema.get("title") == EVENT_TYPES["quality_check"].__name__ else schema


def _plain(schema: Any, *, names: bool = False) -> Any:
    """The same without the titles that pydantic derives from every field's name; `names` where keys are field names."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if names or name != "title" or "properties" in schema}
    return {name: _plain(value, names=name in ("properties", "$defs")) for name, value in kept.items()}


def _dead_letter_headers() -> dict[str, Any]:
    """The headers that a dead letter has besides those of the original record; header values are UTF-8 text."""
    said = TypeAdapter(DeadLetter).json_schema()["properties"]
    told = {
        "code": "What kind of error, one word.",
        "reason": "A sentence without any input value.",
        "topic": "Where the record was read.",
        "partition": "Decimal number.",
        "offset": "Decimal number.",
        "timestamp": "Of the original record, milliseconds since 1970-01-01 UTC.",
    }
    properties = {PREFIX + name: {"type": "string", "description": told[name]} for name in said}
    return {"title": "DeadLetterHeaders", "type": "object", "properties": properties, "required": [*properties]}


def _openapi_text() -> str:
    from fixtrail.web.api.document import openapi

    return _text(openapi())


def _asyncapi_text() -> str:
    # Only for who works on Fixtrail: pyyaml is no dependency of the application.
    import yaml

    head = "# Generated from the models by `fixtrail contracts --write`; do not edit.\n"
    return head + yaml.safe_dump(_asyncapi(), sort_keys=False, allow_unicode=True, width=110)


def _asyncapi() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fixtrail",
            "version": "1.0.0",
            "description": "Service-order events in; journeys, center hours, notices, alerts and dead letters out.",
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic): _channel(topic) for topic in _CHANNELS},
        "operations": {
            f"{action}_{_id(topic)}": {"action": action, "channel": {"$ref": f"#/channels/{_id(topic)}"}}
            for topic, (action, *_) in _CHANNELS.items()
        },
        "components": {"messages": _messages(), "schemas": _components()},
    }


def _id(topic: str) -> str:
    return topic.replace("-", "_").replace(".", "_")


def _channel(topic: str) -> dict[str, Any]:
    _, description, _, messages = _CHANNELS[topic]
    refs = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {"address": topic, "description": description, "messages": refs}


def _messages() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _, (_, _, key, names) in _CHANNELS.items():
        for name in names:
            model = EVENT_TYPES.get(name) or _FACTS.get(name)
            if model is None:
                found[name] = {
                    "summary": "A refused record.",
                    "contentType": "application/octet-stream",
                    "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
                    "payload": {"description": "The original bytes, whatever they are."},
                }
            else:
                found[name] = {
                    "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
                    "bindings": {"kafka": {"key": {"type": "string", "description": f"The {key}, UTF-8."}}},
                }
    return found


def _components() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in EVENT_TYPES.values()),
        *((model, "serialization") for model in _FACTS.values()),
    ]
    _, schema = models_json_schema(models, ref_template="#/components/schemas/{model}")
    found = {name: _with_rules(_plain(part)) for name, part in schema["$defs"].items()}
    return {**found, "DeadLetterHeaders": _dead_letter_headers()}
