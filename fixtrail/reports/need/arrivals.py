"""How many cars to expect in each half hour of a day: the last eight days like it, and what is booked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixtrail.reports.need.slots import Floats, Instants, OpenSlots
from schemas.times import HOUR_MS

LIKE_DAYS = 8
# Fewer days like it say nothing: the need of such a day is not known.
FEWEST_LIKE_DAYS = 4
SMOOTHING = 0.3
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class CheckIns:
    """A center's check-ins: when, in which lane (its number), and since when booked (NEVER where not)."""

    at: Instants
    lane: NDArray[np.int64]
    booked_at: Instants


@dataclass(frozen=True, slots=True)
class Booking:
    """What was said of one order's appointment: in order (said at, starts at or None
    for cancelled); and its check-in."""

    phases: tuple[tuple[int, int | None], ...]
    checked_in_at: int | None = None

    def starts_at(self, as_of: int) -> int | None:
        """For when it stood booked at an instant; None where it did not, or the car was there already."""
        if self.checked_in_at is not None and self.checked_in_at < as_of:
            return None
        return next((starts for at, starts in reversed(self.phases) if at <= as_of), None)


@dataclass(frozen=True, slots=True)
class Expected:
    """Check-ins expected by day, slot and lane; `is_known` by day, whether there were enough days like it."""

    cars: Floats
    is_known: NDArray[np.bool_]


def smoothed(days: Floats) -> Floats:
    """The mean of the days, by exponential smoothing: the newest comes last and weighs most."""
    weights = SMOOTHING * (1 - SMOOTHING) ** np.arange(len(days))[::-1]
    return np.asarray(np.tensordot(weights / weights.sum(), days, axes=1))


def expected_check_ins(
    slots: OpenSlots, check_ins: CheckIns, bookings: Sequence[Booking], lanes: int, now: int
) -> Expected:
    """What was to be expected of each day when it began, or is now of one that has not begun."""
    cars = np.zeros((*slots.starts.shape, lanes))
    is_known = np.zeros(len(slots.days), np.bool_)
    first_at = int(check_ins.at.min(initial=NEVER))
    by_day = _bookings_by_day(slots, bookings)
    show, shares = _shows(slots, by_day, now), _lane_shares(check_ins, lanes)
    unbooked: dict[int, Floats] = {}
    for day, kind in enumerate(slots.kinds):
        opens = int(slots.starts[day, 0])
        like = [past for past in range(day) if slots.kinds[past] == kind and first_at <= slots.starts[past, 0] < now][
            -LIKE_DAYS:
        ]
        if kind == 0 and len(like) < FEWEST_LIKE_DAYS:
            like = _working_days(slots, day, first_at, now)
        if len(like) >= FEWEST_LIKE_DAYS:
            as_of = min(opens, now)
            ahead = opens - as_of
            if ahead not in unbooked:
                unbooked[ahead] = _unbooked(slots, check_ins, lanes, ahead)
            cars[day] = smoothed(unbooked[ahead][like])
            cars[day] += show * _booked(slots, day, by_day[day], as_of)[:, None] * shares
            is_known[day] = True
    return Expected(cars, is_known)


def check_ins_by_slot(slots: OpenSlots, check_ins: CheckIns, lanes: int) -> Floats:
    """Check-ins by day, slot and lane."""
    return _counted(slots, check_ins, lanes, np.ones(len(check_ins.at), np.bool_))


def _working_days(slots: OpenSlots, day: int, first_at: int, now: int) -> list[int]:
    """A make-up working day is like the last Mondays to Fridays."""
    return [
        past for past in range(day) if slots.kinds[past] in range(1, 6) and first_at <= slots.starts[past, 0] < now
    ][-LIKE_DAYS:]


def _unbooked(slots: OpenSlots, check_ins: CheckIns, lanes: int, ahead_ms: int) -> Floats:
    """Check-ins that were not booked so long before their day began."""
    day = slots.index(check_ins.at) // slots.per_day
    return _counted(slots, check_ins, lanes, check_ins.booked_at > slots.starts[day, 0] - ahead_ms)


def _counted(slots: OpenSlots, check_ins: CheckIns, lanes: int, chosen: NDArray[np.bool_]) -> Floats:
    within = chosen & (check_ins.at >= slots.starts[0, 0]) & (check_ins.at < slots.until)
    cell = slots.index(check_ins.at[within]) * lanes + check_ins.lane[within]
    counts = np.bincount(cell, minlength=slots.starts.size * lanes)
    return counts.reshape(*slots.starts.shape, lanes).astype(np.float64)


def _booked(slots: OpenSlots, day: int, bookings: Sequence[Booking], as_of: int) -> Floats:
    """The appointments of a day by slot, as they stood at an instant."""
    opens, closes = slots.starts[day, 0], slots.ends[day, -1]
    at = np.array([starts for booking in bookings if (starts := booking.starts_at(as_of)) is not None], np.int64)
    at = at[(at >= opens) & (at < closes)]
    return np.bincount(slots.index(at) - day * slots.per_day, minlength=slots.per_day).astype(np.float64)


def _bookings_by_day(slots: OpenSlots, bookings: Sequence[Booking]) -> list[list[Booking]]:
    """Booked appointments by day, each under every day that it was ever booked for."""
    by_day: list[list[Booking]] = [[] for _ in slots.days]
    opens, closes = slots.starts[:, 0], slots.ends[:, -1]
    for booking in bookings:
        at = np.array([starts for _, starts in booking.phases if starts is not None], np.int64)
        days = np.searchsorted(opens, at, side="right") - 1
        for day in set(days[(days >= 0) & (at < closes[days])].tolist()):
            by_day[day].append(booking)
    return by_day


def _shows(slots: OpenSlots, by_day: Sequence[Sequence[Booking]], now: int) -> float:
    """Of the appointments that stood when their day began, the share that came that day; 1 where there was none."""
    booked = shown_up = 0
    edges = zip(slots.starts[:, 0].tolist(), slots.ends[:, -1].tolist(), strict=True)
    for bookings, (opens, closes) in zip(by_day, edges, strict=True):
        for booking in bookings if closes < now else ():
            starts = booking.starts_at(opens)
            if starts is not None and opens <= starts < closes:
                booked += 1
                shown_up += booking.checked_in_at is not None and booking.checked_in_at <= closes + _DAY_END_MS
    return shown_up / booked if booked else 1.0


_DAY_END_MS = 4 * HOUR_MS


def _lane_shares(check_ins: CheckIns, lanes: int) -> Floats:
    booked = check_ins.lane[check_ins.booked_at < NEVER]
    counts = np.bincount(booked if len(booked) else check_ins.lane, minlength=lanes)
    return np.asarray(counts / max(1, counts.sum()))
