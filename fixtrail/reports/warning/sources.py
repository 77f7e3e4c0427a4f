"""Reads what the warning is computed from: ClickHouse's answers as cases, visits and resets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.reports.sample import ask_by_vehicles
from fixtrail.reports.warning.cells import (
    ONCE_IN_DAYS,
    CellWeeks,
    Exposure,
    Resets,
    WarningCase,
    cells_of,
    monday,
    weeks_between,
)
from fixtrail.reports.warning.limits import BASELINE_WEEKS, GAP_WEEKS, RUN_WEEKS

# What the last of these weeks is judged by: its run, and the past of the run's first week.
WEEKS = RUN_WEEKS + GAP_WEEKS + BASELINE_WEEKS


@dataclass(frozen=True, slots=True)
class WarningData:
    """The cells up to the last week that is over; `scores`: scores, promoters and detractors of all orders by week."""

    cells: CellWeeks
    scores: Mapping[date, tuple[int, int, int]]
    visits: Mapping[date, int]
    resets: Resets


def ask_data(ask: Ask, options: Options) -> WarningData:
    """The report's data from ClickHouse, up to `options.until`, or yesterday."""
    zone = options.targets.time_zone
    last = last_week(options)
    since = last - timedelta(weeks=WEEKS, days=ONCE_IN_DAYS)
    parameters: dict[str, Any] = {"since": since, "time_zone": zone}
    size = ask("warning_size", **parameters).iloc[0]
    visits = weeks_of(ask_by_vehicles(ask, "warning_visits", int(size["visits"]), **parameters))
    of_all = visits[visits["dimension"] == "all"]
    exposure = exposure_of(visits, first_weeks_of(ask_by_vehicles(ask, "warning_batches", 0, **parameters)))
    days = [week for week in exposure.visits if week <= last]
    resets = resets_of(ask("warning_resets", **parameters), zone)
    weeks = weeks_between(max(min(days), last - timedelta(weeks=WEEKS - 1)), max(days)) if days else ()
    orders = ask_by_vehicles(ask, "warning_orders", int(size["cases"]), **parameters)
    cells = cells_of(cases_of(orders), exposure, weeks, resets)
    numbers = of_all[["scores", "promoters", "detractors"]].itertuples(index=False)
    scores = {
        _day(week): (int(n), int(up), int(down)) for week, (n, up, down) in zip(of_all["week"], numbers, strict=True)
    }
    return WarningData(cells, scores, exposure.visits, resets)


def last_week(options: Options) -> date:
    """The Monday of the last week that was over by `options.until`, and by the reader's clock."""
    yesterday = options.now.astimezone(ZoneInfo(options.targets.time_zone)).date() - timedelta(days=1)
    until = yesterday if options.until is None else min(options.until, yesterday)
    return monday(until + timedelta(days=1)) - timedelta(weeks=1)


def weeks_of(visits: pd.DataFrame) -> pd.DataFrame:
    """Query warning_visits of several ranges of vehicles, added up; in its order."""
    return visits.groupby(["dimension", "value", "week"], as_index=False).sum()


def first_weeks_of(batches: pd.DataFrame) -> pd.DataFrame:
    """Query warning_batches of several ranges of vehicles as that of all; in its order."""
    return batches.groupby(["dimension", "value"], as_index=False).min()


def exposure_of(visits: pd.DataFrame, batches: pd.DataFrame) -> Exposure:
    """How many orders came, by week and value."""
    by_value: dict[tuple[str, str], dict[date, int]] = {}
    for row in visits.itertuples(index=False):
        by_value.setdefault((str(row.dimension), str(row.value)), {})[_day(row.week)] = int(row.visits)
    of_all = by_value.pop(("all", ""), {})
    first = {(str(row.dimension), str(row.value)): _day(row.week) for row in batches.itertuples(index=False)}
    return Exposure(of_all, by_value, first)


def cases_of(orders: pd.DataFrame) -> list[WarningCase]:
    """The orders with a product fault. Batches are those taken out; where no order names any, those asked for."""
    removed = bool(orders["removed"].map(bool).any())
    return [
        WarningCase(
            str(row.order_id),
            str(row.center_id),
            str(row.vehicle_key),
            row.checked_in_at.to_pydatetime(),
            _day(row.day),
            tuple(row.fault_groups),
            str(row.model or ""),
            str(row.software or ""),
            str(row.built or ""),
            tuple(row.removed if removed else row.requested),
            tuple(row.parts or ()),
            None if pd.isna(row.score) else int(row.score),
        )
        for row in orders.itertuples(index=False)
    ]


def resets_of(resets: pd.DataFrame, time_zone: str) -> Resets:
    """The weeks that count from nothing, by subject: those after a week in which somebody took care of it."""
    weeks: dict[str, list[date]] = {}
    for row in resets.itertuples(index=False):
        day = row.acknowledged_at.tz_convert(time_zone).date()
        weeks.setdefault(str(row.subject), []).append(monday(day) + timedelta(weeks=1))
    return weeks


def _day(value: Any) -> date:
    day: date = pd.Timestamp(value).date()
    return day
