"""The cells that are watched, and what each has by week: cases, exposure, and when its sum was reset. Pure.

A cell is a part batch, a part number, a model of a build month or a model with a software, together with a fault group.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from fixtrail.reports.warning.cusum import Bools, Floats, Ints

# A car that comes again counts once in so many days.
ONCE_IN_DAYS = 60
DIMENSIONS = ("batch", "built", "software", "part")
# Of these it is known how many of the cars seen have them; of batches and parts only the cars seen are.
OF_VEHICLES = ("built", "software")


# The weeks with which a sum begins again, by a cell's subject.
Resets = Mapping[str, Collection[date]]


class WarningCell(NamedTuple):
    """`value` is the batch, the part number, or model and build month or software with a blank between."""

    dimension: str
    value: str
    group: str

    @property
    def subject(self) -> str:
        """Its name in alerts."""
        return f"{self.dimension}/{self.value}/{self.group}"


@dataclass(frozen=True, slots=True)
class WarningCase:
    """An order whose fault is the product's, with all that puts it into cells."""

    order_id: str
    center_id: str
    vehicle_key: str
    checked_in_at: datetime
    day: date
    groups: Sequence[str]
    model: str = ""
    software: str = ""
    built: str = ""
    batches: Sequence[str] = ()
    parts: Sequence[str] = ()
    score: int | None = None

    def values(self) -> Iterator[tuple[str, str]]:
        """(dimension, value) of each value that the order has."""
        yield from (("batch", batch) for batch in dict.fromkeys(self.batches))
        yield from (("part", part) for part in dict.fromkeys(self.parts))
        if self.model and self.built:
            yield "built", f"{self.model} {self.built}"
        if self.model and self.software:
            yield "software", f"{self.model} {self.software}"


@dataclass(frozen=True, slots=True)
class Exposure:
    """How many orders came by week: all of them, and those of each (dimension, value) of OF_VEHICLES.

    `first` is the week in which a batch or part was first named by any order: before it, it was not exposed.
    """

    visits: Mapping[date, int]
    by_value: Mapping[tuple[str, str], Mapping[date, int]] = field(default_factory=dict)
    first: Mapping[tuple[str, str], date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellWeeks:
    """Cells by weeks (their Mondays): sorted, so that those of one dimension and fault group stand together.

    `orders` are the cases that count, by cell, each with the number of its week.
    """

    weeks: tuple[date, ...]
    cells: tuple[WarningCell, ...]
    cases: Floats
    exposure: Floats
    is_reset: Bools
    orders: tuple[tuple[tuple[int, WarningCase], ...], ...]

    def blocks(self) -> Iterator[Ints]:
        """The numbers of the cells of one dimension and fault group, one after the other."""
        blocks: dict[tuple[str, str], list[int]] = {}
        for number, cell in enumerate(self.cells):
            blocks.setdefault((cell.dimension, cell.group), []).append(number)
        yield from (np.array(numbers) for numbers in blocks.values())


def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def weeks_between(first: date, last: date) -> tuple[date, ...]:
    """The Mondays from one to another, both included."""
    return tuple(first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1))


def cells_of(
    cases: Sequence[WarningCase], exposure: Exposure, weeks: Sequence[date], resets: Resets | None = None
) -> CellWeeks:
    """The cells of these cases in these weeks."""
    positions = {week: number for number, week in enumerate(weeks)}
    orders: dict[WarningCell, list[tuple[int, WarningCase]]] = {}
    for cell, case in _counted(cases):
        if (position := positions.get(monday(case.day))) is not None:
            orders.setdefault(cell, []).append((position, case))
    # A model of which no car has come with a fault is one of the others, too.
    groups = {(cell.dimension, cell.group) for cell in orders}
    quiet = (
        WarningCell(dimension, value, group)
        for dimension, value in exposure.by_value
        for of, group in groups
        if of == dimension
    )
    cells = tuple(sorted({*orders, *quiet}))
    counts = np.zeros((len(cells), len(weeks)))
    for number, cell in enumerate(cells):
        np.add.at(counts[number], [position for position, _ in orders.get(cell, ())], 1)
    exposed = np.array([_exposure_of(cell, exposure, weeks) for cell in cells]).reshape(counts.shape)
    is_reset = np.array(
        [[week in (resets or {}).get(cell.subject, ()) for week in weeks] for cell in cells], dtype=bool
    )
    # What came under a value that no visit has shown is exposed by its own cases at least.
    return CellWeeks(
        tuple(weeks),
        cells,
        counts,
        np.maximum(exposed, counts),
        is_reset.reshape(counts.shape),
        tuple(tuple(orders.get(cell, ())) for cell in cells),
    )


def _counted(cases: Sequence[WarningCase]) -> Iterator[tuple[WarningCell, WarningCase]]:
    """Each cell of each case, a vehicle once in 60 days."""
    last: dict[tuple[WarningCell, str], datetime] = {}
    for case in sorted(cases, key=lambda case: (case.checked_in_at, case.center_id, case.order_id)):
        for dimension, value in case.values():
            for group in dict.fromkeys(case.groups):
                cell = WarningCell(dimension, value, group)
                before = last.get((cell, case.vehicle_key))
                if before is None or case.checked_in_at - before >= timedelta(days=ONCE_IN_DAYS):
                    last[cell, case.vehicle_key] = case.checked_in_at
                    yield cell, case


def _exposure_of(cell: WarningCell, exposure: Exposure, weeks: Sequence[date]) -> list[float]:
    key = (cell.dimension, cell.value)
    if cell.dimension in OF_VEHICLES:
        by_week: Mapping[date, Any] = exposure.by_value.get(key, {})
        return [float(by_week.get(week, 0)) for week in weeks]
    first = exposure.first.get(key, weeks[0] if weeks else date.min)
    return [float(exposure.visits.get(week, 0)) if week >= first else 0.0 for week in weeks]
