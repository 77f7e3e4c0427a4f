"""The state of an open order in a shard, and the output of a tick."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fixtrail.watch.rules import Due, DueNotice, due_by, is_without_check
from schemas.facts import WAITS, Alert
from schemas.order_key import OrderKey
from streams.journey.clock_notices import READY
from streams.journey.facts import is_of_no_vehicle

_NEEDED = (
    *("order_id", "vehicle_id", "version", "status", "center_id", "lane", "locale", "activity", "activity_since"),
    *("checked_in_at", "promised_at", "promises", "last_event_at", "fault_groups"),
)

Fact = dict[str, Any]


def watched_fact(full_fact: Fact) -> Fact:
    """What the watch needs of an order's fact while it is open. Raises KeyError or TypeError for what is no fact."""
    fact = {name: full_fact[name] for name in _NEEDED}
    fact["is_moved"] = is_of_no_vehicle(full_fact)
    fact["lacks_check"] = is_without_check(full_fact)
    fact["stages"] = [stage for stage in full_fact["stages"] if stage["activity"] in WAITS]
    fact["parts"] = [part for part in full_fact["parts"] if part["emergency"]]
    return fact


class ClosedOrder(NamedTuple):
    """What is kept of an order that is not open."""

    vehicle_id: str
    version: int
    last_event_at: int
    known_at: int


@dataclass(slots=True)
class WatchedOrder:
    """What is kept of an open order. `fact` is there until it is worked out what will be due of it.

    `known_at`: since when it is known under its vehicle. `settled_at`: when its newest fact may be believed to be all
    there is.
    """

    vehicle_id: str
    version: int
    last_event_at: int
    known_at: int
    settled_at: int
    fact: Fact | None
    dues: Sequence[Due] = ()
    notices: Sequence[DueNotice] = ()

    def times(self) -> list[int]:
        return [*(due.due_at for due in self.dues), *(due.due_at for due in self.notices)]

    def due_by(self, now: int) -> dict[tuple[str, str], Due]:
        """The cases that are due; none once the customer is told that the car is ready."""
        is_ready = any(due.milestone == READY and due.due_at <= now for due in self.notices)
        return {} if is_ready else due_by(self.dues, now)


@dataclass(slots=True)
class TickOutput:
    """The output of a tick: new versions of alerts, notices, and the ids of alerts to delete."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    notices: list[Fact] = field(default_factory=list)
    deleted_alerts: list[str] = field(default_factory=list)
    orders: set[OrderKey] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.alerts or self.notices or self.deleted_alerts)


def put(output: TickOutput, alert: Alert | None) -> None:
    if alert is not None:
        output.alerts[alert.alert_id] = alert


def replaces(fact: Fact, stored: WatchedOrder | ClosedOrder | None) -> bool:
    """Whether a fact is what there is to know of an order now: of two vehicles the one with the newer events.

    Not of one that the order was moved away from.
    """
    if stored is None:
        return True
    if stored.vehicle_id != fact["vehicle_id"]:
        if fact["is_moved"]:
            return False
        return bool(fact["last_event_at"] >= stored.last_event_at)
    return bool(fact["version"] >= stored.version)
