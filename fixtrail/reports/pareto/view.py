"""Report `pareto` as tables, pictures and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.drivers.view import REASONS
from fixtrail.reports.drivers.visits import CAUSES, DRIVERS, JOINT, NAMES
from fixtrail.reports.pareto.loss import TOP, Loss, Solved, WhatIf
from fixtrail.reports.report import Column, Definition, Figure, Interval, Locale, Sheet, Words
from fixtrail.reports.stats.segments import Identity, Segment

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

RESIDUAL = "residual"
CAUSE_NAMES = {**NAMES, RESIDUAL: Words("未解释", "unexplained")}
WAIT_NAMES = {cause: NAMES[f"wait_{cause}"] for cause in CAUSES}
CUT_NAMES = {
    **NAMES,
    "center_id": Words("服务中心", "center"),
    "region": Words("区域", "region"),
    "lane": Words("通道", "lane"),
    "fault_origin": Words("故障来源", "fault origin"),
}
DEFINED = {
    "nps": DEFINITIONS["nps"],
    "nps_top_solved": Definition(
        Words(f"解决前 {TOP} 个原因后的 NPS", f"NPS if the top {TOP} causes were solved"),
        Words(
            f"两个 logistic 模型在前 {TOP} 个原因解决、其余不变时的期望",
            f"what the two logistic models expect with the {TOP} largest causes solved and all else as it was",
        ),
        "nps",
        "higher",
    ),
    "detractors_unexplained": Definition(
        Words("未解释的批评者占比", "Detractors that no cause explains"),
        Words(
            "所有原因都解决后仍期望存在的批评者 / 批评者",
            "detractors still expected with every cause solved / detractors",
        ),
        "share",
        "lower",
    ),
}


def figures(found: Loss, rows: pd.DataFrame) -> tuple[Figure, ...]:
    """The NPS now and with the top causes solved, and the part of the detractors that stays unexplained."""
    method = "logistic_bootstrap"
    nps = None if found.n == 0 else found.nps
    known = [Figure("nps", nps, found.n, len(rows), period="usable")]
    if top := top_solved(found):
        known.append(Figure("nps_top_solved", top.nps, found.n, len(rows), Interval(top.low, top.high), method=method))
    if found.shares:
        known.append(Figure("detractors_unexplained", found.residual, found.n, len(rows), method=method))
    return tuple(known)


def top_solved(found: Loss) -> WhatIf | None:
    """What would be with the TOP largest causes solved, or all where there are fewer."""
    size = min(TOP, len(found.shares))
    return next((each for each in found.what_if if len(each.solved) == size), None)


def share_sheet(found: Loss) -> Sheet:
    columns = (
        Column("rank", Words("名次", "rank"), "count"),
        Column("driver", Words("原因", "cause"), words=CAUSE_NAMES),
        Column("orders", Words("涉及工单", "orders concerned"), "count"),
        Column("share", Words("批评者占比", "share of detractors"), "share"),
        Column("low", Words("下限", "low"), "share"),
        Column("high", Words("上限", "high"), "share"),
        Column("cumulative", Words("累计", "cumulative"), "share"),
        Column("alone", Words("只解决它", "if it alone were solved"), "share"),
        Column("last", Words("最后解决它", "if it were solved last"), "share"),
        Column("nps_points", Words("NPS 分", "NPS points"), "number"),
        Column("nps_low", Words("分下限", "points low"), "number"),
        Column("nps_high", Words("分上限", "points high"), "number"),
        Column("not_estimable", Words("无法估计的原因", "not estimable because"), words=REASONS),
    )
    rows: list[dict[str, Any]] = []
    cumulative = 0.0
    for rank, each in enumerate(found.shares, 1):
        cumulative += each.share
        rows.append(
            {
                "rank": rank,
                "driver": each.driver,
                "orders": each.orders,
                "share": each.share,
                "low": each.low,
                "high": each.high,
                "cumulative": cumulative,
                "alone": each.alone,
                "last": each.last,
                "nps_points": each.nps_points,
                "nps_low": each.nps_low,
                "nps_high": each.nps_high,
                "not_estimable": None,
                "n": found.n,
                "detractors": found.detractors,
                "method": "logistic_shapley_bootstrap",
            }
        )
    if found.shares:
        rows.append({"driver": RESIDUAL, "share": found.residual, "cumulative": cumulative + found.residual})
    rows += [{"driver": name, "not_estimable": reason} for name, reason in found.left_out.items()]
    return Sheet(
        "pareto",
        Words("批评者从何而来", "Where detractors come from"),
        columns,
        tuple({**dict.fromkeys(column.name for column in columns), **row} for row in rows),
        Words(
            "各份额与剩余之和为 100%；重叠按 Shapley 值分摊，“只解决”与“最后解决”给出重叠的大小。",
            "The shares and the residual add up to 100 %. Overlaps are shared by Shapley's value; “alone” and “last” "
            "tell how large they are.",
        ),
    )


def what_if_sheet(found: Loss) -> Sheet:
    columns = (
        Column("solved", Words("已解决", "solved")),
        Column("nps", Words("NPS", "NPS"), "nps"),
        Column("low", Words("下限", "low"), "nps"),
        Column("high", Words("上限", "high"), "nps"),
        Column("gain", Words("提高", "gain"), "number"),
        Column("gain_low", Words("提高下限", "gain low"), "number"),
        Column("gain_high", Words("提高上限", "gain high"), "number"),
    )
    rows: list[dict[str, Any]] = []
    if found.n:
        rows = [{**dict.fromkeys(column.name for column in columns), "solved": [], "nps": found.nps}]
    rows += [
        {
            "solved": list(each.solved),
            "nps": each.nps,
            "low": each.low,
            "high": each.high,
            "gain": each.gain,
            "gain_low": each.gain_low,
            "gain_high": each.gain_high,
            "n": found.n,
            "method": "logistic_bootstrap",
        }
        for each in found.what_if
    ]
    return Sheet(
        "what_if",
        Words("解决之后的 NPS", "The NPS if they were solved"),
        columns,
        tuple(rows),
        Words(
            "区间来自对工单的自助抽样；它假定模型把因果说对了。",
            "Ranges by a bootstrap over orders; they suppose that what the model found is cause, not company.",
        ),
    )


def wait_sheet(found: Loss) -> Sheet:
    columns = (
        Column("cause", Words("等待原因", "cause of the wait"), words=WAIT_NAMES),
        Column("share", Words("批评者占比", "share of detractors"), "share"),
    )
    rows = tuple({"cause": cause, "share": found.by_cause_of_wait[cause]} for cause in CAUSES if found.by_cause_of_wait)
    return Sheet("wait_by_cause", Words("等待的份额按原因", "The wait's share by its cause"), columns, rows)


def segment_sheet(parts: Sequence[Segment]) -> Sheet:
    columns = (
        Column("cut", Words("维度", "cut"), words=CUT_NAMES),
        Column("segment", Words("分组", "segment")),
        Column("n", Words("评分数", "n"), "count"),
        Column("share", Words("占比", "share"), "share"),
        Column("nps", Words("NPS", "NPS"), "nps"),
        Column("points", Words("贡献（占比 × NPS）", "points (share x NPS)"), "number"),
    )
    rows: tuple[dict[str, Any], ...] = tuple(
        {column.name: getattr(part, column.name) for column in columns} for part in parts
    )
    return Sheet("segments", Words("分组的 NPS", "NPS by segment"), columns, rows, shown=60)


def identity_sheet(identities: Sequence[Identity]) -> Sheet:
    columns = (
        Column("cut", Words("维度", "cut"), words=CUT_NAMES),
        Column("sum", Words("Σ 占比 × NPS", "sum of share x NPS"), "nps"),
        Column("nps", Words("NPS", "NPS"), "nps"),
        Column("difference", Words("差", "difference"), "number"),
    )
    rows = tuple(
        {"cut": each.cut, "sum": each.total, "nps": each.nps, "difference": each.difference} for each in identities
    )
    return Sheet("identity", Words("分组之和等于总体", "Segments add up to the whole"), columns, rows)


def methods(found: Loss, solved: Solved) -> tuple[Words, ...]:
    adjusted = ", ".join(found.adjusted_for) or "–"
    return (
        Words(
            f"两个 logistic 模型（0–6 分；9–10 分），因素为 {', '.join(DRIVERS[n].title.zh for n in JOINT)}，"
            f"校正 {adjusted}；用评分与所有因素都已知的工单。",
            f"Two logistic models (scores 0-6; 9-10) on {', '.join(DRIVERS[n].title.en.lower() for n in JOINT)}, "
            f"adjusted for {adjusted}, over the orders of which score and every driver are known.",
        ),
        Words(
            f"“解决”指：等待不超过 {solved.wait_min:g} 分钟，至少 {solved.updates:g} 次进度通知，一次修复，"
            "不缺件，守承诺，不超报价。",
            f"Solved means: wait at most {solved.wait_min:g} min, at least {solved.updates:g} progress update(s), "
            "fixed first time, no stock-out, promise kept, price not over quote.",
        ),
        Words(
            "重叠：Shapley 值（对解决的所有先后次序取平均）；等待内部按原因用 Owen 值，合计等于等待的份额。",
            "Overlaps: Shapley's value, the mean over every order of solving; within the wait Owen's value, so that "
            "its causes add up to its share.",
        ),
        Words(
            f"区间：对工单自助抽样 {found.replicates} 次，重新拟合，2.5% 与 97.5% 分位。",
            f"Ranges: {found.replicates} bootstrap samples of the orders, models fitted again, 2.5 % and "
            "97.5 % quantiles.",
        ),
    )


def draw(found: Loss, locale: Locale) -> Picture:
    """Bars with their ranges, the line of the cumulative share over them, the residual last."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, MUTED, picture

    made, axes = picture(8.0, 4.5)
    names = [DRIVERS[each.driver].title.said(locale) for each in found.shares]
    names.append(CAUSE_NAMES[RESIDUAL].said(locale))
    heights = [100 * each.share for each in found.shares] + [100 * found.residual]
    colours = [COLOURS[0]] * len(found.shares) + [MUTED]
    axes.bar(range(len(names)), heights, color=colours, width=0.65)
    for place, each in enumerate(found.shares):
        axes.plot([place, place], [100 * each.low, 100 * each.high], color=INK, linewidth=1.5)
    line = [sum(heights[: place + 1]) for place in range(len(heights))]
    axes.plot(range(len(names)), line, "o-", color=COLOURS[1], markersize=4)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.grid(axis="x", visible=False)
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set_ylabel(Words("批评者占比 %，折线为累计", "% of detractors; line: cumulative").said(locale))
    return made


def draw_what_if(found: Loss, locale: Locale) -> Picture:
    """The NPS as it is and as causes are solved one after the other, with ranges."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, MUTED, picture

    made, axes = picture(8.0, 1.2 + 0.55 * (1 + len(found.what_if)))
    labels = [Words("现在", "now").said(locale)]
    labels += [" + ".join(DRIVERS[name].title.said(locale) for name in each.solved[:TOP]) for each in found.what_if]
    if found.what_if and len(found.what_if[-1].solved) > TOP:
        labels[-1] = Words("全部", "all").said(locale)
    axes.plot([found.nps], [0], "o", color=INK, markersize=6)
    axes.axvline(found.nps, color=MUTED, linewidth=1)
    for place, each in enumerate(found.what_if, 1):
        axes.plot([each.low, each.high], [place, place], color=COLOURS[0], linewidth=2)
        axes.plot([each.nps], [place], "o", color=COLOURS[0], markersize=6)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(Words("NPS，95% 区间", "NPS, 95 % range").said(locale))
    return made
