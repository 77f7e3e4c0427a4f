"""Local hours: when it is quiet for somebody, when a center is open, when a day begins. Pure, in milliseconds."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.times import from_ms
from sinks.clickhouse.centers import Center


def local(at_ms: int, zone: ZoneInfo) -> datetime:
    """The instant on the clocks of a zone."""
    return from_ms(at_ms).astimezone(zone)


def quiet_until(at_ms: int, zone: ZoneInfo, begins: time, ends: time) -> int | None:
    """When the quiet hours that it is in now are over; None where it is not quiet.

    `begins` equal to `ends` is never quiet.
    """
    now = local(at_ms, zone)
    clock = now.time()
    if begins < ends:
        quiet = begins <= clock < ends
        day = now.date()
    else:
        quiet = begins != ends and (clock >= begins or clock < ends)
        day = now.date() + timedelta(days=1) if clock >= begins else now.date()
    # On a night when clocks are put back the local end may lie before now: then it is over.
    end = _ms(datetime.combine(day, ends, zone))
    return end if quiet and end > at_ms else None


def day_began(at_ms: int, zone: ZoneInfo) -> int:
    """Midnight before."""
    return _ms(datetime.combine(local(at_ms, zone).date(), time(), zone))


def next_day(at_ms: int, zone: ZoneInfo) -> int:
    """Midnight after."""
    return _ms(datetime.combine(local(at_ms, zone).date() + timedelta(days=1), time(), zone))


def is_open(at_ms: int, center: Center) -> bool:
    """Whether somebody is at the center to hand over a car."""
    now = local(at_ms, ZoneInfo(center.time_zone))
    return now.isoweekday() in center.weekdays and center.opens <= now.time() < center.closes


def _ms(at: datetime) -> int:
    return round(at.astimezone(UTC).timestamp() * 1000)
