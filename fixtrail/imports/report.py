"""What an import did: every row of the log is in one of three counts, and every refusal has its reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from fixtrail.imports.log import LogRow, Scan
from fixtrail.imports.rules import MappedEvent, Outcome, Rejected, Unmapped

LINES_SHOWN = 5

Key = TypeVar("Key")


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class UnmappedRows(Frozen):
    """`lines`: the first few of them in the log."""

    activity: str
    reason: str
    rows: int
    lines: tuple[int, ...]


class RejectedEvents(Frozen):
    """`rule` counts the mapping's `[[event]]` tables from 1; without it the row itself was unusable."""

    rule: int | None
    type: str | None
    reason: str
    events: int
    lines: tuple[int, ...]


class ImportReport(Frozen):
    """`rows` = `mapped_rows` + `unmapped_rows` + `rejected_rows`.

    A row is mapped if it made at least one event; `partly_mapped_rows` of those failed to make another one.
    `notes` count what was assumed to make an event: clock changes, values left out.
    """

    log: str
    format: str
    encoding: str | None
    delimiter: str | None
    cases: int
    empty_cases: int
    rows: int
    mapped_rows: int
    partly_mapped_rows: int
    unmapped_rows: int
    rejected_rows: int
    events: int
    events_by_type: dict[str, int]
    unmapped: tuple[UnmappedRows, ...]
    rejected: tuple[RejectedEvents, ...]
    notes: dict[str, int]
    first_at: AwareDatetime | None
    last_at: AwareDatetime | None
    orders: int
    closed_orders: int
    orders_without_check_in: int
    orders_of_several_vehicles: int


@dataclass
class _Order:
    vehicle_id: str
    checked_in: bool = False
    closed: bool = False
    several_vehicles: bool = False


@dataclass
class _Seen:
    times: int = 0
    lines: list[int] = field(default_factory=list)


@dataclass
class Tally:
    """Counts outcomes row by row; `report` gives the sum."""

    rows: int = 0
    mapped: int = 0
    partly: int = 0
    unmapped: int = 0
    rejected: int = 0
    types: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    _unmapped: dict[tuple[str, str], _Seen] = field(default_factory=dict)
    _rejected: dict[tuple[int | None, str | None, str], _Seen] = field(default_factory=dict)
    _orders: dict[str, _Order] = field(default_factory=dict)

    @property
    def events(self) -> int:
        return self.types.total()

    def add(self, row: LogRow, outcomes: Sequence[Outcome]) -> None:
        """Count one row with everything that became of it."""
        made = failed = False
        for outcome in outcomes:
            match outcome:
                case MappedEvent():
                    made = True
                    self._add_event(outcome)
                case Rejected(rule=rule, type=type_, reason=reason):
                    failed = True
                    _count(self._rejected, (rule, type_, reason), row.line)
                case Unmapped(reason=reason):
                    _count(self._unmapped, (row.activity, reason), row.line)
        self.rows += 1
        self.mapped += made
        self.partly += made and failed
        self.rejected += failed and not made
        self.unmapped += not made and not failed

    def _add_event(self, mapped: MappedEvent) -> None:
        event = mapped.event
        type_: str = event.type  # type: ignore[attr-defined]  # each of the ten has it
        self.types[type_] += 1
        self.notes.update(mapped.notes)
        at = event.occurred_at
        self.first_at = at if self.first_at is None or at < self.first_at else self.first_at
        self.last_at = at if self.last_at is None or at > self.last_at else self.last_at
        order = self._orders.get(event.order_id)
        if order is None:
            order = self._orders[event.order_id] = _Order(event.vehicle_id)
        order.several_vehicles |= order.vehicle_id != event.vehicle_id
        order.checked_in |= type_ == "check_in"
        order.closed |= type_ in ("handoff", "cancellation")

    def report(self, log: str, scan: Scan) -> ImportReport:
        orders = self._orders.values()
        return ImportReport(
            log=log,
            format=scan.format,
            encoding=scan.csv.encoding if scan.csv else None,
            delimiter=scan.csv.delimiter if scan.csv else None,
            cases=len(scan.cases.keys() - {""}) + scan.empty_cases,
            empty_cases=scan.empty_cases,
            rows=self.rows,
            mapped_rows=self.mapped,
            partly_mapped_rows=self.partly,
            unmapped_rows=self.unmapped,
            rejected_rows=self.rejected,
            events=self.events,
            events_by_type=dict(self.types.most_common()),
            unmapped=tuple(
                UnmappedRows(activity=activity, reason=reason, rows=seen.times, lines=tuple(seen.lines))
                for (activity, reason), seen in _largest(self._unmapped)
            ),
            rejected=tuple(
                RejectedEvents(rule=rule, type=type_, reason=reason, events=seen.times, lines=tuple(seen.lines))
                for (rule, type_, reason), seen in _largest(self._rejected)
            ),
            notes=dict(self.notes.most_common()),
            first_at=self.first_at,
            last_at=self.last_at,
            orders=len(orders),
            closed_orders=sum(order.closed for order in orders),
            orders_without_check_in=sum(not order.checked_in for order in orders),
            orders_of_several_vehicles=sum(order.several_vehicles for order in orders),
        )


def report_lines(report: ImportReport) -> list[str]:
    """The report for a terminal."""
    read_as = f", {report.encoding}, delimiter {report.delimiter!r}" if report.encoding else ""
    lines = [
        f"{report.log} ({report.format}{read_as}): {report.cases:,} cases, {report.rows:,} rows",
        f"rows: {report.mapped_rows:,} mapped, {report.unmapped_rows:,} not mapped, {report.rejected_rows:,} rejected",
        f"events: {report.events:,} for {report.orders:,} orders, {report.closed_orders:,} of them closed",
    ]
    lines += [f"  {count:>9,}  {name}" for name, count in report.events_by_type.items()]
    if report.first_at and report.last_at:
        lines.append(f"time: {report.first_at.isoformat()} to {report.last_at.isoformat()}")
    if report.unmapped:
        lines.append("not mapped:")
        lines += [
            f"  {each.rows:>9,}  {each.activity or '(no activity)'}: {each.reason}{_where(each.lines)}"
            for each in report.unmapped
        ]
    if report.rejected:
        lines.append("rejected:")
        lines += [
            f"  {each.events:>9,}  {f'{each.type} (event {each.rule})' if each.rule else 'row'}: "
            f"{each.reason}{_where(each.lines)}"
            for each in report.rejected
        ]
    if report.notes:
        lines.append("assumed:")
        lines += [f"  {count:>9,}  {note}" for note, count in report.notes.items()]
    if report.partly_mapped_rows:
        lines.append(f"rows that made some of their events but not all: {report.partly_mapped_rows:,}")
    if report.orders_without_check_in:
        lines.append(f"orders without a check-in, which get no durations: {report.orders_without_check_in:,}")
    if report.orders_of_several_vehicles:
        lines.append(
            f"orders with events of several vehicles (correct the mapping): {report.orders_of_several_vehicles:,}"
        )
    return lines


def _where(lines: tuple[int, ...]) -> str:
    return f" (line {', '.join(map(str, lines))}{' …' if len(lines) == LINES_SHOWN else ''})"


def _count(counts: dict[Key, _Seen], key: Key, line: int) -> None:
    seen = counts.setdefault(key, _Seen())
    seen.times += 1
    if len(seen.lines) < LINES_SHOWN:
        seen.lines.append(line)


def _largest(counts: dict[Key, _Seen]) -> list[tuple[Key, _Seen]]:
    return sorted(counts.items(), key=lambda item: -item[1].times)
