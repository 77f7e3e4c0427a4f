"""How soon somebody is to get in touch about a complaint or a bad score: table [voices] of the targets file."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fixtrail.voices.cases import VoiceCase
from schemas.centers import Center
from schemas.opening_hours import opening_time_after
from schemas.times import HOUR_MS

Hours = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class VoiceLimits:
    """Hours to the first contact: of a bad score on the clock, of complaints opening hours by level.

    `repeat_days`: a complaint of the same vehicle and category so soon after another is a repeat. `recovery_days`: so
    long a later answer of the customer counts.
    """

    contact_hours: float = 48
    high_hours: Hours = (1, 4, 24)
    low_hours: Hours = (4, 24, 72)
    repeat_days: float = 90
    recovery_days: float = 180

    def levels(self, case: VoiceCase) -> Hours:
        """The hours of each level of a case."""
        if case.kind == "detractor":
            return (self.contact_hours,)
        return self.high_hours if case.severity == "high" else self.low_hours

    def due_at(self, case: VoiceCase, center: Center | None) -> list[int]:
        """When each level is reached (ms) while nobody gets in touch."""
        counted = center if case.kind == "complaint" else None
        return [opening_time_after(case.asked_at, round(hours * HOUR_MS), counted) for hours in self.levels(case)]


def limits_of(table: object) -> VoiceLimits:
    """The limits that a table sets. Raises ValueError, which names the key that is wrong."""
    if not isinstance(table, Mapping):
        raise ValueError("voices is a table")
    names = [field.name for field in fields(VoiceLimits)]
    if unknown := sorted(table.keys() - set(names)):
        raise ValueError(f"voices: there is no key {', '.join(unknown)}; keys are {', '.join(names)}")
    lists = {name: _hours(name, table[name]) for name in ("high_hours", "low_hours") if name in table}
    numbers = {name: _number(name, value) for name, value in table.items() if name not in lists}
    return VoiceLimits(**{**numbers, **lists})


def _number(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ValueError(f"voices.{name} is a number of at least 0, not {value!r}")
    return float(value)


def _hours(name: str, values: Any) -> Any:
    is_list = isinstance(values, (list, tuple)) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 for value in values
    )
    if not is_list or not values or list(values) != sorted(set(values)):
        raise ValueError(f"voices.{name} is a list of ascending hours, not {values!r}")
    return tuple(float(value) for value in values)
