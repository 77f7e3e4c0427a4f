"""The words of report `grades`: its definitions and methods."""

from fixtrail.reports.report import Bilingual, Definition

TITLE = Bilingual("技师与等级", "Technicians and grades")
DEFINITIONS = {
    "technicians_apart": Definition(
        Bilingual("与应有不同的技师", "Technicians apart from the expected"),
        Bilingual(
            "收缩后 95% 区间不含其工单应有值的技师 / 判定工单至少 20 的技师",
            "technicians whose 95 % interval excludes what their cases let expect / those with 20 judged orders",
        ),
        "share",
    ),
    "jobs_below_grade": Definition(
        Bilingual("低于等级的作业", "Jobs below grade"),
        Bilingual(
            "技师等级低于故障组要求的作业 / 有要求且等级已知的作业",
            "jobs by a technician of a lower grade than the fault group needs / jobs that need one, of a known grade",
        ),
        "share",
        "lower",
    ),
    "below_grade_ftfr_difference": Definition(
        Bilingual("低于等级的一次修复率之差（可比）", "Below grade: difference in first-time fix, matched"),
        Bilingual(
            "同一中心、同一故障组内，低于等级与其他作业的一次修复率之差；不是因果",
            "first-time fix rate of jobs below grade less that of others, of one center and fault group; no cause",
        ),
        "share_points",
    ),
}
METHODS = (
    Bilingual(
        "按其工单应有：对中心、故障组、来源、通道、是否返修的逻辑回归；技师的差异为随机效应（Laplace 近似，最大似然），"
        "工单少的靠近应有值",
        "Expected with his cases: logistic regression on center, fault groups, origin, lane, and comeback or not; "
        "what technicians add is a random effect (Laplace's approximation, maximum likelihood): few orders stay near "
        "the expected",
    ),
    Bilingual(
        "这是线索，不是对人的评价：回归不知道的差别仍在其中",
        "A lead to follow, no judgement of people: whatever the regression does not know of the cases is still in it",
    ),
    Bilingual(
        "维修时长：对数线性混合模型（限制最大似然），控制变量相同；时长取自开工或恢复至该作业下一事件。快不等于好",
        "Repair time: a linear mixed model of its logarithm by restricted maximum likelihood, with the same controls; "
        "times from started or resumed to the job's next event. Quick is not good: see first-time fix beside it",
    ),
    Bilingual("一个工单计入其每位维修技师", "An order counts for each of its technicians"),
)
