"""Who works where: pools of technicians, bays of the lanes, and when one of them was free. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fixtrail.whatif.changes import LANES
from fixtrail.whatif.records import VisitRecord

# Of one lane's own people and bays not more than this share of the work is done in the other lane.
MOST_ELSEWHERE = 0.05
# Who was free for less than this may have been on the way from one car to the next.
SHORTEST_FREE_S = 60.0
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


def free_bays(visits: Iterable[VisitRecord], bays: Allocation) -> list[list[Span]]:
    """By lane, the spans in which at least one bay was empty."""
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


def both(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """When both hold."""
    spans: list[Span] = []
    i = j = 0
    while i < len(first) and j < len(second):
        starts_s, ends_s = max(first[i][0], second[j][0]), min(first[i][1], second[j][1])
        if ends_s - starts_s >= SHORTEST_FREE_S:
            spans.append((starts_s, ends_s))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
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
