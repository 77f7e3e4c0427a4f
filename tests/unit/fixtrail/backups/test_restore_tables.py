"""What ClickHouse has is that of the backup afterwards, and nothing besides."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtrail.backups.files import BackupFile, Manifest
from fixtrail.backups.restore import _fill_tables
from runtime.failure import ExitError


class Tables:
    """A client of a server with two tables."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.filled: list[str] = []

    def query(self, _: str) -> Any:
        return SimpleNamespace(result_rows=[("events",), ("estimates",)])

    def command(self, text: str) -> None:
        self.commands.append(text)

    def raw_insert(self, table: str, **_: Any) -> None:
        self.filled.append(table)


def a_manifest(*tables: str) -> Manifest:
    files = [BackupFile(f"clickhouse/{table}.native", 1, 1, "") for table in tables]
    return Manifest("2026-01-01T00:00:00+00:00", "fixtrail", {}, "murmur2", {}, [], files)


def test_a_table_that_the_backup_does_not_have_is_empty_afterwards(tmp_path):
    (tmp_path / "clickhouse").mkdir()
    for table in ("events", "estimates"):
        (tmp_path / "clickhouse" / f"{table}.native").write_bytes(b"x")
    client = Tables()

    _fill_tables(tmp_path, a_manifest("events"), client, lambda _: None)

    assert client.commands == ["TRUNCATE TABLE fixtrail_raw.events", "TRUNCATE TABLE fixtrail_raw.estimates"]
    assert client.filled == ["fixtrail_raw.events"]


def test_a_table_of_another_version_is_refused_before_anything_is_deleted(tmp_path):
    client = Tables()

    with pytest.raises(ExitError, match="table inventions"):
        _fill_tables(tmp_path, a_manifest("events", "inventions"), client, lambda _: None)

    assert not client.commands
