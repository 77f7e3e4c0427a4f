"""The figures of report `voices`."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fixtrail.reports.figure_kinds import quantile_figure, share_figure
from fixtrail.reports.report import Figure
from fixtrail.reports.stats import pooled
from fixtrail.reports.voices.recovery import matched_difference, strata_of

BOTH = (("complainants", True), ("others", False))


def complaint_figures(opened: pd.DataFrame, complaints_open: int, orders: pd.DataFrame) -> tuple[Figure, ...]:
    """Of the complaints of the period, of which so many are open at its end; `orders` is query voices_orders."""
    n = len(opened)
    decided = opened[opened["in_time"].notna()]
    not_due = {"not_due": n - len(decided)}
    resolved = opened[opened["was_resolved"].astype(bool)]
    never = {"not_resolved": n - len(resolved)}
    return (
        Figure("complaints_opened", n, n, n, no_interval="all_counted"),
        _per_1000(opened, orders),
        Figure("complaints_open", complaints_open, None, None, no_interval="all_counted"),
        _share("complaint_contact_in_time", decided["in_time"], n, not_due),
        _median("complaint_contact_median_s", opened["contact_s"], "no_contact"),
        _median("complaint_resolution_median_s", opened["resolution_s"], "not_resolved"),
        _share("complaints_reopened", resolved["is_reopened"], n, never),
        _share("complaints_repeated", opened["is_repeat"], n, {}),
    )


def _per_1000(opened: pd.DataFrame, orders: pd.DataFrame) -> Figure:
    by_center = orders[orders["level"] == "center"].groupby("center_id")["handed_off"].sum()
    handed_off, own = int(by_center.sum()), opened.groupby("complainer").size()
    counts = opened.groupby("center_id").size().reindex(by_center.index, fill_value=0)
    interval = pooled.rate(
        pooled.Complaints(len(opened), float((own**2).sum()), float(own.max()) if len(own) else 0.0),
        handed_off / 1000,
        [int(count) for count in counts],
        [float(size) for size in by_center],
    )
    value = 1000 * len(opened) / handed_off if handed_off else None
    return Figure("complaints_per_1000", value, handed_off, handed_off, interval, len(opened), method=pooled.GAMMA)


def detractor_figures(bad: pd.DataFrame, recovering: pd.DataFrame) -> tuple[Figure, ...]:
    """Of the bad scores of the period; `recovering` those of known customers, with their later answers."""
    n = len(bad)
    decided = bad[bad["in_time"].notna()]
    not_due = {"not_due": n - len(decided)}
    is_called = recovering["is_called"].astype(bool)
    difference, interval, partnered = matched_difference(strata_of(recovering))
    return (
        Figure("detractor_cases", n, n, n, no_interval="all_counted"),
        _share("detractor_contact_in_time", decided["in_time"], n, not_due),
        _recovery("recovery_contacted", recovering[is_called], n, {"not_called": int((~is_called).sum())}),
        _recovery("recovery_others", recovering[~is_called], n, {"called": int(is_called.sum())}),
        Figure(
            "recovery_difference",
            difference,
            partnered,
            n,
            interval,
            method="mantel-haenszel-sato",
            no_interval="too_few" if difference is not None and interval.low is None else None,
            left_out={"no_partner": len(recovering) - partnered, "no_customer": n - len(recovering)},
        ),
    )


def _recovery(name: str, rows: pd.DataFrame, n_all: int, others: Mapping[str, int]) -> Figure:
    left_out = {**others, "no_customer": n_all - len(rows) - sum(others.values())}
    return _share(name, rows["is_recovered"], n_all, left_out)


def order_figures(orders: pd.DataFrame) -> tuple[Figure, ...]:
    """NPS and lead of orders with a complaint beside those without."""
    rows = {bool(row["has_complained"]): row for row in orders[orders["level"] == "all"].to_dict("records")}
    return (
        *(_nps(f"nps_{name}", rows.get(side), orders, side) for name, side in BOTH),
        *(_lead(f"lead_{name}_s", rows.get(side)) for name, side in BOTH),
    )


def _nps(name: str, row: Mapping[Any, Any] | None, orders: pd.DataFrame, side: bool) -> Figure:
    if row is None or not row["scores"]:
        return Figure(name, None, 0, int(row["closed"]) if row else 0)
    centers = orders[(orders["level"] == "center") & (orders["has_complained"].astype(bool) == side)]
    votes = [
        pooled.Votes(int(c["promoters"]), int(c["detractors"]), int(c["scores"])) for c in centers.to_dict("records")
    ]
    value = 100 * (row["promoters"] - row["detractors"]) / row["scores"]
    left_out = {"no_score": int(row["closed"] - row["scores"])}
    method = pooled.ADJUSTED_WALD
    return Figure(
        name, value, int(row["scores"]), int(row["closed"]), pooled.nps(votes), method=method, left_out=left_out
    )


def _lead(name: str, row: Mapping[Any, Any] | None) -> Figure:
    if row is None or not row["with_lead"]:
        return Figure(name, None, 0, int(row["closed"]) if row else 0)
    n, n_all, handed_off = int(row["with_lead"]), int(row["closed"]), int(row["handed_off"])
    left_out = {"cancelled": n_all - handed_off, "no_check_in": handed_off - n}
    return Figure(name, float(row["lead_median_s"]), n, n_all, left_out=left_out, no_interval="descriptive")


def _share(name: str, holds: "pd.Series[Any]", n_all: int, left_out: Mapping[str, int]) -> Figure:
    return share_figure(name, int(holds.astype(bool).sum()), len(holds), n_all, left_out)


def _median(name: str, values: "pd.Series[Any]", reason: str) -> Figure:
    """A median of those that have a value; `reason` is why the others have none."""
    present = values.dropna()
    return quantile_figure(name, present, 0.5, len(values), {reason: len(values) - len(present)})
