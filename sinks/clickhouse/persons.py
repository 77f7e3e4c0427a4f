"""What ClickHouse knows of a person beyond keyed hashes: free text, where FIXTRAIL_KEEP_FREE_TEXT keeps it."""

from collections.abc import Sequence
from typing import Any

import orjson

from sinks.clickhouse.connection import change_rows

FREE_TEXT = ("comment", "reason", "resolution")

_WHERE = f"""(vehicle_key, center_id, order_id) IN {{orders:Array(Tuple(String, String, String))}}
    AND ({" OR ".join(f"JSONHas(payload, '{name}')" for name in FREE_TEXT)})"""
_WITHOUT_TEXT = f"""concat('{{', arrayStringConcat(arrayMap(pair -> concat(toJSONString(pair.1), ':', pair.2),
    arrayFilter(pair -> pair.1 NOT IN {FREE_TEXT!r}, JSONExtractKeysAndValuesRaw(payload))), ','), '}}')"""
_AT_ONCE = 500


def forget_free_text(client: Any, orders: Sequence[tuple[str, str, str]], *, dry_run: bool = False) -> int:
    """Take free text out of the events of these orders (vehicle_key, center_id, order_id); how many rows had some.

    Returns once it is done on disk; the parts of before are deleted by ClickHouse some minutes later.
    """
    rows = 0
    for start in range(0, len(orders), _AT_ONCE):
        parameters = {"orders": list(orders[start : start + _AT_ONCE])}
        ((number,),) = client.query(f"SELECT count() FROM fixtrail_raw.events WHERE {_WHERE}", parameters).result_rows
        rows += number
        if number and not dry_run:
            change = f"UPDATE payload = {_WITHOUT_TEXT} WHERE {_WHERE}"
            change_rows(client, "events", change, parameters, settings={"mutations_sync": 2})
    return rows


def rows_of(client: Any, orders: Sequence[tuple[str, str, str]]) -> dict[str, list[dict[str, Any]]]:
    """The rows of these orders in the views `orders` and `events`, values as ClickHouse writes them in JSON."""
    return {view: _rows(client, view, orders) for view in ("orders", "events")}


def _rows(client: Any, view: str, orders: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for start in range(0, len(orders), _AT_ONCE):
        answer = client.raw_query(
            f"""SELECT * FROM fixtrail.{view}
                WHERE (vehicle_key, center_id, order_id) IN {{orders:Array(Tuple(String, String, String))}}
                ORDER BY center_id, order_id""",
            {"orders": list(orders[start : start + _AT_ONCE])},
            fmt="JSONEachRow",
        )
        rows += [orjson.loads(line) for line in answer.splitlines() if line]
    return rows
