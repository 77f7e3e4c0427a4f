"""XES (IEEE 1849): a trace for each order, written as it comes; either its events or the stretches of its visit."""

import re
from collections.abc import Iterator, Mapping
from typing import IO, Any
from xml.sax.saxutils import quoteattr

from fixtrail.export.attributes import Attribute, Kind, Value, attributes_of, payload_of, text_of_value, time_text
from fixtrail.export.history import OrderHistory, Row
from fixtrail.export.objects import ORDER_ATTRIBUTES
from fixtrail.terminal.printable import NOT_XML, xml_text

_TAGS: Mapping[Kind, str] = {
    "string": "string", "integer": "int", "float": "float", "boolean": "boolean", "time": "date",
}  # fmt: skip
# What XML cannot hold, and what it holds only when it is escaped.
_SPECIAL = re.compile(f'[&<>"\\t\\n\\r]|{NOT_XML.pattern}')
# The transactional model of the lifecycle extension, for what takes time.
_TRANSITIONS = {"started": "start", "paused": "suspend", "resumed": "resume", "completed": "complete"}
_WITH_LIFECYCLE = ("diagnosis", "repair", "quality_check")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<global scope="trace"><string key="concept:name" value=""/></global>
<global scope="event"><string key="concept:name" value=""/><date key="time:timestamp" value="1970-01-01T00:00:00Z"/>\
<string key="lifecycle:transition" value="complete"/></global>
<classifier name="Activity" keys="concept:name"/>
<classifier name="Activity and lifecycle" keys="concept:name lifecycle:transition"/>
<string key="concept:name" value="Fixtrail"/>
"""


class XesWriter:
    """Writes one log."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        out.write(_HEAD.encode())

    def write_trace(self, history: OrderHistory) -> None:
        self._out.write("".join(_trace(history)).encode())

    def close(self) -> None:
        """Write the rest of the document."""
        self._out.write(b"</log>\n")


def _trace(history: OrderHistory) -> Iterator[str]:
    order = history.order
    yield f"<trace>{_tag('concept:name', 'string', history.case)}{_tag('vehicle_key', 'string', order['vehicle_key'])}"
    yield from (_tag(name, kind, order[name]) for name, kind in ORDER_ATTRIBUTES.items() if order[name] is not None)
    for row in history.rows:
        yield f"\n<event>{_event(row)}</event>"
    yield "\n</trace>\n"


def _event(row: Row) -> str:
    return "".join(_tag(*attribute) for attribute in (_stage(row) if "seq" in row else _happening(row)))


def _happening(event: Row) -> Iterator[Attribute]:
    payload = payload_of(event)
    yield "concept:name", "string", activity_of(event, payload)
    yield "time:timestamp", "time", event["at"]
    yield "lifecycle:transition", "string", _transition(event)
    if event["technician_id"] is not None:
        yield "org:resource", "string", event["technician_id"]
    yield "event_id", "string", event["event_id"]
    yield from (attribute for attribute in attributes_of(event, payload) if attribute[0] != "technician_id")


def _stage(stage: Row) -> Iterator[Attribute]:
    yield "concept:name", "string", stage["activity"]
    yield "start_timestamp", "time", stage["started_at"]
    yield "time:timestamp", "time", stage["ended_at"]
    yield "lifecycle:transition", "string", "complete"
    yield "is_wait", "boolean", stage["is_wait"]
    yield "seconds", "float", stage["seconds"]


def activity_of(event: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """An event's activity: `repair`, `repair (step)` where it names a step, `part_request backordered`."""
    kind: str = event["type"]
    if step := payload.get("step"):
        return f"{kind} ({step})"
    return kind if event["phase"] is None or kind in _WITH_LIFECYCLE else f"{kind} {event['phase']}"


def _transition(event: Mapping[str, Any]) -> str:
    return _TRANSITIONS[event["phase"]] if event["type"] in _WITH_LIFECYCLE else "complete"


def _tag(key: str, kind: Kind, value: Value) -> str:
    text = time_text(value) if kind == "time" and isinstance(value, int) else text_of_value(value)
    return f'<{_TAGS[kind]} key="{key}" value={_quoted(text)}/>'


def _quoted(text: str) -> str:
    return f'"{text}"' if _SPECIAL.search(text) is None else quoteattr(xml_text(text))
