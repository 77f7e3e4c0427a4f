"""The words of report `eta`: its definitions and methods."""

from fixtrail.reports.report import Bilingual, Definition

TITLE = Bilingual("完工预估", "Ready-time estimates")
QUESTION = Bilingual(
    "预估的完工时间准不准，比承诺准多少？", "How good are the estimates of ready times, beside the promises?"
)

DEFINITIONS = {
    "eta_inside": Definition(
        Bilingual("区间命中率", "Ready within the interval"),
        Bilingual(
            "在预估区间内完工的次数 / 预估次数；目标 80%",
            "estimates whose interval held the ready time / estimates; aim 80 %",
        ),
        "share",
    ),
    "eta_mae_s": Definition(
        Bilingual("预估的平均偏差", "Estimate: mean error"),
        Bilingual(
            "预估中值与实际完工之差的绝对值的均值，按营业时间",
            "mean absolute difference of the middle and ready, in opening time",
        ),
        "s",
        "lower",
    ),
    "promise_mae_s": Definition(
        Bilingual("承诺的平均偏差", "Promise: mean error"),
        Bilingual("同一时刻有效的承诺与实际完工之差的绝对值的均值", "the same of the promise that held at that moment"),
        "s",
        "lower",
    ),
    "constant_mae_s": Definition(
        Bilingual("常数的平均偏差", "A constant: mean error"),
        Bilingual(
            "事后最佳常数（剩余时间中位数）的平均偏差",
            "the same of the best constant in hindsight, the median time left",
        ),
        "s",
        "lower",
    ),
    "eta_bias_s": Definition(
        Bilingual("预估偏差中位数", "Estimate: median error"),
        Bilingual("正数表示实际比预估早", "above 0 the car was ready earlier than told"),
        "s",
    ),
    "promise_bias_s": Definition(
        Bilingual("承诺偏差中位数", "Promise: median error"),
        Bilingual("正数表示实际比承诺早", "above 0 the car was ready earlier than promised"),
        "s",
    ),
    "eta_width_s": Definition(
        Bilingual("区间宽度", "Width of the interval"),
        Bilingual("预估区间上下限之差的均值，按营业时间", "mean width as shown, in opening time"),
        "s",
        "lower",
    ),
    "promise_late": Definition(
        Bilingual("承诺未兑现", "Promise broken"),
        Bilingual(
            "承诺时间之后才完工的次数 / 有承诺的次数", "moments whose promise was not kept / moments with a promise"
        ),
        "share",
        "lower",
    ),
    "eta_repromised": Definition(
        Bilingual("预估反复变动", "Estimate moved often"),
        Bilingual(
            "预估上限变动超过 15 分钟达三次以上的工单占比", "orders whose upper limit moved by > 15 min more than twice"
        ),
        "share",
        "lower",
    ),
    "promise_repromised": Definition(
        Bilingual("承诺反复变动", "Promise moved often"),
        Bilingual("承诺变动超过 15 分钟达三次以上的工单占比", "orders whose promise moved by > 15 min more than twice"),
        "share",
        "lower",
    ),
}
METHODS = (
    Bilingual(
        "逐日前推：每一天只用当天零点（UTC）之前已知的事计算当天的预估；与网页、看板上的计算相同",
        "Walking forward: the estimates of a day are made of what was known when it began (UTC), by the same rules as "
        "those on the pages and the board",
    ),
    Bilingual(
        "表格：过去 28 天（多数工单超过一周的用 90 天）同一作业、车道、剩余承诺时间的车辆，其完工与承诺之差的分位数；"
        "未完工的按 Kaplan-Meier 计入；少于 30 辆则放宽条件",
        "Table: quantiles of how far ready lay from the promise, of cars in the same activity, lane and time left to "
        "the promise in the last 28 days (90 where a tenth of visits take more than a week); cars not ready count by "
        "Kaplan and Meier; with fewer than 30 the situation is widened",
    ),
    Bilingual(
        "校正：区间上下限同时外移，使最近 28 天完工的车辆有 80% 落在区间内（滚动保形预测），中心有 50 次以上用自己的",
        "Correction: both limits move so that 80 % of what became ready in the window lay inside (rolling conformal "
        "prediction), a center's own from 50 points on",
    ),
    Bilingual(
        "只在最近 28 天的命中率在 70–90%、且比承诺和常数都更准的中心显示预估",
        "Shown only at centers where the last 28 days were within 70 to 90 %, and nearer than promise and constant",
    ),
    Bilingual("命中率的区间：Wilson 95%，以工单为群", "Interval of the share inside: Wilson, 95 %, orders as clusters"),
)
