"""From when to when technicians are there on each day: those who worked, and those whose shift was planned. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import NamedTuple

from fixtrail.whatif.records import CenterRecords
from fixtrail.whatif.staffing import QUEUES, Allocation, Span, free_spans
from schemas.times import DAY_S

# Shifts count where they name those who do at least this share of the work.
FEWEST_ROSTERED = 0.9
# Fewer jobs than this that begin outside opening hours are an exception, as is what begins long outside.
_FEWEST_OUTSIDE = 3
_MOST_OUTSIDE_S = 6 * 3600.0
# As many cars that wait at closing may be left for the morning, of those that are served in the evening.
_MOST_LEFT = 0.4
# From the first to the last instant of somebody's shift or work on a day, by name.
_Names = dict[str, Span]


class Presence(NamedTuple):
    """A span (s) and the number of technicians of each pool in it."""

    starts_s: float
    ends_s: float
    counts: tuple[int, ...]

    def seconds_within(self, span: Span) -> float:
        return max(min(self.ends_s, span[1]) - max(self.starts_s, span[0]), 0.0)

    def later(self, seconds: float) -> "Presence":
        return Presence(self.starts_s + seconds, self.ends_s + seconds, self.counts)


PlayedDay = tuple[Presence, ...]


@dataclass(frozen=True, slots=True)
class Duty:
    """The presences of each open day, at least one, in order of time.

    `is_finished`: nobody goes home while a car waits, so a day's last one lasts until the next day's opening.
    `planned_days`: on how many days shifts say who is there.
    """

    days: Sequence[PlayedDay]
    is_finished: bool
    planned_days: int = 0

    def most(self, pool: int) -> int:
        """The most technicians that a pool ever has."""
        return max((presence.counts[pool] for day in self.days for presence in day), default=0)


def duty_of(records: CenterRecords, technicians: Allocation) -> Duty:
    """Technicians of each day: those with a planned shift, for its hours, and those who worked without one.

    The latter are there from opening to closing, and as much longer as anybody ever is.
    """
    hours = [records.hours(day) for day in range(len(records.slots.days))]
    work, planned = _work_by_day(records), _planned_by_day(records, technicians, hours)
    is_finished = _nobody_is_left(records, hours)
    early_s, late_s = _outside(records, hours)
    spans = _apart([(opens_s - early_s, closes_s + (DAY_S if is_finished else late_s)) for opens_s, closes_s in hours])
    days = [
        _presences(span, _stays(span, hours[day], work[day], planned.get(day, {})), technicians)
        for day, span in enumerate(spans)
    ]
    return Duty(days, is_finished, len(planned))


def free_technicians(duty: Duty, technicians: Allocation, ends: Mapping[tuple[str, float], float]) -> list[list[Span]]:
    """By pool, the spans in which at least one technician was there and free."""
    pools = 1 + max(technicians.of_lane)
    changes: list[list[tuple[float, int]]] = [[] for _ in range(pools)]
    for presence in chain.from_iterable(duty.days):
        for pool, count in enumerate(presence.counts):
            changes[pool] += [(presence.starts_s, count), (presence.ends_s, -count)]
    for (name, starts_s), ends_s in ends.items():
        pool_of_name = technicians.members.get(name)
        if pool_of_name is not None and ends_s > starts_s:
            changes[pool_of_name] += [(starts_s, -1), (ends_s, 1)]
    return [free_spans(of_pool) for of_pool in changes]


def _work_by_day(records: CenterRecords) -> list[_Names]:
    """When each technician worked on each open day."""
    touches = [touch for visit in records.visits for touch in visit.touches]
    days = records.day_of([touch.starts_s for touch in touches])
    work: list[_Names] = [{} for _ in records.slots.days]
    for touch, day in zip(touches, days, strict=True):
        _widen(work[day], touch.technician, touch.starts_s, touch.ends_s)
    return work


def _planned_by_day(records: CenterRecords, technicians: Allocation, hours: Sequence[Span]) -> Mapping[int, _Names]:
    """When each technician was planned, by open day; none where the shifts are not of those who do the work."""
    planned: defaultdict[int, _Names] = defaultdict(dict)
    shifts = [shift for shift in records.shifts if shift.technician in technicians.members]
    for shift, day in zip(shifts, records.day_of([shift.starts_s for shift in shifts]), strict=True):
        if shift.starts_s < hours[day][1] and shift.ends_s > hours[day][0]:
            _widen(planned[day], shift.technician, shift.starts_s, shift.ends_s)
    return planned if _is_of_workers(records, planned) else {}


def _is_of_workers(records: CenterRecords, planned: Mapping[int, _Names]) -> bool:
    """Whether those who do the work of the days with shifts are those who have shifts."""
    names = {name for day in planned.values() for name in day}
    days = records.day_of([visit.at_s for visit in records.visits])
    total = rostered = 0.0
    for visit, day in zip(records.visits, days, strict=True):
        for touch in visit.touches if day in planned else ():
            total += touch.ends_s - touch.starts_s
            rostered += (touch.ends_s - touch.starts_s) * (touch.technician in names)
    return rostered >= FEWEST_ROSTERED * total > 0


def _widen(names: _Names, name: str, starts_s: float, ends_s: float) -> None:
    first_s, last_s = names.get(name, (starts_s, ends_s))
    names[name] = min(first_s, starts_s), max(last_s, ends_s)


def _stays(span: Span, hours: Span, work: _Names, planned: _Names) -> _Names:
    """From when to when each one was there on a day; who is planned from opening or to closing stays as all do."""
    stays: _Names = dict.fromkeys(work, span)
    for name, (starts_s, ends_s) in planned.items():
        first_s, last_s = work.get(name, (starts_s, ends_s))
        begins_s = span[0] if starts_s <= hours[0] else max(min(starts_s, first_s), span[0])
        leaves_s = span[1] if ends_s >= hours[1] else min(max(ends_s, last_s), span[1])
        stays[name] = begins_s, leaves_s
    return stays


def _presences(span: Span, stays: _Names, technicians: Allocation) -> PlayedDay:
    """How many of each pool are there, for each stretch of the day in which that does not change."""
    pools = range(1 + max(technicians.of_lane))
    times = sorted({*span, *(at_s for stay in stays.values() for at_s in stay)})
    presences = []
    for starts_s, ends_s in pairwise(times):
        pool_of = [
            technicians.members.get(name) for name, stay in stays.items() if stay[0] <= starts_s and stay[1] >= ends_s
        ]
        presences.append(Presence(starts_s, ends_s, tuple(pool_of.count(pool) for pool in pools)))
    return tuple(presences)


def _nobody_is_left(records: CenterRecords, hours: Sequence[Span]) -> bool:
    """Whether cars that wait for people when the center closes are mostly served that evening, and not next morning."""
    opens = [opens_s for opens_s, _ in hours]
    served = n_left = 0
    for visit in records.visits:
        for stretch in visit.stretches:
            day = bisect_right(opens, stretch.starts_s) - 1
            if stretch.activity in QUEUES and day >= 0 and stretch.ends_s > hours[day][1]:
                is_left = day + 1 < len(opens) and stretch.ends_s >= opens[day + 1]
                n_left, served = n_left + is_left, served + (not is_left)
    return served >= _FEWEST_OUTSIDE and n_left <= _MOST_LEFT * served


def _outside(records: CenterRecords, hours: Sequence[Span]) -> Span:
    """How long before opening, and after closing, work is begun."""
    starts = [touch.starts_s for visit in records.visits for touch in visit.touches]
    days = records.day_of(starts)
    early_s = [hours[day][0] - at_s for at_s, day in zip(starts, days, strict=True)]
    late_s = [at_s - hours[day][1] for at_s, day in zip(starts, days, strict=True)]
    return _usual(early_s), _usual(late_s)


def _usual(outside_s: Sequence[float]) -> float:
    """How long before opening or after closing work is begun, where that is more than an exception."""
    values = [value for value in outside_s if 0 < value <= _MOST_OUTSIDE_S]
    return max(values) if len(values) >= _FEWEST_OUTSIDE else 0.0


def _apart(spans: list[Span]) -> list[Span]:
    """The spans without overlaps."""
    ends = [min(span[1], after[0]) for span, after in pairwise(spans)] + [spans[-1][1]]
    return [(starts_s, ends_s) for (starts_s, _), ends_s in zip(spans, ends, strict=True)]
