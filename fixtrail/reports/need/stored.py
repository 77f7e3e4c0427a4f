"""What ClickHouse has of arrivals, work, shifts and technicians, center by center."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.reports.need.arrivals import NEVER, Booking
from fixtrail.reports.need.center_need import LANES, CenterRecords
from fixtrail.reports.queries import Ask

_ORDER = ["center_id", "order_id", "vehicle_key"]
_Bookings = Mapping[tuple[Any, ...], Booking]


class Stored:
    """The answers of the queries from a day on."""

    def __init__(self, ask: Ask, since: date, first: date, last: date, now: int) -> None:
        visits = ask("need_check_ins", since=since)
        self.without_check_in = int(visits["checked_in_ms"].isna().sum())
        self._bookings = _bookings(ask("need_bookings", since=since), visits)
        self._visits = _with_lane(visits, self._bookings)
        self._tasks = _with_visit(ask("need_work", since=since), self._visits, now)
        self._touches = ask("need_technicians", since=first - timedelta(days=1), until=last)
        self._shifts = ask("need_shifts", since=first - timedelta(days=1), until=last)

    def centers(self) -> list[str]:
        return sorted(set(self._visits["center_id"]))

    def of(self, center_id: str) -> CenterRecords:
        """What is stored of one center."""
        frames = (
            frame[frame["center_id"] == center_id] for frame in (self._visits, self._tasks, self._shifts, self._touches)
        )
        visits, tasks, shifts, touches = frames
        bookings = [booking for (center, *_), booking in self._bookings.items() if center == center_id]
        return CenterRecords(visits, bookings, tasks, shifts, touches)


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
