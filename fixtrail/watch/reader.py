"""The alerts as they are now, read from the compacted topic `alerts`."""

from collections.abc import Mapping
from typing import Any

from fixtrail.watch.alerts import is_newer
from runtime.kafka.table import Table, follow_tables
from schemas.facts import Alert
from schemas.topics import ALERTS


class Alerts(Table[Alert]):
    """All alerts by their ids, in memory."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        super().__init__(ALERTS, Alert.model_validate_json, is_newer=is_newer)
        self._kafka = kafka

    def starting_with(self, text: str) -> list[Alert]:
        """Those whose id begins like that."""
        return [alert for alert_id, alert in self.items() if alert_id.startswith(text)]

    def all(self, state: str | None = "open") -> list[Alert]:
        """Those in a state, or all where it is None; the oldest first."""
        alerts = [alert for alert in self.values() if state in (None, alert.state)]
        return sorted(alerts, key=lambda alert: (alert.opened_at, alert.alert_id))

    async def run(self) -> None:
        """Follow the topic until cancelled."""
        await follow_tables(self._kafka, [self])
