"""How right past forecasts were: those that were published, and those that would have been made."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.parts.classes import CLASSES
from fixtrail.parts.counts import Floats, pinball
from fixtrail.parts.demand import Demand
from fixtrail.parts.forecast import Forecast, Outlook
from fixtrail.parts.plan import QUANTILES
from fixtrail.reports.figure_kinds import clustered_share
from fixtrail.reports.report import Figure
from fixtrail.reports.stats import intervals

COLUMNS = ("part_no", "class_hits", "mean", "q50", "q95", "actual", "service_level", "shelf", "covered", "is_kept")


def replayed(answer: Forecast) -> pd.DataFrame:
    """One row per past origin, part and center: what would have been forecast, and what was asked for."""
    frames = [_replayed(answer, outlook) for outlook in answer.outlooks[:-1]]
    columns = ["origin_day", *COLUMNS]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _replayed(answer: Forecast, outlook: Outlook) -> pd.DataFrame:
    demand, column = answer.demand, outlook.origin.column
    rows = np.flatnonzero(outlook.origin.is_usable)
    end = column + outlook.shelf.cover[rows].astype(np.int64)
    covered = pieces_within(demand, rows, np.full(len(rows), column), end)
    return pd.DataFrame(
        {
            "origin_day": demand.day(column),
            "part_no": np.array(demand.parts, dtype=object)[demand.part[rows]],
            "class_hits": np.array(CLASSES, dtype=object)[outlook.by_hits[rows]],
            "mean": outlook.mean[rows],
            "q50": outlook.middle[rows],
            "q95": outlook.high[rows],
            "actual": outlook.origin.actual[rows],
            "service_level": outlook.shelf.service[rows],
            "shelf": outlook.shelf.level[rows],
            "covered": covered,
            # A delivery that lies ahead has no outcome yet.
            "is_kept": ~outlook.shelf.on_demand[rows] & (end <= demand.days),
        }
    )


def pieces_within(demand: Demand, rows: "np.ndarray[Any, Any]", since: Any, until: Any) -> Floats:
    """Pieces of each row from its own column to another one, that one excluded."""
    limits = pd.DataFrame({"row": rows, "since": since, "until": until})
    at = demand.at.merge(limits, on="row")
    inside = at[(at["column"] >= at["since"]) & (at["column"] < at["until"])]
    sums = inside.groupby("row")["pieces"].sum().reindex(rows, fill_value=0.0)
    return np.asarray(sums, dtype=np.float64)


def published_frame(published: pd.DataFrame, days: pd.DataFrame, answer: Forecast) -> pd.DataFrame:
    """The same of published forecasts whose days are over; with `delivered` and `announced` pieces for the figure.

    Of what was delivered, that is announced which was asked for a delivery's time or more after the publication, up to
    the published q95.
    """
    demand = answer.demand
    over = published[
        [_end(row.origin_day, row.horizon_days) <= pd.Timestamp(demand.origin) for row in published.itertuples()]
    ]
    days_of_pair = days.assign(day=pd.to_datetime(days["day"]).dt.tz_localize(None))
    by_pair = dict(iter(days_of_pair.groupby(["center_id", "part_no"])))
    lead = {
        (demand.centers[center], demand.parts[part]): days_of
        for center, part, days_of in zip(demand.center, demand.part, answer.supply.lead, strict=True)
    }
    rows = [_outcome(row, by_pair.get((row.center_id, row.part_no)), lead) for row in over.itertuples()]
    return pd.DataFrame(rows, columns=["origin_day", *COLUMNS, "delivered", "announced"])


def _end(origin: Any, days: int) -> pd.Timestamp:
    return pd.Timestamp(origin).tz_localize(None) + timedelta(days=int(days))


def _outcome(row: Any, days_of_pair: pd.DataFrame | None, lead: dict[tuple[str, str], float]) -> tuple[Any, ...]:
    begin, end = pd.Timestamp(row.origin_day).tz_localize(None), _end(row.origin_day, row.horizon_days)
    actual = covered = delivered = in_time = 0.0
    if days_of_pair is not None:
        inside = days_of_pair[(days_of_pair["day"] >= begin) & (days_of_pair["day"] < end)]
        actual, delivered = float(inside["pieces"].sum()), float(inside["delivered"].sum())
        until = begin + timedelta(days=int(row.cover_days))
        covered = float(
            days_of_pair.loc[(days_of_pair["day"] >= begin) & (days_of_pair["day"] < until), "pieces"].sum()
        )
        warned = pd.Timestamp(row.published_at).tz_localize(None) + timedelta(
            days=lead.get((row.center_id, row.part_no), 0)
        )
        in_time = float(inside.loc[inside["day"] >= warned.normalize(), "delivered"].sum())
    return (
        begin.date(), row.part_no, None, row.mean, row.q50, row.q95, actual, row.service_level, row.shelf, covered,
        row.shelf > 0, delivered, min(in_time, row.q95),
    )  # fmt: skip


def by_origin(frame: pd.DataFrame, basis: str) -> Iterator[dict[str, Any]]:
    """How right the forecasts of each origin were."""
    for origin, rows in frame.groupby("origin_day"):
        inside, n = int((rows["actual"] <= rows["q95"]).sum()), len(rows)
        bound, stocked = intervals.share(inside, n), rows[rows["is_kept"].astype(bool)]
        lost = sum(
            float(pinball(rows["actual"].to_numpy(), rows[name].to_numpy(), share).sum())
            for name, share in zip(("q50", "q95"), QUANTILES, strict=True)
        )
        demand = float(rows["actual"].sum())
        yield {
            "origin_day": origin,
            "basis": basis,
            "n": n,
            "demand": demand,
            "expected": float(rows["mean"].sum()),
            "inside": inside / n,
            **bound.cells(),
            "pinball": lost / demand if demand else None,
            "service": float((stocked["covered"] <= stocked["shelf"]).mean()) if len(stocked) else None,
            "service_level": float(stocked["service_level"].mean()) if len(stocked) else None,
        }


def by_class(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """How often the suggested shelf was enough, by class, over all origins."""
    stocked = frame[frame["is_kept"].astype(bool)]
    for name, rows in stocked.groupby("class_hits"):
        enough, n = int((rows["covered"] <= rows["shelf"]).sum()), len(rows)
        yield {
            "class_hits": name,
            "n": n,
            "service_level": float(rows["service_level"].mean()),
            "service": enough / n,
            **intervals.share(enough, n).cells(),
            "pieces": float(rows["shelf"].sum()),
            "demand": float(rows["covered"].sum()),
        }


def record_figures(past: pd.DataFrame, published: pd.DataFrame, frame: pd.DataFrame) -> tuple[Figure, ...]:
    """The figures of the forecast: its record, and what the suggestion costs."""
    young = int((frame["status"] == "too_young").sum())
    stocked = past[past["is_kept"].astype(bool)]
    demand = float(past["actual"].sum())
    aim = float(stocked["service_level"].mean()) if len(stocked) else None
    priced = frame[frame["money"].notna()]
    unpriced = len(frame) - young - len(priced)
    delivered, announced = float(published["delivered"].sum()), float(published["announced"].sum())
    return (
        _share("forecast_inside", past, past["actual"] <= past["q95"], len(past), QUANTILES[1]),
        Figure(
            "forecast_bias", float(past["mean"].sum()) / demand - 1 if demand else None, len(past), len(past),
            no_interval="all_counted",
        ),
        _share("shelf_service", stocked, stocked["covered"] <= stocked["shelf"], len(past), aim),
        Figure(
            "shelf_money", float(priced["money"].sum()) if len(priced) else None, len(priced), len(frame),
            left_out={"too_young": young, "no_price": unpriced}, no_interval="all_counted",
        ),
        Figure(
            "announced_in_time", announced / delivered if delivered else None, len(published), len(published),
            no_interval="all_counted",
        ),
    )  # fmt: skip


def _share(name: str, rows: pd.DataFrame, holds: "pd.Series[Any]", n_all: int, target: float | None) -> Figure:
    """A share of forecasts. Those of one part resemble each other: parts are the clusters."""
    left_out = {"on_demand": n_all - len(rows)}
    return replace(clustered_share(name, holds, rows["part_no"], n_all, left_out, "wilson-parts"), target=target)
