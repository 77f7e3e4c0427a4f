"""The alerts as they are now, read from the compacted topic `alerts`."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from fixtrail.watch.alerts import is_newer
from fixtrail.watch.follow import follow
from schemas.facts import Alert
from schemas.topics import ALERTS

log = logging.getLogger(__name__)

Heard = Callable[[Alert], object]


class Alerts:
    """A read model in memory, of no consumer group: every process that has one reads the whole topic.

    `heard` is called with each new version of an alert once all that stood in the topic has been read.
    """

    def __init__(self, kafka: Mapping[str, Any], heard: Heard = lambda _: None) -> None:
        self.read = asyncio.Event()
        self._kafka, self._heard = kafka, heard
        self._alerts: dict[str, Alert] = {}

    def __len__(self) -> int:
        return len(self._alerts)

    def get(self, alert_id: str) -> Alert | None:
        return self._alerts.get(alert_id)

    def starting_with(self, text: str) -> list[Alert]:
        """Those whose id begins like that."""
        return [alert for alert_id, alert in self._alerts.items() if alert_id.startswith(text)]

    def all(self, state: str | None = "open") -> list[Alert]:
        """Those in a state, or all where it is None; the oldest first."""
        found = [alert for alert in self._alerts.values() if state in (None, alert.state)]
        return sorted(found, key=lambda alert: (alert.opened_at, alert.alert_id))

    async def run(self) -> None:
        """Follow the topic until cancelled."""
        await follow(self._kafka, ALERTS, self._take, self.read)

    def _take(self, record: Any) -> None:
        alert_id = (record.key or b"").decode(errors="replace")
        if record.value is None:
            self._alerts.pop(alert_id, None)
            return
        try:
            alert = Alert.model_validate_json(record.value)
        except ValidationError:
            log.warning("record %d of alerts %d is no alert", record.offset, record.partition)
            return
        if not is_newer(alert, self._alerts.get(alert.alert_id)):
            return
        self._alerts[alert.alert_id] = alert
        if self.read.is_set():
            self._heard(alert)
