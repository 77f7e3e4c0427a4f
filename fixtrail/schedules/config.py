"""Which pack goes when, in which form, and where to: a TOML file."""

import re
from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from fixtrail.packs.period import PeriodKind
from schemas.locales import Locale
from schemas.toml_file import TomlTable, load_model
from sinks.push.config import Secret, Zone

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAME = r"^[a-z][a-z0-9-]{0,62}$"
_WHEN = re.compile(r"(daily|mon|tue|wed|thu|fri|sat|sun|day (?:[12]?[1-9]|[123]0|31)) ([01]\d|2[0-3]):([0-5]\d)")


class When(NamedTuple):
    """A time of day, on every day, on a weekday (0: Monday), or on a day of the month."""

    at: time
    weekday: int | None = None
    month_day: int | None = None


class ReportChannel(TomlTable):
    """Where packs go: one Apprise URL, of a mailbox (`mail`) or a chat."""

    url: Secret
    mail: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 30.0


class Schedule(TomlTable):
    """`when` is `fri 17:00`, `day 1 09:00` (of the month; the last one where it is shorter) or `daily 08:00`.

    A weekly or monthly time on a day that is no working day moves to the next one; a daily one is left out.
    """

    name: Annotated[str, Field(pattern=_NAME)]
    when: str
    period: PeriodKind
    form: Literal[3, 15, 30]
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    locale: Locale = "zh-CN"
    pdf: bool = False

    @field_validator("when")
    @classmethod
    def _readable(cls, text: str) -> str:
        if not _WHEN.fullmatch(text):
            raise ValueError('is written "fri 17:00", "day 1 09:00" or "daily 08:00"')
        return text

    @property
    def moment(self) -> When:
        """`when`, read."""
        day, _, clock = self.when.rpartition(" ")
        at = time.fromisoformat(clock)
        if day == "daily":
            return When(at)
        return When(at, month_day=int(day[4:])) if day.startswith("day ") else When(at, weekday=WEEKDAYS.index(day))


class ReportsConfig(TomlTable):
    """Everything that may be set. `workdays` are working days although their weekday or `holidays` say otherwise."""

    time_zone: Zone = "Asia/Shanghai"
    working_days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri")
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()
    channels: dict[Annotated[str, Field(pattern=_NAME)], ReportChannel] = Field(default_factory=dict)
    schedule: Annotated[tuple[Schedule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> "ReportsConfig":
        names = [schedule.name for schedule in self.schedule]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one schedule is called {', '.join(twice)}")
        for schedule in self.schedule:
            if unknown := sorted(set(schedule.to) - self.channels.keys()):
                raise ValueError(f"schedule {schedule.name}: there is no channel {', '.join(unknown)}")
            chats = [name for name in schedule.to if not self.channels[name].mail]
            if schedule.form != 3 and chats:
                raise ValueError(f"schedule {schedule.name}: form {schedule.form} goes by mail, {chats[0]} is a chat")
        return self

    def is_working(self, day: date) -> bool:
        """Whether people work on a day."""
        return day in self.workdays or (WEEKDAYS[day.weekday()] in self.working_days and day not in self.holidays)


def read_reports_config(path: Path) -> ReportsConfig:
    """The configuration in a file. Raises TomlFileError, which shows no secret."""
    return load_model(path, ReportsConfig)
