"""What a shard keeps of an open order, and what a look at the clock has to write."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fixtrail.watch.rules import Due, DueNotice, due_by
from schemas.facts import Alert
from streams.journey.clock_notices import READY

Fact = dict[str, Any]


@dataclass(slots=True)
class OpenOrder:
    """What is kept of an open order. `fact` is there until it is worked out what will be due of it.

    `settled_at`: when its newest fact may be believed to be all there is.
    """

    version: int
    last_event_at: int
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
class Found:
    """What a tick has to write: new versions of alerts, notices, and the ids of alerts to forget."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    notices: list[Fact] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    orders: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.alerts or self.notices or self.gone)


def put(found: Found, alert: Alert | None) -> None:
    if alert is not None:
        found.alerts[alert.alert_id] = alert
