"""A statement of the migrations as a cluster has it: replicated engines, shards, ON CLUSTER.

On shards, table `fixtrail_raw.x` is Distributed over tables `fixtrail_shard.x`, of which each server holds its part.
"""

import re
from collections.abc import Iterator

from sinks.clickhouse.layout import Layout

RAW, SHARD = "fixtrail_raw", "fixtrail_shard"
# {uuid}: a table that is dropped and made again does not meet what is left of the one before.
REPLICA = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
# All of a vehicle on one shard: its orders and their events, whatever their keys are sorted by.
SHARDED_BY = {"journeys": "vehicle_key", "events": "vehicle_key"}

_DATABASE = re.compile(r"CREATE DATABASE IF NOT EXISTS (\w+)")
_TABLE = re.compile(
    r"CREATE (?P<mode>TABLE IF NOT EXISTS|OR REPLACE TABLE) fixtrail_raw\.(?P<name>\w+)\s*(?P<columns>\(.*\))\s*"
    r"ENGINE = ReplacingMergeTree(?:\((?P<version>\w+)\))?\s*"
    r"(?P<order>(?:PRIMARY KEY (?:\([^)]*\)|\w+)\s*)?ORDER BY (?P<key>\([^)]*\)|\w+))(?:\s*AS SELECT\s.*)?",
    re.DOTALL,
)
_VIEW = re.compile(r"CREATE OR REPLACE VIEW (?P<name>[\w.]+) DEFINER = CURRENT_USER (?P<rest>.*)", re.DOTALL)
_ALTER = re.compile(r"ALTER TABLE (?P<database>\w+)\.(?P<name>\w+)(?P<change>\s.*)", re.DOTALL)
_DROP = re.compile(r"DROP (?P<kind>\w+) IF EXISTS (?P<name>[\w.]+)(?P<rest>.*)", re.DOTALL)
_OF_ROWS = re.compile(r"\s*(MODIFY (SETTING|TTL)|REMOVE TTL|CLEAR|UPDATE|DELETE|DROP PARTITION)\b")


class ClusterDdlError(ValueError):
    """A statement that nobody has said how to do on a cluster; trying again cannot help."""


def on_cluster(layout: Layout, statement: str, definer: str) -> list[str]:
    """What does the same on the layout's servers; `definer` is the user whose rights the views have."""
    if layout.is_single:
        return [statement]
    for pattern, write in ((_DATABASE, _database), (_TABLE, _table), (_ALTER, _alter), (_DROP, _drop)):
        if match := pattern.fullmatch(statement):
            return list(write(layout, match))
    if match := _VIEW.fullmatch(statement):
        # The servers carry out what is said ON CLUSTER as users of their own.
        return [
            f"CREATE OR REPLACE VIEW {match['name']}{layout.on_cluster} DEFINER = `{definer}` {match['rest'].strip()}"
        ]
    raise ClusterDdlError(f"cannot be done on a cluster: {' '.join(statement.split())[:80]}")


def replaced_table(statement: str) -> str | None:
    """The raw table that a statement makes anew out of its own rows; on a cluster only an empty one is."""
    match = _TABLE.fullmatch(statement)
    return match["name"] if match and match["mode"] == "OR REPLACE TABLE" else None


def stored_in(layout: Layout, table: str) -> str:
    """The table that holds the rows of a raw table, and its ON CLUSTER: what changes rows names this one."""
    return f"{SHARD if layout.is_sharded else RAW}.{table}{layout.on_cluster}"


def _database(layout: Layout, match: re.Match[str]) -> Iterator[str]:
    for name in (match[1], SHARD) if match[1] == RAW and layout.is_sharded else (match[1],):
        yield f"CREATE DATABASE IF NOT EXISTS {name}{layout.on_cluster}"


def _table(layout: Layout, match: re.Match[str]) -> Iterator[str]:
    name, where = match["name"], layout.on_cluster
    home = SHARD if layout.is_sharded else RAW
    if match["mode"] == "OR REPLACE TABLE":
        for database in (RAW, SHARD) if layout.is_sharded else (RAW,):
            yield f"DROP TABLE IF EXISTS {database}.{name}{where} SYNC"
    yield (
        f"CREATE TABLE IF NOT EXISTS {home}.{name}{where}\n{match['columns']}\n"
        f"ENGINE = {_engine(layout, match['version'])}\n{match['order'].strip()}"
    )
    if layout.is_sharded:
        yield (
            f"CREATE TABLE IF NOT EXISTS {RAW}.{name}{where} AS {SHARD}.{name}\n"
            f"ENGINE = Distributed('{layout.cluster}', '{SHARD}', '{name}', "
            f"cityHash64({SHARDED_BY.get(name, match['key'].strip('()'))}))"
        )


def _engine(layout: Layout, version: str | None) -> str:
    if layout.is_replicated:
        return f"ReplicatedReplacingMergeTree({', '.join(filter(None, (REPLICA, version)))})"
    return f"ReplacingMergeTree({version})" if version else "ReplacingMergeTree"


def _alter(layout: Layout, match: re.Match[str]) -> Iterator[str]:
    database, name, change = match["database"], match["name"], match["change"]
    of_tables = database == RAW and layout.is_sharded
    homes = [SHARD] if of_tables and _OF_ROWS.match(change) else [SHARD, RAW] if of_tables else [database]
    for home in homes:
        yield f"ALTER TABLE {home}.{name}{layout.on_cluster}{change}"


def _drop(layout: Layout, match: re.Match[str]) -> Iterator[str]:
    kind, name, rest = match["kind"], match["name"], match["rest"]
    yield f"DROP {kind} IF EXISTS {name}{layout.on_cluster}{rest}"
    if layout.is_sharded and kind == "TABLE" and name.startswith(f"{RAW}."):
        yield f"DROP TABLE IF EXISTS {SHARD}.{name.removeprefix(f'{RAW}.')}{layout.on_cluster}{rest}"
