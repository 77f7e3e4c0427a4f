"""Parts of tables that ClickHouse has put aside as broken: it starts without them, and their rows are in no answer."""

from typing import Any

from sinks.clickhouse.connection import layout_of

CHECK_S = 60.0
_QUERY = """SELECT table, count() FROM system.detached_parts
WHERE database IN ('fixtrail_raw', 'fixtrail_shard') AND startsWith(reason, 'broken') GROUP BY table"""


def broken_parts(client: Any) -> dict[str, int]:
    """How many parts of which table the client's server has put aside. None of replicas: they fetch theirs again."""
    if layout_of(client).is_replicated:
        return {}
    return dict(client.query(_QUERY).result_rows)
