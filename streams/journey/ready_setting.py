"""When a car whose work is done is told to be ready although nobody has said so: by its center's own setting.

CONTRACT section 2: reference data say `tells_ready` and `ready_after_min`. Only live screens and notices ask here;
facts and figures take no notice of the setting.
"""

from collections.abc import Mapping
from typing import Any

from schemas.centers import Center
from schemas.times import DAY_MS, MINUTE_MS
from streams.journey.visit import FINISHING, PICKUP

CHECKS_COUNT_MS = 28 * DAY_MS
DEFAULT_AFTER_MIN = 10
# In place of an event's id in notices that this setting makes.
BY_SETTING = "finishing:"

Fact = Mapping[str, Any]


class CheckHistory:
    """By center: the last handoff of any order, and of one with a quality check or a `ready` (ms)."""

    def __init__(self) -> None:
        self._handed_off_at: dict[str, int] = {}
        self._checked_at: dict[str, int] = {}

    def add(self, fact: Fact) -> None:
        """Count a journey fact in, if its order was handed off. One that does not say counts as checked."""
        center_id, closed_at = fact["center_id"], fact["closed_at"]
        if fact["status"] != "handed_off" or center_id is None or closed_at is None:
            return
        self._handed_off_at[center_id] = max(closed_at, self._handed_off_at.get(center_id, 0))
        if fact.get("checked") is not False:
            self._checked_at[center_id] = max(closed_at, self._checked_at.get(center_id, 0))

    def is_without_checks(self, center_id: str | None, now: int) -> bool:
        """Whether orders were handed off within 28 days, and none of them with a check or a `ready`."""
        since = now - CHECKS_COUNT_MS
        return self._handed_off_at.get(center_id or "", 0) >= since > self._checked_at.get(center_id or "", 0)


def ready_after_ms(center: Center | None, center_id: str | None, history: CheckHistory, now: int) -> int | None:
    """How long the work must have been done until the center's cars are told to be ready; None: only once proven."""
    tells = center.tells_ready if center else "auto"
    if tells == "proof" or (tells == "auto" and not history.is_without_checks(center_id, now)):
        return None
    return round((center.ready_after_min if center else DEFAULT_AFTER_MIN) * MINUTE_MS)


def ready_by_setting_at(fact: Fact, after_ms: int | None) -> int | None:
    """When an order whose work is done will be told to be ready without proof (ms); None where it will not."""
    if after_ms is None or fact["activity"] != FINISHING or fact["activity_since"] is None:
        return None
    return int(fact["activity_since"]) + after_ms


def ready_fields(fact: Fact, after_ms: int | None, now: int) -> dict[str, Any]:
    """The fields of a journey fact that live screens and notices take otherwise than it says; mostly none."""
    told_at = ready_by_setting_at(fact, after_ms)
    if told_at is None or now < told_at:
        return {}
    return {"activity": PICKUP, "ready_at": fact["activity_since"]}


def is_by_setting(notice: Fact) -> bool:
    """Whether a `ready` notice rests on the center's setting alone."""
    return notice["milestone"] == "ready" and str(notice["event_id"]).startswith(BY_SETTING)
