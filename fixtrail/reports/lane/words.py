"""The words of report `lane`."""

from collections.abc import Mapping

from fixtrail.reports.definitions import DEFINITIONS as OF_KPI
from fixtrail.reports.report import Bilingual, Definition

TITLE = Bilingual("快修通道的项目", "Items of the quick lane")
VERDICTS: Mapping[str, Bilingual] = {
    "belongs": Bilingual("适合快修", "belongs"),
    "candidate": Bilingual("可考虑快修", "candidate"),
    "not_distinguishable": Bilingual("无法区分", "not distinguishable"),
    "breaks": Bilingual("超时", "breaks the limit"),
    "standard": Bilingual("留在普通通道", "stays in the standard lane"),
    "too_few": Bilingual("工单太少", "too few orders"),
    "not_judged": Bilingual("不下结论", "not judged"),
}
ITEMS: Mapping[str, Bilingual] = {
    "(several)": Bilingual("（多个项目）", "(several items)"),
    "(none)": Bilingual("（未诊断）", "(none known)"),
}
CAUSES: Mapping[str, Bilingual] = {
    "touch_s": Bilingual("作业本身", "the work itself"),
    "reception_s": Bilingual("等接待", "wait for reception"),
    "approval_s": Bilingual("等确认", "wait for approval"),
    "parts_s": Bilingual("等配件", "wait for parts"),
    "bay_s": Bilingual("等工位", "wait for a bay"),
}
DEFINITIONS: Mapping[str, Definition] = {
    "quick_lane_in_time": OF_KPI["quick_lane_in_time"],
    "quick_lane_spill_over": Definition(
        Bilingual("快修溢出率", "Spill-over of the quick lane"),
        Bilingual(
            "到店 15 分钟内未完工的快修工单 / 已完工的快修工单，已结束的工单",
            "quick-lane orders not ready within 15 min of check-in / quick-lane orders that became ready, of closed "
            "orders",
        ),
        "share",
        "lower",
    ),
    "quick_lane_over_s": Definition(
        Bilingual("溢出工单超出的时间（平均）", "Beyond the limit, mean of what spills over"),
        Bilingual(
            "溢出工单从第 15 分钟到完工的平均时间",
            "mean time from the 15th minute until ready of quick-lane orders that were not ready by then",
        ),
        "s",
        "lower",
    ),
}
METHODS = (
    Bilingual(
        "项目 = 工单唯一的故障组；有多个或没有故障组的工单另列一行，不下结论",
        "An item is the only fault group of an order. Orders of several items, or of none, stand in rows of their own "
        "that are not judged",
    ),
    Bilingual(
        "适合快修：快修通道中 15 分钟内完工的占比，其 95% 区间整个不低于目标；超时：整个低于目标；否则无法区分。"
        "目标为 targets 的 quick_lane_in_time，缺省 90%",
        "Belongs: the whole 95 % interval of the share ready within 15 min, in the quick lane, reaches the target; "
        "breaks: none of it does; else not distinguishable. The target is quick_lane_in_time of the targets, else 90 %",
    ),
    Bilingual(
        "快修工单不足 10 个的项目看普通通道：作业（诊断+维修+质检）不超过 15 分钟且不缺件的占比，同一规则："
        "可考虑快修、留在普通通道。作业时间不含排队，先试行再定",
        "Items with fewer than 10 quick-lane orders are judged by the standard lane: the share with at most 15 min of "
        "work (diagnosis, repair, check) and no part missing, by the same rule: candidate, or stays. Work is without "
        "queues: try a candidate before you decide",
    ),
    Bilingual(
        "区间：Wilson 95%，以中心为群，每个项目各自；项目多时，平均每 40 个恰好在目标线上的项目有一个被误判为适合",
        "Intervals: Wilson 95 %, centers as clusters, for one item alone: of 40 items exactly at the target one is "
        "said to belong by chance. What an item spills over for is the largest part of those orders' time until ready",
    ),
)
