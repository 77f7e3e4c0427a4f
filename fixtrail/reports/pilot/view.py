"""Report `pilot` as tables, pictures and words."""

from math import isfinite
from typing import Any

from fixtrail.reports.pilot.judge import PilotJudgement, day_of
from fixtrail.reports.pilot.regression import Regression
from fixtrail.reports.pilot.words import CRITERIA, DECISIONS, DISPLAY_UNITS, REASONS, TITLES, UNITS, VERDICTS
from fixtrail.reports.report import Bilingual, Column, Figure, Interval, Locale, Picture, Sheet
from fixtrail.reports.stats.panel import Comparison
from fixtrail.reports.stats.randomization import TreatmentDifference, holm


def figures(judged: PilotJudgement) -> tuple[Figure, ...]:
    """The effect on each figure in the figure's own unit, with its interval."""
    return tuple(
        Figure(
            f"effect_{name}",
            effect.comparison.difference.value,
            effect.comparison.n,
            effect.comparison.n_all,
            Interval(_finite(effect.comparison.difference.low), _finite(effect.comparison.difference.high)),
            period="pilot",
            method=effect.comparison.difference.method,
            left_out={"not_usable": effect.comparison.n_all - effect.comparison.n},
        )
        for name, effect in judged.effects.items()
    )


def effect_sheet(judged: PilotJudgement) -> Sheet:
    columns = (
        Column("figure", Bilingual("指标", "figure"), words=TITLES),
        Column("unit", Bilingual("单位", "unit"), words=UNITS),
        Column("pilot_before", Bilingual("试点前", "pilots before"), "number"),
        Column("pilot_after", Bilingual("试点后", "pilots after"), "number"),
        Column("control_before", Bilingual("对照前", "controls before"), "number"),
        Column("control_after", Bilingual("对照后", "controls after"), "number"),
        *_difference_columns(),
        Column("p_holm", Bilingual("p（Holm）", "p (Holm)"), "p"),
        Column("regression", Bilingual("其中向均值回归", "of it regression to the mean"), "number"),
        Column("worst_before", Bilingual("此前最差的试点", "pilots that were the worst before")),
        Column("verdict", Bilingual("结论", "verdict"), words=VERDICTS),
        Column("pilots", Bilingual("试点中心", "pilot centers"), "count"),
        Column("controls", Bilingual("对照中心", "control centers"), "count"),
        Column("pilot_sizes", Bilingual("各试点工单数", "orders of each pilot")),
        Column("control_sizes", Bilingual("各对照工单数", "orders of each control")),
        Column("pilot_open", Bilingual("试点未结束", "pilots: still open"), "count"),
        Column("control_open", Bilingual("对照未结束", "controls: still open"), "count"),
        Column("n", Bilingual("n", "n"), "count"),
        Column("left_out", Bilingual("未计入的中心", "centers left out")),
        Column("not_estimable", Bilingual("无法估计的原因", "not estimable because"), words=REASONS),
    )
    rows = tuple(
        {
            **_compared(effect.comparison),
            **_regression(effect.regression, DISPLAY_UNITS[effect.comparison.figure][0]),
            "p_holm": effect.p_holm,
            "verdict": effect.verdict,
            "smallest_p": effect.comparison.difference.smallest_p,
            "assignments": effect.comparison.difference.ways,
            "method": effect.comparison.difference.method,
        }
        for effect in judged.effects.values()
    )
    return Sheet("effects", Bilingual("试点的效果", "Effects of the pilot"), columns, rows, _effect_note(judged))


def _effect_note(judged: PilotJudgement) -> Bilingual | None:
    """Which pilots were the worst before, and how many orders have no handoff yet."""
    zh, en = [], []
    for name, effect in judged.effects.items():
        if effect.regression is not None and effect.regression.chosen_for_it:
            times, unit = DISPLAY_UNITS[name]
            worst, part = ", ".join(effect.regression.worst), times * effect.regression.explained
            zh.append(
                f"{TITLES[name].zh}：试点此前偏差（其中最差：{worst}）；效果中 {part:.2f} {unit.zh}可由向均值回归解释。"
            )
            en.append(
                f"{TITLES[name].en}: the pilots were bad before (among the worst: {worst}); of the effect "
                f"{part:.2f} {unit.en} are explained by regression to the mean."
            )
    first = next(iter(judged.effects.values()), None)
    if first is not None and first.comparison.treated_open + first.comparison.others_open:
        pair = first.comparison
        zh.append(f"时段末未结束、未计入：试点 {pair.treated_open}，对照 {pair.others_open}；慢的一侧因此显得较快。")
        en.append(
            f"Still open at the end of the window, and in no figure: {pair.treated_open} orders of the pilots, "
            f"{pair.others_open} of the controls. The slower side looks faster for it."
        )
    return Bilingual("".join(zh), " ".join(en)) if en else None


def _regression(regression: Regression | None, times: float) -> dict[str, Any]:
    if regression is None:
        empty: tuple[str, ...] = ("regression", "regression_lasting", "as_bad_by_chance", "p_without_regression")
        return {**dict.fromkeys(empty), "worst_before": [], "effect_without_regression": None}
    return {
        "regression": _scaled(regression.explained, times),
        "regression_lasting": regression.lasting,
        "as_bad_by_chance": regression.seldom,
        "worst_before": list(regression.worst) if regression.chosen_for_it else [],
        "effect_without_regression": _scaled(regression.adjusted.value, times),
        "p_without_regression": regression.adjusted.p_value,
    }


def gate_sheet(judged: PilotJudgement) -> Sheet:
    columns = (
        Column("criterion", Bilingual("条件", "criterion"), words=CRITERIA),
        Column("threshold", Bilingual("阈值", "threshold"), "number"),
        Column("effect", Bilingual("效果", "effect"), "number"),
        *Column.bounds("number"),
        Column("unit", Bilingual("单位", "unit"), words=UNITS),
        Column("decision", Bilingual("结论", "decision"), words=DECISIONS),
        Column("reason", Bilingual("理由", "because"), words=REASONS),
    )
    rows: list[dict[str, Any]] = []
    for criterion in judged.gate:
        times, unit = DISPLAY_UNITS[criterion.aim.figure] if criterion.aim else (1.0, Bilingual("", ""))
        rows.append(
            {
                "criterion": criterion.name,
                "threshold": None if criterion.aim is None else times * criterion.aim.threshold,
                "effect": _scaled(criterion.difference.value if criterion.difference else None, times),
                "low": _scaled(criterion.difference.low if criterion.difference else None, times),
                "high": _scaled(criterion.difference.high if criterion.difference else None, times),
                "unit": unit.en,
                "decision": criterion.decision,
                "reason": criterion.reason,
            }
        )
    empty = dict.fromkeys(column.name for column in columns)
    rows.append({**empty, "criterion": "decision", "decision": judged.decision})
    return Sheet(
        "gate",
        Bilingual("推广与否", "Go or no go"),
        columns,
        tuple(rows),
        Bilingual(
            "go：整个区间达到事先声明的阈值；no_go：整个区间未达到；否则 not_decided。全部为 go 才是 go。",
            "go: the whole interval reaches the threshold declared beforehand; no_go: none of it does; else "
            "not_decided. The decision is go only if every criterion is.",
        ),
    )


def week_sheet(judged: PilotJudgement) -> Sheet:
    columns = (
        Column("figure", Bilingual("指标", "figure"), words=TITLES),
        Column("week", Bilingual("周（0 为起始周）", "week (0 is the first)"), "count"),
        Column("first_day", Bilingual("首日", "first day")),
        Column("unit", Bilingual("单位", "unit"), words=UNITS),
        *_difference_columns(),
        Column("p_holm", Bilingual("p（Holm，全表）", "p (Holm, whole table)"), "p"),
        Column("pilots", Bilingual("试点中心", "pilot centers"), "count"),
        Column("controls", Bilingual("对照中心", "control centers"), "count"),
        Column("n", Bilingual("n", "n"), "count"),
    )
    adjusted = holm([comparison.difference.p_value for _, comparison in judged.weeks])
    rows = tuple(
        {**_compared(comparison), "week": week, "first_day": day_of(comparison.after[0]), "p_holm": p}
        for (week, comparison), p in zip(judged.weeks, adjusted, strict=True)
    )
    return Sheet(
        "weeks",
        Bilingual("逐周（事件研究）", "Week by week (event study)"),
        columns,
        rows,
        Bilingual(
            "每周与起始前的所有日子相比，只用当时尚未推广的中心作对照；区间逐周成立，不是同时成立："
            "每二十个约有一个碰巧不含 0。p（Holm）计入全表的检验个数。",
            "Each week against all days before the start, beside centers not yet changed over at its end. Intervals "
            "hold for each week, not for all at once: about one in twenty excludes 0 by chance. p (Holm) allows for "
            "all tests of the table.",
        ),
        shown=80,
    )


def placebo_sheet(judged: PilotJudgement) -> Sheet:
    columns = (
        Column("figure", Bilingual("指标", "figure"), words=TITLES),
        Column("as_if_from", Bilingual("假想起始日", "as if from")),
        Column("unit", Bilingual("单位", "unit"), words=UNITS),
        *_difference_columns(),
        Column("p_joint", Bilingual("各日期合并 p（Holm）", "p, all dates (Holm)"), "p"),
        Column("n", Bilingual("n", "n"), "count"),
    )
    rows = tuple(
        {**_compared(comparison), "as_if_from": day_of(day), "p_joint": p} for day, comparison, p in judged.placebos
    )
    return Sheet(
        "placebos",
        Bilingual("假想日期", "Placebo dates"),
        columns,
        rows,
        Bilingual("起始前什么都没发生：这里应当看不到效果。", "Nothing happened then: there should be no effect here."),
    )


def wave_sheet(judged: PilotJudgement) -> Sheet:
    columns = (
        Column("figure", Bilingual("指标", "figure"), words=TITLES),
        Column("wave", Bilingual("批次", "wave")),
        Column("unit", Bilingual("单位", "unit"), words=UNITS),
        Column("from", Bilingual("自", "from")),
        Column("to", Bilingual("至", "to")),
        *_difference_columns(),
        Column("p_holm", Bilingual("p（Holm，全表）", "p (Holm, whole table)"), "p"),
        Column("pilots", Bilingual("推广中心", "centers changed over"), "count"),
        Column("controls", Bilingual("对照中心", "control centers"), "count"),
        Column("n", Bilingual("n", "n"), "count"),
    )
    rows: list[dict[str, Any]] = [
        {
            **_compared(comparison),
            "wave": str(wave),
            "from": day_of(comparison.after[0]),
            "to": day_of(comparison.after[1]),
        }
        for wave, comparison in judged.waves
    ]
    empty = dict.fromkeys(column.name for column in columns)
    for name, difference in judged.all_waves.items():
        times, unit = DISPLAY_UNITS[name]
        fields = {
            "figure": name,
            "wave": "all",
            "unit": unit.en,
            "pilots": difference.n_treated,
            "method": difference.method,
        }
        rows.append({**empty, **fields, **_difference(difference, times)})
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    return Sheet(
        "waves",
        Bilingual("各批次", "Wave by wave"),
        columns,
        tuple(rows),
        Bilingual(
            "每批只与到下一批开始仍未推广的中心相比；最后一批没有对照。合计按推广中心数加权。",
            "Each wave beside the centers that have not changed over when the next wave starts; the last one has no "
            "controls. All waves: weighted by their centers.",
        ),
    )


def _difference_columns() -> tuple[Column, ...]:
    return (
        Column("effect", Bilingual("效果", "effect"), "number"),
        *Column.bounds("number"),
        Column("p", Bilingual("p", "p"), "p"),
    )


def _compared(comparison: Comparison) -> dict[str, Any]:
    times, unit = DISPLAY_UNITS[comparison.figure]
    return {
        "figure": comparison.figure,
        "unit": unit.en,
        "pilot_before": _scaled(comparison.treated_before, times),
        "pilot_after": _scaled(comparison.treated_after, times),
        "control_before": _scaled(comparison.others_before, times),
        "control_after": _scaled(comparison.others_after, times),
        **_difference(comparison.difference, times),
        "effect_each_once": _scaled(comparison.each_once, times),
        "pilots": len(comparison.treated),
        "controls": len(comparison.others),
        "pilot_centers": list(comparison.treated),
        "control_centers": list(comparison.others),
        "left_out": list(comparison.left_out),
        "sizes": dict(comparison.sizes),
        "pilot_sizes": [comparison.sizes[center] for center in comparison.treated],
        "control_sizes": [comparison.sizes[center] for center in comparison.others],
        "pilot_open": comparison.treated_open,
        "control_open": comparison.others_open,
        "pilot_cancelled": comparison.treated_cancelled,
        "control_cancelled": comparison.others_cancelled,
        "n": comparison.n,
        "n_all": comparison.n_all,
        "not_estimable": comparison.difference.reason,
    }


def _difference(difference: TreatmentDifference, times: float) -> dict[str, Any]:
    return {
        "effect": _scaled(difference.value, times),
        "low": _scaled(difference.low, times),
        "high": _scaled(difference.high, times),
        "p": difference.p_value,
    }


def _scaled(value: float | None, times: float) -> float | None:
    return None if value is None or not isfinite(value) else times * value


def _finite(value: float | None) -> float | None:
    return _scaled(value, 1.0)


def draw_effects(judged: PilotJudgement, locale: Locale) -> Picture:
    """For each figure a row of its own: the effect with its interval, in the figure's unit, green where it is shown."""
    from fixtrail.reports.forms.pictures import GOOD, MUTED, UNSURE, picture

    drawing, first = picture(8.0, 1.0 + 1.1 * len(judged.effects))
    first.remove()
    grid = drawing.add_gridspec(len(judged.effects), 1)
    for row, (name, effect) in enumerate(judged.effects.items()):
        axes = drawing.add_subplot(grid[row])
        axes.spines[["top", "right", "left"]].set_visible(False)
        times, unit = DISPLAY_UNITS[name]
        difference = effect.comparison.difference
        colour = GOOD if effect.verdict == "effect" else UNSURE
        axes.axvline(0, color=MUTED, linewidth=1)
        low, value, high = (_scaled(end, times) for end in (difference.low, difference.value, difference.high))
        if value is not None:
            ends = [value if low is None else low, value if high is None else high]
            axes.plot(ends, [0, 0], color=colour, linewidth=2.5)
            axes.plot([value], [0], "o", color=colour, markersize=7)
        axes.set_yticks([])
        axes.set_title(
            f"{TITLES[name].in_locale(locale)}, {unit.in_locale(locale)}: {VERDICTS[effect.verdict].in_locale(locale)}",
            loc="left",
            fontsize=10,
        )
    return drawing


def draw_weeks(judged: PilotJudgement, name: str, locale: Locale) -> Picture:
    """The event study of a figure: effect by week with its interval, the start as a line."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, MUTED, picture

    drawing, axes = picture(8.0, 4.0)
    times, unit = DISPLAY_UNITS[name]
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(-0.5, color=MUTED, linewidth=1.5, linestyle="--")
    for week, comparison in judged.weeks:
        difference = comparison.difference
        value, low, high = (_scaled(end, times) for end in (difference.value, difference.low, difference.high))
        if comparison.figure != name or value is None:
            continue
        colour = COLOURS[0] if week >= 0 else MUTED
        if low is not None and high is not None:
            axes.plot([week, week], [low, high], color=colour, linewidth=2)
        # An open ring: too few controls for an interval.
        hollow = low is None or high is None
        axes.plot([week], [value], "o", color=colour, markersize=6, markerfacecolor="none" if hollow else colour)
    axes.grid(axis="x", visible=False)
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_xlabel(Bilingual("距推广的周数", "weeks from the start").in_locale(locale))
    axes.set_ylabel(f"{TITLES[name].in_locale(locale)}, {unit.in_locale(locale)}")
    return drawing
