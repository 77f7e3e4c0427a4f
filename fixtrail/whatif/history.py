"""A center's past visits as steps that can be played again: what queueing added to each delay is taken out. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from fixtrail.whatif.delays import DelayDistribution, estimate_delays
from fixtrail.whatif.duty import Duty, duty_of, free_technicians
from fixtrail.whatif.records import CenterRecords, Stretch, VisitRecord
from fixtrail.whatif.staffing import (
    QUEUES,
    Allocation,
    Span,
    bays_of,
    both,
    delay_bounds,
    free_bays,
    technicians_of,
    truncated_touches,
)

WORK = ("diagnosis", "repair")
CAUSES = ("parts", "approval")
Stratum = tuple[int, str]


class PastStep(NamedTuple):
    """One step of a past visit: a delay of (low, high] seconds that nobody could have shortened, then work.

    `cause` is what the delay waited for, "" for people or for no wait; of `stratum` are delays of the same kind.
    """

    low_s: float
    high_s: float
    work_s: float = 0.0
    is_wait: bool = True
    is_repair: bool = False
    cause: str = ""
    stratum: Stratum | None = None


class PastVisit(NamedTuple):
    """A visit that can be played again; `faults`, `requests`, `stockouts` and `comes_for_part` as of its record."""

    lane: int
    group: str
    at_s: float
    day: int
    is_counted: bool
    steps: tuple[PastStep, ...]
    leaves_bay: int
    faults: int = 1
    requests: int = 0
    stockouts: int = 0
    comes_for_part: bool = False

    @property
    def work_s(self) -> float:
        return sum(step.work_s for step in self.steps)


class Arrival(NamedTuple):
    """A car that came, whether its visit has ended or not."""

    lane: int
    group: str
    at_s: float
    day: int
    is_handed_off: bool
    wait_s: float
    order_id: str


@dataclass(frozen=True, slots=True)
class WhatIfHistory:
    """What the model takes from a center's records. `visits` are those that have ended."""

    records: CenterRecords
    technicians: Allocation
    bays: Allocation
    duty: Duty
    arrivals: Sequence[Arrival]
    visits: Sequence[PastVisit]
    # Of the technicians' time the share in which two worked on one car.
    together_share: float

    def week(self, day: int) -> int:
        """The number of the week that an open day lies in."""
        return self.records.slots.days[day].toordinal() // 7


def history_of(records: CenterRecords) -> WhatIfHistory:
    technicians, bays = technicians_of(records.visits), bays_of(records.visits)
    duty, ends = duty_of(records, technicians), truncated_touches(records.visits)
    free = free_technicians(duty, technicians, ends)
    empty = free_bays(records.visits, bays) if bays.members else []
    days = records.day_of([visit.at_s for visit in records.visits])
    pairs = _pairs(free, empty, technicians, bays)
    arrivals = [_arrival(visit, day) for visit, day in zip(records.visits, days, strict=True)]
    visits = [
        _past_visit(visit, day, pairs[visit.lane], ends)
        for visit, day in zip(records.visits, days, strict=True)
        if visit.closed_s is not None
    ]
    return WhatIfHistory(records, technicians, bays, duty, arrivals, visits, _together(records.visits))


def delays_of(visits: Iterable[PastVisit]) -> dict[Stratum, DelayDistribution]:
    """The distribution of each kind of delay."""
    bounds: defaultdict[Stratum, list[Span]] = defaultdict(list)
    for visit in visits:
        for step in visit.steps:
            if step.stratum is not None:
                bounds[step.stratum].append((step.low_s, step.high_s))
    return {stratum: estimate_delays(*zip(*spans, strict=True)) for stratum, spans in bounds.items()}


def _pairs(
    free: list[list[Span]], empty: list[list[Span]], technicians: Allocation, bays: Allocation
) -> list[tuple[list[Span], list[Span]]]:
    """By lane, the spans in which a technician was free, and those in which a bay was free, too."""
    lanes = range(len(technicians.of_lane))
    people = [free[technicians.of_lane[lane]] for lane in lanes]
    return [(people[lane], both(people[lane], empty[bays.of_lane[lane]]) if empty else people[lane]) for lane in lanes]


def _arrival(visit: VisitRecord, day: int) -> Arrival:
    return Arrival(visit.lane, visit.group, visit.at_s, day, visit.is_handed_off, visit.wait_s, visit.order_id)


def _past_visit(
    visit: VisitRecord, day: int, spans: tuple[list[Span], list[Span]], ends: Mapping[tuple[str, float], float]
) -> PastVisit:
    steps = tuple(_steps(visit, spans, ends))
    last = max((number for number, step in enumerate(steps, 1) if step.work_s or not step.is_wait), default=0)
    return PastVisit(
        visit.lane,
        visit.group,
        visit.at_s,
        day,
        visit.is_handed_off,
        steps,
        last,
        visit.faults,
        visit.requests,
        visit.stockouts,
        visit.comes_for_part,
    )


def _steps(
    visit: VisitRecord, spans: tuple[list[Span], list[Span]], ends: Mapping[tuple[str, float], float]
) -> Iterator[PastStep]:
    before: Stretch | None = None
    had_repair = False
    # What a customer lets the car stand for, when all is done, is no step.
    stretches = [part for part in visit.stretches if part.activity not in ("pickup", "finishing")]
    for stretch, after in pairwise([*stretches, None]):
        if stretch is None:
            break
        if stretch.activity in WORK:
            yield from _work(visit, stretch, before, spans[stretch.activity == "repair" and not had_repair], ends)
            had_repair = had_repair or stretch.activity == "repair"
            before = None
        elif stretch.activity in QUEUES and after is not None and after.activity in WORK:
            before = stretch
        else:
            seconds = stretch.ends_s - stretch.starts_s
            cause = stretch.activity if stretch.activity in CAUSES else ""
            yield PastStep(seconds, seconds, is_wait=stretch.activity != "quality", cause=cause)


def _work(
    visit: VisitRecord,
    stretch: Stretch,
    before: Stretch | None,
    spans: list[Span],
    ends: Mapping[tuple[str, float], float],
) -> Iterator[PastStep]:
    """The work of one stretch, job by job: between two jobs others may be served first."""
    is_repair = stretch.activity == "repair"
    low_s, high_s = delay_bounds(spans, before.starts_s, stretch.starts_s) if before else (0.0, 0.0)
    stratum = (visit.lane, _kind(stretch, before, visit)) if before else None
    touches = [touch for touch in visit.touches if stretch.starts_s <= touch.starts_s < stretch.ends_s]
    starts = [stretch.starts_s, *(touch.starts_s for touch in touches[1:]), stretch.ends_s]
    for number, (starts_s, ends_s) in enumerate(pairwise(starts)):
        if ends_s <= starts_s:
            continue
        worked_until = ends_s
        if number < len(touches):
            touch = touches[number]
            worked_until = min(ends_s, max(ends.get((touch.technician, touch.starts_s), ends_s), starts_s + 1.0))
        yield PastStep(low_s, high_s, worked_until - starts_s, is_repair=is_repair, stratum=stratum)
        low_s = high_s = 0.0
        stratum = None
        if worked_until < ends_s:
            yield PastStep(ends_s - worked_until, ends_s - worked_until, is_wait=False)


def _kind(stretch: Stretch, before: Stretch, visit: VisitRecord) -> str:
    """The kind of the delay before this work."""
    if before.activity == "reception":
        return "reception"
    earlier = any(part.activity == "repair" and part.starts_s < stretch.starts_s for part in visit.stretches)
    return "again" if earlier else "first"


def _together(visits: Iterable[VisitRecord]) -> float:
    total = shared = 0.0
    for visit in visits:
        total += sum(touch.ends_s - touch.starts_s for touch in visit.touches)
        for touch, after in pairwise(visit.touches):
            shared += max(0.0, min(touch.ends_s, after.ends_s) - after.starts_s)
    return shared / total if total else 0.0
