"""The holidays file: days on which centers stay closed, and days on which they work all the same."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from runtime.failure import USAGE, exit_on
from schemas.centers import Center
from schemas.toml_file import TomlFileError, TomlTable, load_model

_MOST_DAYS = 4000
Days = Annotated[frozenset[date], Field(max_length=_MOST_DAYS)]


class Holidays(TomlTable):
    """`closed`: public holidays. `working`: days off by the calendar that are worked (China's make-up days)."""

    closed: Days = frozenset()
    working: Days = frozenset()

    @model_validator(mode="after")
    def _not_both(self) -> "Holidays":
        if both := sorted(self.closed & self.working):
            raise ValueError(f"{both[0]} is both closed and working")
        return self

    def of(self, center: Center | None) -> "Holidays":
        """The holidays of one center: the file's, then the center's own."""
        if center is None:
            return self
        closed, working = self.closed | (center.closed_on - self.working), self.working | (center.open_on - self.closed)
        return Holidays(closed=closed, working=working)

    def kind(self, day: date) -> int | None:
        """Which days are like this one: 1 (Monday) to 7, 0 for a make-up working day; None for a holiday."""
        if day in self.closed:
            return None
        return 0 if day in self.working else day.isoweekday()


NO_HOLIDAYS = Holidays()


def read_holidays(file: Path | None) -> Holidays:
    """The holidays of a file, or none. Raises ExitError that says what is wrong with it."""
    if file is None:
        return NO_HOLIDAYS
    with exit_on(TomlFileError, code=USAGE):
        return load_model(file, Holidays)
