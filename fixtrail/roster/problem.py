"""What a roster is made of: people, rules of working time, and the people needed in each half hour. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from runtime.failure import USAGE, ExitError
from schemas.toml_file import TomlFileError, load_model

SLOT_MIN = 30
MOST_PEOPLE = 100
MOST_DAYS = 31
Days = Annotated[frozenset[date], Field(max_length=400)]


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkRules(Table):
    """Limits of a person's working time, and how long shifts last. Weeks begin on Monday."""

    shifts_a_week: Annotated[int, Field(ge=1, le=7)] = 5
    hours_a_week: Annotated[float, Field(gt=0, le=84)] = 44
    rest_hours: Annotated[float, Field(ge=0, le=24)] = 11
    days_in_a_row: Annotated[int, Field(ge=1, le=14)] = 6
    shift_hours: Annotated[tuple[Annotated[float, Field(ge=1, le=14)], ...], Field(min_length=1, max_length=8)] = (
        6,
        8,
        9,
    )

    @model_validator(mode="after")
    def _half_hours(self) -> "WorkRules":
        if any(hours * 2 != int(hours * 2) for hours in self.shift_hours):
            raise ValueError("shift_hours are whole half hours")
        return self


class Employee(Table):
    """`off`: cannot work on these days. `wish_off`: would rather not."""

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
    off: Days = frozenset()
    wish_off: Days = frozenset()


class People(Table):
    """The file of people and rules."""

    rules: WorkRules = WorkRules()
    person: Annotated[tuple[Employee, ...], Field(min_length=1, max_length=MOST_PEOPLE)]

    @model_validator(mode="after")
    def _ids_once(self) -> "People":
        ids = [person.id for person in self.person]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"more than one person is called {', '.join(twice)}")
        return self


def read_people(file: Path) -> People:
    """The people of a file. Raises ExitError that says what is wrong with it."""
    try:
        return load_model(file, People)
    except TomlFileError as error:
        raise ExitError(str(error), USAGE) from None


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's shift, in the center's local time."""

    person: str
    starts: datetime
    ends: datetime

    @property
    def hours(self) -> float:
        return (self.ends - self.starts).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class Shortage:
    """A half hour that lacks people."""

    starts: datetime
    needed: int
    rostered: int


@dataclass(frozen=True, slots=True)
class Roster:
    """A proposal. `objective` is what it costs, `bound` what any roster costs at least: equal means none is better."""

    shifts: tuple[Shift, ...]
    shortages: tuple[Shortage, ...]
    objective: float
    bound: float
    is_optimal: bool

    @property
    def gap(self) -> float:
        """How much of the cost might be spared at most, as a share."""
        return max(0.0, self.objective - self.bound) / self.objective if self.objective else 0.0


Need = Mapping[datetime, int]


def rostered_at(shifts: tuple[Shift, ...], at: datetime) -> int:
    """How many people are on duty in the half hour that begins then."""
    return sum(shift.starts <= at < shift.ends for shift in shifts)


def shortages_of(shifts: tuple[Shift, ...], need: Need) -> Iterator[Shortage]:
    """The half hours that lack people, in order."""
    for at, needed in sorted(need.items()):
        rostered = rostered_at(shifts, at)
        if rostered < needed:
            yield Shortage(at, needed, rostered)


def shift_forms(need: Need, rules: WorkRules) -> dict[date, list[tuple[datetime, datetime]]]:
    """By day the shifts that might be worked: within the hours from the first half hour with need to the last.

    A day that is shorter than the shortest shift has one from its beginning to its end.
    """
    forms: dict[date, list[tuple[datetime, datetime]]] = {}
    slot = timedelta(minutes=SLOT_MIN)
    for day in sorted({at.date() for at in need}):
        times = sorted(at for at in need if at.date() == day)
        first, last = times[0], times[-1] + slot
        lengths = sorted({min(timedelta(hours=hours), last - first) for hours in rules.shift_hours})
        forms[day] = [
            (first + number * slot, first + number * slot + length)
            for length in lengths
            for number in range(int((last - first - length) / slot) + 1)
        ]
    return forms
