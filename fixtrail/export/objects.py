"""An order's history as events and objects of OCEL 2.0: who and what each event is about."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from fixtrail.export.attributes import EVENT_ATTRIBUTES, Attribute, Kind, attributes_of, payload_of
from fixtrail.export.history import OrderHistory, Row, id_of
from schemas.events import EVENT_TYPES

EPOCH_MS = 0
Relation = tuple[str, str]

# What is fixed when an order begins, and what only its last event settled.
_FIRST: Mapping[str, Kind] = {"center_id": "string", "lane": "string", "odometer_km": "float"}
_LAST: Mapping[str, Kind] = {
    "status": "string",
    "fault_origin": "string",
    "fault_groups": "string",
    "checked_in_at": "time",
    "promised_at": "time",
    "ready_at": "time",
    "closed_at": "time",
    "lead_s": "float",
    "wait_s": "float",
    "wait_reception_s": "float",
    "wait_approval_s": "float",
    "wait_parts_s": "float",
    "wait_bay_s": "float",
    "touch_s": "float",
    "pickup_s": "float",
    "ftf": "boolean",
    "ftf_cause": "string",
    "quoted_amount": "float",
    "approved_amount": "float",
    "final_amount": "float",
    "score": "integer",
    "complaints": "integer",
}
ORDER_ATTRIBUTES: Mapping[str, Kind] = {**_FIRST, **_LAST}
OBJECT_ATTRIBUTES: Mapping[str, Mapping[str, Kind]] = {
    "order": ORDER_ATTRIBUTES,
    "vehicle": {},
    "part_request": {"part_no": "string", "quantity": "float"},
    "job": {},
    "quote": {"amount": "float", "currency": "string"},
    "survey": {"score": "integer"},
    "complaint": {"category": "string", "severity": "string"},
    "technician": {"center_id": "string"},
}


class OcelEvent(NamedTuple):
    """An event: `at` in milliseconds, `relations` to objects with a word for what they are to it."""

    id: str
    type: str
    at: int
    attributes: list[Attribute]
    relations: list[Relation]


class OcelObject(NamedTuple):
    """An object: each attribute holds from a time on, in milliseconds."""

    id: str
    type: str
    attributes: list[tuple[Attribute, int]]
    relations: list[Relation]


def event_types() -> dict[str, Mapping[str, Kind]]:
    """Every event type of an export, `type.phase` where it has phases, with its attributes."""
    types: dict[str, Mapping[str, Kind]] = {}
    for name, model in EVENT_TYPES.items():
        phase = model.model_fields.get("phase")
        names = [name] if phase is None else [f"{name}.{value}" for value in _phases(phase.annotation)]
        types |= dict.fromkeys(names, EVENT_ATTRIBUTES[name])
    return types


def _phases(annotation: Any) -> tuple[str, ...]:
    phases: tuple[str, ...] = annotation.__args__
    return phases


class ObjectMaker:
    """Makes the events and objects of one history after the other. `people`: technicians are objects, too."""

    def __init__(self, *, people: bool) -> None:
        self._people = people
        self._vehicle = ""
        self._technicians: set[str] = set()

    def objects(self, history: OrderHistory) -> Iterator[OcelObject | OcelEvent]:
        """An order's events, each followed by the objects that it brings up, and then the order itself."""
        vehicle = id_of("vehicle", history.order["vehicle_key"])
        if vehicle != self._vehicle:
            self._vehicle = vehicle
            yield OcelObject(vehicle, "vehicle", [], [])
        order = _OrderObjects(history, vehicle)
        for event in history.rows:
            payload = payload_of(event)
            attributes = list(attributes_of(event, payload))
            relations = order.relations(event, payload)
            if self._people and (technician := event["technician_id"]) is not None:
                relations.append((id_of("technician", event["center_id"], technician), "by"))
                yield from self._technician(event)
            yield OcelEvent(
                _within(history.case, event["event_id"]), type_of(event), event["at"], attributes, relations
            )
            yield from order.pop_new()
        yield order.order()

    def _technician(self, event: Row) -> Iterator[OcelObject]:
        technician = id_of("technician", event["center_id"], event["technician_id"])
        if technician not in self._technicians:
            self._technicians.add(technician)
            center: Attribute = ("center_id", "string", event["center_id"])
            yield OcelObject(technician, "technician", [(center, EPOCH_MS)], [])


def type_of(event: Mapping[str, Any]) -> str:
    """An event's type in OCEL."""
    return event["type"] if event["phase"] is None else f"{event['type']}.{event['phase']}"


def _within(case: str, name: str) -> str:
    """The id of something within an order, given the order's own."""
    return f"{case}/{id_of(name)}"


class _OrderObjects:
    """The objects of one order that its events have brought up so far."""

    def __init__(self, history: OrderHistory, vehicle: str) -> None:
        self._history = history
        self._id, self._vehicle = f"order/{history.case}", vehicle
        self._ids: set[str] = set()
        self._new: list[OcelObject] = []
        self._quote: str | None = None

    def order(self) -> OcelObject:
        row = self._history.order
        attributes = [((name, kind, row[name]), EPOCH_MS) for name, kind in _FIRST.items() if row[name] is not None]
        attributes += [
            ((name, kind, row[name]), row["last_event_at"]) for name, kind in _LAST.items() if row[name] is not None
        ]
        return OcelObject(self._id, "order", attributes, [(self._vehicle, "about")])

    def pop_new(self) -> list[OcelObject]:
        """The objects that are new since the last call."""
        new, self._new = self._new, []
        return new

    def relations(self, event: Row, payload: Mapping[str, Any]) -> list[Relation]:
        """The objects that an event is about."""
        relations = [(self._id, "of"), (self._vehicle, "about")]
        match event["type"]:
            case "part_request":
                relations.append((self._object("part_request", event["request_id"], event, payload), event["phase"]))
            case "repair":
                relations.append((self._object("job", event["job_id"], event, payload), event["phase"]))
            case "diagnosis" if payload.get("quote") is not None:
                self._quote = self._object("quote", event["event_id"], event, _quoted(payload["quote"]))
                relations.append((self._quote, "quoted"))
            case "quote_decision" if self._quote is not None:
                relations.append((self._quote, "answered"))
            case "survey":
                relations.append((self._object("survey", event["event_id"], event, payload), "answered"))
            case "complaint":
                name = payload.get("complaint_id") or event["event_id"]
                relations.append((self._object("complaint", name, event, payload), event["phase"] or "opened"))
            case "follow_up":
                relations += [(about, event["phase"]) for about in self._followed_up(payload["of"])]
        return relations

    def _followed_up(self, name: str) -> list[str]:
        ids = [f"{kind}/{_within(self._history.case, name)}" for kind in ("complaint", "survey")]
        return [object_id for object_id in ids if object_id in self._ids]

    def _object(self, kind: str, name: str, event: Row, payload: Mapping[str, Any]) -> str:
        """The id of an object of the order; one that is new is remembered."""
        object_id = f"{kind}/{_within(self._history.case, name)}"
        if object_id not in self._ids:
            self._ids.add(object_id)
            attributes = [((name, kind, value), EPOCH_MS) for name, kind, value in _attributes(kind, event, payload)]
            self._new.append(OcelObject(object_id, kind, attributes, [(self._id, "of")]))
        return object_id


def _attributes(object_type: str, event: Row, payload: Mapping[str, Any]) -> Iterator[Attribute]:
    for name, kind in OBJECT_ATTRIBUTES[object_type].items():
        value = payload.get(name) if event.get(name) is None else event[name]
        if value is not None:
            yield name, kind, float(value) if kind == "float" else value


def _quoted(quote: Mapping[str, Any]) -> dict[str, Any]:
    """What the quote's object says of it; its total as schemas.events.Quote adds it up."""
    labour = Decimal(quote["labour_hours"]) * Decimal(quote["labour_rate"])
    parts = (Decimal(part["quantity"]) * Decimal(part["unit_price"]) for part in quote["parts"])
    return {"amount": float(sum(parts, labour)), "currency": quote["currency"]}
