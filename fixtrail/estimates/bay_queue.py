"""The queue for a bay: who waits before whom, whether it goes by order of arrival, how often a turn comes. Pure.

A car waits for a bay where its activity is `bay` (CONTRACT section 2) and no repair or check of the visit has begun:
after that it mostly stands in its bay already. Cars of one center and lane wait in one queue. Times are in ms.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from fixtrail.estimates.clock import OpeningClock
from schemas.order_key import OrderKey
from schemas.times import DAY_MS, MINUTE_MS

WINDOW_MS = 28 * DAY_MS
# Nothing is told of a queue that had fewer turns with others waiting, or whose turns went by arrival less often.
LEAST_TURNS = 20
LEAST_BY_ARRIVAL = 0.8
# Cars that came within so long of each other may change places.
TOGETHER_MS = 10 * MINUTE_MS
_WORK = frozenset({"repair", "quality"})


class BayWait(NamedTuple):
    """A visit's wait for its first repair; `ended_at` is None while it runs, `is_turn` says that a repair ended it."""

    began_at: int
    ended_at: int | None
    is_turn: bool


class TurnRecord(NamedTuple):
    """The recent record of a queue: turns while others waited, how many were by arrival, minutes between turns."""

    turns: int
    by_arrival: int
    gaps: int
    minutes: float | None

    @property
    def is_good(self) -> bool:
        """Whether cars are served in order of arrival and the minutes between turns are known."""
        is_by_arrival = self.by_arrival >= LEAST_BY_ARRIVAL * self.turns
        return min(self.turns, self.gaps) >= LEAST_TURNS and is_by_arrival


def bay_wait(fact: Mapping[str, Any]) -> BayWait | None:
    """The wait of a journey fact (a dict in the shape of schemas.facts.JourneyFact); None where there was none.

    A repair that began at once is a turn without a wait.
    """
    wait: BayWait | None = None
    for stage in fact["stages"]:
        if stage["activity"] == "bay":
            wait = BayWait(stage["started_at"], stage["ended_at"], False)
        elif stage["activity"] in _WORK:
            is_next = wait is not None and wait.ended_at == stage["started_at"]
            began_at = wait.began_at if wait is not None and is_next else stage["started_at"]
            return BayWait(began_at, stage["started_at"], True)
    return wait


def turn_record(waits: Iterable[BayWait], now: int, clock: OpeningClock) -> TurnRecord:
    """The record of one queue over the 28 days before `now`; minutes are the median, in opening time.

    Between two turns time counts where the second car waited already when the first one's turn came.
    """
    recent = [wait for wait in waits if wait.ended_at is None or wait.ended_at >= now - WINDOW_MS]
    contested = [(turn, others) for turn, others in _turns(recent) if others]
    by_arrival = sum(turn.began_at <= others[0].began_at + TOGETHER_MS for turn, others in contested)
    gaps = [
        clock.position(_ended_at(turn)) - clock.position(_ended_at(before))
        for (before, _), (turn, _) in pairwise(_turns(recent))
        if turn.began_at <= _ended_at(before)
    ]
    return TurnRecord(len(contested), by_arrival, len(gaps), median(gaps) / MINUTE_MS if gaps else None)


def cars_before(own: tuple[int, str], others: Iterable[tuple[int, str]]) -> int:
    """How many of those who wait began earlier; of two that began together the lower order number comes first."""
    return sum(turn < own for turn in others)


def _turns(waits: Collection[BayWait]) -> Iterator[tuple[BayWait, list[BayWait]]]:
    """The turns in order, each with the cars that still waited then, the longest wait first."""
    arrivals, waiting = sorted(waits, key=lambda wait: wait.began_at, reverse=True), list[BayWait]()
    for turn in sorted((wait for wait in waits if wait.is_turn), key=_ended_at):
        at = _ended_at(turn)
        while arrivals and arrivals[-1].began_at < at:
            waiting.append(arrivals.pop())
        waiting = [wait for wait in waiting if wait.ended_at is None or wait.ended_at > at]
        yield turn, waiting


def _ended_at(wait: BayWait) -> int:
    return wait.ended_at or 0


class PastBayWaits:
    """The waits of the last weeks by center and lane, filled with facts in whatever order."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, str], dict[tuple[OrderKey, str], tuple[int, BayWait]]] = {}

    def add(self, fact: Mapping[str, Any]) -> None:
        """Add an order's wait; the fact with the highest version of an order counts."""
        wait = bay_wait(fact)
        if wait is None or fact["lane"] is None:
            return
        queue = self._waits.setdefault((fact["center_id"] or "", fact["lane"]), {})
        key, version = (OrderKey.of(fact), fact["vehicle_id"]), int(fact["version"])
        if key not in queue or queue[key][0] <= version:
            queue[key] = version, wait

    def record(self, center_id: str, lane: str, now: int, clock: OpeningClock) -> TurnRecord:
        """How the queue of a center and lane went in the 28 days before `now`; older waits are let go."""
        before = self._waits.get((center_id, lane), {})
        queue = {key: entry for key, entry in before.items() if (entry[1].ended_at or now) >= now - WINDOW_MS}
        self._waits[center_id, lane] = queue
        return turn_record([wait for _, wait in queue.values()], now, clock)
