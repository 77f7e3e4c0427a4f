"""Rows of `estimates`: each ready time that somebody was shown."""

from operator import itemgetter
from typing import Any

import orjson

from sinks.clickhouse.tables import RawTable, Record, Row, UnusableRecordError

_COLUMNS = (
    *("center_id", "order_id", "point_at", "low", "high", "middle", "late_probability", "promised_at", "activity"),
    *("as_of", "shown_at"),
)
ESTIMATES = RawTable("estimates", _COLUMNS)

_values = itemgetter(*_COLUMNS)


def estimate_row(record: Record) -> Row:
    """The row of one estimate. Raises UnusableRecordError where the value is none."""
    try:
        values: dict[str, Any] = orjson.loads(record.value or b"")
        row: Row = _values(values)
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableRecordError(f"no estimate: {type(error).__name__}") from None
    return row
