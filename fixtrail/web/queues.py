"""How many cars wait for a bay before an order's, and how long a turn takes there, for pages and API."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fixtrail.configuration import CenterFile
from fixtrail.estimates.bay_queue import PastBayWaits, TurnRecord, bay_wait, cars_before
from fixtrail.estimates.clock import OpeningClock
from schemas.facts import JourneyFact
from schemas.times import MINUTE_MS
from streams.journey.as_of import is_never_closed

# So long the record of a queue, and the list of those who wait in it, are good for.
RECORD_MS = 10 * MINUTE_MS
WAITING_MS = 1000

OpenAt = Callable[[str], Iterable[JourneyFact]]
Queue = tuple[str, str]


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """So many cars of the same center and lane wait for a bay before this one; a turn takes so many minutes."""

    before: int
    minutes_each: int


class Queues:
    """`open_at` gives the open orders of a center, `past` the waits that were."""

    def __init__(self, open_at: OpenAt, past: PastBayWaits, centers: CenterFile) -> None:
        self._open_at, self._past, self._centers = open_at, past, centers
        self._records: dict[Queue, tuple[int, TurnRecord]] = {}
        self._waiting: dict[str, tuple[int, dict[str, list[tuple[int, str]]]]] = {}

    def position_of(self, fact: JourneyFact, now: int) -> QueuePosition | None:
        """The order's place; None where it does not wait for a bay, or places mean nothing at its center."""
        own = waits_since(fact, now)
        if own is None or fact.lane is None:
            return None
        record = self._record((fact.center_id, fact.lane), now)
        if not record.is_good or record.minutes is None:
            return None
        others = self._waiting_at(fact.center_id, now).get(fact.lane, [])
        return QueuePosition(cars_before((own, fact.order_id), others), max(1, round(record.minutes)))

    def _record(self, queue: Queue, now: int) -> TurnRecord:
        cached = self._records.get(queue)
        if cached is None or not 0 <= now - cached[0] < RECORD_MS:
            clock = OpeningClock(self._centers.get(queue[0]))
            cached = self._records[queue] = now, self._past.record(*queue, now, clock)
        return cached[1]

    def _waiting_at(self, center_id: str, now: int) -> dict[str, list[tuple[int, str]]]:
        """The waiting orders by lane, each with the start of its wait."""
        cached = self._waiting.get(center_id)
        if cached is None or not 0 <= now - cached[0] < WAITING_MS:
            waiting: dict[str, list[tuple[int, str]]] = {}
            for fact in self._open_at(center_id):
                if fact.lane is not None and (since := waits_since(fact, now)) is not None:
                    waiting.setdefault(fact.lane, []).append((since, fact.order_id))
            cached = self._waiting[center_id] = now, waiting
        return cached[1]


def waits_since(fact: JourneyFact, now: int) -> int | None:
    """Since when an order waits for its first bay; None where it does not."""
    if fact.status != "open" or fact.activity != "bay" or is_never_closed(vars(fact), now):
        return None
    wait = bay_wait({"stages": [vars(stage) for stage in fact.stages]})
    return None if wait is None or wait.ended_at is not None else wait.began_at
