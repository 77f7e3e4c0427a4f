"""The tables of report `eta`: by moment of the visit, by center with its verdict, and by week."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from fixtrail.estimates.cells import CenterRecord, EstimateTable
from fixtrail.reports.report import Bilingual, Column, Sheet, sheet_of
from fixtrail.reports.stats import intervals

_FIGURES = (
    Column("n", Bilingual("次数", "points"), "count"),
    Column("visits", Bilingual("工单", "orders"), "count"),
    Column("inside", Bilingual("区间命中", "inside"), "share"),
    *Column.bounds("share"),
    Column("mae_s", Bilingual("平均偏差", "mean error"), "minutes"),
    Column("promise_mae_s", Bilingual("承诺的平均偏差", "promise's mean error"), "minutes"),
    Column("bias_s", Bilingual("偏差中位数", "median error"), "minutes"),
    Column("width_s", Bilingual("区间宽度", "width"), "minutes"),
)
MOMENTS = {
    "check_in": Bilingual("进厂时", "at check-in"),
    "repair": Bilingual("开始维修时", "at the first start of a repair"),
    "last": Bilingual("完工前最后一次", "the last before ready"),
    "all": Bilingual("每次变化", "at every change"),
}
VERDICTS = {
    "shown": Bilingual("显示", "shown"),
    "coverage": Bilingual("不显示：命中率不在 70–90%", "not shown: not within 70–90 %"),
    "promise": Bilingual("不显示：不比承诺更准", "not shown: no nearer than the promise"),
    "constant": Bilingual("不显示：不比常数更准", "not shown: no nearer than a constant"),
    "few": Bilingual("不显示：数据太少", "not shown: too few visits"),
}
_MOMENT = Column("moment", Bilingual("时刻", "moment"), words=MOMENTS)
_CENTER = Column("center_id", Bilingual("服务中心", "center"))
_VERDICT = Column("verdict", Bilingual("现在", "now"), words=VERDICTS)
_WEEK = Column("week", Bilingual("周（周一）", "week from"))


def sheets_of(frame: pd.DataFrame, table: EstimateTable) -> tuple[Sheet, ...]:
    """All tables of the points of a period; `table` says at which centers estimates are shown now."""
    rows = frame[frame["is_estimated"]]
    return (
        _sheet("moments", Bilingual("按时刻", "By moment"), _MOMENT, list(_by_moment(rows))),
        _sheet("centers", Bilingual("按服务中心", "By center"), _CENTER, list(_by_center(frame, table)), _VERDICT),
        _sheet("weeks", Bilingual("按周", "By week"), _WEEK, list(_by_week(rows))),
    )


def _sheet(name: str, title: Bilingual, key: Column, rows: list[dict[str, Any]], *more: Column) -> Sheet:
    return sheet_of(name, title, (key, *_FIGURES, *more), rows)


def _by_moment(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    repairs = rows[rows["activity"] == "repair"]
    for name, chosen in (
        ("check_in", rows.groupby("visit").head(1)),
        ("repair", repairs.groupby("visit").head(1)),
        ("last", rows.groupby("visit").tail(1)),
        ("all", rows),
    ):
        yield {"moment": name, **_figures(chosen)}


def _by_center(frame: pd.DataFrame, table: EstimateTable) -> Iterator[dict[str, Any]]:
    for center_id, points in frame.groupby("center_id"):
        verdict = verdict_of(table.record(str(center_id)))
        yield {"center_id": center_id, **_figures(points[points["is_estimated"]]), "verdict": verdict}


def _by_week(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    days = pd.to_datetime(rows["ready_at"], unit="ms", utc=True).dt.floor("D")
    weeks = days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    for week, points in rows.groupby(weeks.dt.date):
        yield {"week": str(week), **_figures(points)}


def verdict_of(record: CenterRecord | None) -> str:
    """Whether estimates are shown at a center with this record, or why not."""
    if record is None:
        return "few"
    if record.is_good:
        return "shown"
    if not 0.7 <= record.inside <= 0.9:
        return "coverage"
    return "constant" if record.mae >= record.constant_mae else "promise"


def _figures(points: pd.DataFrame) -> dict[str, Any]:
    n, inside = len(points), int(points["is_inside"].sum())
    return {
        "n": n,
        "visits": points["visit"].nunique(),
        "inside": inside / n if n else None,
        **intervals.share(inside, n).cells(),
        "mae_s": points["error"].abs().mean(),
        "promise_mae_s": points["promise_error"].abs().mean(),
        "bias_s": points["error"].median(),
        "width_s": points["width"].mean(),
    }
