"""Every declared rule for every center and source: how many broke it, of how many, and the grade of that."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from fixtrail.reports.data.day_hours import odd_hours
from fixtrail.reports.data.fields import lost_fields
from fixtrail.reports.data.rules import rules
from schemas.centers import Center

OF_EVENTS = ("duplicates", "conflicts", "late", "ahead", "out_of_order")
_OF_ORDERS = (
    *("no_check_in", "never_closed", "negative_gap", "activity_after_close", "vehicle_changed"),
    *("repair_short", "repair_long", "quote_odd", "promise_early", "amount_odd", "vehicle_often"),
)
_OF_PHASES = (
    *("repair_without_start", "repair_without_end", "diagnosis_without_start", "diagnosis_without_end"),
    *("part_without_request", "handoff_without_repair", "typed_in_afterwards", "visit_long"),
)
# What a file alone tells: of the vehicles in ClickHouse there is a hash.
ID_COLUMNS = (
    "center_id",
    "orders",
    "vehicle_of_order",
    "vehicles",
    "vehicle_spelling",
    "technicians",
    "technician_spelling",
)
TOO_LATE = "too_late"
LATE_LIVE = "late_live"


class Frames(NamedTuple):
    """What the report is made of: the answers of the data_* queries, or the same of a file (profile.py)."""

    arrivals: pd.DataFrame
    fields: pd.DataFrame
    orders: pd.DataFrame
    phases: pd.DataFrame
    days: pd.DataFrame
    letters: pd.DataFrame
    odometers: pd.DataFrame
    hours: pd.DataFrame
    clock: pd.DataFrame
    day_hours: pd.DataFrame
    ids: pd.DataFrame
    # Those that reference data know.
    centers: Mapping[str, Center]


def flaws_of(frames: Frames) -> list[dict[str, Any]]:
    """A row for every rule, center and, where events tell it, source.

    `days` has what is usual, `arrivals` the duplicates, `fields` since when each is lost.
    """
    return [
        *_of_arrivals(frames.arrivals),
        *_by_center(frames.orders, "orders", _OF_ORDERS),
        *_by_center(frames.phases, "orders", _OF_PHASES),
        *_by_center(frames.orders, "scored", ("score_scale",)),
        *_by_center(lost_fields(frames.fields), "fields_sent", ("field_lost",)),
        *_by_center(frames.ids, "orders", ("vehicle_of_order",)),
        *_by_center(frames.ids, "vehicles", ("vehicle_spelling",)),
        *_by_center(frames.ids, "technicians", ("technician_spelling",)),
        *_by_center(frames.odometers, "readings", ("odometer_falling", "odometer_racing")),
        *_by_center(frames.hours, "workshop_events", ("outside_hours",)),
        *_by_center(odd_hours(frames.day_hours), "timed_events", ("odd_hours",)),
        *_by_center(_judged_days(frames.days), "judged", ("silent_days", "double_days")),
        *_by_center(_open_days(frames.days, frames.centers), "open_days", ("weekday_gap",)),
        *(_flaw("clock_hours", row, row["hours_ahead"], row["hours"]) for row in frames.clock.to_dict("records")),
        *_of_letters(frames.letters, frames.arrivals),
    ]


def _of_arrivals(arrivals: pd.DataFrame) -> list[dict[str, Any]]:
    sums = arrivals.groupby(["source", "center_id"], as_index=False)
    totals = sums.agg(dict.fromkeys(("arrivals", "live", LATE_LIVE, *OF_EVENTS), "sum") | {"skew_s": "min"})
    rows = []
    for row in totals.to_dict("records"):
        rows += [_flaw(name, row, row[name], row["arrivals"]) for name in OF_EVENTS]
        rows.append(_flaw(LATE_LIVE, row, row[LATE_LIVE], row["live"]))
        rows += _clock(row)
    return rows


def _by_center(frame: pd.DataFrame, of: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [_flaw(name, row, row[name], row[of]) for row in frame.to_dict("records") for name in names]


def _judged_days(days: pd.DataFrame) -> pd.DataFrame:
    judged = days[days["state"] != "unknown"]
    counts = judged.assign(silent=judged["state"] == "silent", double=judged["state"] == "double")
    sums = counts.groupby("center_id").agg(
        judged=("day", "count"), silent_days=("silent", "sum"), double_days=("double", "sum")
    )
    return sums.reset_index()


def _open_days(days: pd.DataFrame, centers: Mapping[str, Center]) -> pd.DataFrame:
    """Of each center that reference data know: days on which it is open, and how many of them had no event."""
    is_open = [
        center in centers and centers[center].opens_on(pd.Timestamp(day).date())
        for center, day in zip(days["center_id"], days["day"], strict=True)
    ]
    opened = days[pd.Series(is_open, index=days.index, dtype=bool)]
    sums = opened.assign(empty=opened["events"] == 0).groupby("center_id")
    return sums.agg(open_days=("day", "count"), weekday_gap=("empty", "sum")).reset_index()


def _of_letters(letters: pd.DataFrame, arrivals: pd.DataFrame) -> list[dict[str, Any]]:
    """Refused records of those and the arrivals; an event that came too late or contradicts another is an arrival."""
    arrived = arrivals.groupby(["source", "center_id"])["arrivals"].sum().to_dict()
    counts = letters.assign(late=letters["letters"].where(letters["code"] == TOO_LATE, 0))
    rows = []
    sums = counts.groupby(["source", "center_id"], as_index=False)[["letters", "late", "unread"]].sum()
    for row in sums.to_dict("records"):
        of = max(row["letters"], arrived.get((row["source"], row["center_id"]), 0) + row["unread"])
        rows += [_flaw("dead_letters", row, row["letters"], of), _flaw(TOO_LATE, row, row["late"], of)]
    return rows


def _flaw(name: str, row: dict[str, Any], count: float, of: float) -> dict[str, Any]:
    limits, share = rules().shares[name], count / of if of else 0.0
    key = {"center_id": row["center_id"], "source": row.get("source", ""), "flaw": name}
    numbers = {"count": int(count), "of": int(of), "value": share}
    return {"grade": limits.grade(share), **key, **numbers, "note_above": limits.note, "stop_above": limits.stop}


def _clock(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The clock that is ahead shows; one that is slow cannot be told from a slow way, so only the first is graded."""
    skew = row["skew_s"]
    if skew is None or pd.isna(skew):
        return []
    limits = rules().seconds["clock"]
    key = {"center_id": row["center_id"], "source": row["source"], "flaw": "clock"}
    numbers = {"count": int(row["ahead"]), "of": int(row["arrivals"]), "value": float(skew)}
    grade = limits.grade(max(0.0, -float(skew)))
    return [{"grade": grade, **key, **numbers, "note_above": limits.note, "stop_above": limits.stop}]
