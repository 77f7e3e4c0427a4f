"""What `fixtrail verify` has compared, and every value that is not what the events say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

DIFFERENCES_KEPT = 1000
DIFFERENCES_PRINTED = 20

ReportProgress = Callable[[int, int], object]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredDifference:
    """One value that is not what the events say; `column` is empty where the whole row is missing on one side."""

    row_kind: str  # "order" or "center hour"
    key: Key
    column: str
    stored: Any
    computed: Any

    def __str__(self) -> str:
        name = f"{self.row_kind} {' '.join(self.key)}"
        if not self.column:
            return f"{name}: {'not stored' if self.stored is None else 'stored, but no event tells of it'}"
        return f"{name}: {self.column} is {self.stored!r}, computed {self.computed!r}"


@dataclass(slots=True)
class VerifyReport:
    """How much was compared, and what differs; of many differences only the first are kept, `count` has them all."""

    events: int = 0
    orders: int = 0
    hours: int = 0
    count: int = 0
    by_column: dict[str, int] = field(default_factory=dict)
    differences: list[StoredDifference] = field(default_factory=list)

    def note(self, difference: StoredDifference) -> None:
        self.count += 1
        column = f"{difference.row_kind} {difference.column or 'as a whole'}"
        self.by_column[column] = self.by_column.get(column, 0) + 1
        if len(self.differences) < DIFFERENCES_KEPT:
            self.differences.append(difference)

    def note_all(
        self, row_kind: str, alone: int, by_column: Mapping[str, int], first: Sequence[StoredDifference]
    ) -> None:
        """Add many at once: rows on one side alone, the rest by column, and the first of them."""
        for column, number in (("as a whole", alone), *by_column.items()):
            if number:
                self.count += number
                name = f"{row_kind} {column}"
                self.by_column[name] = self.by_column.get(name, 0) + number
        self.differences += first[: DIFFERENCES_KEPT - len(self.differences)]


def report_lines(report: VerifyReport) -> Iterator[str]:
    """The report as text: how many differ, of which columns, and the first of them."""
    compared = f"{report.events:,} events, {report.orders:,} orders, {report.hours:,} center hours"
    yield f"{compared}: {report.count:,} differences"
    if not report.count:
        return
    for column, number in sorted(report.by_column.items(), key=itemgetter(1), reverse=True):
        yield f"  {number:>8,}  {column}"
    by_row = groupby(report.differences, key=lambda difference: (difference.row_kind, difference.key))
    printed = 0
    for _, differences in by_row:
        for difference in differences:
            yield str(difference)
            printed += 1
        if printed >= DIFFERENCES_PRINTED:
            break
    if report.count > printed:
        yield f"… and {report.count - printed:,} more (--json lists the first {DIFFERENCES_KEPT:,})"
