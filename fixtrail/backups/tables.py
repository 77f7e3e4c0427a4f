"""ClickHouse's tables of a backup, as its own Native format."""

import os
from pathlib import Path
from typing import Any

from fixtrail.backups.files import BackupFile, described, private_file
from sinks.clickhouse.tables import DATABASE

CLICKHOUSE = "clickhouse"
# Made by migrating, not by restoring.
_NOT_WRITTEN = frozenset({"migrations"})
_CHUNK = 1024 * 1024


def tables_of(client: Any) -> list[str]:
    """The raw tables that hold rows."""
    query = (
        f"SELECT name FROM system.tables WHERE database = '{DATABASE}' AND engine LIKE '%MergeTree' "
        "AND NOT endsWith(name, '_moving') ORDER BY name"
    )
    return [name for (name,) in client.query(query).result_rows if name not in _NOT_WRITTEN]


def write_table(folder: Path, client: Any, table: str) -> BackupFile:
    path = folder / CLICKHOUSE / f"{table}.native"
    columns = ", ".join(columns_of(client, table))
    stream = client.raw_stream(f"SELECT {columns} FROM {DATABASE}.{table}", fmt="Native")
    with os.fdopen(private_file(path), "wb", _CHUNK) as file, stream:
        for chunk in stream:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    rows = int(client.command(f"SELECT count() FROM {DATABASE}.{table}"))
    return described(folder, path, rows)


def columns_of(client: Any, table: str) -> list[str]:
    """The stored columns of a table."""
    query = (
        f"SELECT name FROM system.columns WHERE database = '{DATABASE}' AND table = '{table}' "
        "AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY position"
    )
    return [name for (name,) in client.query(query).result_rows]


def row_count(client: Any) -> int:
    """How many rows the tables of events and orders hold."""
    return sum(int(client.command(f"SELECT count() FROM {DATABASE}.{table}")) for table in ("events", "journeys"))


def fill_table(folder: Path, client: Any, table: str, *, has_rows: bool) -> None:
    """Put the rows of a backup in the place of those of the table; a column that it does not have gets its default."""
    path = folder / CLICKHOUSE / f"{table}.native"
    client.command(f"TRUNCATE TABLE {DATABASE}.{table}")
    if has_rows and path.stat().st_size:
        with path.open("rb") as file:
            client.raw_insert(f"{DATABASE}.{table}", insert_block=file, fmt="Native")
