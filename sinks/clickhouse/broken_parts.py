"""Parts of tables that ClickHouse has put aside as broken: it starts without them, and their rows are in no answer."""

from typing import Any

from sinks.clickhouse.connection import layout_of

CHECK_S = 60.0
# `derived…` are tables of a command that runs, gone with it.
_QUERY = """SELECT name, countIf(startsWith(part.reason, 'broken')) FROM system.tables AS t
LEFT JOIN system.detached_parts AS part ON part.database = t.database AND part.table = t.name
WHERE t.database IN ('fixtrail_raw', 'fixtrail_shard') AND t.engine LIKE '%MergeTree' AND name NOT LIKE 'derived%'
GROUP BY name"""


def broken_parts(client: Any) -> dict[str, int]:
    """By table how many parts the client's server has put aside; no table of replicas, which fetch theirs again."""
    if layout_of(client).is_replicated:
        return {}
    return dict(client.query(_QUERY).result_rows)
