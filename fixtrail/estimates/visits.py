"""Decision points: the instants of a visit at which its ready time is estimated, as far as was known then. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# Of a visit in `finishing` or in a wait after its first repair nobody knew at the time whether the work was done: it
# is called a wait for a bay only once another stretch followed (CONTRACT section 2). No point begins there.
_POINTS = frozenset({"reception", "diagnosis", "approval", "parts", "repair", "quality"})
_BEFORE_WORK = "bay"

ActivityRun = tuple[str, int, int | None]


class DecisionPoint(NamedTuple):
    """An instant (ms) at which an activity began or a new promise was given; both as they were then."""

    at: int
    activity: str
    promised_at: int | None


class EstimatedVisit(NamedTuple):
    """What the estimate needs of an order. `ended_at` is when it was closed; None on what has not happened."""

    center_id: str
    order_id: str
    lane: str
    ready_at: int | None
    ended_at: int | None
    points: tuple[DecisionPoint, ...]
    fault_groups: tuple[str, ...] = ()

    @property
    def last_point_at(self) -> int:
        """When it was last decided on; 0 where it never was."""
        return self.points[-1].at if self.points else 0

    def as_of(self, now: int) -> "EstimatedVisit":
        """The visit without what came after an instant."""
        ready_at, ended_at = (at if at is not None and at <= now else None for at in (self.ready_at, self.ended_at))
        points = tuple(point for point in self.points if point.at <= now)
        return self._replace(ready_at=ready_at, ended_at=ended_at, points=points)


def visit_of(fact: Mapping[str, Any]) -> EstimatedVisit | None:
    """The visit of a journey fact (a dict in the shape of schemas.facts.JourneyFact); None where there is none."""
    if not fact["stages"] or fact["lane"] is None:
        return None
    runs = [(stage["activity"], stage["started_at"], stage["ended_at"]) for stage in fact["stages"]]
    return EstimatedVisit(
        center_id=fact["center_id"] or "",
        order_id=fact["order_id"],
        lane=fact["lane"],
        ready_at=fact["ready_at"],
        ended_at=fact["closed_at"],
        points=tuple(decision_points(runs, [tuple(promise) for promise in fact["promises"]])),
        fault_groups=tuple(fact["fault_groups"]),
    )


def decision_points(runs: Sequence[ActivityRun], promises: Iterable[tuple[int, int]]) -> Iterator[DecisionPoint]:
    """The points of a visit with these stretches of activity and promises (told at, promised for), by time."""
    ordered = sorted(promises)
    is_worked_on = False
    for activity, started_at, ended_at in runs:
        is_worked_on = is_worked_on or activity in ("repair", "quality")
        if activity not in _POINTS and (activity != _BEFORE_WORK or is_worked_on):
            continue
        promised_at = max((promise for promise in ordered if promise[0] <= started_at), default=(0, None))[1]
        yield DecisionPoint(started_at, activity, promised_at)
        for told_at, promise in ordered:
            if told_at > started_at and (ended_at is None or told_at < ended_at):
                yield DecisionPoint(told_at, activity, promise)
