"""Rows of queries for the pages, asked of ClickHouse as the reader."""

from collections.abc import Callable, Mapping
from typing import Any

from fixtrail.settings import ClickHouseSettings

# A little more than the reader's own limit: a server that stands still must not hold the pages' threads.
PATIENCE_S = 6.0

Row = dict[str, Any]
# Rows of a query with its parameters; may block, and raises ExitError where ClickHouse does not answer.
Ask = Callable[[str, Mapping[str, Any]], list[Row]]


def query_runner(settings: ClickHouseSettings) -> Ask:
    """Asks ClickHouse as the reader; what it raises is `fixtrail.sql.query`'s."""
    import orjson

    from fixtrail.clickhouse import query as sql
    from fixtrail.clickhouse.literals import literal

    def ask(text: str, parameters: Mapping[str, Any]) -> list[Row]:
        values = {name: literal(value) for name, value in parameters.items()}
        answer = b"".join(sql.query(settings, text, "JSONEachRow", values, patience_s=PATIENCE_S))
        return [orjson.loads(line) for line in answer.splitlines() if line]

    return ask
