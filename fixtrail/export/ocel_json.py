"""OCEL 2.0 in JSON, written as it comes: objects wait in a temporary file until the events are written."""

import shutil
import tempfile
from collections.abc import Mapping
from typing import IO

import orjson

from fixtrail.export.attributes import Kind, Value, text_of_value, time_text
from fixtrail.export.objects import OBJECT_ATTRIBUTES, OcelEvent, OcelObject, Relation, event_types


class OcelJsonWriter:
    """Writes one document. Values are texts, as the schema of OCEL 2.0 has them; the types say what they are."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._objects = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._event_gap = self._object_gap = b"\n"
        out.write(b'{"objectTypes":' + _types(OBJECT_ATTRIBUTES))
        out.write(b',\n"eventTypes":' + _types(event_types()) + b',\n"events":[')

    def write_event(self, event: OcelEvent) -> None:
        document = {
            "id": event.id,
            "type": event.type,
            "time": time_text(event.at),
            "attributes": [{"name": name, "value": _text(kind, value)} for name, kind, value in event.attributes],
            "relationships": _relations(event.relations),
        }
        self._out.write(self._event_gap + orjson.dumps(document))
        self._event_gap = b",\n"

    def write_object(self, item: OcelObject) -> None:
        document = {
            "id": item.id,
            "type": item.type,
            "attributes": [
                {"name": name, "value": _text(kind, value), "time": time_text(at)}
                for (name, kind, value), at in item.attributes
            ],
            "relationships": _relations(item.relations),
        }
        self._objects.write(self._object_gap + orjson.dumps(document))
        self._object_gap = b",\n"

    def close(self) -> None:
        """Write the rest of the document."""
        self._out.write(b'],\n"objects":[')
        self._objects.seek(0)
        shutil.copyfileobj(self._objects, self._out, 1 << 20)
        self._objects.close()
        self._out.write(b"]}\n")


def _types(types: Mapping[str, Mapping[str, Kind]]) -> bytes:
    return orjson.dumps(
        [
            {"name": name, "attributes": [{"name": field, "type": kind} for field, kind in attributes.items()]}
            for name, attributes in types.items()
        ]
    )


def _text(kind: Kind, value: Value) -> str:
    return time_text(value) if kind == "time" and isinstance(value, int) else text_of_value(value)


def _relations(relations: list[Relation]) -> list[dict[str, str]]:
    return [{"objectId": object_id, "qualifier": qualifier} for object_id, qualifier in relations]
