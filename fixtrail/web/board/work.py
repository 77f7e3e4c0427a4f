"""The work list: of each order one item with all that is to do about it, the most urgent first. No I/O."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fixtrail.web.board.board import Board, BoardDue
from fixtrail.web.board.board_filter import Sort
from fixtrail.web.board.live import LiveOrder
from schemas.facts import Alert
from schemas.order_key import OrderKey

_SEVERITY = {"critical": 0, "warning": 1, "info": 2}
_FAR = 1 << 62
# The due that is about the same as an alert.
_DUES = {"promise": "promise", "quick_lane": "quick", "emergency_part": "emergency"}


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One order with what is due of it (the most urgent first) and its open alerts (the most severe first)."""

    order: LiveOrder
    dues: tuple[BoardDue, ...]
    alerts: tuple[Alert, ...]

    @property
    def further_alerts(self) -> tuple[Alert, ...]:
        """Those that say more than what is due of it, or that somebody has taken care of."""
        kinds = {due.kind for due in self.dues}
        return tuple(alert for alert in self.alerts if alert.acknowledged_by or _DUES.get(alert.kind) not in kinds)

    @property
    def late(self) -> bool:
        return any(due.late for due in self.dues)

    @property
    def severity(self) -> str | None:
        """The worst of its alerts."""
        return self.alerts[0].severity if self.alerts else None

    @property
    def due_at(self) -> int:
        return self.dues[0].due_at if self.dues else _FAR

    @property
    def rank(self) -> int:
        """0: late, or a critical alert; 1: near its limit, or another alert; 2: waits; 3: all others."""
        if self.late or self.severity == "critical":
            return 0
        if self.dues or self.alerts:
            return 1
        return 2 if self.order.waits else 3


def work_list(
    board: Board, alerts: Iterable[Alert], sort: Sort = "urgency", search: str | None = None
) -> list[WorkItem]:
    """The items of everybody who waits, is due, waits for a part or has an open alert.

    With a search: all open orders whose number or vehicle has it.
    """
    dues, alerts_of = _by_order(board), _alerts_by_order(alerts)
    items = [
        WorkItem(order, tuple(dues.get(order.key, ())), tuple(alerts_of.get(order.key, ()))) for order in board.orders
    ]
    if search:
        items = [item for item in items if matches(item.order, search)]
    else:
        items = [item for item in items if item.rank < 3 or item.order.stockouts]
    return sorted(items, key=_KEYS[sort])


def matches(order: LiveOrder, search: str) -> bool:
    """Whether the order's number or its vehicle's has these letters and digits, whatever stands between them."""
    letters = _letters(search)
    return bool(letters) and (letters in _letters(order.order_id) or letters in _letters(order.vehicle_id))


def other_alerts(alerts: Iterable[Alert], items: Sequence[WorkItem]) -> list[Alert]:
    """Open alerts that no item has: of centers, of the pipeline, of orders that are not shown."""
    on_items = {alert.alert_id for item in items for alert in item.alerts}
    return [alert for alert in alerts if alert.state == "open" and alert.alert_id not in on_items]


def _letters(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _by_order(board: Board) -> Mapping[OrderKey, list[BoardDue]]:
    dues: defaultdict[OrderKey, list[BoardDue]] = defaultdict(list)
    for due in sorted((*board.quick, *board.promises, *board.emergencies, *board.calls), key=lambda due: due.due_at):
        dues[due.order.key].append(due)
    return dues


def _alerts_by_order(alerts: Iterable[Alert]) -> Mapping[OrderKey, list[Alert]]:
    by_order: defaultdict[OrderKey, list[Alert]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda alert: (_SEVERITY[alert.severity], alert.since)):
        if alert.state == "open" and alert.order_id is not None:
            by_order[OrderKey(alert.center_id or "", alert.order_id)].append(alert)
    return by_order


def _wait_s(item: WorkItem) -> float:
    return item.order.wait_s or 0.0


def _late_probability(item: WorkItem) -> float:
    """The probability that the promise is broken: 1 once it is, 0 where nothing is known."""
    is_broken = any(due.kind == "promise" and due.late for due in item.dues)
    return 1.0 if is_broken else item.order.late_probability or 0.0


_KEYS: Mapping[Sort, Callable[[WorkItem], tuple[object, ...]]] = {
    "urgency": lambda item: (item.rank, item.due_at, -_wait_s(item), item.order.order_id),
    "wait": lambda item: (not item.order.waits, -_wait_s(item), item.order.order_id),
    "promise": lambda item: (-_late_probability(item), item.order.promised_at or _FAR, item.order.order_id),
    "center": lambda item: (item.order.center_id, item.rank, item.due_at, item.order.order_id),
}
