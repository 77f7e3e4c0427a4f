"""The staff file: grades from the lowest to the highest, which fault groups need which, and who has which."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from runtime.failure import USAGE, exit_on
from schemas.toml_file import TomlFileError, TomlTable, load_model

Text = Annotated[str, Field(min_length=1, max_length=64)]


class Graded(TomlTable):
    """A person's grade from a day on; `id` as technician_id in the events of the center."""

    center: Text
    id: Text
    grade: Text
    since: date = date(1970, 1, 1)


class Staff(TomlTable):
    """`grades` ascend. `required`: the lowest grade that may do a fault group. `person`: beside the events' grades."""

    grades: Annotated[tuple[Text, ...], Field(min_length=1, max_length=50)]
    required: dict[Text, Text] = Field(default_factory=dict)
    person: tuple[Graded, ...] = ()

    @model_validator(mode="after")
    def _only_these_grades(self) -> "Staff":
        if len(set(self.grades)) < len(self.grades):
            raise ValueError("a grade is there twice")
        used = [*self.required.values(), *(person.grade for person in self.person)]
        if unknown := sorted(set(used) - set(self.grades)):
            raise ValueError(f"there is no grade {', '.join(unknown)}; grades are {', '.join(self.grades)}")
        return self

    def is_below(self, grade: str, groups: list[str]) -> bool | None:
        """Whether a grade is too low for one of these fault groups; None where no group needs any, or for no grade."""
        needed = [self.grades.index(self.required[group]) for group in groups if group in self.required]
        if not needed or grade not in self.grades:
            return None
        return self.grades.index(grade) < max(needed)


def read_staff(file: Path | None) -> Staff | None:
    """The staff of a file, or None without one. Raises ExitError that says what is wrong with it."""
    if file is None:
        return None
    with exit_on(TomlFileError, code=USAGE):
        return load_model(file, Staff)
