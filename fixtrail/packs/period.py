"""The week or month that a pack is about, and the one before it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from runtime.failure import USAGE, ExitError

PeriodKind = Literal["week", "month"]
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PackPeriod:
    """Days of close, both included."""

    kind: PeriodKind
    since: date
    until: date

    @property
    def previous(self) -> "PackPeriod":
        """The one that ends on the day before."""
        return period_of(self.kind, self.since - DAY)


def period_of(kind: PeriodKind, until: date) -> PackPeriod:
    """The seven days up to `until`; or the month up to it: the calendar's where it is a month's last day."""
    if kind == "week":
        return PackPeriod(kind, until - 6 * DAY, until)
    next_day = until + DAY
    before = next_day.replace(day=1) - DAY
    return (
        PackPeriod(kind, before.replace(day=min(next_day.day, before.day)), until)
        if next_day.day > 1
        else (PackPeriod(kind, until.replace(day=1), until))
    )


def kind_of(text: str) -> PeriodKind:
    """The kind of a period. Raises ExitError for one that there is not."""
    if text == "week":
        return "week"
    if text == "month":
        return "month"
    raise ExitError(f"--period is week or month, not {text!r}", USAGE)
