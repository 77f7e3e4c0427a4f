"""What a roster is made of: people, rules of working time, and the people needed in each half hour. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from runtime.failure import USAGE, exit_on
from schemas.toml_file import TomlFileError, TomlTable, load_model

SLOT = timedelta(minutes=30)
# A center that is closed for longer has no shift over that time.
LONGEST_PAUSE = timedelta(hours=4)
MOST_PEOPLE = 100
Days = Annotated[frozenset[date], Field(max_length=400)]


# What a half hour with one person too few costs, a shift against a wish, a shift more or less than the others, a
# person in a half hour who is not needed.
SHORT, WISH, UNFAIR, SPARE = 100, 30, 20, 1


class WorkRules(TomlTable):
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


class Employee(TomlTable):
    """`off`: cannot work on these days. `wish_off`: would rather not."""

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
    off: Days = frozenset()
    wish_off: Days = frozenset()


class People(TomlTable):
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
    with exit_on(TomlFileError, code=USAGE):
        return load_model(file, People)


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's shift, in the center's local time with its offset from UTC: its hours are those that pass."""

    person: str
    starts: datetime
    ends: datetime

    @property
    def hours(self) -> float:
        return (self.ends - self.starts).total_seconds() / 3600

    @property
    def days(self) -> set[date]:
        """The local days that it lies in, one or two."""
        return days_between(self.starts, self.ends)


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


# People by the beginning of each half hour, in local time with its offset.
Need = Mapping[datetime, int]
Form = tuple[datetime, datetime]


def days_between(starts: datetime, ends: datetime) -> set[date]:
    """The local days of a shift; one that ends at midnight is not on the day after."""
    return {starts.date(), (ends - timedelta(microseconds=1)).date()}


def rostered_at(shifts: tuple[Shift, ...], at: datetime) -> int:
    """How many people are on duty in the half hour that begins then."""
    return sum(shift.starts <= at < shift.ends for shift in shifts)


def shortages_of(shifts: tuple[Shift, ...], need: Need) -> Iterator[Shortage]:
    """The half hours that lack people, in order."""
    for at, needed in sorted(need.items()):
        rostered = rostered_at(shifts, at)
        if rostered < needed:
            yield Shortage(at, needed, rostered)


def cost_of(shifts: tuple[Shift, ...], people: People, need: Need) -> float:
    """What a roster costs."""
    gaps = [needed - rostered_at(shifts, at) for at, needed in need.items()]
    counts = Counter(shift.person for shift in shifts)
    wish_off = {person.id: person.wish_off for person in people.person}
    against = sum(bool(shift.days & wish_off[shift.person]) for shift in shifts)
    of_each = [counts[person.id] for person in people.person]
    short, spare = sum(max(0, gap) for gap in gaps), sum(max(0, -gap) for gap in gaps)
    return SHORT * short + SPARE * spare + WISH * against + UNFAIR * (max(of_each) - min(of_each))


def shift_forms(need: Need, rules: WorkRules) -> dict[date, list[Form]]:
    """By day on which they begin the shifts that might be worked: while the center is open, past midnight too.

    An opening that is shorter than the shortest shift has one from its beginning to its end.
    """
    forms: dict[date, list[Form]] = {at.date(): [] for at in sorted(need)}
    for slots in _openings(need):
        first, last = slots[0], slots[-1] + SLOT
        local = {at: at for at in slots}
        for length in sorted({min(timedelta(hours=hours), last - first) for hours in rules.shift_hours}):
            for number in range(int((last - first - length) / SLOT) + 1):
                starts, ends = first + number * SLOT, first + number * SLOT + length
                # The same instants, with the offsets of their own half hours: clocks may be set in between.
                starts, ends = local.get(starts, starts), local.get(ends - SLOT, ends - SLOT) + SLOT
                forms.setdefault(starts.date(), []).append((starts, ends))
    return forms


def _openings(need: Need) -> Iterator[list[datetime]]:
    """The half hours with need, cut where the center is closed for longer than a pause."""
    slots: list[datetime] = []
    for at in sorted(need):
        if slots and at - slots[-1] - SLOT > LONGEST_PAUSE:
            yield slots
            slots = []
        slots.append(at)
    if slots:
        yield slots
