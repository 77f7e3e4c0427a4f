"""The half hours in which a center is open, one after the other: what arrivals, need and staff are counted by. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median_low
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from fixtrail.reports.need.holidays import Holidays
from schemas.centers import Center
from schemas.opening_hours import hours_of
from schemas.times import DAY_MS, MINUTE_MS, to_ms

Instants = NDArray[np.int64]
Floats = NDArray[np.float64]
SLOT_MS = 30 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class OpenSlots:
    """Slots of a center: days on which it opens, all with the same number of slots.

    `starts` and `ends` by day and slot in ms, none before the one before; `kinds` says which days are alike
    (`Holidays.kind`). A slot is half an hour long, but of a night in which clocks are set the last ones: those that it
    does not have are of no length, and what it has more belongs to the last one.
    """

    center_id: str
    time_zone: str
    days: tuple[date, ...]
    kinds: tuple[int, ...]
    starts: Instants
    ends: Instants
    per_day: int

    @property
    def until(self) -> int:
        """The end of the last day, or when the center closes after it (ms)."""
        midnight = datetime.combine(self.days[-1] + timedelta(days=1), time(), ZoneInfo(self.time_zone))
        return max(to_ms(midnight), int(self.ends[-1, -1]))

    def index(self, at: Instants) -> NDArray[np.int64]:
        """The slot of each instant, counted over all days; outside opening hours the nearest one."""
        flat = self.starts.ravel()
        slot = np.clip(np.searchsorted(flat, at, side="right") - 1, 0, flat.size - 1)
        after = np.minimum(slot + 1, flat.size - 1)
        return np.asarray(np.where(flat[after] - at < at - self.ends.ravel()[slot], after, slot))

    def opening_ms(self, at: Instants) -> Instants:
        """How long the center was open in these slots before each instant."""
        starts, lengths = self.starts.ravel(), (self.ends - self.starts).ravel()
        slot = np.clip(np.searchsorted(starts, at, side="right") - 1, 0, starts.size - 1)
        before = np.cumsum(lengths) - lengths
        return np.asarray(before[slot] + np.clip(at - starts[slot], 0, lengths[slot]))

    def seconds_within(self, starts: Instants, ends: Instants) -> Floats:
        """How many seconds of these stretches lie in each slot, by day and slot."""
        total = np.zeros(self.starts.size)
        flat, flat_ends = self.starts.ravel(), self.ends.ravel()
        first = np.searchsorted(flat_ends, starts, side="right")
        last = np.searchsorted(flat, ends, side="left")
        # All stretches' first slots, then their second ones, and so on: few are longer than some.
        rows = np.flatnonzero(last > first)
        while len(rows):
            slot = first[rows]
            overlap = np.minimum(ends[rows], flat_ends[slot]) - np.maximum(starts[rows], flat[slot])
            np.add.at(total, slot, np.maximum(overlap, 0) / 1000)
            first[rows] += 1
            rows = rows[first[rows] < last[rows]]
        return total.reshape(self.starts.shape)


def open_slots(center_id: str, center: Center | None, first: date, last: date, holidays: Holidays) -> OpenSlots | None:
    """The open half hours from one day to another, both included; None where it never opens.

    A center without known hours is open all day, in UTC.
    """
    holidays = holidays.of(center)
    zone = ZoneInfo(center.time_zone if center else "UTC")
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    hours = [(day, holidays.kind(day), _hours(day, center, zone, holidays)) for day in days]
    rows = [(day, kind, span) for day, kind, span in hours if span is not None and kind is not None]
    if not rows:
        return None
    per_day = median_low(-(-(closes - opens) // SLOT_MS) for _, _, (opens, closes) in rows)
    opens, closes = (np.array(instants)[:, None] for instants in zip(*(span for _, _, span in rows), strict=True))
    starts = np.minimum(opens + np.arange(per_day) * SLOT_MS, closes)
    ends = np.where(starts < closes, starts + SLOT_MS, starts)
    ends[:, -1:] = np.maximum(ends[:, -1:], closes)
    chosen_days, kinds = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    return OpenSlots(center_id, str(zone), chosen_days, kinds, starts, ends, int(per_day))


def _hours(day: date, center: Center | None, zone: ZoneInfo, holidays: Holidays) -> tuple[int, int] | None:
    if center is None:
        midnight = int(datetime.combine(day, time(), zone).timestamp() * 1000)
        return midnight, midnight + DAY_MS
    center = center.model_copy(update={"open_on": holidays.working, "closed_on": holidays.closed})
    return hours_of(day, center, zone)
