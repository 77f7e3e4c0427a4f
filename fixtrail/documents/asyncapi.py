"""docs/asyncapi.yaml: each topic with its direction, key and messages."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.events import EVENT_TYPES
from schemas.json_schema import FACTS, dead_letter_headers_schema, plain_schema, with_rules
from schemas.reference_events import REFERENCE_TYPES
from schemas.topics import (
    ALERT_ACKS,
    ALERTS,
    CALL_REQUESTS,
    CENTER_HOURS,
    DEAD_LETTERS,
    ESTIMATES,
    JOURNEYS,
    NOTICES,
    REFERENCE_DEAD_LETTERS,
    REFERENCE_EVENTS,
    SERVICE_EVENTS,
)

_EVENTS = {**EVENT_TYPES, **REFERENCE_TYPES}

# topic → (what it carries, key, messages); the direction is Fixtrail's.
_CHANNELS: dict[str, tuple[str, str, str, list[str]]] = {
    SERVICE_EVENTS: ("receive", "What happened in a workshop. Upstream systems send it.", "vehicle_id", [*EVENT_TYPES]),
    REFERENCE_EVENTS: (
        "receive",
        "What is told beside the orders; of each natural key the latest by (occurred_at, event_id) counts.",
        "center_id",
        [*REFERENCE_TYPES],
    ),
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
    ESTIMATES: ("send", "Each ready time that was shown, for the record.", "center_id and order_id", ["estimate"]),
    CALL_REQUESTS: (
        "send",
        "Which customers want to be called, and who did it; compacted, the newest of an order counts.",
        "center_id and order_id",
        ["call_request"],
    ),
    DEAD_LETTERS: ("send", "What was refused: original key and bytes, the reason in headers.", "", ["dead_letter"]),
    REFERENCE_DEAD_LETTERS: ("send", "The same of reference events.", "", ["dead_letter"]),
}


def asyncapi_text() -> str:
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
            "description": "Events of orders and reference events in; journeys, notices, alerts, estimates out.",
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
    messages: dict[str, Any] = {}
    for _, (_, _, key, names) in _CHANNELS.items():
        for name in names:
            model = _EVENTS.get(name) or FACTS.get(name)
            if model is None:
                messages[name] = {
                    "summary": "A refused record.",
                    "contentType": "application/octet-stream",
                    "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
                    "payload": {"description": "The original bytes, whatever they are."},
                }
            else:
                messages[name] = {
                    "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
                    "bindings": {"kafka": {"key": {"type": "string", "description": f"The {key}, UTF-8."}}},
                }
    return messages


def _components() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in _EVENTS.values()),
        *((model, "serialization") for model in FACTS.values()),
    ]
    _, schema = models_json_schema(models, ref_template="#/components/schemas/{model}")
    schemas = {name: with_rules(plain_schema(part)) for name, part in schema["$defs"].items()}
    return {**schemas, "DeadLetterHeaders": dead_letter_headers_schema()}
