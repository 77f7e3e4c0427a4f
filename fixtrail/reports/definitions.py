"""What each figure means, in one sentence and with a version; docs/metrics.md has the whole of it.

The version of a definition grows when the same events would give another number.
"""

from fixtrail.reports.beside import BESIDE
from fixtrail.reports.report import Bilingual, Definition

DEFINITIONS: dict[str, Definition] = {
    "nps": Definition(
        Bilingual("净推荐值 NPS", "NPS"),
        Bilingual(
            "评分 9–10 的占比减去 0–6 的占比，×100；每个已结束（交车或取消）的工单取最后一次调查",
            "share of scores 9-10 minus share of scores 0-6, times 100, over the last survey of each closed order "
            "(handed off or cancelled)",
        ),
        "nps",
        "higher",
        2,
        needs=("no_score",),
    ),
    "ftfr": Definition(
        Bilingual("一次修复率", "First-time fix rate"),
        Bilingual(
            "一次修复的工单 / 已判定的工单（已交车且有维修），含暂定与确认",
            "orders fixed first time / orders judged (handed off with a repair), provisional and confirmed together",
        ),
        "share",
        "higher",
        needs=("no_repair",),
    ),
    "ftfr_confirmed": Definition(
        Bilingual("一次修复率（已确认）", "First-time fix rate, confirmed"),
        Bilingual(
            "同上，仅限交车已满 30 天的工单",
            "the same, over orders handed off more than 30 days ago: no comeback can change them",
        ),
        "share",
        "higher",
    ),
    "ftfr_provisional": Definition(
        Bilingual("一次修复率（暂定）", "First-time fix rate, provisional"),
        Bilingual(
            "同上，仅限交车未满 30 天的工单，仍可能返修",
            "the same, over orders handed off within the last 30 days: comebacks may still lower it",
        ),
        "share",
        "higher",
    ),
    "wait_mean_s": Definition(
        Bilingual("等待时间（平均）", "Wait, mean"),
        Bilingual(
            "已交车且有到店记录的工单的等待时间（接待+审批+配件+工位）的平均值",
            "mean wait (reception + approval + parts + bay) of handed-off orders with a check-in",
        ),
        "s",
        "lower",
    ),
    "wait_median_s": Definition(
        Bilingual("等待时间（中位数）", "Wait, median"),
        Bilingual("同上，中位数", "median of the same, linear between ranks"),
        "s",
        "lower",
    ),
    "wait_p90_s": Definition(
        Bilingual("等待时间（90 分位）", "Wait, 90th percentile"),
        Bilingual("同上，90 分位数", "90th percentile of the same, linear between ranks"),
        "s",
        "lower",
    ),
    "complaints_per_100": Definition(
        Bilingual("每百单投诉", "Complaints per 100 orders"),
        Bilingual(
            "时段内结束（交车或取消）的工单的投诉数 / 其中已交车工单数 × 100",
            "complaints of orders closed in the period (handed off or cancelled) per 100 handed-off orders of it",
        ),
        "per_100",
        "lower",
        2,
    ),
    "complaints_per_month": Definition(
        Bilingual("每月投诉", "Complaints per month"),
        Bilingual(
            "按投诉日期计的全部投诉（含未结束与已取消的工单）/ 时段月数（1 个月 = 30.4375 天）",
            "all complaints by their own date, of open and cancelled orders, too, per month (30.4375 days) of the "
            "period",
        ),
        "per_month",
        "lower",
        2,
    ),
    "stockout_rate": Definition(
        Bilingual("缺件率", "Stock-out rate"),
        Bilingual(
            "曾缺货的配件请求 / 全部配件请求，已结束的工单",
            "part requests that had a backordered phase / part requests, of closed orders",
        ),
        "share",
        "lower",
        2,
    ),
    "emergency_in_time": Definition(
        Bilingual("紧急配件准时率", "Emergency parts in time"),
        Bilingual(
            "2 小时内到货的紧急请求 / 全部紧急请求，已结束的工单",
            "emergency requests fulfilled within 2 h of requested / emergency requests, of closed orders",
        ),
        "share",
        "higher",
        2,
    ),
    "quick_lane_in_time": Definition(
        Bilingual("快修通道准时率", "Quick lane in time"),
        Bilingual(
            "到店 15 分钟内完工的快修工单 / 已完工的快修工单，已结束的工单",
            "quick-lane orders ready within 15 min of check-in / quick-lane orders that became ready, of closed orders",
        ),
        "share",
        "higher",
        2,
    ),
    "promise_kept": Definition(
        Bilingual("承诺时间兑现率", "Promise kept"),
        Bilingual(
            "按承诺时间（完工前最后一次承诺）完工的工单 / 两者都有的工单，已结束的工单",
            "orders ready by the promised time (the latest promise before ready) / orders with both, of closed orders",
        ),
        "share",
        "higher",
        2,
        needs=("no_promise", "no_ready"),
    ),
    "quote_kept": Definition(
        Bilingual("报价兑现率", "Quote kept"),
        Bilingual(
            "结算与批准金额相差不超过 1% 的已交车工单 / 两者都有的工单",
            "handed-off orders with |final - approved amount| <= 1 % of approved / those with both amounts",
        ),
        "share",
        "higher",
        needs=("no_amount", "no_approval"),
    ),
    **BESIDE,
}
