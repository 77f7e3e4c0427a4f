"""Report `roi`: does it pay? The pilot's effects times what they are worth, beside what it cost.

Effects are those of report `pilot`, against centers that had not changed over: never a before and after.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import DAYS_A_MONTH
from fixtrail.reports.pilot.judge import PilotJudgement, day_of, judge, panel_of, rollout_of
from fixtrail.reports.pilot.report import read_plan
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import (
    Bilingual,
    Chart,
    Column,
    Definition,
    Figure,
    Interval,
    Locale,
    Picture,
    Report,
    Sheet,
    sheet_of,
)
from fixtrail.reports.roi.assumptions import DETRACTORS_A_POINT, Assumptions, Benefit, assumptions_of
from fixtrail.reports.roi.returns import DRAWS, PerOrder, Range, Returns, returns_of
from fixtrail.reports.stats.panel import Panel

TITLE = Bilingual("投资回报", "Return on investment")
NAMES: Mapping[str, Bilingual] = {
    "wait_minute": Bilingual("少等的分钟", "minutes of wait saved"),
    "comeback": Bilingual("避免的返修", "comebacks avoided"),
    "complaint": Bilingual("避免的投诉", "complaints avoided"),
    "detractor": Bilingual("减少的批评者", "detractors avoided"),
}
_ASSUMED: Mapping[str, Bilingual] = {"effect": Bilingual("效果", "effect"), "value": Bilingual("单价", "worth")}
# The figure of report pilot that each benefit comes of, and by what an effect on it is a benefit per order.
_EFFECTS: Mapping[Benefit, tuple[str, float]] = {
    "wait_minute": ("wait_mean_s", -1 / 60),
    "comeback": ("ftfr_confirmed", 1.0),
    "complaint": ("complaints_per_100", -1 / 100),
    "detractor": ("nps", DETRACTORS_A_POINT / 100),
}
DEFINITIONS = {
    "roi": Definition(
        TITLE,
        Bilingual("(收益 − 成本) / 成本，按计划的月数", "(benefit - cost) / cost over the months of the plan"),
        "ratio",
        "higher",
    ),
    "payback_months": Definition(
        Bilingual("回本月数", "Months to payback"),
        Bilingual(
            "从该月月底起，累计收益不再低于累计成本", "the month from whose end on as much has come back as was spent"
        ),
        "months",
        "lower",
    ),
    "benefit_a_month": Definition(
        Bilingual("每月收益", "Benefit a month"),
        Bilingual("效果 × 单价 × 每月工单，四项之和", "effect times worth times orders a month, added up"),
        "money",
        "higher",
    ),
}
METHODS = (
    Bilingual(
        "效果来自报表 pilot（与尚未切换的中心相比），从不用前后对比；无法估计的效果按零计并列出",
        "Effects are those of report pilot, beside centers not yet changed over, never before against after; what "
        "cannot be estimated counts as nothing, and is named",
    ),
    Bilingual(
        f"范围：{DRAWS:,} 次固定种子的抽样；效果按其 95% 区间的正态分布，单价按低、可能、高的三角分布",
        f"Ranges: {DRAWS:,} seeded draws; effects normal by their 95 % interval, worths triangular (low, likely, high)",
    ),
    Bilingual(
        "NPS 上升 2 点按减少 1% 的批评者计（一半来自批评者减少）；一次修复率只计有维修的工单",
        "An NPS up by 2 points counts as 1 % fewer detractors (half of the rise); first-time fix counts for orders "
        "with a repair alone",
    ),
)
_RANGE = (
    Column("money", Bilingual("每月金额", "a month"), "money"),
    *Column.bounds("money"),
)


def build(ask: Ask, options: Options) -> Report:
    """The report. Raises ExitError for a cut, and for targets without a readable [roi]."""
    refuse_cut("roi", options, "its effects are the pilot's")
    plan = assumptions_of(options)
    days = ask("pilot", since=options.since, until=options.until, time_zone=options.targets.time_zone)
    return report_of(days, ask("centers"), plan, options)


def report_of(days: pd.DataFrame, centers: pd.DataFrame, plan: Assumptions, options: Options) -> Report:
    """The report of the answers of pilot.sql and centers.sql. Raises ExitError for a [pilot] that cannot be read."""
    declared, listed = read_plan(options)
    panel, rollout = panel_of(days), rollout_of(centers, listed)
    judged = judge(panel, rollout, declared)
    members = [] if judged.wave is None else rollout.members(judged.wave)
    treated = [center for center in members if center in panel.centers]
    effects, missing = effects_of(judged, panel, treated)
    orders = plan.orders_a_month if plan.orders_a_month is not None else _orders_a_month(panel, judged, treated)
    scope = {
        **options.scope(),
        "pilot_wave": judged.wave,
        "currency": plan.currency,
        "months": plan.months,
        "orders_a_month": orders,
        "not_estimable": judged.reason,
        "without_effect": [value.of for value in plan.values if value.of in missing],
    }
    if judged.start is None or not effects or not orders:
        figures = tuple(Figure(name, None, None, None, no_interval="no_data") for name in DEFINITIONS)
        return Report("roi", TITLE, REPORTS["roi"], scope, figures, (_costs(plan),), (), METHODS, DEFINITIONS)
    result = returns_of(plan, effects, orders, day_of(judged.start))
    scope |= {"cost": result.cost, "share_of_draws_paid_back": result.share_paid_back}
    sheets = (_benefits(plan, result), _swings(result), _costs(plan))
    title = Bilingual("哪个假设最重要", "Which assumption matters most")
    charts = (Chart("swings", title, "swings", partial(draw_swings, result)),) if result.swings else ()
    return Report("roi", TITLE, REPORTS["roi"], scope, tuple(_figures(result)), sheets, charts, METHODS, DEFINITIONS)


def effects_of(
    judged: PilotJudgement, panel: Panel, treated: list[str]
) -> tuple[dict[Benefit, PerOrder], list[Benefit]]:
    """(benefits per order with their intervals, those whose effect or interval cannot be told)."""
    effects: dict[Benefit, PerOrder] = {}
    for benefit, (figure, times) in _EFFECTS.items():
        effect = judged.effects.get(figure)
        difference = None if effect is None else effect.comparison.difference
        ends = [] if difference is None else [difference.value, difference.low, difference.high]
        if ends and all(end is not None and np.isfinite(end) for end in ends):
            scale = times * (_share_judged(judged, panel, treated) if benefit == "comeback" else 1.0)
            value, *bounds = (scale * float(end) for end in ends if end is not None)
            effects[benefit] = PerOrder(value, min(bounds), max(bounds))
    return effects, [benefit for benefit in _EFFECTS if benefit not in effects]


def _share_judged(judged: PilotJudgement, panel: Panel, treated: list[str]) -> float:
    """Of the pilots' handed-off orders, the share in which a repair was judged; before, when all are settled."""
    before = (panel.first, (judged.start or 0) - 1)
    handed_off = float(panel.total("handed_off", treated, before).sum())
    return float(panel.total("judged", treated, before).sum()) / handed_off if handed_off else 0.0


def _orders_a_month(panel: Panel, judged: PilotJudgement, treated: list[str]) -> float:
    if judged.start is None or judged.until is None or judged.until < judged.start:
        return 0.0
    span = (judged.start, judged.until)
    return float(panel.total("handed_off", treated, span).sum()) * DAYS_A_MONTH / (span[1] - span[0] + 1)


def _figures(result: Returns) -> Iterator[Figure]:
    for name, range_ in (("roi", result.roi), ("payback_months", result.payback), ("benefit_a_month", result.monthly)):
        yield Figure(name, range_.value, None, None, Interval(range_.low, range_.high), method="seeded-draws")


def _benefits(plan: Assumptions, result: Returns) -> Sheet:
    columns = (
        Column("benefit", Bilingual("收益", "benefit"), words=NAMES),
        *_RANGE,
        Column("worth", Bilingual("单价", "worth of one"), "money"),
        Column("source", Bilingual("来源", "source")),
    )
    rows = [
        {"benefit": value.of, **_ends(result.benefits.get(value.of)), "worth": value.value, "source": value.source}
        for value in plan.values
    ]
    return sheet_of("benefits", Bilingual("每月收益", "Benefit a month"), columns, pd.DataFrame(rows))


def _ends(money: Range | None) -> dict[str, Any]:
    return {"money": money and money.value, "low": money and money.low, "high": money and money.high}


def _swings(result: Returns) -> Sheet:
    columns = (
        Column("benefit", Bilingual("收益", "benefit"), words=NAMES),
        Column("assumption", Bilingual("假设", "assumption"), words=_ASSUMED),
        Column("at_low", Bilingual("取下限时的回报", "return at its low end"), "number"),
        Column("at_high", Bilingual("取上限时的回报", "return at its high end"), "number"),
    )
    rows = [
        {"benefit": swing.of, "assumption": swing.assumption, "at_low": swing.at_low, "at_high": swing.at_high}
        for swing in result.swings
    ]
    title = Bilingual("哪个假设最重要", "Which assumption matters most")
    return sheet_of("swings", title, columns, rows)


def _costs(plan: Assumptions) -> Sheet:
    columns = (
        Column("name", Bilingual("成本", "cost")),
        Column("day", Bilingual("日期", "day")),
        Column("amount", Bilingual("金额", "amount"), "money"),
        Column("monthly", Bilingual("每月", "each month")),
        Column("source", Bilingual("来源", "source")),
    )
    rows = [
        {**{name: getattr(cost, name) for name in ("name", "amount", "monthly", "source")}, "day": cost.day.isoformat()}
        for cost in plan.costs
    ]
    return sheet_of("costs", Bilingual("成本", "Costs"), columns, pd.DataFrame(rows))


def draw_swings(result: Returns, locale: Locale) -> Picture:
    """The return at the low and the high end of each assumption, the one that matters most on top."""
    from fixtrail.reports.forms.pictures import COLOURS, picture

    drawing, axes = picture(8.0, 1.4 + 0.4 * len(result.swings))
    for row, swing in enumerate(result.swings):
        low, high = sorted((swing.at_low, swing.at_high))
        axes.barh(row, high - low, left=low, color=COLOURS[0], height=0.6)
    names = [
        f"{NAMES[swing.of].in_locale(locale)}: {_ASSUMED[swing.assumption].in_locale(locale)}"
        for swing in result.swings
    ]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0.0, color="#333333", linestyle="--", linewidth=1)
    axes.set_xlabel({"zh-CN": "投资回报（0 为刚好回本）", "en": "return on investment (0: just paid back)"}[locale])
    return drawing
