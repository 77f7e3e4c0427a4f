"""The tables of report `voices`: categories, states, ages, recovery by time to contact, and centers."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from fixtrail.reports.report import Bilingual, Column, Sheet, sheet_of
from fixtrail.reports.stats import intervals
from fixtrail.reports.voices.words import GROUPS, KINDS, PHASES
from schemas.times import HOUR_MS

AGES_H = (1, 4, 24, 72)
_N = Column("n", Bilingual("数量", "number"), "count")
_SHARE = Column("share", Bilingual("占比", "share"), "share")
_CATEGORIES = (
    Column("category", Bilingual("类别", "category")),
    _N,
    _SHARE,
    Column("cumulated", Bilingual("累计", "cumulated"), "share"),
    Column("high", Bilingual("严重", "high"), "count"),
    Column("open", Bilingual("未了结", "open"), "count"),
    Column("repeated", Bilingual("重复", "repeated"), "count"),
    Column("contact_median_s", Bilingual("到联系（中位数）", "to contact, median"), "minutes"),
    Column("resolution_median_s", Bilingual("到解决（中位数）", "to resolution, median"), "minutes"),
)
_STATES = (Column("phase", Bilingual("状态", "state"), words=PHASES), _N, _SHARE)
_AGES = (
    Column("kind", Bilingual("种类", "kind"), words=KINDS),
    Column("age", Bilingual("已过（营业小时）", "age in opening hours")),
    Column("waiting", Bilingual("未联系", "not contacted"), "count"),
    Column("open", Bilingual("未了结", "open"), "count"),
)
_RECOVERY = (
    Column("group", Bilingual("联系", "contact"), words=GROUPS),
    _N,
    Column("answered_again", Bilingual("再次评分", "answered again"), "count"),
    Column("recovered", Bilingual("挽回", "recovered"), "count"),
    Column("rate", Bilingual("挽回率", "recovery"), "share"),
    *Column.bounds("share"),
)
_CENTERS = (
    Column("center_id", Bilingual("服务中心", "center")),
    Column("complaints", Bilingual("投诉", "complaints"), "count"),
    Column("handed_off", Bilingual("已交车", "handed off"), "count"),
    Column("per_1000", Bilingual("每千单", "per 1,000"), "number"),
    *Column.bounds("number"),
    Column("in_time", Bilingual("投诉按时联系", "complaints in time"), "share"),
    Column("bad_scores", Bilingual("差评", "bad scores"), "count"),
    Column("bad_in_time", Bilingual("差评按时联系", "bad scores in time"), "share"),
)


def categories(opened: pd.DataFrame) -> pd.DataFrame:
    """Pareto: one row per category, the most frequent first."""
    rows, cumulated = [], 0
    groups = sorted(opened.groupby("category"), key=lambda group: (-len(group[1]), str(group[0])))
    for category, cases in groups:
        cumulated += len(cases)
        rows.append(
            {
                "category": category,
                "n": len(cases),
                "share": len(cases) / len(opened),
                "cumulated": cumulated / len(opened),
                "high": int((cases["severity"] == "high").sum()),
                "open": int(cases["is_open"].sum()),
                "repeated": int(cases["is_repeat"].sum()),
                "contact_median_s": cases["contact_s"].astype("float64").median(),
                "resolution_median_s": cases["resolution_s"].astype("float64").median(),
            }
        )
    return pd.DataFrame(rows, columns=[column.name for column in _CATEGORIES])


def states(opened: pd.DataFrame) -> pd.DataFrame:
    """How many complaints of the period are in each state at its end."""
    counts = opened["phase"].value_counts()
    numbers = {phase: int(counts.get(phase, 0)) for phase in PHASES}
    total = len(opened) or 1
    return pd.DataFrame([{"phase": phase, "n": n, "share": n / total} for phase, n in numbers.items()])


def ages(cases: pd.DataFrame) -> pd.DataFrame:
    """How old the open cases are, and how many of them nobody has got in touch about."""
    open_cases = cases[cases["is_open"].astype(bool)]
    rows = []
    for kind in KINDS:
        own = open_cases[open_cases["kind"] == kind]
        hours = own["age_s"].astype("float64") / 3600
        for label, is_within in _age_groups(hours):
            waiting = ~own.loc[is_within, "is_contacted"].astype(bool)
            rows.append({"kind": kind, "age": label, "waiting": int(waiting.sum()), "open": int(is_within.sum())})
    return pd.DataFrame(rows)


def _age_groups(hours: "pd.Series[float]") -> Iterator[tuple[str, "pd.Series[bool]"]]:
    limits = (0, *AGES_H)
    for low, high in zip(limits, AGES_H, strict=False):
        yield f"{low}-{high}", (hours >= low) & (hours < high)
    yield f"{AGES_H[-1]}+", hours >= AGES_H[-1]


def recovery(recovering: pd.DataFrame) -> pd.DataFrame:
    """Recovery by how soon somebody called, beside those whom nobody called."""
    hours = (recovering["contacted_at"] - recovering["opened_at"]).astype("float64") / HOUR_MS
    groups = {"day": hours <= 24, "two_days": (hours > 24) & (hours <= 48), "later": hours > 48, "never": hours.isna()}
    return pd.DataFrame([_recovered(name, recovering[is_in]) for name, is_in in groups.items()])


def _recovered(name: str, cases: pd.DataFrame) -> dict[str, Any]:
    n, count = len(cases), int(cases["is_recovered"].sum())
    return {
        **{"group": name, "n": n, "answered_again": int(cases["answered_again"].sum()), "recovered": count},
        **{"rate": count / n if n else None, **intervals.share(count, n).cells()},
    }


def centers(opened: pd.DataFrame, bad: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """One row per center with an order, a complaint or a bad score."""
    handed_off = orders[orders["level"] == "center"].groupby("center_id")["handed_off"].sum()
    names = sorted({*handed_off.index, *opened["center_id"], *bad["center_id"]})
    rows = []
    for center_id in names:
        own, own_bad = opened[opened["center_id"] == center_id], bad[bad["center_id"] == center_id]
        size, n = int(handed_off.get(center_id, 0)), len(own)
        interval = intervals.count(n, size / 1000)
        rows.append(
            {
                **{"center_id": center_id, "complaints": n, "handed_off": size, "bad_scores": len(own_bad)},
                **{"per_1000": 1000 * n / size if size else None, **interval.cells()},
                **{"in_time": _rate(own), "bad_in_time": _rate(own_bad)},
            }
        )
    return pd.DataFrame(rows, columns=[column.name for column in _CENTERS])


def _rate(cases: pd.DataFrame) -> float | None:
    decided = cases["in_time"].dropna()
    return float(decided.astype(bool).mean()) if len(decided) else None


def sheets_of(
    opened: pd.DataFrame, bad: pd.DataFrame, cases: pd.DataFrame, recovering: pd.DataFrame, orders: pd.DataFrame
) -> tuple[Sheet, ...]:
    """All tables: of the cases of the period, of all that are open at its end, and of the orders closed in it."""
    return (
        sheet_of("categories", Bilingual("投诉类别", "Complaints by category"), _CATEGORIES, categories(opened)),
        sheet_of("states", Bilingual("投诉状态", "Complaints by state"), _STATES, states(opened)),
        sheet_of("ages", Bilingual("未了结的时长", "Open cases by age"), _AGES, ages(cases)),
        sheet_of(
            "recovery", Bilingual("挽回与联系时间", "Recovery by time to contact"), _RECOVERY, recovery(recovering)
        ),
        sheet_of("centers", Bilingual("服务中心", "By center"), _CENTERS, centers(opened, bad, orders)),
    )
