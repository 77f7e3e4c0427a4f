"""Report `pilot` as tables, pictures and words."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.pilot.judge import Judged, Plan, day_of
from fixtrail.reports.report import Column, Definition, Figure, Interval, Locale, Sheet, Words
from fixtrail.reports.stats.panel import RATIOS, Comparison
from fixtrail.reports.stats.randomization import Difference

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

TITLES = {name: DEFINITIONS[name].title for name in RATIOS}
# How a reader is told a difference: times so much, in this unit.
SHOWN: Mapping[str, tuple[float, Words]] = {
    "wait_mean_s": (1 / 60, Words("分钟", "min")),
    "ftfr_confirmed": (100.0, Words("百分点", "%-points")),
    "nps": (1.0, Words("分", "points")),
    "complaints_per_100": (1.0, Words("每百单", "per 100")),
}
ABOUT = {
    **{name: DEFINITIONS[name].text for name in RATIOS},
    "ftfr_confirmed": Words(
        "一次修复的工单 / 已判定的工单，仅限交车已满 30 天",
        "orders fixed first time / orders judged, of those handed off more than 30 days ago",
    ),
}
UNITS = {unit.en: unit for _, unit in SHOWN.values()}
DEFINED = {
    f"effect_{name}": Definition(
        Words(f"试点效果：{TITLES[name].zh}", f"Effect of the pilot: {TITLES[name].en}"),
        Words(
            f"试点中心的变化减去对照中心的变化（各中心等权）。指标：{ABOUT[name].zh}",
            f"mean change of the pilot centers less that of centers not yet changed over, each center counted once. "
            f"The figure: {ABOUT[name].en}",
        ),
        DEFINITIONS[name].unit,
        DEFINITIONS[name].better,
    )
    for name in RATIOS
}
VERDICTS = {
    "effect": Words("有效果", "effect"),
    "no_effect_shown": Words("未显示效果", "no effect shown"),
    "not_testable": Words("中心太少，无法检验", "too few centers to test"),
}

DECISIONS = {
    "go": Words("推广", "go"),
    "no_go": Words("不推广", "no go"),
    "not_decided": Words("未定", "not decided"),
}
SIDES = {"at_least": Words("至少", "at least"), "at_most": Words("至多", "at most")}
CRITERIA = {
    "declared_before_start": Words("阈值在起始前声明", "thresholds declared before the start"),
    "quiet_before_start": Words("起始前与对照无差异", "no difference before the start"),
    "thresholds": Words("阈值", "thresholds"),
    "pilot": Words("试点", "pilot"),
    "decision": Words("结论", "decision"),
    **{
        f"{name}_{side}": Words(f"{TITLES[name].zh}：效果{words.zh}", f"{TITLES[name].en}: effect {words.en}")
        for name in RATIOS
        for side, words in SIDES.items()
    },
}
REASONS = {
    "in_time": Words("及时声明", "declared in time"),
    "declared_later": Words("起始之后才声明", "declared only after the start"),
    "no_date_of_declaration": Words("没有声明日期", "the targets name no date of declaration"),
    "none_declared": Words("没有声明阈值", "the targets declare no thresholds"),
    "as_the_others": Words("假想日期没有效果", "placebo dates show nothing"),
    "differed_before": Words("假想日期已有差异", "placebo dates show a difference"),
    "too_short_before": Words("起始前时间太短", "too short a time before the start"),
    "whole_interval_meets": Words("整个区间达到阈值", "the whole interval is at the threshold or better"),
    "whole_interval_misses": Words("整个区间未达到阈值", "the whole interval is worse than the threshold"),
    "threshold_inside_interval": Words("阈值在区间之内", "the threshold lies within the interval"),
    "no_pilot_wave": Words("没有试点批次", "there is no such wave"),
    "no_pilots": Words("试点中心没有数据", "no data of pilot centers"),
    "no_controls": Words("没有可对照的中心", "no center had not changed over"),
    "nothing_before": Words("起始前没有数据", "no data before the start"),
    "nothing_after": Words("起始后没有数据", "no data after the start"),
}


def figures(judged: Judged) -> tuple[Figure, ...]:
    """The effect on each figure in the figure's own unit, with its interval."""
    return tuple(
        Figure(
            f"effect_{name}",
            each.comparison.difference.value,
            each.comparison.n,
            each.comparison.n_all,
            Interval(_finite(each.comparison.difference.low), _finite(each.comparison.difference.high)),
            period="pilot",
            method=each.comparison.difference.method,
        )
        for name, each in judged.effects.items()
    )


def effect_sheet(judged: Judged) -> Sheet:
    columns = (
        Column("figure", Words("指标", "figure"), words=TITLES),
        Column("unit", Words("单位", "unit"), words=UNITS),
        Column("pilot_before", Words("试点前", "pilots before"), "number"),
        Column("pilot_after", Words("试点后", "pilots after"), "number"),
        Column("control_before", Words("对照前", "controls before"), "number"),
        Column("control_after", Words("对照后", "controls after"), "number"),
        *_difference_columns(),
        Column("p_holm", Words("p（Holm）", "p (Holm)"), "p"),
        Column("verdict", Words("结论", "verdict"), words=VERDICTS),
        Column("pilots", Words("试点中心", "pilot centers"), "count"),
        Column("controls", Words("对照中心", "control centers"), "count"),
        Column("n", Words("n", "n"), "count"),
        Column("left_out", Words("未计入的中心", "centers left out")),
        Column("not_estimable", Words("无法估计的原因", "not estimable because"), words=REASONS),
    )
    rows = tuple(
        {
            **_compared(each.comparison),
            "p_holm": each.p_holm,
            "verdict": each.verdict,
            "smallest_p": each.comparison.difference.smallest_p,
            "assignments": each.comparison.difference.ways,
            "method": each.comparison.difference.method,
        }
        for each in judged.effects.values()
    )
    return Sheet("effects", Words("试点的效果", "Effects of the pilot"), columns, rows)


def gate_sheet(judged: Judged) -> Sheet:
    columns = (
        Column("criterion", Words("条件", "criterion"), words=CRITERIA),
        Column("threshold", Words("阈值", "threshold"), "number"),
        Column("effect", Words("效果", "effect"), "number"),
        Column("low", Words("下限", "low"), "number"),
        Column("high", Words("上限", "high"), "number"),
        Column("unit", Words("单位", "unit"), words=UNITS),
        Column("decision", Words("结论", "decision"), words=DECISIONS),
        Column("reason", Words("理由", "because"), words=REASONS),
    )
    rows: list[dict[str, Any]] = []
    for each in judged.gate:
        times, unit = SHOWN[each.aim.figure] if each.aim else (1.0, Words("", ""))
        rows.append(
            {
                "criterion": each.name,
                "threshold": None if each.aim is None else times * each.aim.threshold,
                "effect": _scaled(each.difference.value if each.difference else None, times),
                "low": _scaled(each.difference.low if each.difference else None, times),
                "high": _scaled(each.difference.high if each.difference else None, times),
                "unit": unit.en,
                "decision": each.decision,
                "reason": each.reason,
            }
        )
    empty = dict.fromkeys(column.name for column in columns)
    rows.append({**empty, "criterion": "decision", "decision": judged.decision})
    return Sheet(
        "gate",
        Words("推广与否", "Go or no go"),
        columns,
        tuple(rows),
        Words(
            "go：整个区间达到事先声明的阈值；no_go：整个区间未达到；否则 not_decided。全部为 go 才是 go。",
            "go: the whole interval is at the threshold declared beforehand or better; no_go: all of it is worse; else "
            "not_decided. The decision is go only if every criterion is.",
        ),
    )


def week_sheet(judged: Judged) -> Sheet:
    columns = (
        Column("figure", Words("指标", "figure"), words=TITLES),
        Column("week", Words("周（0 为起始周）", "week (0 is the first)"), "count"),
        Column("first_day", Words("首日", "first day")),
        Column("unit", Words("单位", "unit"), words=UNITS),
        *_difference_columns(),
        Column("pilots", Words("试点中心", "pilot centers"), "count"),
        Column("controls", Words("对照中心", "control centers"), "count"),
        Column("n", Words("n", "n"), "count"),
    )
    rows = tuple({**_compared(each), "week": week, "first_day": day_of(each.after[0])} for week, each in judged.weeks)
    return Sheet(
        "weeks",
        Words("逐周（事件研究）", "Week by week (event study)"),
        columns,
        rows,
        Words(
            "每周与起始前的所有日子相比，只用当时尚未推广的中心作对照；区间逐周成立，不是同时成立。",
            "Each week against all days before the start, beside centers not yet changed over at its end. Intervals "
            "hold for each week, not for all at once.",
        ),
        shown=80,
    )


def placebo_sheet(judged: Judged) -> Sheet:
    columns = (
        Column("figure", Words("指标", "figure"), words=TITLES),
        Column("as_if_from", Words("假想起始日", "as if from")),
        Column("unit", Words("单位", "unit"), words=UNITS),
        *_difference_columns(),
        Column("p_joint", Words("各日期合并 p（Holm）", "p, all dates (Holm)"), "p"),
        Column("n", Words("n", "n"), "count"),
    )
    rows = tuple({**_compared(each), "as_if_from": day_of(day), "p_joint": p} for day, each, p in judged.placebos)
    return Sheet(
        "placebos",
        Words("假想日期", "Placebo dates"),
        columns,
        rows,
        Words("起始前什么都没发生：这里应当看不到效果。", "Nothing happened then: there should be no effect here."),
    )


def wave_sheet(judged: Judged) -> Sheet:
    columns = (
        Column("figure", Words("指标", "figure"), words=TITLES),
        Column("wave", Words("批次", "wave")),
        Column("unit", Words("单位", "unit"), words=UNITS),
        Column("from", Words("自", "from")),
        Column("to", Words("至", "to")),
        *_difference_columns(),
        Column("pilots", Words("推广中心", "centers changed over"), "count"),
        Column("controls", Words("对照中心", "control centers"), "count"),
        Column("n", Words("n", "n"), "count"),
    )
    rows: list[dict[str, Any]] = [
        {**_compared(each), "wave": str(wave), "from": day_of(each.after[0]), "to": day_of(each.after[1])}
        for wave, each in judged.waves
    ]
    empty = dict.fromkeys(column.name for column in columns)
    for name, found in judged.all_waves.items():
        times, unit = SHOWN[name]
        told = {"figure": name, "wave": "all", "unit": unit.en, "pilots": found.n_treated, "method": found.method}
        rows.append({**empty, **told, **_difference(found, times)})
    return Sheet(
        "waves",
        Words("各批次", "Wave by wave"),
        columns,
        tuple(rows),
        Words(
            "每批只与到下一批开始仍未推广的中心相比；最后一批没有对照。合计按推广中心数加权。",
            "Each wave beside the centers that have not changed over when the next wave starts; the last one has no "
            "controls. All waves: weighted by their centers.",
        ),
    )


def methods(plan: Plan) -> tuple[Words, ...]:
    return (
        Words(
            "双重差分，单位是中心：每个中心推广后的指标减去推广前的，试点均值减去对照均值。按到店日归期。",
            "Difference in differences with centers as units: each center's figure after less before, mean of the "
            "pilots less mean of the controls. Orders belong to the day of their check-in.",
        ),
        Words(
            "时段：此前所有日子；此后到下一批开始（或声明的最后一天）。对照：到那时仍未推广的中心。",
            "Days: all before the start; after it until the next wave starts, or the last day declared. Controls: "
            "centers that have not changed over by then.",
        ),
        Words(
            f"检验：随机化检验，比较所有可能的试点选择（超过 2 万种则抽 9,999 种），双侧；"
            f"四个指标按 Holm 校正，α = {plan.alpha:g}。区间由检验反演得到。",
            "Test: randomization, every way to choose as many pilots among these centers (9,999 drawn where there are "
            f"more than 20,000), two-sided; Holm's adjustment over the four figures, alpha = {plan.alpha:g}. The "
            "interval holds every effect that the test does not reject.",
        ),
        Words(
            "随机化检验不假定任何分布；docs/statistics.md 把它在模拟中心上的误报率与检出率"
            "和 t 检验、wild bootstrap 并列。",
            "Randomization supposes no distribution; docs/statistics.md has its rates of false alarms and of finds on "
            "simulated centers, beside those of t-tests and a wild bootstrap.",
        ),
    )


def _difference_columns() -> tuple[Column, ...]:
    return (
        Column("effect", Words("效果", "effect"), "number"),
        Column("low", Words("下限", "low"), "number"),
        Column("high", Words("上限", "high"), "number"),
        Column("p", Words("p", "p"), "p"),
    )


def _compared(each: Comparison) -> dict[str, Any]:
    times, unit = SHOWN[each.figure]
    return {
        "figure": each.figure,
        "unit": unit.en,
        "pilot_before": _scaled(each.treated_before, times),
        "pilot_after": _scaled(each.treated_after, times),
        "control_before": _scaled(each.others_before, times),
        "control_after": _scaled(each.others_after, times),
        **_difference(each.difference, times),
        "pilots": len(each.treated),
        "controls": len(each.others),
        "pilot_centers": list(each.treated),
        "control_centers": list(each.others),
        "left_out": list(each.left_out),
        "n": each.n,
        "n_all": each.n_all,
        "not_estimable": each.difference.reason,
    }


def _difference(found: Difference, times: float) -> dict[str, Any]:
    return {
        "effect": _scaled(found.value, times),
        "low": _scaled(found.low, times),
        "high": _scaled(found.high, times),
        "p": found.p_value,
    }


def _scaled(value: float | None, times: float) -> float | None:
    return None if value is None or not isfinite(value) else times * value


def _finite(value: float | None) -> float | None:
    return _scaled(value, 1.0)


def draw_effects(judged: Judged, locale: Locale) -> Picture:
    """For each figure a row of its own: the effect with its interval, in the figure's unit, green where it is shown."""
    from fixtrail.reports.forms.pictures import GOOD, MUTED, UNSURE, picture

    made, first = picture(8.0, 1.0 + 1.1 * len(judged.effects))
    first.remove()
    grid = made.add_gridspec(len(judged.effects), 1)
    for place, (name, each) in enumerate(judged.effects.items()):
        axes = made.add_subplot(grid[place])
        axes.spines[["top", "right", "left"]].set_visible(False)
        times, unit = SHOWN[name]
        found = each.comparison.difference
        colour = GOOD if each.verdict == "effect" else UNSURE
        axes.axvline(0, color=MUTED, linewidth=1)
        low, value, high = (_scaled(end, times) for end in (found.low, found.value, found.high))
        if value is not None:
            ends = [value if low is None else low, value if high is None else high]
            axes.plot(ends, [0, 0], color=colour, linewidth=2.5)
            axes.plot([value], [0], "o", color=colour, markersize=7)
        axes.set_yticks([])
        axes.set_title(
            f"{TITLES[name].said(locale)}, {unit.said(locale)}: {VERDICTS[each.verdict].said(locale)}",
            loc="left",
            fontsize=10,
        )
    return made


def draw_weeks(judged: Judged, name: str, locale: Locale) -> Picture:
    """The event study of a figure: effect by week with its interval, the start as a line."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, MUTED, picture

    made, axes = picture(8.0, 4.0)
    times, unit = SHOWN[name]
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(-0.5, color=MUTED, linewidth=1.5, linestyle="--")
    for week, each in judged.weeks:
        found = each.difference
        value, low, high = (_scaled(end, times) for end in (found.value, found.low, found.high))
        if each.figure != name or value is None:
            continue
        colour = COLOURS[0] if week >= 0 else MUTED
        if low is not None and high is not None:
            axes.plot([week, week], [low, high], color=colour, linewidth=2)
        # An open ring: too few controls for an interval.
        hollow = low is None or high is None
        axes.plot([week], [value], "o", color=colour, markersize=6, markerfacecolor="none" if hollow else colour)
    axes.grid(axis="x", visible=False)
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_xlabel(Words("距推广的周数", "weeks from the start").said(locale))
    axes.set_ylabel(f"{TITLES[name].said(locale)}, {unit.said(locale)}")
    return made
