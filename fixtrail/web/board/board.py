"""The board as values: open orders, the clock and the thresholds in, what is shown out. No I/O."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fixtrail.estimates.estimate import Estimate
from fixtrail.web.board.board_filter import BoardFilter
from fixtrail.web.board.live import EMERGENCY_S, QUICK_LANE_S, LiveOrder, LivePart, live_order
from schemas.call_request import CallRequest
from schemas.centers import Center
from schemas.facts import ACTIVITIES, Activity, JourneyFact
from schemas.opening_hours import is_open, opening_ms_between, opening_time_after
from schemas.order_key import OrderKey
from streams.journey.as_of import is_never_closed

# From then on a promise is as likely broken as kept.
LIKELY = 0.5

EstimateNow = Callable[[JourneyFact, int], Estimate | None]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When something is worth a look; seconds. Quick lane and emergency limits are those of CONTRACT section 4.

    A quick-lane order or a promise is at risk from so long before its limit on. A wait above `long_wait_s` is marked.
    """

    long_wait_s: float = 30 * 60
    quick_lane_s: float = QUICK_LANE_S
    quick_margin_s: float = 5 * 60
    promise_margin_s: float = 30 * 60
    emergency_s: float = EMERGENCY_S
    # Opening time in which a customer who asks for it is called.
    call_s: float = 30 * 60


@dataclass(frozen=True, slots=True)
class BoardDue:
    """Something that should be over by `due_at`; it runs since `since`. Late once that has passed.

    Of a call `age_s` is how long the customer has waited for it in opening time, which goes on if `is_running`.
    """

    order: LiveOrder
    kind: Literal["quick", "promise", "emergency", "call"]
    since: int
    due_at: int
    late: bool
    part: LivePart | None = None
    age_s: float | None = None
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class CenterNow:
    """One center at an instant. `longest_s` is the longest wait of those who wait now, which grows if `is_running`."""

    center_id: str | None
    open: int
    by_activity: Mapping[Activity, int]
    waiting: int
    longest_s: float | None
    is_running: bool
    quick: tuple[int, int]
    promises: tuple[int, int]
    emergencies: tuple[int, int]
    stockouts: int

    @property
    def late(self) -> int:
        """How much has passed its limit."""
        return self.quick[1] + self.promises[1] + self.emergencies[1]


@dataclass(frozen=True, slots=True)
class Board:
    """All that is shown of the present. Lists are in the order of urgency; centers are in the order they came in.

    Pairs count what is watched and what of it is late: for quick lane and promises only what is at risk is watched.
    Orders that were never closed are counted in `never_closed` alone.
    """

    now: int
    open: int
    by_activity: Mapping[Activity, int]
    without_check_in: int
    never_closed: int
    orders: Sequence[LiveOrder]
    waiting: Sequence[LiveOrder]
    quick: Sequence[BoardDue]
    promises: Sequence[BoardDue]
    emergencies: Sequence[BoardDue]
    stockouts: Sequence[tuple[LiveOrder, LivePart]]
    centers: Sequence[CenterNow]
    calls: Sequence[BoardDue] = ()


def board(
    facts: Iterable[JourneyFact],
    now: int,
    thresholds: Thresholds,
    centers: Sequence[str | None],
    choice: BoardFilter | None = None,
    reference: Mapping[str, Center] | None = None,
    estimate: EstimateNow = lambda fact, now: None,
    calls: Mapping[OrderKey, CallRequest] | None = None,
) -> Board:
    """The board of the open orders at these centers as of `now` (ms), in the lane that is chosen.

    Waits are counted in the opening time that the centers have in `reference`. `calls` are the requests to be called.
    """
    hours = reference or {}
    lane = choice.lane if choice else None
    center_ids = set(centers)
    center_orders = [
        fact
        for fact in facts
        if fact.status == "open"
        and fact.is_visit
        and fact.center_id in center_ids
        and (lane is None or fact.lane == lane)
    ]
    orders = [
        live_order(fact, now, hours.get(fact.center_id), estimate(fact, now))
        for fact in center_orders
        if not is_never_closed(vars(fact), now)
    ]
    quick, promises = quick_lane(orders, now, thresholds), promises_at_risk(orders, now, thresholds)
    emergencies = emergency_parts(orders, now, thresholds)
    return Board(
        now=now,
        open=len(orders),
        by_activity=_by_activity(orders),
        without_check_in=sum(order.activity is None for order in orders),
        never_closed=len(center_orders) - len(orders),
        orders=orders,
        waiting=longest_first(orders),
        quick=quick,
        promises=promises,
        emergencies=emergencies,
        stockouts=sorted(
            ((order, part) for order in orders for part in order.stockouts),
            key=lambda pair: (pair[1].since, pair[0].order_id),
        ),
        centers=_by_center(orders, centers, quick, promises, emergencies),
        calls=calls_waiting(orders, calls or {}, hours, now, thresholds),
    )


def longest_first(orders: Iterable[LiveOrder]) -> list[LiveOrder]:
    """The orders that wait now, the longest wait first."""
    waiting = [order for order in orders if order.waits]
    return sorted(waiting, key=lambda order: (-(order.wait_s or 0.0), order.order_id))


def quick_lane(orders: Iterable[LiveOrder], now: int, thresholds: Thresholds) -> list[BoardDue]:
    """Quick-lane orders that are not ready and near or past their 15 minutes, the most urgent first."""
    dues = []
    for order in orders:
        if order.lane == "quick" and order.activity is not None and order.checked_in_at is not None:
            due_at = order.checked_in_at + round(thresholds.quick_lane_s * 1000)
            if not order.is_ready and due_at - now <= thresholds.quick_margin_s * 1000:
                dues.append(BoardDue(order, "quick", order.checked_in_at, due_at, now > due_at))
    return _urgent_first(dues)


def promises_at_risk(orders: Iterable[LiveOrder], now: int, thresholds: Thresholds) -> list[BoardDue]:
    """Orders that are not ready and near or past the time that was promised, or as likely as not to pass it.

    The most urgent first.
    """
    dues = [
        BoardDue(order, "promise", order.checked_in_at or order.promised_at, order.promised_at, now > order.promised_at)
        for order in orders
        if order.promised_at is not None
        and order.activity is not None
        and not order.is_ready
        and (order.promised_at - now <= thresholds.promise_margin_s * 1000 or (order.late_probability or 0) >= LIKELY)
    ]
    return _urgent_first(dues)


def emergency_parts(orders: Iterable[LiveOrder], now: int, thresholds: Thresholds) -> list[BoardDue]:
    """Every emergency request that runs, the most urgent first."""
    dues = []
    for order in orders:
        for part in order.emergencies:
            due_at = part.since + round(thresholds.emergency_s * 1000)
            dues.append(BoardDue(order, "emergency", part.since, due_at, now > due_at, part))
    return _urgent_first(dues)


def calls_waiting(
    orders: Iterable[LiveOrder],
    calls: Mapping[OrderKey, CallRequest],
    hours: Mapping[str, Center],
    now: int,
    thresholds: Thresholds,
) -> list[BoardDue]:
    """Every customer who asked to be called and was not, the most urgent first."""
    dues = []
    for order in orders:
        if (request := calls.get(order.key)) is None or not request.is_waiting:
            continue
        center = hours.get(order.center_id)
        age_ms = opening_ms_between(request.asked_at, now, center)
        due_at = opening_time_after(request.asked_at, round(thresholds.call_s * 1000), center)
        is_running = center is None or is_open(now, center)
        dues.append(BoardDue(order, "call", request.asked_at, due_at, now > due_at, None, age_ms / 1000, is_running))
    return _urgent_first(dues)


def _urgent_first(dues: list[BoardDue]) -> list[BoardDue]:
    return sorted(dues, key=lambda due: (due.due_at, due.order.order_id))


def _by_activity(orders: Iterable[LiveOrder]) -> dict[Activity, int]:
    counted = Counter(order.activity for order in orders)
    return {name: counted[name] for name in ACTIVITIES}


def _by_center(
    orders: Iterable[LiveOrder],
    centers: Iterable[str | None],
    quick: list[BoardDue],
    promises: list[BoardDue],
    urgent: list[BoardDue],
) -> list[CenterNow]:
    orders_by_center: dict[str | None, list[LiveOrder]] = {center_id: [] for center_id in centers}
    for order in orders:
        orders_by_center[order.center_id].append(order)
    due = [_counted(quick), _counted(promises), _counted(urgent)]
    return [
        _center(center_id, center_orders, *(counts.get(center_id, (0, 0)) for counts in due))
        for center_id, center_orders in orders_by_center.items()
    ]


def _center(
    center_id: str | None,
    orders: list[LiveOrder],
    quick: tuple[int, int],
    promises: tuple[int, int],
    emergencies: tuple[int, int],
) -> CenterNow:
    waiting = longest_first(orders)
    return CenterNow(
        center_id=center_id,
        open=len(orders),
        by_activity=_by_activity(orders),
        waiting=len(waiting),
        longest_s=waiting[0].wait_s if waiting else None,
        is_running=bool(waiting) and waiting[0].is_running,
        quick=quick,
        promises=promises,
        emergencies=emergencies,
        stockouts=sum(len(order.stockouts) for order in orders),
    )


def _counted(dues: Iterable[BoardDue]) -> dict[str | None, tuple[int, int]]:
    """By center: how many there are, and how many of them are late."""
    counts: dict[str | None, tuple[int, int]] = {}
    for due in dues:
        n, late = counts.get(due.order.center_id, (0, 0))
        counts[due.order.center_id] = n + 1, late + due.late
    return counts
