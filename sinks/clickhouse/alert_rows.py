"""Rows of `alerts`: the alerts of the watch box and the outcome of each step of telling them."""

from operator import itemgetter
from typing import Any

import orjson

from schemas.facts import Alert
from sinks.clickhouse.tables import RawTable, Record, Row, UnusableRecordError

_PLAIN = (
    *("alert_id", "version", "rule", "kind", "severity", "subject", "order_id", "center_id", "lane", "opening"),
    *("since", "opened_at", "value", "limit", "unit", "level", "escalated_at", "acknowledged_at", "acknowledged_by"),
    *("note", "closed_at", "closed_by", "ended_at"),
)
_TELLING_FIELDS = ("step", "channel", "outcome", "at", "reason")

ALERTS = RawTable("alerts", (*_PLAIN, *(f"told.{field}" for field in _TELLING_FIELDS)))

_plain = itemgetter(*_PLAIN)
# What an alert has that was written before these fields were known.
_DEFAULTS = {name: field.get_default() for name, field in Alert.model_fields.items() if not field.is_required()}
_NO_ALERT = (ValueError, KeyError, TypeError, AttributeError)


def read_alert(record: Record) -> tuple[tuple[Any, ...], int, dict[str, Any]]:
    """One alert with its key and version. Raises UnusableRecordError where the value is none."""
    try:
        alert: dict[str, Any] = orjson.loads(record.value or b"")
        return (str(alert["alert_id"]),), int(alert["version"]), alert
    except _NO_ALERT as error:
        raise UnusableRecordError(f"no alert: {type(error).__name__}") from None


def alert_row(alert: dict[str, Any]) -> Row:
    """The alert's row. Raises UnusableRecordError where a field is missing or of another type."""
    try:
        if not _DEFAULTS.keys() <= alert.keys():
            alert = {**_DEFAULTS, **alert}
        return (*_plain(alert), *([telling[field] for telling in alert["told"]] for field in _TELLING_FIELDS))
    except _NO_ALERT as error:
        raise UnusableRecordError(f"no alert: {type(error).__name__}") from None
