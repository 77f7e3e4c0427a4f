"""The figures of report `eta`: coverage, errors, width and re-promises, each beside the promise's."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.estimates.learn import SHARE_INSIDE, STEP_MS, Ints, WalkForward
from fixtrail.reports.figure_kinds import clustered_share, share_figure
from fixtrail.reports.report import Figure
from schemas.times import MINUTE_MS

MOVED_MS = 15 * MINUTE_MS
MOVED_TOO_OFTEN = 2


def frame_of(walk: WalkForward, rows: Ints) -> pd.DataFrame:
    """One row per decision point, by visit and time; errors and widths in seconds of opening time.

    `error` is the middle of the estimate less the truth, `promise_error` the promise less the truth: above 0 the car
    was ready earlier than told.
    """
    points = walk.points
    to_ready, correction = points.time_to_ready[rows], walk.correction[rows]
    width = np.maximum(walk.high[rows] - walk.low[rows] + 2 * correction, 0.0) + STEP_MS
    frame = pd.DataFrame(
        {
            "visit": points.visit[rows],
            "center_id": [points.center_ids[center] for center in points.center[rows]],
            "activity": [points.keys[row].activity for row in rows],
            "at": points.at[rows],
            "ready_at": points.ready_at[rows],
            "is_estimated": ~np.isnan(correction + walk.low[rows]),
            "is_seldom_ready": walk.is_seldom_ready[rows],
            "is_inside": walk.inside[rows],
            "error": (walk.middle[rows] - to_ready) / 1000,
            "promise_error": (points.left[rows] - to_ready) / 1000,
            "to_ready": to_ready / 1000,
            "width": width / 1000,
            "high_at": (points.position[rows] + walk.high[rows] + correction) / 1000,
            "promise_at": (points.position[rows] + points.left[rows]) / 1000,
        }
    )
    return frame.sort_values(["visit", "at"], kind="stable")


def figures_of(frame: pd.DataFrame) -> tuple[Figure, ...]:
    """All figures of the points of a period."""
    rows = frame[frame["is_estimated"]]
    promised = rows[rows["promise_error"].notna()]
    seldom = int(frame["is_seldom_ready"].sum())
    reasons = {"few_visits": len(frame) - len(rows) - seldom, "seldom_ready": seldom}
    # Without a promise there is nothing beside which an estimate could stand.
    no_promise = reasons | {"no_promise": len(rows) - len(promised)}
    n_all = len(frame)
    return (
        _inside(rows, n_all, reasons),
        _mean("eta_mae_s", rows["error"].abs(), n_all, reasons),
        _mean("promise_mae_s", promised["promise_error"].abs(), n_all, no_promise),
        _mean("constant_mae_s", (rows["to_ready"] - rows["to_ready"].median()).abs(), n_all, reasons),
        _median("eta_bias_s", rows["error"], n_all, reasons),
        _median("promise_bias_s", promised["promise_error"], n_all, no_promise),
        _mean("eta_width_s", rows["width"], n_all, reasons),
        _promise_late(promised, n_all, no_promise),
        _repromised("eta_repromised", rows, "high_at"),
        _repromised("promise_repromised", promised, "promise_at"),
    )


def _inside(rows: pd.DataFrame, n_all: int, reasons: dict[str, int]) -> Figure:
    figure = clustered_share("eta_inside", rows["is_inside"], rows["visit"], n_all, reasons, "wilson-visits")
    return replace(figure, target=SHARE_INSIDE)


def _promise_late(rows: pd.DataFrame, n_all: int, reasons: dict[str, int]) -> Figure:
    return clustered_share("promise_late", rows["promise_error"] < 0, rows["visit"], n_all, reasons, "wilson-visits")


def _mean(name: str, values: "pd.Series[Any]", n_all: int, reasons: dict[str, int]) -> Figure:
    return _described(name, float(values.mean()), len(values), n_all, reasons)


def _median(name: str, values: "pd.Series[Any]", n_all: int, reasons: dict[str, int]) -> Figure:
    return _described(name, float(values.median()), len(values), n_all, reasons)


def _described(name: str, value: float, n: int, n_all: int, reasons: dict[str, int]) -> Figure:
    return Figure(name, value if n else None, n, n_all, left_out=reasons, no_interval="descriptive")


def _repromised(name: str, rows: pd.DataFrame, column: str) -> Figure:
    """The share of visits whose time moved by more than 15 minutes more than twice."""
    moves = rows[column].groupby(rows["visit"]).diff().abs() > MOVED_MS / 1000
    by_visit = moves.groupby(rows["visit"]).sum() > MOVED_TOO_OFTEN
    return share_figure(name, int(by_visit.sum()), len(by_visit), len(by_visit), {})
