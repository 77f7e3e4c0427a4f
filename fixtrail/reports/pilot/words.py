"""Words of report `pilot`: figures and their units, verdicts, conditions of the gate, reasons, methods."""

from collections.abc import Mapping

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.pilot.judge import PilotPlan
from fixtrail.reports.report import Bilingual, Definition
from fixtrail.reports.stats.panel import RATIOS

TITLES = {name: DEFINITIONS[name].title for name in RATIOS}
# How a reader is told a difference: times so much, in this unit.
DISPLAY_UNITS: Mapping[str, tuple[float, Bilingual]] = {
    "wait_mean_s": (1 / 60, Bilingual("分钟", "min")),
    "ftfr_confirmed": (100.0, Bilingual("百分点", "%-points")),
    "nps": (1.0, Bilingual("分", "points")),
    "complaints_per_100": (1.0, Bilingual("每百单", "per 100")),
}
ABOUT = {
    **{name: DEFINITIONS[name].text for name in RATIOS},
    "ftfr_confirmed": Bilingual(
        "一次修复的工单 / 已判定的工单，仅限交车已满 30 天",
        "orders fixed first time / orders judged, of those handed off more than 30 days ago",
    ),
}
UNITS = {unit.en: unit for _, unit in DISPLAY_UNITS.values()}
DEFINED = {
    f"effect_{name}": Definition(
        Bilingual(f"试点效果：{TITLES[name].zh}", f"Effect of the pilot: {TITLES[name].en}"),
        Bilingual(
            f"试点中心的变化减去对照中心的变化（各中心按其精度加权）。指标：{ABOUT[name].zh}",
            f"mean change of the pilot centers less that of centers not yet changed over, centers weighted by how well "
            f"each is known. "
            f"The figure: {ABOUT[name].en}",
        ),
        # The difference of two shares is told in percentage points.
        "share_points" if DEFINITIONS[name].unit == "share" else DEFINITIONS[name].unit,
        DEFINITIONS[name].better,
    )
    for name in RATIOS
}
VERDICTS = {
    "effect": Bilingual("有效果", "effect"),
    "no_effect_shown": Bilingual("未显示效果", "no effect shown"),
    "not_testable": Bilingual("中心太少，无法检验", "too few centers to test"),
}

DECISIONS = {
    "go": Bilingual("推广", "go"),
    "no_go": Bilingual("不推广", "no go"),
    "not_decided": Bilingual("未定", "not decided"),
}
SIDES = {"at_least": Bilingual("至少", "at least"), "at_most": Bilingual("至多", "at most")}
CRITERIA = {
    "declared_before_start": Bilingual("阈值在起始前声明", "thresholds declared before the start"),
    "quiet_before_start": Bilingual("起始前与对照无差异", "no difference before the start"),
    "thresholds": Bilingual("阈值", "thresholds"),
    "pilot": Bilingual("试点", "pilot"),
    "decision": Bilingual("结论", "decision"),
    **{
        f"{name}_{side}": Bilingual(f"{TITLES[name].zh}：效果{words.zh}", f"{TITLES[name].en}: effect {words.en}")
        for name in RATIOS
        for side, words in SIDES.items()
    },
}
REASONS = {
    "in_time": Bilingual("及时声明", "declared in time"),
    "declared_later": Bilingual("起始之后才声明", "declared only after the start"),
    "no_date_of_declaration": Bilingual("没有声明日期", "the targets name no date of declaration"),
    "none_declared": Bilingual("没有声明阈值", "the targets declare no thresholds"),
    "as_the_others": Bilingual("假想日期没有效果", "placebo dates show nothing"),
    "differed_before": Bilingual("假想日期已有差异", "placebo dates show a difference"),
    "too_short_before": Bilingual("起始前时间太短", "too short a time before the start"),
    "whole_interval_meets": Bilingual("整个区间达到阈值", "the whole interval reaches the threshold"),
    "whole_interval_misses": Bilingual("整个区间未达到阈值", "the whole interval is worse than the threshold"),
    "regression_to_the_mean": Bilingual(
        "试点此前最差；扣除向均值回归后未达到阈值",
        "the pilots were the worst before, and without what regression to the mean explains it is not met",
    ),
    "no_effect_shown": Bilingual("未显示效果（Holm）", "no effect is shown (Holm)"),
    "not_testable": Bilingual("中心太少，无法检验", "too few centers to test"),
    "not_estimable": Bilingual("无法估计", "not estimable"),
    "threshold_inside_interval": Bilingual("阈值在区间之内", "the threshold lies within the interval"),
    "no_pilot_wave": Bilingual("没有试点批次", "there is no such wave"),
    "no_pilots": Bilingual("试点中心没有数据", "no data of pilot centers"),
    "no_controls": Bilingual("没有可对照的中心", "no center had not changed over"),
    "nothing_before": Bilingual("起始前没有数据", "no data before the start"),
    "nothing_after": Bilingual("起始后没有数据", "no data after the start"),
}


def methods(plan: PilotPlan) -> tuple[Bilingual, ...]:
    return (
        Bilingual(
            "双重差分，单位是中心：每个中心推广后的指标减去推广前的，试点均值减去对照均值，工单少的中心权重小。"
            "按到店日归期；时段末仍未结束的工单另计。",
            "Difference in differences with centers as units: each center's figure after less before, mean of the "
            "pilots less mean of the controls; a center of few orders weighs less. Orders belong to the day of their "
            "check-in; those still open at the end of the window are counted apart.",
        ),
        Bilingual(
            "时段：此前所有日子；此后到下一批开始（或声明的最后一天）。对照：到那时仍未推广的中心。",
            "Days: all before the start; after it until the next wave starts, or the last day declared. Controls: "
            "centers that have not changed over by then.",
        ),
        Bilingual(
            f"检验：随机化检验，比较所有可能的试点选择（超过 2 万种则抽 9,999 种），双侧；变化先除以其标准误"
            f"（抽样误差加中心间差异，Paule 与 Mandel 1982）；四个指标按 Holm 校正，"
            f"α = {plan.alpha:g}。区间由检验反演得到。",
            "Test: randomization, every way to choose as many pilots among these centers (9,999 drawn where there are "
            "more than 20,000), two-sided; changes are divided by their standard errors first (chance of the orders "
            "and difference between centers, Paule and Mandel 1982), so that small centers may swap with large ones; "
            f"Holm's adjustment over the four figures, alpha = {plan.alpha:g}. The interval holds every effect that "
            "the test does not reject. All waves together: Student's t with centers as clusters.",
        ),
        Bilingual(
            "若试点是此前最差的中心，则列出其名，并给出效果中可由向均值回归解释的部分；"
            "结论与推广门槛须在扣除该部分后仍成立。门槛若要求有效果（从 0 起），未显示效果则不推广。",
            "Pilots that were the worst before are named, with the part of the effect that regression to the mean "
            "explains; verdict and gate must hold without it. A threshold that asks for an effect (from 0 on) is no go "
            "where none is shown.",
        ),
        Bilingual(
            "误报率与检出率（中心大小不等、自相关、分批）见 docs/statistics.md。",
            "docs/statistics.md has the rates of false alarms and of finds, with unequal centers, autocorrelated weeks "
            "and staggered waves.",
        ),
    )
