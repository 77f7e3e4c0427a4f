"""The alerts of topic `alerts` as the board shows them."""

from fixtrail.watch.alerts import is_newer
from runtime.kafka.table import Table
from schemas.facts import Alert
from schemas.topics import ALERTS

# Closed ones are shown for a while: somebody may have missed that it opened at all.
KEPT_CLOSED_MS = 8 * 3600 * 1000
_URGENCY = {"critical": 0, "warning": 1, "info": 2}


class BoardAlerts(Table[Alert]):
    """Every alert that is open, or was closed within some hours."""

    def __init__(self) -> None:
        super().__init__(ALERTS, Alert.model_validate_json, is_newer=is_newer, is_expired=_was_closed_long_ago)

    def expect(self, alert_id: str, by: str, at: int) -> None:
        """Show that somebody has acknowledged an alert until the watch box says so itself."""
        if alert := self.get(alert_id):
            self.replace(alert_id, alert.model_copy(update={"acknowledged_at": at, "acknowledged_by": by}))

    def all(self) -> list[Alert]:
        """Open ones first, the most severe and then the oldest; then the closed ones, the newest first."""
        return sorted(self.values(), key=_urgency)


def _was_closed_long_ago(alert: Alert, now: int) -> bool:
    closed = max(filter(None, (alert.closed_at, alert.ended_at)), default=None)
    return alert.state != "open" and closed is not None and now - closed > KEPT_CLOSED_MS


def _urgency(alert: Alert) -> tuple[int, int, int, str]:
    if alert.state == "open":
        return 0, _URGENCY[alert.severity], alert.since, alert.alert_id
    closed = 1 if alert.state == "acknowledged" else 2
    return closed, _URGENCY[alert.severity] if closed == 1 else 0, -(alert.closed_at or 0), alert.alert_id
