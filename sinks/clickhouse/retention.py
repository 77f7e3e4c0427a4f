"""How long ClickHouse keeps what is about single orders: a time to live of the raw tables, set from outside."""

from typing import Any

from sinks.clickhouse.connection import change_rows, layout_of

# By table: when a row's time begins, and which rows have one.
_LIVES = {"events": ("occurred_at", ""), "journeys": ("assumeNotNull(closed_at)", " DELETE WHERE isNotNull(closed_at)")}


def set_retention(client: Any, days: int) -> list[str]:
    """Have ClickHouse delete events and closed orders after so many days, or (0) never; the tables changed.

    What is old by then goes with the next merges. Center hours are sums and stay.
    """
    return [table for table in _LIVES if _set(client, table, days)]


def _set(client: Any, table: str, days: int) -> bool:
    begins, which = _LIVES[table]
    home = "fixtrail_shard" if layout_of(client).is_sharded else "fixtrail_raw"
    ((definition,),) = client.query(
        f"SELECT create_table_query FROM system.tables WHERE database = '{home}' AND name = {{table:String}}",
        {"table": table},
    ).result_rows
    has_one = " TTL " in definition
    if not days and not has_one:
        return False
    if days and f"toIntervalDay({days})" in definition:
        return False
    expected = f"MODIFY TTL toDateTime({begins}) + toIntervalDay({days}){which}" if days else "REMOVE TTL"
    change_rows(client, table, expected)
    return True
