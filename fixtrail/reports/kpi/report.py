"""Report `kpi`: the figures of CONTRACT section 4 by period and cut, each with n, interval, target and status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from fixtrail.reports.ask import Ask
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.kpi.charts import charts_of
from fixtrail.reports.kpi.waits import Waits, ask_waits, key_of, keys_of, wait_figures
from fixtrail.reports.options import Options
from fixtrail.reports.periods import DAYS_A_MONTH, Asked, ask_periods, bucket_days
from fixtrail.reports.report import NO_INTERVAL, Figure, Report, Words, plain
from fixtrail.reports.stats import intervals
from fixtrail.reports.status import status
from fixtrail.reports.targets import Targets

TITLE = Words("指标总览", "KPI table")
QUESTION = Words(
    "我们做得怎么样，是否达标？有多少数据支持，误差多大？",
    "How good are we, and is that what we aimed at? From how much data, and how sure?",
)
STATUS_RULE = Words(
    "达标：整个区间不劣于目标；未达标：整个区间劣于目标；否则无法区分。未给出 n 的数字按其本身判断",
    "met: the whole interval is as good as the target or better; missed: all of it is worse; otherwise not "
    "distinguishable. A number told without n is judged as it stands",
)
METHODS = (
    Words(
        "95% 区间：比率用 Wilson；NPS 用调整 Wald（加 3 个虚拟评分）；平均等待用 t；"
        "中位数与 90 分位用次序统计量（二项分布）；投诉用泊松精确区间",
        "95 % intervals: shares by Wilson; NPS by adjusted Wald (three pseudo-answers); mean wait by Student's t; "
        "median and 90th percentile by order statistics (binomial ranks); complaints by the exact Poisson interval",
    ),
    Words(
        "同一中心的等待彼此相似：有两个及以上中心时，等待的区间以中心为聚类（CR2，Bell 与 McCaffrey 2002；"
        "分位数用 Woodruff 1952），取其与仅按工单计算者中较宽的一端",
        "Waits at one center resemble each other: over two or more centers their intervals have centers as clusters "
        "(CR2, Bell and McCaffrey 2002; quantiles by Woodruff 1952), or are those of the orders alone where these are "
        "wider",
    ),
    STATUS_RULE,
    Words(
        "有时段或按日/周/月时，只计该时段内交车的工单；否则计全部工单。分位数在名次间线性插值",
        "with days given, or by day, week or month, only orders handed off in them count; otherwise all orders. "
        "Quantiles are linear between ranks",
    ),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    asked = ask_periods(ask, options)
    figures = [figure for period in asked for figure in _figures_of_period(ask, options, period)]
    return report_of(judged(figures, options.targets), options, asked)


def report_of(figures: Sequence[Figure], options: Options, asked: Sequence[Asked] = ()) -> Report:
    """The report of figures that are known, from wherever."""
    scope = {**options.scope(), "periods": {period.name: period.title for period in asked}}
    sheets, charts = charts_of(figures, scope["periods"])
    return Report("kpi", TITLE, QUESTION, scope, tuple(figures), sheets, charts, METHODS, DEFINITIONS)


def _figures_of_period(ask: Ask, options: Options, period: Asked) -> list[Figure]:
    parameters = period.parameters(options)
    counts, emergencies = ask("kpi", **parameters), ask("kpi_emergencies", **parameters)
    waits = ask_waits(ask, counts, parameters)
    return figures_of(counts, emergencies, waits, period, options.by)


def figures_of(
    counts: pd.DataFrame, emergencies: pd.DataFrame, waits: Mapping[str, Waits], period: Asked, by: str | None
) -> list[Figure]:
    """All figures of one period from the answers of kpi and kpi_emergencies and what bounds the waits, by key."""
    rushed = dict(zip(keys_of(emergencies), emergencies.to_dict("records"), strict=True))
    found = []
    rows = counts.to_dict("records")
    if not rows and by is None:
        # Nothing is an answer, too: every figure with n = 0.
        rows = [{**dict.fromkeys(counts.columns, 0), "key": ""}]
    for row in rows:
        key = key_of(row["key"])
        shown = None if by is None else plain(row["key"])
        days = bucket_days(by, key, period) if by in ("day", "week", "month") else period.days
        of_key = _figures(row, rushed.get(key, {}), waits.get(key), days / DAYS_A_MONTH)
        found += [replace(figure, period=period.name, by=by, key=shown) for figure in of_key]
    return found


def _figures(row: Mapping[Any, Any], rushed: Mapping[Any, Any], waits: Waits | None, months: float) -> Iterator[Figure]:
    """One key's figures."""
    n, handed_off = int(row["scores"]), int(row["handed_off"])
    yield Figure(
        "nps",
        100 * (int(row["promoters"]) - int(row["detractors"])) / n if n else None,
        n,
        int(row["orders"]),
        intervals.nps(int(row["promoters"]), int(row["detractors"]), n),
        method=intervals.ADJUSTED_WALD,
    )
    young = int(row["judged"] - row["judged_confirmed"])
    yield _share("ftfr", row["fixed"], row["judged"], handed_off)
    yield _share("ftfr_confirmed", row["fixed_confirmed"], row["judged_confirmed"], row["judged"])
    yield _share("ftfr_provisional", row["fixed"] - row["fixed_confirmed"], young, row["judged"])
    yield from wait_figures(row, waits)
    complaints = int(row["complaints"])
    for name, exposure in (("complaints_per_100", handed_off / 100), ("complaints_per_month", months)):
        yield Figure(
            name,
            complaints / exposure if handed_off and exposure else None,
            handed_off,
            handed_off,
            intervals.count(complaints, exposure) if handed_off else NO_INTERVAL,
            complaints,
            method=intervals.POISSON,
        )
    yield _share("stockout_rate", row["backordered"], row["requests"], row["requests"])
    asked_for = rushed.get("emergencies", 0)
    yield _share("emergency_in_time", rushed.get("in_time", 0), asked_for, asked_for)
    yield _share("quick_lane_in_time", row["quick_in_time"], row["quick_ready"], row["quick"])
    yield _share("promise_kept", row["promise_kept"], row["promised"], row["orders"])
    yield _share("quote_kept", row["quote_kept"], row["quoted"], handed_off)


def _share(name: str, count: float, n: float, n_all: float) -> Figure:
    held, usable = int(count), int(n)
    return Figure(
        name,
        held / usable if usable else None,
        usable,
        int(n_all),
        intervals.share(held, usable),
        held,
        method=intervals.WILSON,
    )


def judged(figures: Sequence[Figure], targets: Targets) -> list[Figure]:
    """The same figures with their targets and whether they were met."""
    known = {(figure.figure, figure.period, figure.key): figure for figure in figures}
    return [_judged(figure, targets, known) for figure in figures]


def _judged(figure: Figure, targets: Targets, known: Mapping[tuple[str, str, str | None], Figure]) -> Figure:
    better = DEFINITIONS[figure.figure].better
    assert better is not None
    if (relative := targets.relative.get(figure.figure)) is not None:
        base = known.get((figure.figure, relative.period, figure.key))
        if base is None or base is figure or not base.value or figure.value is None:
            return figure
        # The target is itself a count: what is judged is the ratio of both.
        ratio = intervals.rate_ratio(figure.count or 0, figure.n or 0, base.count or 0, base.n or 0)
        verdict = status(figure.value / base.value, ratio, relative.times, better, figure.n)
        return replace(figure, target=relative.times * base.value, status=verdict)
    target = targets.values.get(figure.figure)
    return replace(figure, target=target, status=status(figure.value, figure.interval, target, better, figure.n))
