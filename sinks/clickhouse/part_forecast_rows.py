"""Rows of `part_forecasts`: each forecast of a part's demand that was published."""

from datetime import date
from operator import itemgetter
from typing import Any

import orjson

from sinks.clickhouse.tables import RawTable, Record, Row, UnusableRecordError

_COLUMNS = (
    *("origin_day", "horizon_days", "center_id", "part_no", "mean", "k", "q50", "q95", "method", "class_hits"),
    *("service_level", "cover_days", "shelf", "definition_version", "published_at"),
)
PART_FORECASTS = RawTable("part_forecasts", _COLUMNS)

_values = itemgetter(*_COLUMNS)


def part_forecast_row(record: Record) -> Row:
    """The row of one forecast. Raises UnusableRecordError where the value is none."""
    try:
        values: dict[str, Any] = orjson.loads(record.value or b"")
        row: Row = _values(values | {"origin_day": date.fromisoformat(values["origin_day"])})
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableRecordError(f"no forecast of a part: {type(error).__name__}") from None
    return row
