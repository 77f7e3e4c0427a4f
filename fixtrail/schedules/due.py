"""When a schedule was due last, and which period it is about; no clock, no I/O."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from fixtrail.packs.period import DAY, PackPeriod, PeriodKind, period_of
from fixtrail.schedules.config import ReportsConfig, Schedule

# A holiday may move a time by so many days at most, and a month is not longer than the rest.
FURTHEST_MOVE = 31
LONGEST_LOOK = 366


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a schedule is due, and the period that it tells of."""

    due: datetime
    period: PackPeriod


def last_due(schedule: Schedule, config: ReportsConfig, now: datetime) -> Occurrence | None:
    """The newest time at or before `now`; None where there was none for a year."""
    zone = ZoneInfo(config.time_zone)
    today = now.astimezone(zone).date()
    for day in _days(schedule, config, today):
        worked = _working_day(config, day)
        if worked is None:
            continue
        due = datetime.combine(worked, schedule.moment.at, zone)
        if due <= now:
            return Occurrence(due, told_period(schedule.period, day))
    return None


def told_period(kind: PeriodKind, day: date) -> PackPeriod:
    """What is told on a day: the seven days before it, or the last calendar month that is over."""
    return period_of(kind, day - DAY if kind == "week" else day.replace(day=1) - DAY)


def _days(schedule: Schedule, config: ReportsConfig, today: date) -> Iterator[date]:
    """The days that the schedule names, the newest first."""
    when = schedule.moment
    for back in range(LONGEST_LOOK):
        day = today - timedelta(days=back)
        if when.weekday is not None:
            is_named = day.weekday() == when.weekday
        elif when.month_day is not None:
            is_named = day.day == min(when.month_day, monthrange(day.year, day.month)[1])
        else:
            is_named = config.is_working(day)
        if is_named:
            yield day


def _working_day(config: ReportsConfig, day: date) -> date | None:
    """The day itself where people work on it, else the next such day; None where there is none for a month."""
    candidates = (day + timedelta(days=ahead) for ahead in range(FURTHEST_MOVE))
    return next((candidate for candidate in candidates if config.is_working(candidate)), None)
