"""The report of an import: every row of the log is in one of three counts, and every refusal has its reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from fixtrail.imports.journeys import JourneyFigures
from fixtrail.imports.log import LogRow, Scan
from fixtrail.imports.rules import NO_RULE, MappedEvent, Outcome, RejectedRow, Unmapped
from schemas.reference_events import ReferenceEvent

LINES_SHOWN = 5
ORDERS_SHOWN = 50
MOST_ORDERS = 10_000

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


class OrderNotIn(Frozen):
    """An order of which events could not be made; `events` were. `reasons`: each once, with the events it cost."""

    case: str
    line: int
    events: int
    reasons: tuple[str, ...]


class ImportReport(Frozen):
    """`rows` = `mapped_rows` + `unmapped_rows` + `rejected_rows`.

    A row is mapped if it made at least one event; `partly_mapped_rows` of those failed to make another one.
    `notes` count what was assumed to make an event: clock changes, values left out. `cases_in`, `cases_partly_in` and
    `cases_not_in` are the cases that came in whole, in part and not at all; `orders_not_in` names the latter two, at
    most 10,000 of them. `journeys` (of a dry run) is what the rules of the stream make of the events.
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
    future_events: int
    orders: int
    closed_orders: int
    orders_without_check_in: int
    orders_of_several_vehicles: int
    cases_in: int
    cases_partly_in: int
    cases_not_in: int
    orders_not_in: tuple[OrderNotIn, ...]
    journeys: JourneyFigures | None = None


@dataclass
class _Order:
    vehicle_id: str
    checked_in: bool = False
    is_visit: bool = False
    closed: bool = False
    several_vehicles: bool = False


@dataclass
class _Occurrence:
    times: int = 0
    lines: list[int] = field(default_factory=list)


@dataclass
class _Case:
    """What became of a case: the events made, the first line with a problem, and each problem with what it cost."""

    events: int = 0
    line: int = 0
    problems: dict[str, list[str]] = field(default_factory=dict)
    is_ignored: bool = False


@dataclass
class Tally:
    """Counts outcomes row by row; `report` gives the sum. What happens after `now` has not happened."""

    now: datetime
    rows: int = 0
    mapped: int = 0
    partly: int = 0
    unmapped: int = 0
    rejected: int = 0
    future: int = 0
    types: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    _unmapped: dict[tuple[str, str], _Occurrence] = field(default_factory=dict)
    _rejected: dict[tuple[int | None, str | None, str], _Occurrence] = field(default_factory=dict)
    _orders: dict[tuple[str, str], _Order] = field(default_factory=dict)
    _cases: dict[str, _Case] = field(default_factory=dict)

    @property
    def events(self) -> int:
        return self.types.total()

    def add(self, row: LogRow, outcomes: Sequence[Outcome]) -> None:
        has_event = has_rejection = False
        for outcome in outcomes:
            match outcome:
                case MappedEvent():
                    has_event = True
                    self._add_event(outcome)
                case RejectedRow(rule=rule, type=type_, reason=reason):
                    has_rejection = True
                    _count(self._rejected, (rule, type_, reason), row.line)
                case Unmapped(reason=reason):
                    _count(self._unmapped, (row.activity, reason), row.line)
        if row.case:
            self._add_to_case(row, outcomes)
        self.rows += 1
        self.mapped += has_event
        self.partly += has_event and has_rejection
        self.rejected += has_rejection and not has_event
        self.unmapped += not has_event and not has_rejection

    def _add_to_case(self, row: LogRow, outcomes: Sequence[Outcome]) -> None:
        case = self._cases.get(row.case)
        if case is None:
            case = self._cases[row.case] = _Case()
        for outcome in outcomes:
            match outcome:
                case MappedEvent():
                    case.events += 1
                case RejectedRow(type=type_, reason=reason):
                    case.line = case.line or row.line
                    case.problems.setdefault(reason, []).append(type_ or "row")
                case Unmapped():
                    case.line = case.line or row.line
                    case.is_ignored |= outcome.on_purpose

    def _add_event(self, mapped: MappedEvent) -> None:
        event = mapped.event
        type_: str = event.type
        self.types[type_] += 1
        self.notes.update(mapped.notes)
        at = event.occurred_at
        self.first_at = at if self.first_at is None or at < self.first_at else self.first_at
        self.last_at = at if self.last_at is None or at > self.last_at else self.last_at
        if isinstance(event, ReferenceEvent):
            return
        self.future += at > self.now
        key = event.center_id, event.order_id
        order = self._orders.get(key)
        if order is None:
            order = self._orders[key] = _Order(event.vehicle_id)
        order.several_vehicles |= order.vehicle_id != event.vehicle_id
        order.checked_in |= type_ == "check_in"
        order.is_visit |= event.is_of_visit
        order.closed |= type_ in ("handoff", "cancellation")

    def report(self, log: str, scan: Scan, journeys: JourneyFigures | None = None) -> ImportReport:
        orders = self._orders.values()
        partly = {name: case for name, case in self._cases.items() if case.events and case.problems}
        out = {
            name: case
            for name, case in self._cases.items()
            if not case.events and (case.problems or not case.is_ignored)
        }
        troubled = sorted({**partly, **out}.items(), key=lambda item: item[1].line)
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
                UnmappedRows(activity=activity, reason=reason, rows=occurrence.times, lines=tuple(occurrence.lines))
                for (activity, reason), occurrence in _largest(self._unmapped)
            ),
            rejected=tuple(
                RejectedEvents(
                    rule=rule, type=type_, reason=reason, events=occurrence.times, lines=tuple(occurrence.lines)
                )
                for (rule, type_, reason), occurrence in _largest(self._rejected)
            ),
            notes=dict(self.notes.most_common()),
            first_at=self.first_at,
            last_at=self.last_at,
            future_events=self.future,
            orders=len(orders),
            closed_orders=sum(order.closed for order in orders),
            orders_without_check_in=sum(order.is_visit and not order.checked_in for order in orders),
            orders_of_several_vehicles=sum(order.several_vehicles for order in orders),
            cases_in=sum(bool(case.events) for case in self._cases.values()) - len(partly),
            cases_partly_in=len(partly),
            cases_not_in=len(out),
            orders_not_in=tuple(_not_in(name, case) for name, case in troubled[:MOST_ORDERS]),
            journeys=journeys,
        )


def _not_in(name: str, case: _Case) -> OrderNotIn:
    reasons = tuple(
        f"{', '.join(dict.fromkeys(types))}: {reason}" if types != ["row"] else reason
        for reason, types in case.problems.items()
    )
    return OrderNotIn(case=name, line=case.line, events=case.events, reasons=reasons or (NO_RULE,))


def _count(counts: dict[Key, _Occurrence], key: Key, line: int) -> None:
    occurrence = counts.setdefault(key, _Occurrence())
    occurrence.times += 1
    if len(occurrence.lines) < LINES_SHOWN:
        occurrence.lines.append(line)


def _largest(counts: dict[Key, _Occurrence]) -> list[tuple[Key, _Occurrence]]:
    return sorted(counts.items(), key=lambda item: -item[1].times)
