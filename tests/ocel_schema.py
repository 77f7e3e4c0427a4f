"""The JSON form of OCEL 2.0 (www.ocel-standard.org, section "OCEL 2.0 JSON") as a JSON Schema, written from its text.

Stricter than its own: no further keys, and every attribute has one of the standard's types.
"""

from typing import Any

TEXT = {"type": "string"}
TIME = {"type": "string", "format": "date-time"}


def _list_of(**properties: Any) -> dict[str, Any]:
    item = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "array", "items": item}


_TYPES = _list_of(
    name=TEXT, attributes=_list_of(name=TEXT, type={"enum": ["string", "time", "integer", "float", "boolean"]})
)
_RELATIONS = _list_of(objectId=TEXT, qualifier=TEXT)
OCEL_2 = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "objectTypes": _TYPES,
        "eventTypes": _TYPES,
        "objects": _list_of(
            id=TEXT, type=TEXT, attributes=_list_of(name=TEXT, value=TEXT, time=TIME), relationships=_RELATIONS
        ),
        "events": _list_of(
            id=TEXT, type=TEXT, time=TIME, attributes=_list_of(name=TEXT, value=TEXT), relationships=_RELATIONS
        ),
    },
    "required": ["objectTypes", "eventTypes", "objects", "events"],
    "additionalProperties": False,
}
