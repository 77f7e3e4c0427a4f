"""The forecast of parts from ClickHouse's answers, and the same as a frame with one row per part and center."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from fixtrail.parts.classes import CLASSES
from fixtrail.parts.demand import Demand, demand_of
from fixtrail.parts.forecast import Forecast, Supply, forecast
from fixtrail.parts.plan import ASSUMED_LEAD_DAYS, REVIEW_DAYS, ForecastPlan
from fixtrail.parts.rates import METHODS
from fixtrail.parts.types import TYPES
from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.reports.sample import rows_of

# So many deliveries tell how long one takes.
LEAST_DELIVERIES = 3
# ClickHouse has no days before 1970, and a forecast looks back for a year and a half.
EARLIEST = date(1975, 1, 1)
# Of so many requests the days are fewer rows than a reader may have at once, also where slices differ.
MOST_REQUESTS = 700_000


@dataclass(frozen=True, slots=True)
class PartHistory:
    """What was asked for up to a day: query parts_days of all centers, and what stands beside it.

    Stock levels count up to `levels_until`, included: the first day where somebody asked for one, else today.
    """

    origin: date
    levels_until: date
    days: pd.DataFrame
    centers: pd.DataFrame
    supply: pd.DataFrame


def origin_of(last_day: Any, options: Options) -> date:
    """The first day of a forecast: after --to, else the day after the last request; at the latest today."""
    today = _today(options)
    if options.until is not None:
        return today if options.until >= today else max(options.until, EARLIEST) + timedelta(days=1)
    return today if pd.isna(last_day) else min(today, pd.Timestamp(last_day).date() + timedelta(days=1))


def _today(options: Options) -> date:
    return options.now.astimezone(ZoneInfo(options.targets.time_zone)).date()


def ask_history(ask: Ask, options: Options, plan: ForecastPlan) -> PartHistory:
    """The history as far back as the plan reaches; a center's days are those of its time zone."""
    requested, centers = ask("parts_last_day", time_zone=options.targets.time_zone).iloc[0], ask("centers")
    origin = origin_of(requested["last_day"], options)
    limits = {"since": origin - timedelta(days=plan.reach), "until": origin}
    ask_days = in_slices(ask, max(1, -(-int(requested["requests"]) // MOST_REQUESTS)))
    days = ask_by_zone(ask_days, "parts_days", centers, options.targets.time_zone, limits)
    levels_until = _today(options) if options.until is None else origin
    return PartHistory(origin, levels_until, days, centers, ask("parts_supply", before=origin))


def in_slices(ask: Ask, slices: int) -> Ask:
    """Asks query parts_days for one slice of the parts after another; the rows are in the order of one answer."""

    def ask_slices(query: str, /, **parameters: Any) -> pd.DataFrame:
        rows = rows_of([ask(query, slices=slices, slice=number, **parameters) for number in range(slices)])
        return rows if slices == 1 else rows.sort_values(["center_id", "part_no", "day"], ignore_index=True)

    return ask_slices


def ask_by_zone(ask: Ask, query: str, centers: pd.DataFrame, zone: str, limits: Mapping[str, date]) -> pd.DataFrame:
    """The answers of a query one after another, each center's days in its own time zone: `zone` where it has none."""
    elsewhere = centers[(centers["time_zone"] != zone) & (centers["time_zone"] != "")]
    answers = [ask(query, zone=zone, centers=[], without=list(elsewhere["center_id"]), **limits)]
    for other_zone, group in elsewhere.groupby("time_zone"):
        answers.append(ask(query, zone=other_zone, centers=list(group["center_id"]), without=[], **limits))
    return pd.concat(answers, ignore_index=True)


def forecast_of(history: PartHistory, plan: ForecastPlan) -> Forecast:
    demand = demand_of(history.days, history.origin, plan.reach)
    regions = dict(zip(history.centers["center_id"], history.centers["region"], strict=True))
    return forecast(
        demand, plan, {str(k): str(v) or "-" for k, v in regions.items()}, supply_of(demand, history.supply)
    )


def supply_of(demand: Demand, answer: pd.DataFrame) -> Supply:
    """Last prices, and the median days of a missing part's delivery: of the part, else of its center, else of all."""
    priced = answer[(answer["level"] == "part") & (answer["priced"] > 0)]
    prices = dict(zip(priced["part_no"], priced["price"], strict=True))
    price = np.array([prices.get(part, np.nan) for part in demand.parts], dtype=np.float64)[demand.part]
    lead, source = np.full(demand.size, ASSUMED_LEAD_DAYS), np.full(demand.size, "assumed", dtype="<U7")
    timed = answer[answer["deliveries"] >= LEAST_DELIVERIES]
    for level, names, rows in (
        ("all", (), None),
        ("center", demand.centers, demand.center),
        ("part", demand.parts, demand.part),
    ):
        of_level = timed[timed["level"] == level]
        if rows is None:
            if len(of_level):
                lead[:], source[:] = float(of_level.iloc[0]["lead_days"]), level
            continue
        days = dict(zip(of_level["part_no" if level == "part" else "center_id"], of_level["lead_days"], strict=True))
        by_name = np.array([days.get(name, np.nan) for name in names], dtype=np.float64)[rows]
        has_own = ~np.isnan(by_name)
        lead[has_own], source[has_own] = by_name[has_own], level
    return Supply(price, lead, source)


def outlook_frame(answer: Forecast, stockouts: "Mapping[tuple[str, str], float] | None" = None) -> pd.DataFrame:
    """One row per part and center that was asked for in the window, most expected first.

    Numbers of those that are too young are missing. `stockouts`: so many a month there were, by center and part.
    """
    demand, now = answer.demand, answer.now
    rows = np.flatnonzero(now.origin.kind >= 0)
    usable = now.origin.is_usable[rows]
    center = np.array(demand.centers, dtype=object)[demand.center[rows]]
    part = np.array(demand.parts, dtype=object)[demand.part[rows]]
    numbers = {
        "mean": now.mean, "k": now.k, "q50": now.middle, "q95": now.high, "service_level": now.shelf.service,
        "lead_days": now.shelf.lead, "cover_days": now.shelf.cover, "cover_mean": now.shelf.mean,
        "shelf": now.shelf.level, "short_month": now.shelf.short, "money": now.shelf.level * answer.supply.price,
    }  # fmt: skip
    frame = pd.DataFrame(
        {
            "part_no": part,
            "center_id": center,
            "region": np.array(answer.regions, dtype=object)[answer.region[rows]],
            "status": np.where(usable, "forecast", "too_young"),
            "type": np.array(TYPES, dtype=object)[now.origin.kind[rows]],
            "adi": now.origin.interval[rows],
            "cv2": now.origin.variation[rows],
            "days": np.minimum(now.origin.age[rows], answer.plan.window),
            "class_hits": np.array(CLASSES, dtype=object)[now.by_hits[rows]],
            "class_value": np.array(CLASSES, dtype=object)[now.by_value[rows]],
            "method": np.where(usable, np.array(METHODS)[now.method[rows]], ""),
            "lead_of": answer.supply.lead_of[rows],
            "price": answer.supply.price[rows],
            "on_demand": now.shelf.on_demand[rows],
            **{name: np.where(usable, values[rows], np.nan) for name, values in numbers.items()},
        }
    )
    observed = stockouts or {}
    frame["stockouts_month"] = [observed.get(pair, 0.0) for pair in zip(center, part, strict=True)]
    frame["review_days"] = REVIEW_DAYS
    order = ["mean", "part_no", "center_id"]
    return frame.sort_values(order, ascending=[False, True, True], kind="stable", ignore_index=True)


def totals_frame(answer: Forecast, frame: pd.DataFrame) -> pd.DataFrame:
    """The forecast by part and region, and by part over all centers (region `*`).

    Means and variances add up; so k is that of the parts' k, weighted by their means.
    """
    from fixtrail.parts.counts import quantile

    rows = frame[frame["status"] == "forecast"]
    both = pd.concat([rows, rows.assign(region="*")])
    sums = (
        both.assign(variance=both["mean"] * both["k"])
        .groupby(["part_no", "region"], as_index=False)
        .agg(
            mean=("mean", "sum"), variance=("variance", "sum"), centers=("center_id", "nunique"), shelf=("shelf", "sum")
        )
    )
    mean = sums["mean"].to_numpy(dtype=np.float64)
    k = np.where(mean > 0, sums["variance"] / np.where(mean > 0, mean, 1.0), 1.0)
    sums = sums.assign(k=k, q50=quantile(0.5, mean, k), q95=quantile(0.95, mean, k))
    return sums.sort_values(["region", "mean", "part_no"], ascending=[True, False, True], ignore_index=True)
