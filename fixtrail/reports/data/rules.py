"""The declared rules by which data are counted, counted with a note, or not counted."""

from functools import cache
from pathlib import Path

from schemas.toml_file import TomlTable, load_model

GO, NOTE, STOP, UNKNOWN = "go", "note", "stop", "unknown"


class GradeLimits(TomlTable):
    note: float
    stop: float

    def grade(self, value: float) -> str:
        """The grade of a value that should be small."""
        return STOP if value > self.stop else NOTE if value > self.note else GO

    def grade_of_least(self, value: float) -> str:
        """The grade of a value that should be large."""
        return STOP if value < self.stop else NOTE if value < self.note else GO


class Bounds(TomlTable):
    repair_least_s: float
    repair_most_s: float
    quote_most: float
    visit_most_s: float
    amount_times: float
    orders_of_vehicle: float
    days_between: float
    km_a_day: float


class Least(TomlTable):
    orders: int
    scores: int
    field_events: int


class Rules(TomlTable):
    bounds: Bounds
    least: Least
    shares: dict[str, GradeLimits]
    seconds: dict[str, GradeLimits]
    usable: dict[str, GradeLimits]


@cache
def rules() -> Rules:
    """The rules of rules.toml beside this file."""
    return load_model(Path(__file__).with_name("rules.toml"), Rules)
