"""Report `eta`: how good the estimates of ready times are, beside the promises."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from fixtrail.estimates.clock import OpeningClocks
from fixtrail.estimates.learn import WalkForward, points_of, walk_forward, window_days_of
from fixtrail.estimates.visits import EstimatedVisit
from fixtrail.reports.eta.figures import figures_of, frame_of
from fixtrail.reports.eta.sheets import sheets_of
from fixtrail.reports.eta.visits import centers_of, midnight, visits_of
from fixtrail.reports.eta.words import DEFINITIONS, METHODS, QUESTION, TITLE
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_last_day
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Report
from fixtrail.reports.sample import MOST_ORDERS, end_key, one_vehicle_in
from schemas.times import DAY_MS

DAYS = 91
# What the first day of the report was learned from lies up to two long windows before it.
LEARNED_FROM_DAYS = 180


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse. Without days: the last 91 in which an order became ready."""
    refuse_cut("eta", options)
    last = options.until or ask_last_day(ask, options)
    first = options.since or last - timedelta(days=DAYS - 1)
    parameters: dict[str, Any] = {"since": first - timedelta(days=LEARNED_FROM_DAYS)}
    one_in = one_vehicle_in(int(ask("eta_size", **parameters).iloc[0]["visits"]), MOST_ORDERS)
    parameters["end_key"] = end_key(one_in)
    visits = visits_of(*(ask(query, **parameters) for query in ("eta_visits", "eta_stages", "eta_promises")))
    centers, changed_at = centers_of(ask("centers"))
    walk = walk_of(visits, OpeningClocks(centers), changed_at, last)
    return report_of(walk, first, last, options, one_in)


def walk_of(
    visits: list[EstimatedVisit], clocks: OpeningClocks, changed_at: Mapping[str, int], last: date
) -> WalkForward:
    """The walk up to the end of a day, or of the last day with a point."""
    points = points_of(visits, clocks, changed_at)
    return walk_forward(points, midnight(last, "UTC") + DAY_MS, clocks, window_days=window_days_of(visits))


def report_of(walk: WalkForward, first: date, last: date, options: Options, one_in: int = 1) -> Report:
    """The report on the visits that became ready from one day to another (UTC), of one vehicle in `one_in`."""
    points = walk.points
    since, until = midnight(first, "UTC"), midnight(last, "UTC") + DAY_MS
    ready = np.flatnonzero((points.ready_at >= since) & (points.ready_at < until))
    frame = frame_of(walk, ready)
    scope = options.scope() | {"from": first.isoformat(), "to": last.isoformat(), "one_vehicle_in": one_in}
    return Report(
        "eta", TITLE, QUESTION, scope, figures_of(frame), sheets_of(frame, walk.table), (), METHODS, DEFINITIONS
    )
