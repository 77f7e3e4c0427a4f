"""The files of an export, written from orders as ClickHouse gives them, and read back by other means."""

import io
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft7Validator

from fixtrail.export.attributes import EVENT_ATTRIBUTES
from fixtrail.export.history import ExportScope, OrderHistory, id_of
from fixtrail.export.objects import ORDER_ATTRIBUTES, ObjectMaker, OcelEvent, event_types
from fixtrail.export.ocel_json import OcelJsonWriter
from fixtrail.export.ocel_sqlite import OcelSqliteWriter, table_of
from fixtrail.export.run import Export, run_export
from fixtrail.export.xes import XesWriter
from fixtrail.imports.xes import XesReader
from fixtrail.settings import ReportSettings
from runtime.failure import ExitError
from schemas.events import EVENT_TYPES
from tests.ocel_schema import OCEL_2

EIGHT_MS = 1_780_300_800_000
CASE = "east/RO-77"


def event(number: int, kind: str, **fields: Any) -> dict[str, Any]:
    columns = ("phase", "technician_id", "bay_id", "job_id", "request_id", "part_no")
    payload = {name: value for name, value in fields.items() if name not in ("technician_id", "bay_id")}
    return {
        "vehicle_key": "00ff", "center_id": "east", "order_id": "RO-77", "event_id": f"e{number}", "type": kind,
        "at": EIGHT_MS + 60_000 * number, **{name: fields.get(name) for name in columns},
        "payload": orjson.dumps(payload).decode(),
    }  # fmt: skip


QUOTE = {
    "labour_hours": "2", "labour_rate": "100.50", "currency": "CNY",
    "parts": [{"part_no": "PAD", "quantity": "4", "unit_price": "25.25"}],
}  # fmt: skip
EVENTS = [
    event(0, "check_in", lane="quick", odometer_km=12.5),
    event(1, "diagnosis", phase="started", technician_id="T1"),
    event(2, "diagnosis", phase="completed", fault_groups=["brakes", "tyres"], quote=QUOTE),
    event(3, "quote_decision", approved=True, amount="302.0"),
    event(4, "part_request", phase="requested", request_id="P/1", part_no="PAD", quantity="4"),
    event(5, "part_request", phase="fulfilled", request_id="P/1", part_no="PAD", quantity="4"),
    event(6, "repair", phase="started", job_id="J1", technician_id="T1", step="pads & discs"),
    event(7, "repair", phase="completed", job_id="J1"),
    event(8, "handoff", amount="302.0"),
    event(9, "survey", score=9),
    event(10, "complaint", category="price \x0b<b>", phase="opened"),
    event(11, "follow_up", of="e9", phase="contacted"),
    event(12, "follow_up", of="e10", phase="resolved"),
]
ORDER: dict[str, Any] = dict.fromkeys(ORDER_ATTRIBUTES) | {
    "vehicle_key": "00ff", "center_id": "east", "order_id": "RO-77", "lane": "quick", "status": "handed_off",
    "closed_at": EIGHT_MS + 480_000, "wait_s": 120.5, "ftf": True, "last_event_at": EIGHT_MS + 720_000,
}  # fmt: skip
HISTORY = OrderHistory(CASE, ORDER, EVENTS)
OBJECTS = {
    "order/east/RO-77", "vehicle/00ff", "quote/east/RO-77/e2", "part_request/east/RO-77/P%2F1", "job/east/RO-77/J1",
    "survey/east/RO-77/e9", "complaint/east/RO-77/e10",
}  # fmt: skip


def write(writer: OcelJsonWriter | OcelSqliteWriter, *histories: OrderHistory, people: bool = False) -> None:
    maker = ObjectMaker(people=people)
    for item in (item for history in histories for item in maker.objects(history)):
        writer.write_event(item) if isinstance(item, OcelEvent) else writer.write_object(item)
    writer.close()


def ocel_json(*histories: OrderHistory, people: bool = False) -> dict[str, Any]:
    out = io.BytesIO()
    write(OcelJsonWriter(out), *histories, people=people)
    document: dict[str, Any] = orjson.loads(out.getvalue())
    return document


def xes_rows(*histories: OrderHistory) -> list[dict[str, str]]:
    out = io.BytesIO()
    writer = XesWriter(out)
    for history in histories:
        writer.write_trace(history)
    writer.close()
    return [row for _, row in XesReader(io.BytesIO(out.getvalue()))]


def test_the_json_is_ocel_2():
    document = ocel_json(HISTORY, people=True)

    Draft7Validator(OCEL_2, format_checker=Draft7Validator.FORMAT_CHECKER).validate(document)


def test_an_empty_export_is_ocel_2_as_well():
    document = ocel_json()

    Draft7Validator(OCEL_2).validate(document)
    assert document["events"] == document["objects"] == []


def test_types_and_relations_name_what_is_there():
    document = ocel_json(HISTORY, people=True)
    ids = {item["id"] for item in document["objects"]}
    object_types = {kind["name"]: {field["name"] for field in kind["attributes"]} for kind in document["objectTypes"]}
    types = {kind["name"]: {field["name"] for field in kind["attributes"]} for kind in document["eventTypes"]}

    assert ids == OBJECTS | {"technician/east/T1"}
    assert len(ids) == len(document["objects"])
    for item in [*document["events"], *document["objects"]]:
        assert {relation["objectId"] for relation in item["relationships"]} <= ids
    assert all({f["name"] for f in item["attributes"]} <= types[item["type"]] for item in document["events"])
    assert all({f["name"] for f in item["attributes"]} <= object_types[item["type"]] for item in document["objects"])


def test_each_event_tells_what_it_is_about():
    about = {
        item["id"]: {relation["objectId"]: relation["qualifier"] for relation in item["relationships"]}
        for item in ocel_json(HISTORY)["events"]
    }

    assert about["east/RO-77/e0"] == {"order/east/RO-77": "of", "vehicle/00ff": "about"}
    assert about["east/RO-77/e2"]["quote/east/RO-77/e2"] == "quoted"
    assert about["east/RO-77/e3"]["quote/east/RO-77/e2"] == "answered"
    assert about["east/RO-77/e5"]["part_request/east/RO-77/P%2F1"] == "fulfilled"
    assert about["east/RO-77/e11"]["survey/east/RO-77/e9"] == "contacted"
    assert about["east/RO-77/e12"]["complaint/east/RO-77/e10"] == "resolved"


def test_a_quote_is_as_much_as_its_lines():
    quote = next(item for item in ocel_json(HISTORY)["objects"] if item["type"] == "quote")

    assert {field["name"]: field["value"] for field in quote["attributes"]} == {"amount": "302.0", "currency": "CNY"}


def test_what_an_order_came_to_holds_from_its_last_event():
    order = next(item for item in ocel_json(HISTORY)["objects"] if item["type"] == "order")
    attributes = {field["name"]: (field["value"], field["time"]) for field in order["attributes"]}

    assert attributes["lane"] == ("quick", "1970-01-01T00:00:00.000Z")
    assert attributes["wait_s"] == ("120.5", "2026-06-01T08:12:00.000Z")
    assert attributes["closed_at"][0] == "2026-06-01T08:08:00.000Z"
    assert attributes["ftf"][0] == "true"


def test_technicians_are_objects_only_where_asked_for():
    assert {item["id"] for item in ocel_json(HISTORY)["objects"]} == OBJECTS


def test_a_vehicle_of_two_orders_is_one_object():
    second = OrderHistory("east/RO-78", {**ORDER, "order_id": "RO-78"}, [])
    types = [item["type"] for item in ocel_json(HISTORY, second)["objects"]]

    assert (types.count("vehicle"), types.count("order")) == (1, 2)


def test_the_database_holds_the_same_as_the_json(tmp_path: Path):
    file = tmp_path / "log.sqlite"
    write(OcelSqliteWriter(file), HISTORY, people=True)
    document = ocel_json(HISTORY, people=True)
    database = sqlite3.connect(file)
    database.execute("PRAGMA foreign_keys = ON")

    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert dict(database.execute("SELECT * FROM event")) == {item["id"]: item["type"] for item in document["events"]}
    assert dict(database.execute("SELECT * FROM object")) == {item["id"]: item["type"] for item in document["objects"]}
    assert set(database.execute("SELECT * FROM event_object")) == {
        (item["id"], relation["objectId"], relation["qualifier"])
        for item in document["events"]
        for relation in item["relationships"]
    }
    for item in document["events"]:
        times = database.execute(
            f'SELECT ocel_time FROM "event_{table_of(item["type"])}" WHERE ocel_id = ?', [item["id"]]
        )
        assert times.fetchall() == [(item["time"],)]
    changes = "SELECT wait_s, ocel_time FROM object_Order WHERE ocel_changed_field = 'wait_s'"
    assert database.execute(changes).fetchall() == [(120.5, "2026-06-01T08:12:00.000Z")]
    database.close()


def test_every_type_has_a_table_of_its_own():
    tables = [table_of(name) for name in event_types()]

    assert len(set(tables)) == len(tables)
    assert {name.split(".")[0] for name in event_types()} == set(EVENT_TYPES)


def test_xes_is_read_back_as_it_was():
    rows = xes_rows(HISTORY)

    assert [row["event_id"] for row in rows] == [f"e{number}" for number in range(13)]
    assert {row["case:concept:name"] for row in rows} == {CASE}
    assert [(row["concept:name"], row["lifecycle:transition"]) for row in rows[1:8]] == [
        ("diagnosis", "start"), ("diagnosis", "complete"), ("quote_decision", "complete"),
        ("part_request requested", "complete"), ("part_request fulfilled", "complete"),
        ("repair (pads & discs)", "start"), ("repair", "complete"),
    ]  # fmt: skip
    assert rows[1]["org:resource"] == "T1"
    assert rows[2]["fault_groups"] == "brakes;tyres"
    assert datetime.fromisoformat(rows[6]["time:timestamp"]) == datetime(2026, 6, 1, 8, 6, tzinfo=UTC)
    # XML has no such character.
    assert rows[10]["category"] == "price \ufffd<b>"


def test_xes_of_stages_tells_how_long_each_was():
    stage = {
        "seq": 1, "activity": "reception", "is_wait": True, "started_at": EIGHT_MS, "ended_at": EIGHT_MS + 1500,
        "seconds": 1.5,
    }  # fmt: skip
    (row,) = xes_rows(OrderHistory(CASE, ORDER, [stage]))

    assert (row["concept:name"], row["is_wait"], row["seconds"]) == ("reception", "true", "1.5")
    assert row["start_timestamp"] == "2026-06-01T08:00:00.000Z"
    assert row["time:timestamp"] == "2026-06-01T08:00:01.500Z"


def test_nothing_personal_is_an_attribute():
    names = {name for attributes in EVENT_ATTRIBUTES.values() for name in attributes}

    assert not names & {"contact", "customer_id", "vehicle_id", "comment", "reason", "resolution", "advisor"}


@pytest.mark.parametrize(
    ("parts", "text"), [(("a", "b"), "a/b"), (("a/b", "c"), "a%2Fb/c"), (("a", "b%2F"), "a/b%252F")]
)
def test_ids_cannot_be_taken_for_each_other(parts, text):
    assert id_of(*parts) == text


@pytest.mark.parametrize(("form", "name"), [("ocel", "log.xes"), ("xes", "log.json"), ("xes", "log")])
def test_a_file_of_another_kind_is_refused(form, name):
    with pytest.raises(ExitError, match="ends in"):
        run_export(ReportSettings(), Export(form, Path(name), ExportScope()))
