"""The figures of `report kpi` computed in another way: from the orders of tests/oracle.py with scipy and pandas."""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

Order = dict[str, Any]
NOW = datetime.now(UTC)
Z = stats.norm.ppf(0.975)


def expected(orders: Iterable[Order], days: int, dated: int | None = None) -> dict[str, dict[str, Any]]:
    """Figure by figure: value, n, n_all, low and high, from the oracle's orders and scipy.

    `dated`: complaints by their own date, where these are others than those of the orders.
    """
    rows = list(orders)
    closed = [order for order in rows if order["status"] != "open"]
    done = handed_off(rows)
    judged = [order for order in rows if order["ftf"] is not None]
    old = [order for order in judged if order["closed_at"] < NOW - timedelta(days=30)]
    young = [order for order in judged if order["closed_at"] >= NOW - timedelta(days=30)]
    requests = [part | {"center_id": order["center_id"]} for order in closed for part in order["parts"]]
    all_parts = [part for order in rows for part in order["parts"]]
    rushed = [part for part in requests if part["urgency"] == "emergency"]
    quick = [order for order in closed if order["lane"] == "quick"]
    ready = [order for order in quick if order["ready_at"]]
    both = [order for order in closed if order["ready_at"] and order["promised_at"]]
    quoted = [order for order in done if None not in (order["final_amount"], order["approved_amount"])]
    scored = [order for order in closed if order["score"] is not None]
    waits = pd.DataFrame(
        [(order["center_id"], order["wait_s"]) for order in done if order["wait_s"] is not None],
        columns=["center_id", "wait_s"],
    )
    all_dated = sum(order["complaints"] for order in rows) if dated is None else dated
    hours_2, minutes_15 = timedelta(hours=2), timedelta(minutes=15)

    def in_time(part: Order) -> bool:
        times = part["fulfilled_at"], part["requested_at"]
        return None not in times and times[0] - times[1] <= hours_2

    def is_kept(order: Order) -> bool:
        return bool(100 * abs(order["final_amount"] - order["approved_amount"]) <= order["approved_amount"])

    return {
        "ftfr": rate(judged, lambda order: order["ftf"], len(rows)),
        "ftfr_confirmed": rate(old, lambda order: order["ftf"], len(rows)),
        "ftfr_provisional": rate(young, lambda order: order["ftf"], len(rows)),
        "stockout_rate": rate(requests, lambda part: part["backordered_at"] is not None, len(all_parts)),
        "emergency_in_time": rate(rushed, in_time, sum(part["urgency"] == "emergency" for part in all_parts)),
        "quick_lane_in_time": rate(ready, lambda o: o["ready_at"] - o["checked_in_at"] <= minutes_15, len(rows)),
        "promise_kept": rate(both, lambda order: order["ready_at"] <= order["promised_at"], len(rows)),
        "quote_kept": rate(quoted, is_kept, len(rows)),
        "complaints_per_100": with_half(
            100 * sum(order["complaints"] for order in closed) / len(done) if done else None, None, len(done), len(rows)
        ),
        "complaints_per_month": with_half(all_dated / (days / 30.4375) if days else None, None, all_dated, all_dated),
        **wait_figures(waits, len(rows)),
        "nps": nps_figure(scored, len(rows)),
        **open_figures(rows),
        "cancelled_share": rate(closed, lambda order: order["status"] == "cancelled", len(rows)),
        **cancelled_figures(rows),
        "response_rate": rate(closed, lambda order: order["score"] is not None, len(rows)),
        "nps_early": nps_figure([order for order in scored if answered_early(order)], len(rows)),
        "nps_late": nps_figure([order for order in scored if not answered_early(order)], len(rows)),
        "odd_times": rate(rows, lambda order: "negative_gap" in order["anomalies"], len(rows), pooled=False),
    }


def answered_early(order: Order) -> bool:
    """Whether the last survey came at most 3 days after the close."""
    last = max(order["surveys"], key=lambda survey: (survey["occurred_at"], survey["event_id"]))
    return bool(last["occurred_at"] <= order["closed_at"] + timedelta(days=3))


def open_figures(rows: list[Order]) -> dict[str, dict[str, Any]]:
    """Counts of open orders exactly, their times to a minute: they run on."""
    yet = [order for order in rows if order["status"] == "open"]
    timed = [order for order in yet if order["lead_s"] is not None]
    waiting = [order for order in yet if order["ready_at"] is None]
    promised = [order for order in waiting if order["promised_at"] is not None]
    figures = {
        "open_orders": with_half(len(yet), None, len(yet), len(rows)),
        "open_past_promise": with_half(
            sum(order["promised_at"] < NOW for order in promised), None, len(promised), len(rows)
        ),
        "open_silent": with_half(
            sum(order["last_event_at"] < NOW - timedelta(days=30) for order in yet), None, len(yet), len(rows)
        ),
    }
    for kind, column in (("age", "lead_s"), ("wait", "wait_s")):
        values = pd.Series([order[column] for order in timed], dtype=float)
        for name, value in (
            ("median", values.median()), ("p90", values.quantile(0.9)), ("longest", values.max())
        ):  # fmt: skip
            figure = with_half(float(value) if len(values) else None, None, len(values), len(rows))
            figures[f"open_{kind}_{name}_s"] = figure
    return figures


def cancelled_figures(rows: list[Order]) -> dict[str, dict[str, Any]]:
    waits = [o["wait_s"] for o in rows if o["status"] == "cancelled" and o["wait_s"] is not None]
    values = pd.Series(waits, dtype=float)
    n = len(values)
    half = stats.sem(values) * stats.t.ppf(0.975, n - 1) if n > 1 else None
    mean = with_half(float(values.mean()) if n else None, half, n, len(rows))
    return {
        "cancelled_wait_mean_s": mean | {"low": None if half is None else max(0.0, mean["low"])},
        "cancelled_wait_median_s": with_half(float(values.median()) if n else None, None, n, len(rows)),
        "cancelled_wait_p90_s": with_half(float(values.quantile(0.9)) if n else None, None, n, len(rows)),
    }


def nps_figure(scored: list[Order], n_all: int) -> dict[str, Any]:
    """The NPS, its interval by the design effect of centers (CR2) where there are two or more."""
    scores = np.array([order["score"] for order in scored])
    values = np.where(scores >= 9, 100.0, np.where(scores <= 6, -100.0, 0.0)) if len(scores) else np.array([])
    figure = with_half(values.mean() if len(values) else None, None, len(values), n_all)
    if not len(values):
        return figure
    return figure | nps_bounds(values, effective(values, [order["center_id"] for order in scored]))


def effective(values: Any, centers: list[Any]) -> float:
    """As many independent values would be as uncertain, at most as many as there are."""
    variance = float(np.var(values))
    if pd.Series(centers).fillna("").nunique() < 2 or not variance:
        return len(values)
    half = clustered_half(pd.Series(values, dtype=float), pd.Series(centers).fillna(""))
    return min(len(values), variance / (half / Z) ** 2) if half else len(values)


def nps_bounds(values: Any, n: float) -> dict[str, float]:
    """Rocks (2016): the mean interval of the answers and 3/4 of a promoter, 3/4 of a detractor, 3/2 of a passive.

    `n`: how many answers they count for.
    """
    answers = np.concatenate([values, [100.0, -100.0, 0.0]])
    weights = np.concatenate([np.full(len(values), n / len(values)), [0.75, 0.75, 1.5]])
    middle = np.average(answers, weights=weights)
    half = stats.t.ppf(0.975, n) * math.sqrt(np.average((answers - middle) ** 2, weights=weights) / weights.sum())
    return {
        "low": float(min(values.mean(), max(-100.0, middle - half))),
        "high": float(max(values.mean(), min(100.0, middle + half))),
    }


def with_half(value: float | None, half: float | None, n: int, n_all: int) -> dict[str, Any]:
    low, high = (None, None) if value is None or half is None else (value - half, value + half)
    return {"value": value, "n": n, "n_all": n_all, "low": low, "high": high}


def not_below_0(figure: dict[str, Any]) -> dict[str, Any]:
    return figure | {"low": None if figure["low"] is None else max(0.0, figure["low"])}


def rate(rows: list[Any], holds: Callable[[Any], bool], n_all: int, pooled: bool = True) -> dict[str, Any]:
    """A share with Wilson's interval, of the effective number of rows where they are from several centers."""
    is_held = [bool(holds(row)) for row in rows]
    if not is_held:
        return with_half(None, None, 0, n_all)
    n = effective(np.array(is_held, dtype=float), [row["center_id"] for row in rows]) if pooled else len(is_held)
    share = sum(is_held) / len(is_held)
    spread = Z**2 / n
    middle, half = share + spread / 2, Z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return {"value": share, "n": len(is_held), "n_all": n_all, "low": max(0.0, low), "high": min(1.0, high)}


def wait_figures(rows: pd.DataFrame, n_all: int) -> dict[str, dict[str, Any]]:
    n = len(rows)
    if n == 0:
        return {name: with_half(None, None, 0, n_all) for name in ("wait_mean_s", "wait_median_s", "wait_p90_s")}
    waits = np.sort(rows["wait_s"].to_numpy(dtype=float))
    half = stats.sem(waits) * stats.t.ppf(0.975, n - 1) if n > 1 else None
    mean = not_below_0(with_half(waits.mean(), half, n, n_all))
    figures = {"wait_mean_s": mean | {"orders_low": None, "orders_high": None, "centers": None}}
    clusters = rows["center_id"].nunique()
    if clusters > 1:
        wide = max(half, clustered_half(rows["wait_s"].astype(float), rows["center_id"]))
        alone = {"orders_low": mean["low"], "orders_high": mean["high"], "centers": clusters}
        figures["wait_mean_s"] = not_below_0(with_half(mean["value"], wide, n, n_all)) | alone
    for name, level in (("wait_median_s", 0.5), ("wait_p90_s", 0.9)):
        value = float(np.quantile(waits, level))
        below, above = int(stats.binom.ppf(0.025, n, level)), int(stats.binom.ppf(0.975, n, level))
        alone = {"orders_low": None, "orders_high": None}
        if clusters > 1:
            alone = {f"orders_{end}": bound for end, bound in ends_at(waits, below, above).items()}
            share = clustered_half((rows["wait_s"] <= value + 1e-5).astype(float), rows["center_id"])
            below, above = min(below, math.floor(n * (level - share))), max(above, math.ceil(n * (level + share)))
        figures[name] = {"value": value, "n": n, "n_all": n_all, **ends_at(waits, below, above), **alone}
    return figures


def ends_at(waits: Any, below: int, above: int) -> dict[str, float | None]:
    return {
        "low": waits[below - 1] if below >= 1 else None,
        "high": waits[above] if above < len(waits) else None,
    }


def clustered_half(values: "pd.Series[Any]", centers: "pd.Series[Any]") -> float:
    """Half of the interval of a mean by CR2 with centers as clusters (Bell and McCaffrey 2002), from its vectors."""
    names, cluster = np.unique(centers.to_numpy(dtype=str), return_inverse=True)
    memberships = (cluster[:, None] == np.arange(len(names))).astype(float)
    weights = memberships.mean(axis=0)
    # One column per center: the residuals' weights in its score.
    pulls = (memberships - weights) / np.sqrt(1 - weights) / len(values)
    scores = pulls.T @ values.to_numpy()
    inner = pulls.T @ pulls
    freedom = np.trace(inner) ** 2 / (inner**2).sum()
    return float(stats.t.ppf(0.975, freedom) * math.sqrt((scores**2).sum()))


def differences(reported: Iterable[dict[str, Any]], right: dict[str, dict[str, Any]]) -> list[str]:
    """What is not as it must be, in words."""
    figures = {figure["figure"]: figure for figure in reported}
    wrong = [f"missing {name}" for name in right.keys() - figures.keys()]
    for name in right.keys() & figures.keys():
        for key, value in right[name].items():
            if name.startswith("complaints") and key in ("low", "high"):
                # Their interval has tests of its own: here only that it holds the figure.
                continue
            if not is_same(
                figures[name][key], value, 1800.0 if name.startswith("open_") and name.endswith("_s") else 1e-9
            ):
                wrong.append(f"{name} {key}: {figures[name][key]}, expected {value}")
    return wrong


def is_same(reported: Any, right: Any, slack: float = 1e-9) -> bool:
    if reported is None or right is None:
        return reported is right
    return math.isclose(reported, right, rel_tol=1e-9, abs_tol=slack)


def handed_off(orders: Iterable[Order]) -> list[Order]:
    return [order for order in orders if order["status"] == "handed_off"]


def closed_or_open(orders: Iterable[Order], since: date, until: date) -> list[Order]:
    """What belongs to these days: orders closed in them, and open ones that had checked in by their end."""
    return [
        order
        for order in orders
        if (since <= order["closed_at"].date() <= until if order["closed_at"] else opened(order) <= until)
    ]


def opened(order: Order) -> date:
    day: date = (order["checked_in_at"] or order["last_event_at"]).date()
    return day


def complaint_days(orders: Iterable[Order]) -> list[date]:
    return [complaint["occurred_at"].date() for order in orders for complaint in order["complaint_list"]]


def dated(orders: Iterable[Order], since: date, until: date) -> int:
    return sum(since <= day <= until for day in complaint_days(orders))


def close_days(orders: Iterable[Order]) -> tuple[date, date]:
    days = [order["closed_at"].date() for order in orders if order["closed_at"]]
    return min(days), max(days)


def span_days(orders: Iterable[Order]) -> tuple[date, date]:
    """From the first close or complaint to the last."""
    days = [*close_days(orders), *complaint_days(orders)]
    return min(days), max(days)


def days_of(first: date, last: date) -> int:
    return max(0, (last - first).days + 1)
