"""`fixtrail migrate --print-grants`: ClickHouse's two users and their rights as SQL, for servers without users.xml."""

from collections.abc import Iterator

from fixtrail.settings import ClickHouseSettings
from sinks.clickhouse.layout import Layout, reading_settings

# As of users.xml in compose/clickhouse.
_READER_LIMITS = (
    "readonly = 1",
    "max_execution_time = 30 MIN 1 MAX 30 CHANGEABLE_IN_READONLY",
    "max_memory_usage = 2000000000",
    "max_result_rows = 1000000",
    "result_overflow_mode = 'throw'",
    "max_concurrent_queries_for_user = 16",
    "cancel_http_readonly_queries_on_client_close = 1",
)
_READ_OF_SYSTEM = ("databases", "tables", "columns", "settings", "functions")


def grants_sql(settings: ClickHouseSettings) -> str:
    """Statements for an administrator of ClickHouse; the passwords, where {…} stands, are the administrator's."""
    return "\n".join(_statements(settings, settings.clickhouse_tables()))


def _statements(settings: ClickHouseSettings, layout: Layout) -> Iterator[str]:
    writer, reader = settings.clickhouse_user, settings.clickhouse_reader
    yield "-- Users of Fixtrail and their rights. Put the two passwords in; it may be run again."
    yield from _user(layout, writer, "{password of the writer}", ("async_insert = 0",))
    yield from _user(layout, reader, "{password of the reader}", _READER_LIMITS)
    for database in _databases(layout):
        yield _grant(layout, f"ALL ON {database}.*", writer)
    for engine in _engines(layout):
        yield _grant(layout, f"TABLE ENGINE ON {engine}", writer)
    yield _grant(layout, "SELECT, SHOW ON system.*", writer)
    yield _grant(layout, f"CREATE TEMPORARY TABLE, KILL QUERY{', CLUSTER' if layout.on_cluster else ''} ON *.*", writer)
    if layout.is_sharded:
        yield _grant(layout, "READ, WRITE ON REMOTE", writer)
    yield _grant(layout, f"SELECT, SHOW ON {layout.database}.*", reader)
    for table in _READ_OF_SYSTEM:
        yield _grant(layout, f"SELECT ON system.{table}", reader)


def _user(layout: Layout, name: str, password: str, limits: tuple[str, ...]) -> Iterator[str]:
    profile = f"{layout.database}_{name}"
    shared = tuple(f"{setting} = {value!r}" for setting, value in reading_settings(layout).items())
    settings = ", ".join((*limits, *shared))
    yield f"CREATE SETTINGS PROFILE OR REPLACE `{profile}`{layout.on_cluster} SETTINGS {settings};"
    yield f"CREATE USER IF NOT EXISTS `{name}`{layout.on_cluster} IDENTIFIED WITH sha256_password BY '{password}';"
    yield f"ALTER USER `{name}`{layout.on_cluster} SETTINGS PROFILE `{profile}`;"


def _databases(layout: Layout) -> tuple[str, ...]:
    shards = (f"{layout.database}_shard",) if layout.is_sharded else ()
    return (layout.database, f"{layout.database}_raw", *shards)


def _engines(layout: Layout) -> tuple[str, ...]:
    of_cluster = ("ReplicatedReplacingMergeTree",) if layout.is_replicated else ()
    return ("MergeTree", "ReplacingMergeTree", *of_cluster, *(("Distributed",) if layout.is_sharded else ()))


def _grant(layout: Layout, rights: str, user: str) -> str:
    return f"GRANT{layout.on_cluster} {rights} TO `{user}`;"
