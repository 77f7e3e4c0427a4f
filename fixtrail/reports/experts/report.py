"""Report `experts`: how soon a remote expert joins, what is resolved without a new part, and first-time fix."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.experts.words import DEFINITIONS, METHODS, TITLE
from fixtrail.reports.figure_kinds import difference_figure, quantile_figure, share_of_rows
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Column, Figure, Report, Sheet, sheet_of
from fixtrail.reports.sample import ask_sample
from fixtrail.reports.stats.matched import MatchedDifference, Outcome, matched_difference

IN_TIME_S = 600.0
_CENTERS = (
    Column("center_id", Bilingual("服务中心", "center")),
    Column("sessions", Bilingual("会话", "sessions"), "count"),
    Column("joined", Bilingual("专家已加入", "joined"), "count"),
    Column("median_s", Bilingual("等待中位数", "time to expert, median"), "minutes"),
    Column("in_time", Bilingual("10 分钟内", "within 10 min"), "count"),
    Column("resolved", Bilingual("已解决", "resolved"), "count"),
    Column("without_part", Bilingual("未换件", "without a part"), "count"),
)


@dataclass(frozen=True, slots=True)
class ExpertSessions:
    """Query experts, with what is counted of each session; `orders` has each order once."""

    sessions: pd.DataFrame
    orders: pd.DataFrame


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("experts", options)
    parameters, one_in = ask_sample(ask, options)
    return report_of(ask("experts", **parameters), options, one_in)


def report_of(frame: pd.DataFrame, options: Options, one_in: int = 1) -> Report:
    """The report from the answer of query experts."""
    data = sessions_of(frame)
    scope = options.scope() | {"one_vehicle_in": one_in}
    sheets = (_centers(data.sessions),)
    return Report("experts", TITLE, REPORTS["experts"], scope, figures_of(data), sheets, (), METHODS, DEFINITIONS)


def sessions_of(frame: pd.DataFrame) -> ExpertSessions:
    """Seconds until the expert joined, and whether it was resolved without a part that came after the request."""
    sessions = frame[frame["session_id"].fillna("") != ""]
    begin = sessions["requested_ms"].fillna(sessions["joined_ms"])
    wait_s = (sessions["joined_ms"] - sessions["requested_ms"]) / 1000
    resolved = sessions["resolved_ms"].notna()
    sessions = sessions.assign(
        wait_s=wait_s.where(wait_s >= 0),
        lacks=_lacks(sessions),
        has_begin=begin.notna(),
        is_resolved=resolved,
        without_part=resolved & begin.notna() & ~(sessions["part_ms"] > begin),
    )
    orders = frame.drop_duplicates(["center_id", "order_id", "vehicle_key"])
    # An order with sessions has no row without one.
    return ExpertSessions(sessions, orders.assign(with_expert=orders.index.isin(sessions.index)))


def _lacks(sessions: pd.DataFrame) -> "pd.Series[Any]":
    """Why there is no time from request to joining; None where there is one."""
    requested, joined = sessions["requested_ms"], sessions["joined_ms"]
    lacks = pd.Series(None, sessions.index, dtype=object)
    lacks[joined < requested] = "joined_before_request"
    lacks[requested.isna()] = "not_requested"
    lacks[joined.isna()] = "never_joined"
    return lacks


def figures_of(data: ExpertSessions) -> tuple[Figure, ...]:
    """All figures, of all centers together."""
    sessions, judged = data.sessions, data.orders[data.orders["ftf"].notna()]
    waits = sessions["wait_s"].dropna()
    never = {str(reason): int(count) for reason, count in sessions["lacks"].value_counts().sort_index().items()}
    unknown = sessions["is_resolved"] & ~sessions["has_begin"]
    open_ = {"not_resolved": int((~sessions["is_resolved"]).sum()), "not_requested": int(unknown.sum())}
    resolved = sessions[sessions["is_resolved"] & sessions["has_begin"]]
    return (
        quantile_figure("expert_wait_median_s", waits, 0.5, len(sessions), never),
        quantile_figure("expert_wait_p90_s", waits, 0.9, len(sessions), never),
        share_of_rows(
            "expert_in_time", waits <= IN_TIME_S, sessions.loc[waits.index, "center_id"], len(sessions), never
        ),
        share_of_rows("expert_without_part", resolved["without_part"], resolved["center_id"], len(sessions), open_),
        _ftfr("expert_ftfr", judged[judged["with_expert"]], len(data.orders)),
        _ftfr("expert_ftfr_without", judged[~judged["with_expert"]], len(data.orders)),
        difference_figure("expert_ftfr_difference", matched_of(judged), len(data.orders)),
    )


def matched_of(judged: pd.DataFrame) -> MatchedDifference:
    """First-time fix of orders with an expert less that of orders without, of the same center and fault groups."""
    return matched_difference(
        Outcome((row.center_id, tuple(sorted(row.fault_groups))), bool(row.with_expert), bool(row.ftf))
        for row in judged.itertuples(index=False)
    )


def _ftfr(name: str, orders: pd.DataFrame, n_all: int) -> Figure:
    return share_of_rows(name, orders["ftf"], orders["center_id"], n_all, {"other_orders": n_all - len(orders)})


def _centers(sessions: pd.DataFrame) -> Sheet:
    rows = []
    for center_id, own in sessions.groupby("center_id"):
        waits = own["wait_s"].dropna()
        rows.append(
            {
                "center_id": center_id,
                "sessions": len(own),
                "joined": len(waits),
                "median_s": float(np.median(waits)) if len(waits) else None,
                "in_time": int((waits <= IN_TIME_S).sum()),
                "resolved": int(own["is_resolved"].sum()),
                "without_part": int(own["without_part"].sum()),
            }
        )
    return sheet_of("centers", Bilingual("按服务中心", "By center"), _CENTERS, rows)
