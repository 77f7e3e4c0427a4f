"""What of a forecast is to be published: records of topic `part-forecasts`, without those that were published alike."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
import pandas as pd

from fixtrail.reports.parts.beyond import PartsOutlook
from fixtrail.reports.queries import Ask
from runtime.kafka.producer import OutgoingRecord
from schemas.times import to_ms

# What makes a forecast another one. Means are compared in a form that survives the way to ClickHouse and back.
_SAME = ("q50", "q95", "method", "class_hits", "service_level", "cover_days", "shelf", "definition_version")


def rows_of(ahead: PartsOutlook, now: datetime) -> Iterator[dict[str, Any]]:
    """What is published of each part and center that has a forecast."""
    about = {**ahead.scope, "published_at": to_ms(now)}
    for row in ahead.frame[ahead.frame["status"] == "forecast"].to_dict("records"):
        yield {
            **about,
            **{name: str(row[name]) for name in ("center_id", "part_no", "method", "class_hits")},
            **{name: float(row[name]) for name in ("mean", "k", "service_level")},
            **{name: int(row[name]) for name in ("q50", "q95", "cover_days", "shelf")},
        }


def unpublished(ask: Ask, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that ClickHouse does not have as they are."""
    if not rows:
        return []
    published = ask("parts_published", since=rows[0]["origin_day"])
    before = {_key(row): _content(row) for row in published.to_dict("records")}
    return [row for row in rows if before.get(_key(row)) != _content(row)]


def _key(row: Any) -> tuple[str, int, str, str]:
    day = pd.Timestamp(row["origin_day"]).date().isoformat()
    return day, int(row["horizon_days"]), str(row["center_id"]), str(row["part_no"])


def _content(row: Any) -> tuple[Any, ...]:
    return (f"{row['mean']:.9g}", f"{row['k']:.9g}", *(row[name] for name in _SAME))


def records_of(rows: list[dict[str, Any]]) -> list[OutgoingRecord]:
    """The rows as records: one key a forecast, so that compaction leaves the last of each."""
    return [OutgoingRecord("|".join(map(str, _key(row))).encode(), orjson.dumps(row)) for row in rows]
