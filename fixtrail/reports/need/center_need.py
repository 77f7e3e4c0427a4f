"""One center: its people needed, rostered and at work, half hour by half hour. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from fixtrail.reports.need.arrivals import Booking, CheckIns, Expected, check_ins_by_slot, expected_check_ins
from fixtrail.reports.need.slots import Floats, OpenSlots
from fixtrail.reports.need.staffing import Need, WaitLimit, needs_of
from fixtrail.reports.need.work import ROLES, RoleWork, reception_work, requests_of, role_work
from schemas.times import DAY_MS, from_ms

LANES = ("quick", "standard")
# The days whose finished visits tell how much work a car brings.
CONTENT_DAYS = 56
FEWEST_VISITS = 30


@dataclass(frozen=True, slots=True)
class NeedRules:
    """When a wait is too long, and how long reception takes a car; None where nobody said so."""

    limit: WaitLimit = field(default_factory=WaitLimit)
    reception_s: float | None = None


@dataclass(frozen=True, slots=True)
class NeedRecords:
    """What is stored of a center. Frames: `visits` (lane number, checked_in_ms, closed_ms, booked_ms), `tasks` (its
    visit's lane and checked_in_ms, activity, requested_ms, started_ms, ended_ms), `shifts` (staff_key, role,
    starts_ms, ends_ms), `touches` (technician, started_ms, ended_ms).
    """

    visits: pd.DataFrame
    bookings: Sequence[Booking]
    tasks: pd.DataFrame
    shifts: pd.DataFrame
    touches: pd.DataFrame


@dataclass(frozen=True, slots=True)
class CenterNeed:
    """The rows of a center's report days: `slots` by role, day and half hour; `days` with the record of arrivals."""

    slots: list[dict[str, Any]]
    days: list[dict[str, Any]]
    content: list[dict[str, Any]]


def center_need(slots: OpenSlots, records: NeedRecords, rules: NeedRules, first: date, now: int) -> CenterNeed:
    """The need of a center from a day on; `slots` begin as much earlier as there is to learn from."""
    visits = records.visits
    at = visits["checked_in_ms"].to_numpy(np.int64)
    check_ins = CheckIns(at, visits["lane"].to_numpy(np.int64), visits["booked_ms"].to_numpy(np.int64))
    expected = expected_check_ins(slots, check_ins, records.bookings, len(LANES), now)
    arrivals = check_ins_by_slot(slots, check_ins, len(LANES))
    chosen = np.array([day >= first for day in slots.days])
    end = min(now, int(slots.starts[-1, -1]) + DAY_MS)
    finished = visits[(visits["closed_ms"] > 0) & (at >= end - CONTENT_DAYS * DAY_MS) & (at < end)]
    tasks = records.tasks.merge(finished[["order_id", "vehicle_key"]], on=["order_id", "vehicle_key"])
    cars = np.bincount(finished["lane"].to_numpy(int), minlength=len(LANES)).astype(float)
    rows: list[dict[str, Any]] = []
    if cars.sum() >= FEWEST_VISITS and chosen.any():
        for role, work in _works(slots, tasks, cars, rules):
            requests = requests_of(expected.cars, work)[chosen]
            need = needs_of(requests, work.services, rules.limit)
            rows += _slot_rows(slots, chosen, role, expected, arrivals, need, records, now)
    days = _day_rows(slots, chosen, expected, arrivals, now)
    return CenterNeed(rows, days, list(_content_rows(slots.center_id, tasks, cars)))


def _works(slots: OpenSlots, tasks: pd.DataFrame, cars: Floats, rules: NeedRules) -> Iterator[tuple[str, RoleWork]]:
    """Each role that has work to do, with it."""
    for role, groups in ROLES.items():
        if role == "advisor":
            if rules.reception_s is not None:
                yield role, reception_work(slots, len(cars), rules.reception_s)
        elif len(tasks) and tasks["activity"].isin(groups).any():
            yield role, role_work(slots, tasks, cars, groups)


def _slot_rows(
    slots: OpenSlots,
    chosen: "np.ndarray[Any, Any]",
    role: str,
    expected: Expected,
    arrivals: Floats,
    need: Need,
    records: NeedRecords,
    now: int,
) -> list[dict[str, Any]]:
    is_technician = role == "technician"
    is_past = slots.ends[chosen] <= now
    is_known = np.broadcast_to(expected.is_known[chosen, None], is_past.shape)
    rostered = _rostered(slots, records.shifts[records.shifts["role"] == role])[chosen]
    nothing = np.zeros(slots.starts.shape)
    working = technicians_at_work(slots, records.touches) if is_technician else nothing
    waited = _waited(slots, records.tasks) if is_technician else nothing
    columns: dict[str, list[Any]] = {
        "expected": _cells(expected.cars[chosen].sum(axis=2), is_known),
        "came": _cells(arrivals[chosen].sum(axis=2).astype(np.int64), is_past),
        "erlang": _cells(need.erlang, is_known),
        "required": _cells(need.staff, is_known),
        "too_long": _cells(need.too_long, is_known),
        "rostered": _cells(rostered, ~np.isnan(rostered)),
        "working": _cells(working[chosen].astype(np.int64), is_past & is_technician),
        "waited_s": _cells(waited[chosen], is_past & is_technician),
    }
    values = zip(*columns.values(), strict=True)
    return [
        {"center_id": slots.center_id, "role": role, **moment, **dict(zip(columns, row, strict=True))}
        for moment, row in zip(_moments(slots, chosen), values, strict=True)
    ]


def _moments(slots: OpenSlots, chosen: "np.ndarray[Any, Any]") -> Iterator[dict[str, Any]]:
    """Day, weekday and local time of each slot of the chosen days, and its instant with the local offset from UTC."""
    zone = ZoneInfo(slots.time_zone)
    for day in np.flatnonzero(chosen):
        date_text, weekday = slots.days[day].isoformat(), slots.days[day].isoweekday()
        for start in slots.starts[day].tolist():
            at = from_ms(start).astimezone(zone)
            yield {"day": date_text, "weekday": weekday, "time": f"{at:%H:%M}", "starts": at.isoformat(" ", "minutes")}


def _cells(values: "np.ndarray[Any, Any]", is_known: "np.ndarray[Any, Any]") -> list[Any]:
    """The values by day and slot as a list; None where nothing is known."""
    pairs = zip(values.ravel().tolist(), is_known.ravel().tolist(), strict=True)
    return [value if holds else None for value, holds in pairs]


def _rostered(slots: OpenSlots, shifts: pd.DataFrame) -> Floats:
    """People rostered by day and slot; nan before the first day with a shift of this role and after the last."""
    people = np.full(slots.starts.shape, np.nan)
    if len(shifts):
        first, last = int(shifts["starts_ms"].min()), int(shifts["ends_ms"].max())
        covered = (slots.starts[:, -1] >= first) & (slots.starts[:, 0] < last)
        people[covered] = people_on_duty(slots, shifts)[covered]
    return people


def _waited(slots: OpenSlots, tasks: pd.DataFrame) -> Floats:
    """Seconds that cars waited for people or a bay, by day and slot."""
    waits = tasks[tasks["activity"].isin(("reception", "bay"))]
    return slots.seconds_within(waits["started_ms"].to_numpy(np.int64), waits["ended_ms"].to_numpy(np.int64))


def _day_rows(
    slots: OpenSlots, chosen: "np.ndarray[Any, Any]", expected: Expected, arrivals: Floats, now: int
) -> list[dict[str, Any]]:
    """By day how many cars were expected and how many came; of days to come what is expected."""
    return [
        {
            "center_id": slots.center_id,
            "day": slots.days[day].isoformat(),
            "expected": float(expected.cars[day].sum()) if expected.is_known[day] else None,
            "came": int(arrivals[day].sum()) if slots.starts[day, -1] < now else None,
        }
        for day in np.flatnonzero(chosen)
    ]


def _content_rows(center_id: str, tasks: pd.DataFrame, cars: Floats) -> Iterator[dict[str, Any]]:
    """By lane and work: jobs a car, minutes a job, and minutes a car."""
    seconds = (tasks["ended_ms"] - tasks["started_ms"]) / 1000
    for lane, name in enumerate(LANES):
        for group in ("diagnosis", "repair", "quality"):
            own = seconds[(tasks["lane"] == lane) & (tasks["activity"] == group)]
            if cars[lane]:
                yield {
                    "center_id": center_id,
                    "lane": name,
                    "group": group,
                    "cars": int(cars[lane]),
                    "jobs": len(own),
                    "jobs_per_car": len(own) / cars[lane],
                    "job_s": float(own.mean()) if len(own) else None,
                    "car_s": float(own.sum()) / cars[lane],
                }


def people_on_duty(slots: OpenSlots, shifts: pd.DataFrame) -> Floats:
    """People by day and slot of shifts with staff_key, starts_ms and ends_ms; who is there half of it counts half."""
    total, lengths_s = np.zeros(slots.starts.shape), np.maximum(slots.ends - slots.starts, 1) / 1000
    for _, own in shifts.groupby("staff_key"):
        seconds = slots.seconds_within(own["starts_ms"].to_numpy(np.int64), own["ends_ms"].to_numpy(np.int64))
        total += np.minimum(seconds / lengths_s, 1.0)
    return total


def technicians_at_work(slots: OpenSlots, stretches: pd.DataFrame) -> Floats:
    """Distinct technicians who touched a car, by day and slot; of stretches with technician, started_ms, ended_ms."""
    total = np.zeros(slots.starts.shape)
    for _, own in stretches.groupby("technician"):
        starts, ends = own["started_ms"].to_numpy(np.int64), own["ended_ms"].to_numpy(np.int64)
        total += slots.seconds_within(starts, ends) > 0
    return total
