"""What a shard counts of its centers: their hours, and of the journeys of its partition fields and clocks by day.

The hours are those of whole centers. Journeys are those of the vehicles of one partition: a sample of a center's, which
tells as well whether a clock is wrong or a field is missing.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fixtrail.watch.rules import Requests
from schemas.times import DAY_MS

# Fields of an upstream that a closed journey shows, by the name of the journey's field.
FIELDS = {
    "promised_at": "promised_at",
    "fault_groups": "fault_groups",
    "amount": "final_amount",
    "quote": "quoted_amount",
    "odometer_km": "odometer_km",
}
_MOST_AHEAD = 1000


@dataclass(slots=True)
class DayCounts:
    """Of one day (UTC): orders handed off, how many of them have which field, and by how much events were ahead."""

    handed_off: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    ahead_ms: dict[str, int] = field(default_factory=dict)


class HourFigures(NamedTuple):
    """What one revision of a partial sum counts of a center's hour."""

    revision: int
    requests: int
    stockouts: int
    events: int


_NOTHING = HourFigures(-1, 0, 0, 0)


class CenterCounts:
    """By center: requests and events by hour, and counts by day."""

    def __init__(self) -> None:
        self.requests: defaultdict[str, dict[int, Requests]] = defaultdict(dict)
        self.events: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.days: defaultdict[str, defaultdict[int, DayCounts]] = defaultdict(lambda: defaultdict(DayCounts))
        self._rows: dict[tuple[str, int, int], HourFigures] = {}

    def add_hour(self, row: Mapping[str, Any]) -> bool:
        """Count the newest revision of a partial sum; False for an older one. Raises KeyError for what is none."""
        key = (str(row["center_id"]), int(row["hour"]), int(row["partition"]))
        events = sum(int(row.get(name, 0)) for name in ("check_ins", "handed_off", "cancelled"))
        figures = HourFigures(int(row["revision"]), int(row["part_requests"]), int(row["stockouts"]), events)
        before = self._rows.get(key, _NOTHING)
        if figures.revision < before.revision:
            return False
        self._rows[key] = figures
        center_id, hour, _ = key
        requests = self.requests[center_id].setdefault(hour, Requests())
        requests.add(figures.requests - before.requests, figures.stockouts - before.stockouts)
        self.events[center_id][hour] += figures.events - before.events
        return True

    def add_journey(self, fact: Mapping[str, Any], received_ms: int, *, is_known_closed: bool) -> None:
        """Count what a journey shows of its source; of an order that was closed before only its clock."""
        if not fact["center_id"] or received_ms <= 0:
            return
        days = self.days[fact["center_id"]]
        ahead_ms = int(fact["last_event_at"]) - received_ms
        if ahead_ms > 0 and len(ahead := days[received_ms // DAY_MS].ahead_ms) < _MOST_AHEAD:
            ahead[fact["order_id"]] = max(ahead_ms, ahead.get(fact["order_id"], 0))
        if fact["status"] == "handed_off" and not is_known_closed:
            day = days[int(fact["closed_at"]) // DAY_MS]
            day.handed_off += 1
            day.filled.update(name for name, column in FIELDS.items() if fact.get(column) not in (None, [], ""))

    def forget(self, before_ms: int) -> None:
        """Let go what is older."""
        for center_id, hour, partition in list(self._rows):
            if hour >= before_ms:
                continue
            del self._rows[center_id, hour, partition]
            self.requests[center_id].pop(hour, None)
            self.events[center_id].pop(hour, None)
        for days in self.days.values():
            for day in [day for day in days if (day + 1) * DAY_MS < before_ms]:
                del days[day]
