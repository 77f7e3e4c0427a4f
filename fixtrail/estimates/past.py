"""The visits that the table is learned from: the newest of what every order's facts said. Pure."""

from collections.abc import Mapping
from typing import Any

from fixtrail.estimates.cells import EstimateTable
from fixtrail.estimates.clock import OpeningClocks
from fixtrail.estimates.visits import EstimatedVisit, visit_of
from schemas.order_key import OrderKey
from schemas.times import DAY_MS

# Two of the longest windows.
KEPT_MS = 180 * DAY_MS
# With fewer visits nothing can be learned.
LEAST_VISITS = 60


# A center may have one number under two vehicles.
VisitKey = tuple[OrderKey, str]


class PastVisits:
    """Filled with facts in whatever order; of an order and vehicle the one with the highest version counts."""

    def __init__(self) -> None:
        self._visits: dict[VisitKey, tuple[int, EstimatedVisit | None]] = {}
        self._newest = 0

    def add(self, fact: Mapping[str, Any]) -> None:
        """Note the visit of a fact; one that is too old to learn from, or without a visit, is passed over."""
        at, version = int(fact["last_event_at"]), int(fact["version"])
        self._newest = max(self._newest, at)
        key = OrderKey.of(fact), str(fact["vehicle_id"])
        version_before, _ = self._visits.get(key, (-1, None))
        if at < self._newest - KEPT_MS or version < version_before:
            return
        visit = visit_of(fact)
        # One that was there and is none any more was moved to its right vehicle.
        if visit is not None or key in self._visits:
            self._visits[key] = version, visit

    def get(self, order: OrderKey, vehicle_id: str) -> EstimatedVisit | None:
        _, visit = self._visits.get((order, vehicle_id), (0, None))
        return visit

    def __len__(self) -> int:
        return len(self._visits)

    def recent(self, now: int) -> list[EstimatedVisit]:
        """The visits to learn from; older ones are let go."""
        oldest, before = now - KEPT_MS, self._visits
        self._visits = {
            key: (version, visit)
            for key, (version, visit) in before.items()
            if visit is None or visit.last_point_at >= oldest
        }
        return [visit for _, visit in self._visits.values() if visit is not None]


def learn(
    visits: list[EstimatedVisit], day: int, clocks: OpeningClocks, changed_at: Mapping[str, int]
) -> EstimateTable:
    """The table as of a midnight (UTC, ms), with the record of the days before. Takes seconds for 30,000 visits."""
    # numpy is only loaded where there is something to learn.
    from fixtrail.estimates import learn as walking

    window = walking.window_days_of(visits)
    points = walking.points_of(visits, clocks, changed_at)
    # A record of one window needs the walk over that window and over the one that its corrections come from.
    walk = walking.walk_forward(points, day, clocks, 2 * window, window)
    arrivals = walking.arrival_cells(visits, day, clocks, window)
    return EstimateTable(day, walk.table.cells, walk.table.records, arrivals)
