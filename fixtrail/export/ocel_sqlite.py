"""OCEL 2.0 as an SQLite database: the tables of the relational format, a table for each type."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from fixtrail.export.attributes import Kind, Value, time_text
from fixtrail.export.objects import EPOCH_MS, OBJECT_ATTRIBUTES, OcelEvent, OcelObject, event_types

_SQL_TYPES: Mapping[Kind, str] = {
    "string": "TEXT", "integer": "INTEGER", "float": "REAL", "boolean": "BOOLEAN", "time": "TIMESTAMP",
}  # fmt: skip
_BLOCK = 2_000
_TABLES = """
CREATE TABLE event_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT NOT NULL);
CREATE TABLE object_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT NOT NULL);
CREATE TABLE event (
    ocel_id TEXT PRIMARY KEY, ocel_type TEXT NOT NULL REFERENCES event_map_type (ocel_type));
CREATE TABLE object (
    ocel_id TEXT PRIMARY KEY, ocel_type TEXT NOT NULL REFERENCES object_map_type (ocel_type));
CREATE TABLE event_object (
    ocel_event_id TEXT NOT NULL REFERENCES event (ocel_id),
    ocel_object_id TEXT NOT NULL REFERENCES object (ocel_id),
    ocel_qualifier TEXT NOT NULL,
    PRIMARY KEY (ocel_event_id, ocel_object_id, ocel_qualifier)) WITHOUT ROWID;
CREATE TABLE object_object (
    ocel_source_id TEXT NOT NULL REFERENCES object (ocel_id),
    ocel_target_id TEXT NOT NULL REFERENCES object (ocel_id),
    ocel_qualifier TEXT NOT NULL,
    PRIMARY KEY (ocel_source_id, ocel_target_id, ocel_qualifier)) WITHOUT ROWID;
"""


class OcelSqliteWriter:
    """Writes one database; the file must not be there yet."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        # A file that is not finished is thrown away: nothing has to survive a crash.
        self._database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768;")
        self._database.executescript(_TABLES)
        self._inserts: dict[str, str] = {}
        self._rows: dict[str, list[tuple[object, ...]]] = {}
        self._waiting = 0
        self._events, self._objects = event_types(), OBJECT_ATTRIBUTES
        self._create_types("event", self._events, "")
        self._create_types("object", self._objects, ", ocel_changed_field TEXT")
        self._database.execute("BEGIN")

    def write_event(self, event: OcelEvent) -> None:
        self._add("event", (event.id, event.type))
        values = {name: _value(kind, value) for name, kind, value in event.attributes}
        row = (event.id, time_text(event.at), *(values.get(name) for name in self._events[event.type]))
        self._add(f"event_{table_of(event.type)}", row)
        for object_id, qualifier in event.relations:
            self._add("event_object", (event.id, object_id, qualifier))

    def write_object(self, item: OcelObject) -> None:
        """Write an object: what it was from the first, and each attribute that came later in a row of its own."""
        self._add("object", (item.id, item.type))
        names, table = self._objects[item.type], f"object_{table_of(item.type)}"
        first = {name: _value(kind, value) for (name, kind, value), at in item.attributes if at == EPOCH_MS}
        self._add(table, (item.id, time_text(EPOCH_MS), None, *(first.get(name) for name in names)))
        for (name, kind, value), at in item.attributes:
            if at != EPOCH_MS:
                cells = (_value(kind, value) if column == name else None for column in names)
                self._add(table, (item.id, time_text(at), name, *cells))
        for target, qualifier in item.relations:
            self._add("object_object", (item.id, target, qualifier))

    def close(self) -> None:
        """Write the rest and close the file."""
        self._flush()
        self._database.execute("COMMIT")
        self._database.close()

    def _create_types(self, side: str, types: Mapping[str, Mapping[str, Kind]], further: str) -> None:
        for name, attributes in types.items():
            table = table_of(name)
            columns = "".join(f', "{field}" {_SQL_TYPES[kind]}' for field, kind in attributes.items())
            self._database.execute(f"INSERT INTO {side}_map_type VALUES (?, ?)", (name, table))
            self._database.execute(
                f'CREATE TABLE "{side}_{table}" (ocel_id TEXT NOT NULL REFERENCES {side} (ocel_id), '
                f"ocel_time TIMESTAMP NOT NULL{further}{columns})"
            )

    def _add(self, table: str, row: tuple[object, ...]) -> None:
        if table not in self._inserts:
            marks = ", ".join("?" * len(row))
            self._inserts[table] = f'INSERT INTO "{table}" VALUES ({marks})'
        self._rows.setdefault(table, []).append(row)
        self._waiting += 1
        if self._waiting >= _BLOCK:
            self._flush()

    def _flush(self) -> None:
        for table, rows in self._rows.items():
            self._database.executemany(self._inserts[table], rows)
        self._rows, self._waiting = {}, 0


def table_of(name: str) -> str:
    """A type's part of its table's name: part_request.requested is PartRequestRequested."""
    return "".join(word.capitalize() for word in name.replace(".", "_").split("_"))


def _value(kind: Kind, value: Value) -> Value:
    return time_text(value) if kind == "time" and isinstance(value, int) else value
