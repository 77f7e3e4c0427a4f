"""Report `staff`: what the staff answers, what becomes of its suggestions, and what customers score by subject."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.figure_kinds import quantile_figure, share_of_rows
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import NO_INTERVAL, Bilingual, Column, Definition, Figure, Interval, Report, sheet_of
from fixtrail.reports.sample import ask_by_vehicles
from fixtrail.reports.stats import intervals
from schemas.times import DAY_S

TITLE = Bilingual("员工的声音", "Voice of the staff")
# Of fewer answers nothing is shown: who has answered what could be guessed.
LEAST = 5
PHASES = ("submitted", "accepted", "adopted", "rewarded", "declined")
DEFINITIONS = {
    "staff_score": Definition(
        Bilingual("员工评分", "Staff score"),
        Bilingual(
            "最近一轮员工调查的平均分（0～100）", "mean answer of the newest round of the staff survey, 0 to 100"
        ),
        "points",
        "higher",
    ),
    "suggestions_answered": Definition(
        Bilingual("建议有回音", "Suggestions answered"),
        Bilingual("已被采纳或拒绝的建议 / 已提交的建议", "suggestions with a step beside their submission / submitted"),
        "share",
        "higher",
    ),
    "suggestion_days": Definition(
        Bilingual("回音中位天数", "Median days to an answer"),
        Bilingual(
            "从提交到第一步的中位天数",
            "median days from submitted to the first step; those answered before they were submitted are left out",
        ),
        "days",
        "lower",
        version=2,
    ),
}
METHODS = (
    Bilingual("区间：Student t，95%", "Intervals of means: Student's t, 95 %"),
    Bilingual(
        f"少于 {LEAST} 份回答不显示；若一轮中被隐藏的合计不足 {LEAST} 份，则最小的一组也不显示，否则可由总数推出",
        f"Fewer than {LEAST} answers are not shown; where those hidden in a round are fewer than {LEAST} together, the "
        "smallest role beside them is hidden, too, or they could be worked out from the whole",
    ),
    Bilingual(
        "同一轮中每位回答者的最后一次回答有效；每单最后一次调查有效",
        "Of each respondent in a round, and of each order's surveys, the last answer counts",
    ),
    Bilingual(
        "客户分项评分的区间把中心视为聚类，取与 t 区间中较宽者",
        "Intervals of customers' scores take centers as clusters (CR2), and are never narrower than Student's t",
    ),
)
_INTERVAL = (
    Column("mean", Bilingual("平均", "mean"), "number"),
    *Column.bounds("number"),
)
_N = Column("n", Bilingual("回答", "answers"), "count")
_SURVEY = (
    Column("round", Bilingual("轮次", "round")),
    Column("role", Bilingual("岗位", "role")),
    _N,
    *_INTERVAL,
    Column("hidden", Bilingual("未显示", "hidden")),
)
_SUGGESTIONS = (
    Column("phase", Bilingual("阶段", "phase")),
    Column("reached", Bilingual("到达", "reached"), "count"),
    Column("now", Bilingual("目前", "now"), "count"),
    Column("median_days", Bilingual("距提交中位天数", "median days since submitted"), "number"),
)
_SCORES = (Column("subject", Bilingual("分项", "subject")), _N, *_INTERVAL)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("staff", options)
    parameters, handed_off = ask_scope(ask, options)
    days = {"since": options.since, "until": options.until, "time_zone": options.targets.time_zone}
    return report_of(
        ask("staff_surveys", **days),
        ask("staff_suggestions", **days),
        sums_of(ask_by_vehicles(ask, "staff_subscores", handed_off, **parameters)),
        options,
    )


def report_of(answers: pd.DataFrame, suggestions: pd.DataFrame, scores: pd.DataFrame, options: Options) -> Report:
    """The report from the answers of its three queries."""
    survey = survey_frame(answers)
    sheets = (
        sheet_of("surveys", Bilingual("员工调查", "Staff survey, by round and role"), _SURVEY, survey),
        sheet_of("suggestions", Bilingual("建议", "Suggestions, by phase"), _SUGGESTIONS, phase_frame(suggestions)),
        sheet_of("scores", Bilingual("客户分项评分", "What customers score, by subject"), _SCORES, score_frame(scores)),
    )
    figures = (*_newest(survey), *_answered(suggestions))
    definitions = {figure.figure: DEFINITIONS[figure.figure] for figure in figures}
    scope = options.scope() | {"round": str(survey["round"].iloc[0]) if len(survey) else None}
    return Report("staff", TITLE, REPORTS["staff"], scope, figures, sheets, (), METHODS, definitions)


def survey_frame(answers: pd.DataFrame) -> pd.DataFrame:
    """One row per round and one per role of it, the newest round first; of fewer than five answers no score."""
    began = answers.groupby("round")["first_answer_at"].transform("min") if len(answers) else pd.Series(dtype=object)
    ordered = answers.assign(began=began, whole=answers["role"].isna())
    ordered = ordered.sort_values(
        ["began", "round", "whole", "role"], ascending=[False, True, False, True], kind="stable", ignore_index=True
    )
    hidden = _hidden(ordered)
    bounds = [
        NO_INTERVAL if is_hidden else _within(intervals.mean(row.mean, _number(row.deviation), int(row.n)), 0, 100)
        for row, is_hidden in zip(ordered.itertuples(index=False), hidden, strict=True)
    ]
    return ordered.assign(
        mean=ordered["mean"].where([not is_hidden for is_hidden in hidden]),
        low=[bound.low for bound in bounds],
        high=[bound.high for bound in bounds],
        hidden=hidden,
    )


def _hidden(rows: pd.DataFrame) -> list[bool]:
    """Which rows are not to be shown, so that no few answers can be worked out from the others."""
    hidden = [n < LEAST for n in rows["n"]]
    for name in dict.fromkeys(rows["round"]):
        roles = [i for i, row in enumerate(rows.itertuples()) if row.round == name and not row.whole]
        few = sum(rows["n"].iloc[i] for i in roles if hidden[i])
        shown = [i for i in roles if not hidden[i]]
        if 0 < few < LEAST and shown:
            hidden[min(shown, key=lambda i: (rows["n"].iloc[i], i))] = True
    return hidden


def phase_frame(suggestions: pd.DataFrame) -> pd.DataFrame:
    """How many suggestions came to each phase, how many are in it now, and after how many days they came there."""
    rows = []
    for phase in PHASES:
        at = suggestions[f"{phase}_at"]
        days = _days(suggestions["submitted_at"], at)
        rows.append(
            {
                "phase": phase,
                "reached": int(at.notna().sum()),
                "now": int((suggestions["phase"] == phase).sum()),
                "median_days": None if phase == "submitted" or days.empty else float(days.median()),
            }
        )
    return pd.DataFrame(rows)


def sums_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Query staff_subscores of several ranges of vehicles, added up; in its order."""
    return scores.groupby(["subject", "center_id"], as_index=False, dropna=False).sum()


def score_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of each subject over all centers, those with most answers first."""
    rows = [_score(str(subject), cells) for subject, cells in scores.groupby("subject", sort=True)]
    frame = pd.DataFrame(rows, columns=["subject", "n", "mean", "low", "high"])
    return frame.sort_values(["n", "subject"], ascending=[False, True], kind="stable", ignore_index=True)


def _score(subject: str, cells: pd.DataFrame) -> dict[str, Any]:
    n, total, squares = int(cells["n"].sum()), float(cells["total"].sum()), float(cells["squares"].sum())
    mean = total / n
    deviation = (max(0.0, squares - n * mean * mean) / (n - 1)) ** 0.5 if n > 1 else None
    sizes = [int(size) for size in cells["n"]]
    bounds = _pooled(mean, intervals.mean(mean, deviation, n), sizes, list(cells["total"] / cells["n"]))
    bounds = _within(bounds, 0, 10)
    return {"subject": subject, "n": n, "mean": mean, **bounds.cells()}


def _pooled(mean: float, of_answers: Interval, sizes: Sequence[int], means: Sequence[float]) -> Interval:
    spread = intervals.between_centers(sizes, means)
    if spread is None:
        return of_answers
    return intervals.wider(of_answers, Interval(mean - spread.half, mean + spread.half))


def _within(bounds: Interval, least: float, most: float) -> Interval:
    """The interval as far as scores go."""
    if bounds.low is None or bounds.high is None:
        return NO_INTERVAL
    return Interval(max(least, bounds.low), min(most, bounds.high))


def _newest(survey: pd.DataFrame) -> tuple[Figure, ...]:
    """The mean of the newest round, where enough have answered."""
    complete = survey[survey["whole"]]
    if complete.empty:
        return ()
    row = complete.iloc[0]
    value = None if row["hidden"] else float(row["mean"])
    bounds = Interval(_number(row["low"]), _number(row["high"]))
    n = int(row["n"])
    reason = "hidden" if row["hidden"] else "all_alike" if bounds == NO_INTERVAL and n > 1 else None
    return (Figure("staff_score", value, n, n, bounds, method=intervals.STUDENT, no_interval=reason),)


def _answered(suggestions: pd.DataFrame) -> tuple[Figure, ...]:
    """The share of suggestions that had an answer, and how long that took."""
    submitted = suggestions[suggestions["submitted_at"].notna()]
    if submitted.empty:
        return ()
    n, n_all, is_answered = len(submitted), len(suggestions), submitted["answered_at"].notna()
    days = _days(submitted["submitted_at"], submitted["answered_at"])
    unknown, n_answered = {"not_submitted": n_all - n}, int(is_answered.sum())
    untimed = {**unknown, "not_answered": n - n_answered, "answered_before": n_answered - len(days)}
    return (
        share_of_rows("suggestions_answered", is_answered, submitted["center_id"], n_all, unknown),
        quantile_figure("suggestion_days", days, 0.5, n_all, untimed),
    )


def _days(since: "pd.Series[Any]", until: "pd.Series[Any]") -> "pd.Series[Any]":
    """Days from one to the other where both are known; an answer stamped before its question tells nothing."""
    both = since.notna() & until.notna() & ~(until < since)
    pairs: list[tuple[datetime, datetime]] = list(zip(since[both], until[both], strict=True))
    return pd.Series([(b - a).total_seconds() / DAY_S for a, b in pairs], dtype="float64")


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
