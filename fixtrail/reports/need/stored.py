"""What ClickHouse has of arrivals, work, shifts and technicians, center by center."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.reports.need.arrivals import NEVER, Booking
from fixtrail.reports.need.center_need import LANES, NeedRecords
from fixtrail.reports.queries import Ask
from fixtrail.reports.sample import MOST_EVENTS_AT_ONCE, events_of

# Of so many visits the work is fewer rows than a reader may have at once.
MOST_VISITS = 100_000
_ORDER = ["center_id", "order_id", "vehicle_key"]
_Bookings = Mapping[tuple[Any, ...], Booking]


class Stored:
    """The answers of the queries from a day on."""

    def __init__(self, ask: Ask, since: date, first: date, last: date, now: int) -> None:
        self._ask, self._since, self._now = ask, since, now
        self._days = {"since": first - timedelta(days=1), "until": last}
        self._shifts = ask("need_shifts", **self._days)
        visits = ask("need_centers", since=since)
        self.without_check_in = int(visits["without_check_in"].sum())
        self._visits = {
            str(center): int(number)
            for center, number in zip(visits["center_id"], visits["visits"], strict=True)
            if number
        }

    def centers(self) -> list[str]:
        return sorted(self._visits)

    def of(self, centers: Iterable[str]) -> Iterator[tuple[str, NeedRecords]]:
        """What is stored of each of these centers; some are asked for at once."""
        visits = {center: self._visits[center] for center in centers}
        for of_events in groups_of(visits, self._most_visits_of_events(visits)):
            bookings = self._ask("need_bookings", since=self._since, centers=of_events)
            touches = self._ask("need_technicians", **self._days, centers=of_events)
            for group in groups_of({center: visits[center] for center in of_events}, MOST_VISITS):
                own = (frame[frame["center_id"].isin(group)] for frame in (bookings, touches))
                frames = self._frames(group, *own)
                for center in group:
                    yield center, _records(center, *frames)

    def _most_visits_of_events(self, visits: Mapping[str, int]) -> int:
        """Of so many visits the events are asked for at once: each question reads those of all centers."""
        if sum(visits.values()) <= MOST_VISITS:
            return MOST_VISITS
        return most_visits_of_events(sum(self._visits.values()), events_of(self._ask))

    def _frames(
        self, centers: Sequence[str], booked: pd.DataFrame, touches: pd.DataFrame
    ) -> tuple[_Bookings, tuple[pd.DataFrame, ...]]:
        """The appointments of some centers, and their visits, tasks, shifts and touches."""
        about = {"since": self._since, "centers": list(centers)}
        check_ins = self._ask("need_check_ins", **about)
        bookings = _bookings(booked, check_ins)
        visits = _with_lane(check_ins, bookings)
        tasks = _with_visit(self._ask("need_work", **about), visits, self._now)
        return bookings, (visits, tasks, self._shifts, touches)


def most_visits_of_events(visits: int, events: int) -> int:
    """Of how many visits the events are asked for at once, of so many visits and events of all centers."""
    return max(MOST_VISITS, visits * MOST_EVENTS_AT_ONCE // max(1, events))


def groups_of(visits: Mapping[str, int], most: int) -> Iterator[list[str]]:
    """The centers in groups of at most so many visits; one that has more is alone."""
    group, number = list[str](), 0
    for center, own in visits.items():
        if group and number + own > most:
            yield group
            group, number = [], 0
        group.append(center)
        number += own
    if group:
        yield group


def _records(center_id: str, bookings: _Bookings, frames: Iterable[pd.DataFrame]) -> NeedRecords:
    visits, tasks, shifts, touches = (frame[frame["center_id"] == center_id] for frame in frames)
    own = [booking for (center, *_), booking in bookings.items() if center == center_id]
    return NeedRecords(visits, own, tasks, shifts, touches)


def _bookings(frame: pd.DataFrame, visits: pd.DataFrame) -> _Bookings:
    """Each order's appointment."""
    checked_in = visits[visits["checked_in_ms"].notna()]
    at = dict(zip(_orders(checked_in), checked_in["checked_in_ms"].astype(int), strict=True))
    return {
        order: Booking(tuple((int(at_ms), int(starts) or None) for at_ms, starts in pairs), at.get(order))
        for order, pairs in zip(_orders(frame), frame["phases"], strict=True)
    }


def _with_lane(visits: pd.DataFrame, bookings: _Bookings) -> pd.DataFrame:
    """The visits with a check-in; `lane` is its number and `booked_ms` the first time an appointment was made."""
    frame = visits[visits["checked_in_ms"].notna()].reset_index(drop=True)
    booked = [bookings[order].phases[0][0] if order in bookings else NEVER for order in _orders(frame)]
    return frame.assign(
        lane=(frame["lane"] != LANES[0]).astype("int64"),
        checked_in_ms=frame["checked_in_ms"].astype("int64"),
        closed_ms=frame["closed_ms"].fillna(0).astype("int64"),
        booked_ms=np.array(booked, np.int64),
    )


def _with_visit(work: pd.DataFrame, visits: pd.DataFrame, now: int) -> pd.DataFrame:
    """The stretches with their visit's lane and check-in; one that still goes on ends now."""
    work = work.assign(ended_ms=work["ended_ms"].where(work["ended_ms"] > 0, now))
    return work.merge(visits[[*_ORDER, "lane", "checked_in_ms"]], on=_ORDER)


def _orders(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Center, order and vehicle of each row."""
    return list(zip(*(frame[name] for name in _ORDER), strict=True))
