"""The ledger and the key store of a backup, row by row: SQLite and PostgreSQL alike."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from fixtrail.backups.files import BackupFile, ItemWriter, described, items_of
from runtime.failure import ExitError
from runtime.store import Store, StoreUnavailableError, is_absent, open_store

LEDGER, KEYS = "ledger", "keys"
# Which backups were taken: those that are known stay so when one of them is put back.
BACKUPS = "backups"
TABLES = {
    LEDGER: ("sends", "preferences", "consents", "grants", "followers", "upgrades", "restorations"),
    KEYS: ("person_keys", BACKUPS),
}


def write_store(folder: Path, name: str, dsn: str) -> list[BackupFile]:
    """Write the tables of one store, all as of one instant; none where there is no such store yet."""
    if is_absent(dsn):
        return []
    with closing(_opened(dsn)) as store:
        store.begin()
        files = [_write_table(folder, store, name, table) for table in TABLES[name] if store.columns(table)]
        store.rollback()
        return files


def _write_table(folder: Path, store: Store, name: str, table: str) -> BackupFile:
    path, columns = folder / name / f"{table}.rows", sorted(store.columns(table))
    with ItemWriter(path) as writer:
        writer.write(columns)
        writer.write_all(store.run(f"SELECT {', '.join(columns)} FROM {table}"))
    return described(folder, path, writer.items - 1)


def is_empty(name: str, dsn: str) -> bool:
    """Whether the store holds nothing yet."""
    if is_absent(dsn):
        return True
    with closing(_opened(dsn)) as store:
        present = [table for table in TABLES[name] if store.columns(table)]
        return not any(store.run(f"SELECT 1 FROM {table} LIMIT 1") for table in present)


def fill_store(store: Store, folder: Path, name: str) -> int:
    """Put the rows of a backup in the place of those of the store, whose tables are there; how many they are."""
    count = 0
    for table in TABLES[name]:
        path = folder / name / f"{table}.rows"
        if not path.exists():
            continue
        if not store.columns(table):
            _create(store, table)
        items = items_of(path, list[Any])
        columns = [str(name) for name in next(items, [])]
        if not {*columns} <= store.columns(table):
            raise ExitError(f"{path} is of another version of Fixtrail: table {table} has other columns")
        if table != BACKUPS:
            store.run(f"DELETE FROM {table}")
        rows = [tuple(row) for row in items]
        marks = ", ".join("?" * len(columns))
        if rows:
            conflict = " ON CONFLICT (host, folder) DO NOTHING" if table == BACKUPS else ""
            insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}){conflict}"
            _insert(store, insert, rows, path)
        count += len(rows)
    return count


def _insert(store: Store, insert: str, rows: list[tuple[Any, ...]], path: Path) -> None:
    import psycopg

    try:
        store.run_many(insert, rows)
    except (sqlite3.Error, psycopg.Error, OverflowError) as error:
        # Its message would show values.
        raise ExitError(
            f"{path} is no file of a backup: the database refuses its rows ({type(error).__name__})"
        ) from None


def _create(store: Store, table: str) -> None:
    """The tables that a store gets only when it needs them."""
    store.run(
        {"upgrades": "CREATE TABLE upgrades (name TEXT PRIMARY KEY)", BACKUPS: BACKUPS_TABLE}.get(table, _RESTORATIONS)
    )


BACKUPS_TABLE = """CREATE TABLE IF NOT EXISTS backups (
    host TEXT NOT NULL, folder TEXT NOT NULL, taken_at BIGINT NOT NULL, PRIMARY KEY (host, folder))"""
_RESTORATIONS = "CREATE TABLE IF NOT EXISTS restorations (restored_at BIGINT NOT NULL)"


def _opened(dsn: str) -> Store:
    try:
        return open_store(dsn)
    except StoreUnavailableError as error:
        raise ExitError(f"a store cannot be used: {error}") from None
