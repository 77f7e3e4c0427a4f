"""Past visits that others would have been like: with their part on the shelf or not, or in the standard lane. Pure."""

import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fixtrail.whatif.changes import LANES, QUICK, STANDARD
from fixtrail.whatif.duty import PlayedDay
from fixtrail.whatif.history import PastVisit, WhatIfHistory
from fixtrail.whatif.staffing import Allocation

# Fewer visits than these tell nothing.
FEWEST_DONORS = 8


class Donors:
    """The handed-off visits of a history: by work those that asked for parts, by fault those of the standard lane."""

    def __init__(self, visits: Iterable[PastVisit]) -> None:
        asked_for_parts: defaultdict[tuple[int | None, bool], list[PastVisit]] = defaultdict(list)
        self._of_fault: defaultdict[tuple[str, int], list[PastVisit]] = defaultdict(list)
        for visit in visits:
            if not visit.is_counted:
                continue
            if visit.requests and not visit.comes_for_part:
                for lane in (visit.lane, None):
                    asked_for_parts[lane, visit.stockouts > 0].append(visit)
            if visit.lane == STANDARD:
                self._of_fault[visit.group, visit.faults].append(visit)
        self._by_work = {key: sorted(visits, key=_work) for key, visits in asked_for_parts.items()}

    def count(self, is_out: bool) -> int:
        """How many visits asked for parts of which one was not there; or of which all were."""
        return len(self._by_work.get((None, is_out), ()))

    def with_parts(self, visit: PastVisit, is_out: bool, draw: random.Random) -> PastVisit:
        """The visit as one of about the same work was, for which a part was not there, or all were."""
        visits = self._by_work.get((visit.lane, is_out), [])
        if len(visits) < FEWEST_DONORS:
            visits = self._by_work.get((None, is_out), [])
        if not visits:
            return visit
        first = bisect_left(visits, visit.work_s, key=_work) - FEWEST_DONORS // 2
        first = min(max(first, 0), max(len(visits) - FEWEST_DONORS, 0))
        return draw.choice(visits[first : first + FEWEST_DONORS])._replace(lane=visit.lane)

    def of_standard_lane(self, visit: PastVisit) -> Sequence[PastVisit]:
        """Visits of the standard lane with the same faults; none where they are too few to go by."""
        visits = self._of_fault.get((visit.group, visit.faults), []) if visit.is_counted else []
        return visits if len(visits) >= FEWEST_DONORS else []

    def standard_work_s(self, visit: PastVisit) -> float:
        """The work to expect of a visit in the standard lane."""
        visits = self.of_standard_lane(visit) if visit.lane == QUICK else []
        return sum(map(_work, visits)) / len(visits) if visits else visit.work_s


def without_quick_lane(history: WhatIfHistory) -> WhatIfHistory:
    """The history's people and bays with one pool of each."""
    days = [in_one_pool(day) for day in history.duty.days]
    return replace(
        history,
        technicians=_together(history.technicians),
        bays=_together(history.bays),
        duty=replace(history.duty, days=days),
    )


def in_one_pool(day: PlayedDay) -> PlayedDay:
    """A day with the technicians of all lanes together."""
    return tuple(presence._replace(counts=(sum(presence.counts),)) for presence in day)


def _together(allocation: Allocation) -> Allocation:
    return replace(allocation, of_lane=(0,) * len(LANES), members=dict.fromkeys(allocation.members, 0))


def _work(visit: PastVisit) -> float:
    return visit.work_s
