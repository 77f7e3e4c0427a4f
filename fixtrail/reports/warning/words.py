"""The words of report `warning`: its definitions, columns and methods."""

from fixtrail.reports.report import Bilingual, Column, Definition
from fixtrail.reports.warning.judge import LEAST_CENTERS, LEAST_EXPECTED, LEAST_VEHICLES
from fixtrail.reports.warning.limits import RUNS

TITLE = Bilingual("产品质量预警", "Product quality warning")
QUESTION = Bilingual(
    "哪个零件批次、车型或软件的故障比预期多？", "Of which batch, build or software are there more faults than expected?"
)
DEFINITIONS = {
    "alarms": Definition(
        Bilingual("报警单元", "Alarms"),
        Bilingual(
            f"错误发现率 10% 下超出偶然的单元，至少 {LEAST_VEHICLES} 辆车、{LEAST_CENTERS} 家中心；n 为受监测的单元",
            f"cells beyond chance at a false discovery rate of 10 %, of {LEAST_VEHICLES} cars and {LEAST_CENTERS} "
            "centers at least; n: the cells that are watched, of all cells",
        ),
        "cells",
        "lower",
    ),
    "nps_affected": Definition(
        Bilingual("受影响客户的 NPS", "NPS of those affected"),
        Bilingual(
            "报警单元中自上升之周起的工单的 NPS；n 为有评分的工单",
            "NPS over the orders of alarms, from the week on in which their sum began to rise; n: those with a score",
        ),
        "nps",
        "higher",
    ),
    "nps_others": Definition(
        Bilingual("未受影响客户的 NPS", "NPS of those not affected"),
        Bilingual("同期进厂的其他工单的 NPS", "NPS over all other orders that came in the same weeks"),
        "nps",
        "higher",
    ),
    "nps_gap": Definition(
        Bilingual("NPS 差", "Difference of NPS"),
        Bilingual(
            "受影响减其他；区间由两者的区间合成（Zou 与 Donner 2008）",
            "affected less others; its interval is made of both (MOVER: Zou and Donner, Statist. Med. 27, 2008)",
        ),
        "nps",
        "higher",
    ),
}
STATES = {
    "alarm": Bilingual("报警", "alarm"),
    "acknowledged": Bilingual("已接手", "taken care of"),
    "watch": Bilingual("留意", "watch"),
    "over": Bilingual("已回落", "over"),
}
DIMENSIONS = {
    "batch": Bilingual("零件批次", "part batch"),
    "built": Bilingual("车型 × 生产月", "model × build month"),
    "software": Bilingual("车型 × 软件", "model × software"),
    "part": Bilingual("零件号", "part number"),
}
METHODS = (
    Bilingual(
        "每周按单元（零件批次、车型×生产月、车型×软件、零件号，各与故障组）计数：故障来源为产品的工单，"
        "按进厂日；一辆车 60 天内只计一次。只看已结束的周",
        "Counted by week and cell (part batch, model by build month, model by software, part number, each with a fault "
        "group): orders whose fault origin is the product, by check-in; a car counts once in 60 days. Only weeks that "
        "are over",
    ),
    Bilingual(
        "预期 = 该周到店数 × 其他单元第 t-60 至 t-9 周的发生率，按 Gamma 先验向自身过去收缩。"
        "批次与零件的暴露量为全部到店；批次取自拆下的零件，无人上报时取领用的零件",
        "Expected: the visits of the week times the rate of the other cells in the weeks t-60 to t-9, drawn to the "
        "cell's own past by a Gamma prior. Exposed to a batch or part number are all visits from the week on in which "
        "any order named it; a batch is that of the part taken out, or, where nobody tells that, of one asked for: "
        "then a new delivery looks like a new fault",
    ),
    Bilingual(
        "累积和 S = max(0, S + ln 似然比)，备择为两倍发生率（Poisson；离散度超过 1.3 用负二项）。"
        "有人接手后从 0 重新开始",
        "CUSUM: S = max(0, S + log likelihood ratio of twice the rate), for Poisson counts x ln 2 - expected; negative "
        "binomial where variance / mean of the other cells is above 1.3. From 0 again once somebody takes care of it",
    ),
    Bilingual(
        f"p 值：四周内最大累积和由偶然达到的概率，每类单元模拟 {RUNS} 次（含预期的估计误差）。"
        "Benjamini-Hochberg 错误发现率 10%：无变化时，至多十份报告中有一份误报",
        f"p: how often chance alone brings the largest sum of four weeks so high, from {RUNS} simulated runs of the "
        "cell's class, in which what is expected is estimated as it is here. Benjamini and Hochberg (1995) at 10 %: "
        "where nothing has changed at most one report in ten names anything",
    ),
    Bilingual(
        f"留意：超过单元自身的限值（一年内偶然达到的概率 2%），或车辆不足 {LEAST_VEHICLES}、中心不足 {LEAST_CENTERS}。"
        f"每周预期不足 {LEAST_EXPECTED:g} 例的单元不监测",
        f"Watch: above the cell's own limit, which chance reaches in 2 % of years, or of fewer than {LEAST_VEHICLES} "
        f"cars or {LEAST_CENTERS} centers. Cells of which fewer than {LEAST_EXPECTED:g} cases a week are expected are "
        "not watched. What stands out is a lead to follow, not a cause: cells share cars with each other",
    ),
)
_NAMES = (
    Column("dimension", Bilingual("维度", "Kind"), words=DIMENSIONS),
    Column("value", Bilingual("值", "Which")),
    Column("fault_group", Bilingual("故障组", "Fault group")),
)
CELLS = (
    Column("state", Bilingual("状态", "State"), words=STATES),
    *_NAMES,
    Column("since", Bilingual("上升自周", "Rises since week")),
    Column("first", Bilingual("首次超限周", "First beyond in week")),
    Column("cases", Bilingual("案例", "Cases"), "count"),
    Column("expected", Bilingual("预期", "Expected"), "number"),
    Column("vehicles", Bilingual("车辆", "Cars"), "count"),
    Column("centers", Bilingual("中心", "Centers"), "count"),
    Column("total", Bilingual("累积和", "Sum"), "number"),
    Column("limit", Bilingual("自身限值", "Own limit"), "number"),
    Column("p", Bilingual("p", "p"), "p"),
    Column("nps", Bilingual("NPS", "NPS"), "nps"),
    Column("nps_low", Bilingual("NPS 下限", "NPS low"), "nps"),
    Column("nps_high", Bilingual("NPS 上限", "NPS high"), "nps"),
    Column("scores", Bilingual("评分数", "Scores"), "count"),
)
WEEKS = (
    *_NAMES,
    Column("week", Bilingual("周（周一）", "Week from")),
    Column("cases", Bilingual("案例", "Cases"), "count"),
    Column("expected", Bilingual("预期", "Expected"), "number"),
    Column("exposure", Bilingual("到店", "Visits"), "count"),
    Column("total", Bilingual("累积和", "Sum"), "number"),
    Column("is_named", Bilingual("超出偶然", "Beyond chance")),
    Column("is_reset", Bilingual("自此重新计", "Begins again")),
)
ORDERS = (
    *_NAMES,
    Column("center_id", Bilingual("服务中心", "Center")),
    Column("order_id", Bilingual("工单", "Order")),
    Column("day", Bilingual("进厂日", "Check-in")),
    Column("score", Bilingual("评分", "Score"), "count"),
)
SIGHTS = (
    Column("expected", Bilingual("每周预期", "Expected a week"), "number"),
    Column("p", Bilingual("一年误报概率", "False alarm in a year"), "share"),
    Column("limit", Bilingual("限值 h", "Limit h"), "number"),
    Column("weeks", Bilingual("中位周数", "Median weeks"), "count"),
    Column("share", Bilingual("八周内发现", "Seen within 8 weeks"), "share"),
    Column("cells", Bilingual("现有单元", "Cells now"), "count"),
)
WATCHED = (
    Column("dimension", Bilingual("维度", "Kind"), words=DIMENSIONS),
    Column("fault_group", Bilingual("故障组", "Fault group")),
    Column("cells", Bilingual("单元", "Cells"), "count"),
    Column("watched", Bilingual("受监测", "Watched"), "count"),
    Column("cases", Bilingual("52 周案例", "Cases in 52 weeks"), "count"),
    Column("per_1000", Bilingual("每千次到店", "Per 1,000 visits"), "number"),
)
SIGHT_NOTE = Bilingual(
    "发生率变为三倍后多久能发现：模拟 20,000 次，预期已知。每周预期低于 0.2 例的批次，任何人都无法及时发现",
    "How soon a rate that becomes three times as high is seen, from 20,000 simulated runs, the expected rate known. "
    "Of what 0.2 cases a week are expected or fewer nobody can see it in time. A dash: not within 60 weeks",
)
CHART = Bilingual("按周：案例、预期与累积和", "By week: cases, what was expected, and the sum")
