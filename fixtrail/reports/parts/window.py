"""Classes, the top 50, what changed class, and the emergency channel: the last 12 months of parts."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.parts.classes import CLASSES, classes
from fixtrail.parts.types import TYPES, demand_types
from fixtrail.reports.figure_kinds import share_figure, with_bounds
from fixtrail.reports.report import Figure

WINDOW_DAYS = 365
TOP = 50
DAYS_A_MONTH = 365 / 12
# Used more often than this a month by a part that is not of class A: it should be on the shelf.
MOST_EMERGENCIES_A_MONTH = 3


def month_before(day: date) -> date:
    """The same day of the month before, or its last one."""
    end = day.replace(day=1) - timedelta(days=1)
    return end.replace(day=min(day.day, end.day))


def window_frame(days: pd.DataFrame, origin: date, prices: pd.DataFrame, waits: pd.DataFrame) -> pd.DataFrame:
    """One row per part of the 365 days before the origin, the most requests first.

    `days` is query parts_days; `prices` has part_no and price; `waits` has part_no and waited_s,
    several rows a part where centers are in several time zones.
    """
    now, before = (
        _classed(days, end, prices).add_suffix(suffix)
        for end, suffix in ((origin, ""), (month_before(origin), "_before"))
    )
    frame = now.join(before[["class_hits_before", "class_value_before"]], how="left")
    frame = frame.join(waits.groupby("part_no")["waited_s"].sum(), how="left").fillna({"waited_s": 0.0})
    frame = frame.rename_axis("part_no").reset_index()
    total = frame["hits"].sum()
    frame["share_of_hits"] = frame["hits"] / total if total else 0.0
    frame["emergency_share"] = frame["emergencies"] / frame["hits"]
    frame["emergencies_month"] = frame["emergencies"] / (_length(days, origin) / DAYS_A_MONTH)
    frame["to_shelf"] = (frame["emergencies_month"] > MOST_EMERGENCIES_A_MONTH) & (frame["class_hits"] != "A")
    return frame.sort_values(["hits", "part_no"], ascending=[False, True], kind="stable", ignore_index=True)


def _length(days: pd.DataFrame, origin: date) -> int:
    """How many days of the window have a history."""
    if not len(days):
        return WINDOW_DAYS
    first = pd.to_datetime(days["day"]).min().date()
    return int(min(WINDOW_DAYS, max((origin - first).days, 1)))


def _classed(days: pd.DataFrame, end: date, prices: pd.DataFrame) -> pd.DataFrame:
    """Sums and classes by part of the 365 days before `end`."""
    day = pd.to_datetime(days["day"]).dt.tz_localize(None)
    inside = days[(day < pd.Timestamp(end)) & (day >= pd.Timestamp(end - timedelta(days=WINDOW_DAYS)))]
    columns = ["hits", "pieces", "stockouts", "emergencies", "in_time", "left_without"]
    sums = inside.groupby("part_no")[columns].sum()
    price = prices.set_index("part_no")["price"].reindex(sums.index)
    amount = (sums["pieces"] * price).fillna(0.0)
    names = sums.index.to_numpy(dtype=np.str_)
    by_hits, by_value = (classes(values.to_numpy(dtype=np.float64), names) for values in (sums["hits"], amount))
    words = np.array(CLASSES, dtype=object)
    return sums.assign(
        price=price,
        amount=amount,
        class_hits=words[by_hits],
        class_value=words[by_value],
        type=_types(inside, end, sums),
    )


def _types(inside: pd.DataFrame, end: date, sums: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.object_]]":
    """The demand type of each part over all centers."""
    by_day = inside.groupby(["part_no", "day"])["pieces"].sum().groupby("part_no")
    asked_on = by_day.size().reindex(sums.index)
    variation = (by_day.std(ddof=0) / by_day.mean()).reindex(sums.index) ** 2
    interval = _length(inside, end) / asked_on
    return np.array(TYPES, dtype=object)[demand_types(interval.to_numpy(), variation.to_numpy())]


def changes_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The parts whose class by requests or by value is another than a month ago; new parts have none before."""
    differs = (frame["class_hits"] != frame["class_hits_before"]) | (
        frame["class_value"] != frame["class_value_before"]
    )
    order = ["class_hits", "hits", "part_no"]
    return frame[differs].sort_values(order, ascending=[True, False, True], kind="stable", ignore_index=True)


def top_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The 50 parts of class A that are asked for most, each with its share of the whole."""
    top = frame[frame["class_hits"] == "A"].head(TOP)
    shares = {
        name: top[column] / total if (total := frame[column].sum()) else 0.0
        for name, column in (("share_of_stockouts", "stockouts"), ("share_of_wait", "waited_s"))
    }
    return top.assign(rank=range(1, len(top) + 1), **shares)


def channel_of(frame: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """The parts that used the emergency channel, the most first; `costs` has part_no, cost and costed by part."""
    rows = with_bounds(frame[frame["emergencies"] > 0], "emergencies", "hits")
    rows = rows.assign(in_time_rate=rows["in_time"] / rows["emergencies"])
    rows = rows.merge(costs, on="part_no", how="left")
    order = ["emergencies", "part_no"]
    return rows.sort_values(order, ascending=[False, True], kind="stable", ignore_index=True)


def window_figures(frame: pd.DataFrame, special_orders: pd.DataFrame) -> tuple[Figure, ...]:
    """The top 50's shares, the emergency channel's share, and how many special orders are open."""
    top, n = top_of(frame), len(frame)
    shares = [
        Figure(
            name,
            float(top[column].sum() / total) if (total := frame[column].sum()) else None,
            n,
            n,
            no_interval="all_counted",
        )
        for name, column in (
            ("top_hits_share", "hits"), ("top_stockouts_share", "stockouts"), ("top_wait_share", "waited_s"),
        )
    ]  # fmt: skip
    hits, emergencies = int(frame["hits"].sum()), int(frame["emergencies"].sum())
    return (
        *shares,
        share_figure("emergency_share", emergencies, hits, hits, {}),
        Figure(
            "open_special_orders",
            float(len(special_orders)),
            len(special_orders),
            len(special_orders),
            no_interval="all_counted",
        ),
    )
