"""Opening time: when so much of it has passed. Pure, in milliseconds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sinks.clickhouse.centers import Center
from sinks.push.hours import is_open, local

_DAYS = 60

__all__ = ["is_open", "opening_time_after"]


def opening_time_after(start_ms: int, span_ms: int, center: Center | None) -> int:
    """When a center has been open for `span_ms` since `start_ms`; of an unknown center, which always counts as open.

    A span that is not over within 60 days ends there.
    """
    if center is None:
        return start_ms + span_ms
    zone = ZoneInfo(center.time_zone)
    day, left = local(start_ms, zone).date(), span_ms
    for _ in range(_DAYS):
        if day.isoweekday() in center.weekdays:
            opens = max(start_ms, _ms(datetime.combine(day, center.opens, zone)))
            closes = _ms(datetime.combine(day, center.closes, zone))
            if opens < closes:
                if left < closes - opens:
                    return opens + left
                left -= closes - opens
        day += timedelta(days=1)
    return start_ms + _DAYS * 24 * 3600 * 1000


def day_in(at_ms: int, center: Center | None, time_zone: str) -> tuple[str, int]:
    """The local date of a center at an instant, and when that day began."""
    zone = ZoneInfo(center.time_zone if center else time_zone)
    day = local(at_ms, zone).date()
    return day.isoformat(), _ms(datetime.combine(day, datetime.min.time(), zone))


def _ms(at: datetime) -> int:
    return round(at.astimezone(UTC).timestamp() * 1000)
