"""The alerts of topic `alerts` as the board shows them."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError

from fixtrail.watch.alerts import is_newer
from schemas.facts import Alert

log = logging.getLogger(__name__)

# Closed ones are shown for a while: somebody may have missed that it opened at all.
KEPT_CLOSED_MS = 8 * 3600 * 1000
_URGENCY = {"critical": 0, "warning": 1, "info": 2}


class Alerts:
    """The newest version of every alert that is open, or was closed within some hours."""

    def __init__(self) -> None:
        self._known: dict[str, Alert] = {}
        self._told: list[Callable[[], None]] = []

    def take(self, records: Iterable[Any]) -> None:
        """Take over the records of the topic; the highest version of an alert counts."""
        changed = False
        for record in records:
            if record.value is None:
                continue
            try:
                alert = Alert.model_validate_json(record.value)
            except ValidationError as error:
                log.warning("an alert cannot be read: %s", error.errors(include_input=False)[:1])
                continue
            if is_newer(alert, self._known.get(alert.alert_id)):
                self._known[alert.alert_id] = alert
                changed = True
        if changed:
            self._let_go(int(time.time() * 1000))
            self._tell()

    def expect(self, alert_id: str, by: str, at: int) -> None:
        """Show that somebody has acknowledged an alert until the watch box says so itself."""
        if alert := self._known.get(alert_id):
            self._known[alert_id] = alert.model_copy(update={"acknowledged_at": at, "acknowledged_by": by})
            self._tell()

    def get(self, alert_id: str) -> Alert | None:
        return self._known.get(alert_id)

    def all(self) -> list[Alert]:
        """Open ones first, the most severe and then the oldest; then the closed ones, the newest first."""
        return sorted(self._known.values(), key=_urgency)

    def on_change(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after each change; what is returned takes that back."""
        self._told.append(tell)
        return lambda: self._told.remove(tell)

    def _tell(self) -> None:
        for tell in list(self._told):
            tell()

    def _let_go(self, now: int) -> None:
        for alert_id, alert in list(self._known.items()):
            closed = max(filter(None, (alert.closed_at, alert.ended_at)), default=None)
            if alert.state != "open" and closed is not None and now - closed > KEPT_CLOSED_MS:
                del self._known[alert_id]


def _urgency(alert: Alert) -> tuple[int, int, int, str]:
    if alert.state == "open":
        return 0, _URGENCY[alert.severity], alert.since, alert.alert_id
    closed = 1 if alert.state == "acknowledged" else 2
    return closed, _URGENCY[alert.severity] if closed == 1 else 0, -(alert.closed_at or 0), alert.alert_id
