"""Report `pareto` as tables, pictures and words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.drivers.view import REASONS
from fixtrail.reports.drivers.visits import CAUSES, DRIVERS, JOINT, NAMES
from fixtrail.reports.figure_kinds import nps_figure
from fixtrail.reports.pareto.loss import TOP, Loss, SolvedCauses, SolvedLevels
from fixtrail.reports.report import Bilingual, Column, Definition, Figure, Interval, Locale, Picture, Sheet
from fixtrail.reports.stats.segments import Identity, SegmentShare

RESIDUAL = "residual"
CAUSE_NAMES = {**NAMES, RESIDUAL: Bilingual("未解释", "unexplained")}
WAIT_NAMES = {cause: NAMES[f"wait_{cause}"] for cause in CAUSES}
CUT_NAMES = {
    **NAMES,
    "center_id": Bilingual("服务中心", "center"),
    "region": Bilingual("区域", "region"),
    "lane": Bilingual("通道", "lane"),
    "fault_origin": Bilingual("故障来源", "fault origin"),
}
DEFINED = {
    "nps": DEFINITIONS["nps"],
    "nps_top_solved": Definition(
        Bilingual(f"解决前 {TOP} 个原因后的 NPS", f"NPS if the top {TOP} causes were solved"),
        Bilingual(
            f"两个 logistic 模型在前 {TOP} 个原因解决、其余不变时的期望",
            f"what the two logistic models expect with the {TOP} largest causes solved and all else as it was",
        ),
        "nps",
        "higher",
    ),
    "detractors_unexplained": Definition(
        Bilingual("未解释的批评者占比", "Detractors that no cause explains"),
        Bilingual(
            "所有原因都解决后仍期望存在的批评者 / 批评者",
            "detractors still expected with every cause solved / detractors",
        ),
        "share",
        "lower",
    ),
}


def figures(result: Loss, rows: pd.DataFrame) -> tuple[Figure, ...]:
    """The NPS now and with the top causes solved, and the part of the detractors that stays unexplained."""
    method = "logistic_bootstrap"
    left_out = {"no_score": len(rows) - result.n_scored, "no_driver": result.n_scored - result.n}
    rows_of_figures = [replace(nps_figure("nps", result.votes, len(rows), left_out), period="usable")]
    if top := top_solved(result):
        rows_of_figures.append(
            Figure(
                "nps_top_solved",
                top.nps,
                result.n,
                len(rows),
                Interval(top.low, top.high),
                method=method,
                left_out=left_out,
            )
        )
    if result.shares:
        rows_of_figures.append(
            Figure(
                "detractors_unexplained",
                result.residual,
                result.n,
                len(rows),
                method=method,
                left_out=left_out,
                no_interval="descriptive",
            )
        )
    return tuple(rows_of_figures)


def top_solved(result: Loss) -> SolvedCauses | None:
    """What would be with the TOP largest causes solved, or all where there are fewer."""
    size = min(TOP, len(result.shares))
    return next((scenario for scenario in result.what_if if len(scenario.solved) == size), None)


def share_sheet(result: Loss) -> Sheet:
    columns = (
        Column("rank", Bilingual("名次", "rank"), "count"),
        Column("driver", Bilingual("原因", "cause"), words=CAUSE_NAMES),
        Column("orders", Bilingual("涉及工单", "orders concerned"), "count"),
        Column("share", Bilingual("批评者占比", "share of detractors"), "share"),
        *Column.bounds("share"),
        Column("cumulative", Bilingual("累计", "cumulative"), "share"),
        Column("alone", Bilingual("只解决它", "if it alone were solved"), "share"),
        Column("last", Bilingual("最后解决它", "if it were solved last"), "share"),
        Column("nps_points", Bilingual("NPS 分", "NPS points"), "number"),
        Column("nps_low", Bilingual("分下限", "points low"), "number"),
        Column("nps_high", Bilingual("分上限", "points high"), "number"),
        Column("not_estimable", Bilingual("无法估计的原因", "not estimable because"), words=REASONS),
    )
    rows: list[dict[str, Any]] = []
    cumulative = 0.0
    for rank, share in enumerate(result.shares, 1):
        cumulative += share.share
        rows.append(
            {
                "rank": rank,
                "driver": share.driver,
                "orders": share.orders,
                "share": share.share,
                "low": share.low,
                "high": share.high,
                "cumulative": cumulative,
                "alone": share.alone,
                "last": share.last,
                "nps_points": share.nps_points,
                "nps_low": share.nps_low,
                "nps_high": share.nps_high,
                "not_estimable": None,
                "n": result.n,
                "detractors": result.detractors,
                "method": "logistic_shapley_bootstrap",
            }
        )
    if result.shares:
        rows.append({"driver": RESIDUAL, "share": result.residual, "cumulative": cumulative + result.residual})
    rows += [{"driver": name, "not_estimable": reason} for name, reason in result.left_out.items()]
    return Sheet(
        "pareto",
        Bilingual("批评者从何而来", "Where detractors come from"),
        columns,
        tuple({**dict.fromkeys(column.name for column in columns), **row} for row in rows),
        Bilingual(
            "各份额与剩余之和为 100%；重叠按 Shapley 值分摊，“只解决”与“最后解决”给出重叠的大小。",
            "The shares and the residual add up to 100 %. Overlaps are shared by Shapley's value; “alone” and “last” "
            "tell how large they are.",
        ),
    )


def what_if_sheet(result: Loss) -> Sheet:
    columns = (
        Column("solved", Bilingual("已解决", "solved")),
        Column("nps", Bilingual("NPS", "NPS"), "nps"),
        *Column.bounds("nps"),
        Column("gain", Bilingual("提高", "gain"), "number"),
        Column("gain_low", Bilingual("提高下限", "gain low"), "number"),
        Column("gain_high", Bilingual("提高上限", "gain high"), "number"),
    )
    rows: list[dict[str, Any]] = []
    if result.n:
        rows = [{**dict.fromkeys(column.name for column in columns), "solved": [], "nps": result.nps}]
    rows += [
        {
            "solved": list(scenario.solved),
            "nps": scenario.nps,
            "low": scenario.low,
            "high": scenario.high,
            "gain": scenario.gain,
            "gain_low": scenario.gain_low,
            "gain_high": scenario.gain_high,
            "n": result.n,
            "method": "logistic_bootstrap",
        }
        for scenario in result.what_if
    ]
    return Sheet(
        "what_if",
        Bilingual("解决之后的 NPS", "The NPS if they were solved"),
        columns,
        tuple(rows),
        Bilingual(
            "区间来自对工单的自助抽样；它假定模型把因果说对了。",
            "Ranges by a bootstrap over orders; they suppose that what the model found is cause, not company.",
        ),
    )


def wait_sheet(result: Loss) -> Sheet:
    columns = (
        Column("cause", Bilingual("等待原因", "cause of the wait"), words=WAIT_NAMES),
        Column("share", Bilingual("批评者占比", "share of detractors"), "share"),
    )
    rows = tuple(
        {"cause": cause, "share": result.by_cause_of_wait[cause]} for cause in CAUSES if result.by_cause_of_wait
    )
    return Sheet("wait_by_cause", Bilingual("等待的份额按原因", "The wait's share by its cause"), columns, rows)


def segment_sheet(parts: Sequence[SegmentShare]) -> Sheet:
    columns = (
        Column("cut", Bilingual("维度", "cut"), words=CUT_NAMES),
        Column("segment", Bilingual("分组", "segment")),
        Column("n", Bilingual("评分数", "n"), "count"),
        Column("share", Bilingual("占比", "share"), "share"),
        Column("nps", Bilingual("NPS", "NPS"), "nps"),
        Column("points", Bilingual("贡献（占比 × NPS）", "points (share x NPS)"), "number"),
    )
    rows: tuple[dict[str, Any], ...] = tuple(
        {column.name: getattr(part, column.name) for column in columns} for part in parts
    )
    return Sheet("segments", Bilingual("分组的 NPS", "NPS by segment"), columns, rows, shown=60)


def identity_sheet(identities: Sequence[Identity]) -> Sheet:
    columns = (
        Column("cut", Bilingual("维度", "cut"), words=CUT_NAMES),
        Column("sum", Bilingual("Σ 占比 × NPS", "sum of share x NPS"), "nps"),
        Column("nps", Bilingual("NPS", "NPS"), "nps"),
        Column("difference", Bilingual("差", "difference"), "number"),
    )
    rows = tuple(
        {"cut": identity.cut, "sum": identity.total, "nps": identity.nps, "difference": identity.difference}
        for identity in identities
    )
    return Sheet("identity", Bilingual("分组之和等于总体", "Segments add up to the whole"), columns, rows)


def methods(result: Loss, solved: SolvedLevels) -> tuple[Bilingual, ...]:
    adjusted = ", ".join(result.adjusted_for) or "–"
    return (
        Bilingual(
            f"两个 logistic 模型（0–6 分；9–10 分），因素为 {', '.join(DRIVERS[n].title.zh for n in JOINT)}，"
            f"校正 {adjusted}；用评分与所有因素都已知的工单。",
            f"Two logistic models (scores 0-6; 9-10) on {', '.join(DRIVERS[n].title.en.lower() for n in JOINT)}, "
            f"adjusted for {adjusted}, over the orders of which score and every driver are known.",
        ),
        Bilingual(
            f"“解决”指：等待不超过 {solved.wait_min:g} 分钟，至少 {solved.updates:g} 次进度通知，一次修复，"
            "不缺件，守承诺，不超报价。",
            f"Solved means: wait at most {solved.wait_min:g} min, at least {solved.updates:g} progress update(s), "
            "fixed first time, no stock-out, promise kept, price not over quote.",
        ),
        Bilingual(
            "重叠：Shapley 值（对解决的所有先后次序取平均）；等待内部按原因用 Owen 值，合计等于等待的份额。",
            "Overlaps: Shapley's value, the mean over every order of solving; within the wait Owen's value, so that "
            "its causes add up to its share.",
        ),
        Bilingual(
            f"区间：对工单自助抽样 {result.replicates} 次，重新拟合，2.5% 与 97.5% 分位。",
            f"Ranges: {result.replicates} bootstrap samples of the orders, models fitted again, 2.5 % and "
            "97.5 % quantiles.",
        ),
    )


def draw(result: Loss, locale: Locale) -> Picture:
    """Bars with their ranges, the line of the cumulative share over them, the residual last."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, MUTED, picture

    drawing, axes = picture(8.0, 4.5)
    names = [DRIVERS[share.driver].title.in_locale(locale) for share in result.shares]
    names.append(CAUSE_NAMES[RESIDUAL].in_locale(locale))
    heights = [100 * share.share for share in result.shares] + [100 * result.residual]
    colours = [COLOURS[0]] * len(result.shares) + [MUTED]
    axes.bar(range(len(names)), heights, color=colours, width=0.65)
    for index, share in enumerate(result.shares):
        axes.plot([index, index], [100 * share.low, 100 * share.high], color=INK, linewidth=1.5)
    line = [sum(heights[: index + 1]) for index in range(len(heights))]
    axes.plot(range(len(names)), line, "o-", color=COLOURS[1], markersize=4)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.grid(axis="x", visible=False)
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set_ylabel(Bilingual("批评者占比 %，折线为累计", "% of detractors; line: cumulative").in_locale(locale))
    return drawing


def draw_what_if(result: Loss, locale: Locale) -> Picture:
    """The NPS as it is and as causes are solved one after the other, with ranges."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, MUTED, picture

    drawing, axes = picture(8.0, 1.2 + 0.55 * (1 + len(result.what_if)))
    labels = [Bilingual("现在", "now").in_locale(locale)]
    labels += [
        " + ".join(DRIVERS[name].title.in_locale(locale) for name in scenario.solved[:TOP])
        for scenario in result.what_if
    ]
    if result.what_if and len(result.what_if[-1].solved) > TOP:
        labels[-1] = Bilingual("全部", "all").in_locale(locale)
    axes.plot([result.nps], [0], "o", color=INK, markersize=6)
    axes.axvline(result.nps, color=MUTED, linewidth=1)
    for index, scenario in enumerate(result.what_if, 1):
        axes.plot([scenario.low, scenario.high], [index, index], color=COLOURS[0], linewidth=2)
        axes.plot([scenario.nps], [index], "o", color=COLOURS[0], markersize=6)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(Bilingual("NPS，95% 区间", "NPS, 95 % range").in_locale(locale))
    return drawing
