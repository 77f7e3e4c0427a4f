"""A center's visits, work and opening days as ClickHouse has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

import pandas as pd

from fixtrail.reports.eta.visits import centers_of
from fixtrail.reports.need.holidays import Holidays
from fixtrail.reports.need.slots import OpenSlots, open_slots
from fixtrail.reports.queries import Ask
from fixtrail.whatif.changes import LANES
from runtime.failure import USAGE, ExitError


class Touch(NamedTuple):
    """One stretch of a technician's work, in s since 1970; names are '' where nobody said them."""

    technician: str
    bay: str
    starts_s: float
    ends_s: float


class Stretch(NamedTuple):
    """An activity of the visit from when to when (s)."""

    activity: str
    starts_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """One visit: lane 0 is quick; stretches and touches in order of time. Not closed: `closed_s` is None.

    Of its `requests` for parts `stockouts` were backordered. It `comes_for_part` where an earlier visit of the vehicle
    was handed off with a part open.
    """

    order_id: str
    lane: int
    group: str
    at_s: float
    closed_s: float | None
    is_handed_off: bool
    wait_s: float
    stretches: tuple[Stretch, ...]
    touches: tuple[Touch, ...]
    faults: int = 1
    requests: int = 0
    stockouts: int = 0
    comes_for_part: bool = False


class PlannedShift(NamedTuple):
    """A planned shift from when to when (s); the name is that of the events."""

    technician: str
    starts_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class CenterRecords:
    """A center's visits in order of check-in, the days on which it opens, and how many orders are left out, by why.

    `shifts` are those that were planned, by start; none where nobody tells of any.
    """

    center_id: str
    slots: OpenSlots
    visits: Sequence[VisitRecord]
    left_out: Mapping[str, int]
    shifts: Sequence[PlannedShift] = ()

    def day_of(self, at_s: Sequence[float]) -> list[int]:
        """The number of the open day of each instant."""
        at_ms = pd.Series(at_s, dtype="float64").mul(1000).to_numpy("int64")
        return [int(slot) // self.slots.per_day for slot in self.slots.index(at_ms)]

    def hours(self, day: int) -> tuple[float, float]:
        """When that day opens and closes (s)."""
        return float(self.slots.starts[day, 0]) / 1000, float(self.slots.ends[day, -1]) / 1000


def read_center(ask: Ask, center_id: str, first: date, last: date, holidays: Holidays) -> CenterRecords:
    """What is stored of a center from one day to another. Raises ExitError where there is no such center."""
    centers, _ = centers_of(ask("centers"))
    visits = ask("whatif_visits", center=center_id, since=first)
    if center_id not in centers and not len(visits):
        raise ExitError(f"there is no center {center_id!r}: `fixtrail sql 'SELECT center_id FROM centers'`", USAGE)
    slots = open_slots(center_id, centers.get(center_id), first, last, holidays)
    if slots is None:
        raise ExitError(f"{center_id} is open on no day from {first} to {last}", USAGE)
    earlier = first - timedelta(days=1)
    stages = ask("whatif_stages", center=center_id, since=earlier)
    touches = ask("whatif_touches", center=center_id, since=earlier)
    records = records_of(visits, stages, touches, slots)
    return replace(records, shifts=shifts_of(ask("whatif_shifts", center=center_id, since=earlier, until=last)))


def shifts_of(rows: pd.DataFrame) -> tuple[PlannedShift, ...]:
    """The shifts from the answer of the query whatif_shifts."""
    return tuple(PlannedShift(str(name), start / 1000, end / 1000) for name, start, end in rows.itertuples(index=False))


def records_of(visits: pd.DataFrame, stages: pd.DataFrame, touches: pd.DataFrame, slots: OpenSlots) -> CenterRecords:
    """The records from the answers of the queries whatif_visits, whatif_stages and whatif_touches."""
    runs = dict(zip(_keys(stages), stages["runs"], strict=True))
    work: dict[tuple[str, str], list[Touch]] = {}
    for row in touches.itertuples(index=False):
        touch = Touch(str(row.technician), str(row.bay), row.started_ms / 1000, row.ended_ms / 1000)
        work.setdefault((row.order_id, row.vehicle_key), []).append(touch)
    until = float(slots.ends[-1, -1])
    within = visits[(visits["checked_in_ms"].fillna(0) <= until)]
    has_check_in, has_lane = within["checked_in_ms"].notna(), within["lane"].isin(LANES)
    left_out = {"no_check_in": int((~has_check_in).sum()), "no_lane": int((has_check_in & ~has_lane).sum())}
    chosen = within[has_check_in & has_lane]
    rows = zip(_keys(chosen), chosen.to_dict("records"), strict=True)
    records = [_record(row, runs.get(key, ()), work.get(key, [])) for key, row in rows]
    complete = [record for record in records if record.stretches]
    left_out["no_stages"] = len(records) - len(complete)
    return CenterRecords(slots.center_id, slots, complete, {name: n for name, n in left_out.items() if n})


def _keys(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The order and the vehicle of each row: a center may have one number under two vehicles."""
    return list(zip(frame["order_id"], frame["vehicle_key"], strict=True))


def _record(row: dict[str, Any], runs: Sequence[Any], touches: list[Touch]) -> VisitRecord:
    at_s, is_closed = row["checked_in_ms"] / 1000, not pd.isna(row["closed_ms"])
    ends_s = row["closed_ms"] / 1000 if is_closed else None
    stretches = (Stretch(name, start / 1000, (end / 1000) if end else (ends_s or at_s)) for name, start, end in runs)
    return VisitRecord(
        order_id=str(row["order_id"]),
        lane=LANES.index(row["lane"]),
        group=str(row["fault_group"] or ""),
        at_s=at_s,
        closed_s=ends_s,
        is_handed_off=row["status"] == "handed_off",
        wait_s=float(row["wait_s"]),
        stretches=tuple(part for part in stretches if part.ends_s > part.starts_s),
        touches=tuple(sorted(touches, key=lambda touch: (touch.starts_s, touch.ends_s))),
        faults=int(row["faults"]),
        requests=int(row["part_requests"]),
        stockouts=int(row["stockouts"]),
        comes_for_part=bool(row["comes_for_part"]),
    )
