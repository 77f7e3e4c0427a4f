"""The words of report `experts`: its definitions and methods."""

from fixtrail.reports.report import Bilingual, Definition

TITLE = Bilingual("远程专家", "Remote experts")
DEFINITIONS = {
    "expert_wait_median_s": Definition(
        Bilingual("专家加入（中位数）", "Time to expert, median"),
        Bilingual("从申请到专家加入的时间的中位数", "median time from a session's request until the expert joined"),
        "s",
        "lower",
        version=2,
    ),
    "expert_wait_p90_s": Definition(
        Bilingual("专家加入（90 分位）", "Time to expert, 90th percentile"),
        Bilingual("同上，90 分位数", "90th percentile of the same"),
        "s",
        "lower",
        version=2,
    ),
    "expert_in_time": Definition(
        Bilingual("10 分钟内加入", "Expert within 10 min"),
        Bilingual("10 分钟内有专家加入的会话 / 有专家加入的会话", "sessions joined within 10 min / sessions joined"),
        "share",
        "higher",
        version=2,
    ),
    "expert_without_part": Definition(
        Bilingual("未换件解决", "Resolved without a part"),
        Bilingual(
            "申请之后（含交车后）没有配件到货的已解决会话 / 已解决会话；没有申请的从专家加入算起",
            "resolved sessions of whose order no part came after their request (else their joining), be it after the "
            "handoff / resolved sessions",
        ),
        "share",
        "higher",
        version=3,
    ),
    "expert_ftfr": Definition(
        Bilingual("一次修复率（有专家）", "First-time fix with an expert"),
        Bilingual("有专家会话的工单的一次修复率", "first-time fix rate of judged orders with a session"),
        "share",
        "higher",
        version=2,
    ),
    "expert_ftfr_without": Definition(
        Bilingual("一次修复率（无专家）", "First-time fix without"),
        Bilingual("没有专家会话的工单的一次修复率", "first-time fix rate of judged orders without one"),
        "share",
        "higher",
        version=2,
    ),
    "expert_ftfr_difference": Definition(
        Bilingual("一次修复率之差（可比）", "Difference in first-time fix, matched"),
        Bilingual(
            "同一中心、同一故障组内，有无专家的一次修复率之差；不是因果",
            "the first less the second of one center and fault group; no cause: difficult cars get an expert",
        ),
        "share_points",
        "higher",
        version=2,
    ),
}
METHODS = (
    Bilingual(
        "占比的区间：Wilson 95%，以中心为群；分位数：秩的二项分布；差：Greenland 与 Robins 1985",
        "Intervals: shares by Wilson with centers as clusters, quantiles by the binomial distribution of ranks, the "
        "difference by Greenland and Robins 1985",
    ),
)
