"""Local hours: quiet times, opening times, days, and when so much opening time has passed. Pure, in milliseconds."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.centers import Center
from schemas.times import DAY_MS, from_ms


def local(at_ms: int, zone: ZoneInfo) -> datetime:
    """The instant on the clocks of a zone."""
    return from_ms(at_ms).astimezone(zone)


def quiet_until(at_ms: int, zone: ZoneInfo, begins: time, ends: time) -> int | None:
    """The end of the quiet hours that `at_ms` lies in; None where it is not quiet.

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
    zone = ZoneInfo(center.time_zone)
    today = local(at_ms, zone).date()
    return any(
        hours is not None and hours[0] <= at_ms < hours[1]
        for hours in (hours_of(day, center, zone) for day in (today - _DAY, today))
    )


def hours_of(day: date, center: Center, zone: ZoneInfo) -> tuple[int, int] | None:
    """When the center, on the clocks of its zone, opens that day and closes after that; None where it stays closed.

    It stays closed as well where clocks leave its hours out, be it an hour of a night or, as in Samoa in 2011, a day.
    """
    if not center.opens_on(day):
        return None
    closing_day = day if center.opens < center.closes else day + _DAY
    opens = _ms(datetime.combine(day, center.opens, zone))
    closes = _ms(datetime.combine(closing_day, center.closes, zone))
    return (opens, closes) if opens < closes and local(opens, zone).date() == day else None


_DAY = timedelta(days=1)
_FIRST_DAY = date(2000, 1, 1)


def openings(center: Center) -> Iterator[tuple[int, int, int]]:
    """(opens, closes, opening time before that) of every day on which the center opens, from 2000 on without end."""
    zone, day, before_ms = ZoneInfo(center.time_zone), _FIRST_DAY, 0
    while True:
        if (hours := hours_of(day, center, zone)) is not None:
            yield *hours, before_ms
            before_ms += hours[1] - hours[0]
        day += _DAY


_DAYS = 60


def opening_time_after(start_ms: int, span_ms: int, center: Center | None) -> int:
    """When a center has been open for `span_ms` since `start_ms`; an unknown center counts as always open.

    A span that is not over within 60 days ends there.
    """
    if center is None:
        return start_ms + span_ms
    zone = ZoneInfo(center.time_zone)
    day, remaining_ms = local(start_ms, zone).date() - _DAY, span_ms
    for _ in range(_DAYS + 1):
        if (hours := hours_of(day, center, zone)) is not None:
            opens, closes = max(start_ms, hours[0]), hours[1]
            if opens < closes:
                if remaining_ms < closes - opens:
                    return opens + remaining_ms
                remaining_ms -= closes - opens
        day += _DAY
    return start_ms + _DAYS * DAY_MS


def opening_ms_between(start_ms: int, end_ms: int, center: Center | None) -> int:
    """How long a center was open between two instants; an unknown center counts as always open."""
    if center is None or end_ms <= start_ms:
        return max(0, end_ms - start_ms)
    zone = ZoneInfo(center.time_zone)
    day, last = local(start_ms, zone).date() - _DAY, local(end_ms, zone).date()
    total_ms = 0
    while day <= last:
        if (hours := hours_of(day, center, zone)) is not None:
            total_ms += max(0, min(end_ms, hours[1]) - max(start_ms, hours[0]))
        day += _DAY
    return total_ms


def day_in(at_ms: int, center: Center | None, time_zone: str) -> tuple[str, int]:
    """The local date of a center at an instant, and when that day began."""
    zone = ZoneInfo(center.time_zone if center else time_zone)
    day = local(at_ms, zone).date()
    return day.isoformat(), _ms(datetime.combine(day, datetime.min.time(), zone))


def _ms(at: datetime) -> int:
    return round(at.astimezone(UTC).timestamp() * 1000)
