"""Numbered SQL files that bring a ClickHouse server to the schema of this version; forward only."""

import hashlib
import logging
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import DatabaseError

from sinks.clickhouse.cluster_ddl import ClusterDdlError, on_cluster, replaced_table, stored_in
from sinks.clickhouse.layout import SINGLE, Layout

log = logging.getLogger(__name__)

FOLDER = Path(__file__).resolve().parents[2] / "analytics" / "migrations"

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_COMMENT = re.compile(r"--[^\n]*")
_REPEATABLE = re.compile(
    r"^(CREATE \w+ IF NOT EXISTS|CREATE OR REPLACE|DROP \w+ IF EXISTS"
    r"|ALTER TABLE \S+ (ADD|DROP|MODIFY|CLEAR|RENAME|COMMENT) \w+ IF (NOT )?EXISTS"
    r"|ALTER TABLE \S+ MODIFY (SETTING|TTL|QUERY|COMMENT))\b"
)
_RECORDS = """CREATE TABLE IF NOT EXISTS fixtrail_raw.migrations
(name String, checksum String, applied_at DateTime64(3, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY (name, checksum)"""
_ATTEMPTS = 8


class MigrationError(RuntimeError):
    """The folder and the server do not belong together; trying again cannot help."""


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self) -> list[str]:
        """The file's statements without comments; each ends in a semicolon at the end of a line.

        Raises MigrationError for a statement that cannot be repeated: a run that dies halfway is run again.
        """
        parts = re.split(r";[ \t]*(?:\n|$)", _COMMENT.sub("", self.sql))
        statements = [part.strip() for part in parts if part.strip()]
        for statement in statements:
            if not _REPEATABLE.match(" ".join(statement.split())):
                raise MigrationError(f"{self.name}: cannot be repeated: {' '.join(statement.split())[:80]}")
        return statements


def migrate(client: Any, folder: Path = FOLDER, layout: Layout = SINGLE, definer: str = "") -> list[str]:
    """Apply what the server does not have yet, in order; the names of the files applied.

    Safe to run again, and by several at once: every statement can be repeated. `client` is a clickhouse-connect client;
    views of a cluster have the rights of its user, `definer`. Of a cluster without Keeper, each server is one call.
    Raises MigrationError when a file that the server has recorded was changed or is missing, where its tables were
    made for another layout, and where they have rows and nothing is recorded.
    """
    migrations = read_folder(folder)
    # Without Keeper each server takes down for itself what it has.
    of_records = SINGLE if layout.nodes else layout
    _check_layout(client, layout)
    for statement in ("CREATE DATABASE IF NOT EXISTS fixtrail_raw", _RECORDS):
        _run(client, statement, of_records, definer)
    checksums = _recorded(client)
    if not checksums and _has_rows(client, "fixtrail_raw.journeys"):
        # A server in trouble may answer with nothing, and the first migrations would make the tables anew.
        raise MigrationError(
            "there are journeys, and no record of the migrations that made their tables: nothing is done"
        )
    _check(migrations, checksums)
    applied = []
    for migration in migrations:
        if migration.name in checksums:
            continue
        for statement in migration.statements():
            _run(client, statement, layout, definer)
        client.insert(
            "fixtrail_raw.migrations",
            [[migration.name, migration.checksum, int(time.time() * 1000)]],
            column_names=["name", "checksum", "applied_at"],
        )
        log.info("applied %s", migration.name)
        applied.append(migration.name)
    return applied


def _run(client: Any, statement: str, layout: Layout, definer: str) -> None:
    """Do what the statement does on all servers of the layout."""
    table = None if layout.is_single else replaced_table(statement)
    if table and _has_rows(client, f"fixtrail_raw.{table}" if layout.on_cluster else stored_in(layout, table)):
        raise MigrationError(
            f"{table} has rows, and on a cluster only an empty one is made anew: replay into a new database"
        )
    try:
        statements = on_cluster(layout, statement, definer)
    except ClusterDdlError as error:
        raise MigrationError(str(error)) from None
    for part in statements:
        _command(client, part)


def _has_rows(client: Any, table: str) -> bool:
    try:
        return int(client.command(f"SELECT count() FROM {table}")) > 0
    except DatabaseError as error:
        if error.code == _UNKNOWN_TABLE:
            return False
        raise


def _check_layout(client: Any, layout: Layout) -> None:
    """Raises MigrationError where the tables are there and were made for another layout."""
    rows = client.query(
        "SELECT database, engine FROM system.tables "
        "WHERE database IN ('fixtrail_raw', 'fixtrail_shard') AND name = 'journeys'"
    ).result_rows
    engines = {database.rpartition("_")[2]: engine for database, engine in rows}
    stored = engines.get("shard" if layout.is_sharded else "raw", "")
    fits = (
        (not engines)
        or (layout.is_single and stored.endswith("ReplacingMergeTree"))
        or (stored == f"{'Replicated' if layout.is_replicated else ''}ReplacingMergeTree")
    )
    if not fits:
        raise MigrationError(
            f"database {layout.database} was made for another layout than {layout.kind} "
            f"({', '.join(sorted(engines.values()))}): set another FIXTRAIL_CLICKHOUSE_DATABASE and replay into it"
        )


def read_folder(folder: Path) -> list[Migration]:
    """The migrations of a folder in order. Raises MigrationError for a bad name, a gap or a number used twice."""
    migrations = [Migration(file.name, file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.sql"))]
    for number, migration in enumerate(migrations, start=1):
        match = _NAME.match(migration.name)
        if not match or int(match[1]) != number:
            raise MigrationError(f"{migration.name}: expected a name like {number:04}_what_it_brings.sql")
    if not migrations:
        raise MigrationError(f"no migrations in {folder}")
    return migrations


def _recorded(client: Any) -> dict[str, str]:
    rows = client.query("SELECT name, checksum FROM fixtrail_raw.migrations").result_rows
    return dict(rows)


def _check(migrations: list[Migration], applied: dict[str, str]) -> None:
    checksums = {migration.name: migration.checksum for migration in migrations}
    for name, checksum in sorted(applied.items()):
        if name not in checksums:
            raise MigrationError(
                f"{name} was applied to this server but is unknown here: this version is too old for it"
            )
        if checksums[name] != checksum:
            raise MigrationError(f"{name} was changed after it had been applied: write a new migration instead")


def _command(client: Any, statement: str) -> None:
    """Run one statement; once more where another run of the same migrations came in between."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            client.command(statement)
            return
        except DatabaseError as error:
            if attempt == _ATTEMPTS or error.code not in _RACES:
                raise
            time.sleep(0.1 * attempt)


_UNKNOWN_TABLE = 60
# UNKNOWN_IDENTIFIER (the other run made the table anew and has not added the column yet), UNKNOWN_TABLE,
# TABLE_ALREADY_EXISTS, UNKNOWN_DATABASE, DATABASE_ALREADY_EXISTS, TABLE_IS_DROPPED, TABLE_IS_BEING_RESTARTED, DDL race
_RACES = frozenset({47, 57, 60, 81, 82, 218, 243, 341, 733})
