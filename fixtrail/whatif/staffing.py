"""Who works where: pools of technicians, bays of the lanes, people of each day, and when one of them was free. Pure."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fixtrail.whatif.changes import LANES
from fixtrail.whatif.records import CenterRecords, VisitRecord
from schemas.times import DAY_S

# Of one lane's own people and bays not more than this share of the work is done in the other lane.
MOST_ELSEWHERE = 0.05
# At least this share of the work names who did it, or in which bay.
FEWEST_NAMED = 0.9
# Who was free for less than this may have been on the way from one car to the next.
SHORTEST_FREE_S = 60.0
# Fewer jobs than this that begin outside opening hours are an exception, as is what begins long outside.
_FEWEST_OUTSIDE = 3
_MOST_OUTSIDE_S = 6 * 3600.0
# As many cars that wait at closing may be left for the morning, of those that are served in the evening.
_MOST_LEFT = 0.4
# Waits for people or a bay.
QUEUES = ("reception", "bay")

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which technicians and bays serve which lane: the number of each lane's pool, and whose each one is."""

    of_lane: tuple[int, ...]
    members: Mapping[str, int]
    named_share: float

    @property
    def is_shared(self) -> bool:
        return len(set(self.of_lane)) == 1

    def count(self, pool: int) -> int:
        return sum(number == pool for number in self.members.values())


def allocate(seconds: Mapping[tuple[str, int], float]) -> Allocation:
    """Pools from the seconds that each one worked in each lane: one of each lane, or a common one where they help out.

    A name of '' is nobody's.
    """
    total, named = sum(seconds.values()), {key: value for key, value in seconds.items() if key[0]}
    share = sum(named.values()) / total if total else 0.0
    most: dict[str, tuple[float, int]] = {}
    for (name, lane), value in named.items():
        most[name] = max(most.get(name, (0.0, lane)), (value, lane))
    elsewhere = sum(value for (name, lane), value in named.items() if most[name][1] != lane)
    if elsewhere > MOST_ELSEWHERE * max(sum(named.values()), 1.0) or len({lane for _, lane in most.values()}) < 2:
        return Allocation((0,) * len(LANES), dict.fromkeys(most, 0), share)
    return Allocation(tuple(range(len(LANES))), {name: lane for name, (_, lane) in most.items()}, share)


def technicians_of(visits: Iterable[VisitRecord]) -> Allocation:
    """The pools of technicians."""
    seconds: defaultdict[tuple[str, int], float] = defaultdict(float)
    for visit in visits:
        for touch in visit.touches:
            seconds[touch.technician, visit.lane] += touch.ends_s - touch.starts_s
    return allocate(seconds)


def bays_of(visits: Iterable[VisitRecord]) -> Allocation:
    """The bays of the lanes, from repairs."""
    seconds: defaultdict[tuple[str, int], float] = defaultdict(float)
    for visit in visits:
        repairs = [part for part in visit.stretches if part.activity == "repair"]
        for touch in visit.touches:
            if touch.bay or any(part.starts_s <= touch.starts_s < part.ends_s for part in repairs):
                seconds[touch.bay, visit.lane] += touch.ends_s - touch.starts_s
    return allocate(seconds)


@dataclass(frozen=True, slots=True)
class Duty:
    """When work is begun: by day from when to when (s), and by day and pool how many technicians there were.

    `is_finished`: nobody goes home while a car waits, so the span lasts until the next day's opening.
    """

    spans: Sequence[Span]
    counts: Sequence[tuple[int, ...]]
    is_finished: bool


def duty_of(records: CenterRecords, technicians: Allocation) -> Duty:
    """Technicians of each day: those who worked on it, from opening to closing, and as much longer as they ever do."""
    starts = [(touch.starts_s, touch.technician) for visit in records.visits for touch in visit.touches]
    days = records.day_of([at_s for at_s, _ in starts]) if starts else []
    people: list[set[str]] = [set() for _ in records.slots.days]
    hours = [records.hours(day) for day in range(len(people))]
    before_s, after_s = [0.0], [0.0]
    for (at_s, name), day in zip(starts, days, strict=True):
        people[day].add(name)
        before_s.append(hours[day][0] - at_s)
        after_s.append(at_s - hours[day][1])
    early_s, late_s = _usual(before_s), _usual(after_s)
    pools = 1 + max(technicians.of_lane)
    counts = [
        tuple(sum(technicians.members.get(name) == pool for name in names) for pool in range(pools)) for names in people
    ]
    is_finished = _nobody_is_left(records, hours)
    spans = [(opens_s - early_s, closes_s + (DAY_S if is_finished else late_s)) for opens_s, closes_s in hours]
    return Duty(_apart(spans), counts, is_finished)


def _nobody_is_left(records: CenterRecords, hours: Sequence[Span]) -> bool:
    """Whether cars that wait for people when the center closes are mostly served that evening, and not next morning."""
    opens = [opens_s for opens_s, _ in hours]
    served = left = 0
    for visit in records.visits:
        for stretch in visit.stretches:
            day = bisect_right(opens, stretch.starts_s) - 1
            if stretch.activity in QUEUES and day >= 0 and stretch.ends_s > hours[day][1]:
                is_left = day + 1 < len(opens) and stretch.ends_s >= opens[day + 1]
                left, served = left + is_left, served + (not is_left)
    return served >= _FEWEST_OUTSIDE and left <= _MOST_LEFT * served


def _usual(outside_s: list[float]) -> float:
    """How long before opening or after closing work is begun, where that is more than an exception."""
    values = [value for value in outside_s if 0 < value <= _MOST_OUTSIDE_S]
    return max(values) if len(values) >= _FEWEST_OUTSIDE else 0.0


def _apart(spans: list[Span]) -> list[Span]:
    """The same without overlaps."""
    ends = [min(span[1], after[0]) for span, after in pairwise(spans)] + [spans[-1][1]]
    return [(starts_s, ends_s) for (starts_s, _), ends_s in zip(spans, ends, strict=True)]


def truncated_touches(visits: Iterable[VisitRecord]) -> dict[tuple[str, float], float]:
    """When each (technician, start of work) really ended: a technician who begins elsewhere has left the first car."""
    own: defaultdict[str, list[Span]] = defaultdict(list)
    for visit in visits:
        for touch in visit.touches:
            own[touch.technician].append((touch.starts_s, touch.ends_s))
    ends: dict[tuple[str, float], float] = {}
    for name, spans in own.items():
        spans.sort()
        for (starts_s, ends_s), after in zip(spans, [*spans[1:], (float("inf"),) * 2], strict=True):
            ends[name, starts_s] = min(ends_s, after[0]) if name else ends_s
    return ends


def free_technicians(duty: Duty, technicians: Allocation, ends: Mapping[tuple[str, float], float]) -> list[list[Span]]:
    """Of each pool when at least one technician was there and had nothing to do."""
    pools = 1 + max(technicians.of_lane)
    changes: list[list[tuple[float, int]]] = [[] for _ in range(pools)]
    for (starts_s, ends_s), counts in zip(duty.spans, duty.counts, strict=True):
        for pool, count in enumerate(counts):
            changes[pool] += [(starts_s, count), (ends_s, -count)]
    for (name, starts_s), ends_s in ends.items():
        pool_of_name = technicians.members.get(name)
        if pool_of_name is not None and ends_s > starts_s:
            changes[pool_of_name] += [(starts_s, -1), (ends_s, 1)]
    return [free_spans(of_pool) for of_pool in changes]


def free_bays(visits: Iterable[VisitRecord], bays: Allocation) -> list[list[Span]]:
    """Of each lane's bays when at least one was empty."""
    pools = 1 + max(bays.of_lane)
    changes: list[list[tuple[float, int]]] = [[(-1e12, bays.count(pool)), (1e12, 0)] for pool in range(pools)]
    for visit in visits:
        repairs = [part.starts_s for part in visit.stretches if part.activity == "repair"]
        work = [part.ends_s for part in visit.stretches if part.activity in ("repair", "quality")]
        if repairs:
            changes[bays.of_lane[visit.lane]] += [(repairs[0], -1), (work[-1], 1)]
    return [free_spans(of_pool) for of_pool in changes]


def free_spans(changes: list[tuple[float, int]]) -> list[Span]:
    """When the sum of these changes is above 0, for long enough to count."""
    spans: list[Span] = []
    free, since_s = 0, None
    for at_s, change in sorted(changes):
        free += change
        if free > 0 and since_s is None:
            since_s = at_s
        elif free <= 0 and since_s is not None:
            # Who is free again at the same instant was never busy.
            spans.append((since_s, at_s))
            since_s = None
    if since_s is not None:
        spans.append((since_s, 1e12))
    return [span for span in _joined(spans) if span[1] - span[0] >= SHORTEST_FREE_S]


def both(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """When both hold."""
    spans: list[Span] = []
    first = second = 0
    while first < len(one) and second < len(other):
        starts_s, ends_s = max(one[first][0], other[second][0]), min(one[first][1], other[second][1])
        if ends_s - starts_s >= SHORTEST_FREE_S:
            spans.append((starts_s, ends_s))
        if one[first][1] < other[second][1]:
            first += 1
        else:
            second += 1
    return spans


def delay_bounds(spans: Sequence[Span], starts_s: float, ends_s: float) -> Span:
    """How long a car that waited from one instant to another would have waited with somebody free: (low, high].

    As long as somebody was free it was not ready itself; both bounds are one where somebody was free to the end.
    """
    high = ends_s - starts_s
    for index in range(bisect_left(spans, (ends_s, 0.0)) - 1, -1, -1):
        if spans[index][1] <= starts_s:
            break
        if spans[index][1] < ends_s:
            return spans[index][1] - starts_s, high
        if ends_s - spans[index][0] >= SHORTEST_FREE_S or spans[index][0] <= starts_s:
            return high, high
    return 0.0, high


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for starts_s, ends_s in spans:
        if joined and joined[-1][1] >= starts_s:
            joined[-1] = (joined[-1][0], ends_s)
        else:
            joined.append((starts_s, ends_s))
    return joined
