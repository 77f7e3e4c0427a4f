"""SQLite says what passes by itself: a disk without room is waited for, a wrong statement is an error."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.store import SqliteStore, StoreUnavailableError

ROOMY, FULL = 10_000, 8


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "ledger.sqlite3")
    store.run("CREATE TABLE notes (text TEXT)")
    yield store
    store.close()


def fill(store: SqliteStore) -> None:
    store.begin()
    store.run_many("INSERT INTO notes VALUES (?)", [("x" * 4096,) for _ in range(20)])
    store.commit()


def test_a_full_disk_is_waited_for_and_nothing_of_the_transaction_is_there(store: SqliteStore):
    store.run(f"PRAGMA max_page_count = {FULL}")
    with pytest.raises(StoreUnavailableError, match="full"):
        fill(store)
    store.rollback()
    assert store.run("SELECT count(*) FROM notes") == [(0,)]

    store.run(f"PRAGMA max_page_count = {ROOMY}")
    fill(store)
    assert store.run("SELECT count(*) FROM notes") == [(20,)]


def test_another_process_that_writes_is_waited_for(store: SqliteStore, tmp_path: Path):
    second = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    second.execute("BEGIN IMMEDIATE")
    store.run("PRAGMA busy_timeout = 0")

    with pytest.raises(StoreUnavailableError, match="locked"):
        store.begin()
    second.close()


def test_a_wrong_statement_is_an_error_of_ours(store: SqliteStore):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        store.run("SELECT * FROM absent")
