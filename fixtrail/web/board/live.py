"""An open order's figures at an instant (CONTRACT section 2): its facts are stated as of its last event."""

from dataclasses import dataclass
from typing import Literal

from fixtrail.estimates.estimate import Estimate
from schemas.centers import Center
from schemas.facts import ORDER_FIGURES, WAITS, Activity, JourneyFact, PartRequestFact
from schemas.opening_hours import is_open, opening_ms_between
from schemas.order_key import OrderKey
from streams.journey.as_of import at_instant

TIMES = tuple(name for name, figure in ORDER_FIGURES.items() if figure.kind == "duration")

QUICK_LANE_S = 15 * 60
EMERGENCY_S = 2 * 3600

Lane = Literal["quick", "standard"]


@dataclass(frozen=True, slots=True)
class LivePart:
    """A part request that the customer waits for: since when it is out of stock, or was asked for urgently."""

    part_no: str
    since: int
    expected_at: int | None


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """One open order as of an instant; times in ms since 1970, durations in seconds.

    `wait_s` is all waiting so far in its center's opening time, `since` when the present activity began; `is_running`
    says whether the wait grows now, `late_probability` how likely the promise will be broken, where that can be told.
    Everything about times is None for an order without check-in.
    """

    order_id: str
    vehicle_id: str
    center_id: str
    lane: Lane | None
    activity: Activity | None
    since: int | None
    checked_in_at: int | None
    wait_s: float | None
    is_running: bool
    promised_at: int | None
    emergencies: tuple[LivePart, ...]
    stockouts: tuple[LivePart, ...]
    late_probability: float | None = None

    @property
    def key(self) -> OrderKey:
        return OrderKey(self.center_id, self.order_id)

    @property
    def waits(self) -> bool:
        """Whether the customer waits now."""
        return self.activity in WAITS

    @property
    def is_ready(self) -> bool:
        return self.activity == "pickup"


def times_at(fact: JourneyFact, now: int) -> dict[str, float | None]:
    """The order's durations (TIMES) as of `now` (ms): a running activity is counted from its last event on.

    A closed order's do not depend on `now`. For a `now` before the last event they are those of the last event.
    """
    figures = {name: getattr(fact, name) for name in ("activity", "last_event_at", *TIMES)}
    current = at_instant(figures, now)
    return {name: current[name] for name in TIMES}


def open_wait_s(fact: JourneyFact, center: Center | None, now: int) -> float | None:
    """The wait so far in the center's opening time (CONTRACT section 2, `wait_open_s`); wall time without hours."""
    wait_s = times_at(fact, now)["wait_s"]
    if wait_s is None or center is None:
        return wait_s
    waits = [stage for stage in fact.stages if stage.activity in WAITS]
    return sum(
        opening_ms_between(stage.started_at, now if stage.ended_at is None else stage.ended_at, center) / 1000
        for stage in waits
    )


def live_order(
    fact: JourneyFact, now: int, center: Center | None = None, estimate: Estimate | None = None
) -> LiveOrder:
    """An open order as the board shows it."""
    awaited = [part for part in fact.parts if part.fulfilled_at is None and part.cancelled_at is None]
    return LiveOrder(
        order_id=fact.order_id,
        vehicle_id=fact.vehicle_id,
        center_id=fact.center_id,
        lane=fact.lane,
        activity=fact.activity,
        since=fact.activity_since,
        checked_in_at=fact.checked_in_at,
        wait_s=open_wait_s(fact, center, now),
        is_running=fact.activity in WAITS and (center is None or is_open(now, center)),
        promised_at=fact.promised_at,
        emergencies=tuple(
            LivePart(part.part_no, at, part.expected_at)
            for part in awaited
            if part.emergency and (at := _began(part)) is not None
        ),
        stockouts=tuple(
            LivePart(part.part_no, part.backordered_at, part.expected_at)
            for part in awaited
            if part.backordered_at is not None
        ),
        late_probability=None if estimate is None else estimate.late_probability,
    )


def _began(part: PartRequestFact) -> int | None:
    """When a request was made; where that event was lost, when it was first heard of."""
    return part.requested_at if part.requested_at is not None else part.backordered_at
