"""What report `voices` says: its figures, methods and the words of its tables."""

from collections.abc import Mapping

from fixtrail.reports.report import Bilingual, Definition

TITLE = Bilingual("投诉与差评", "Complaints and bad scores")
PHASES: Mapping[str, Bilingual] = {
    "opened": Bilingual("已提出", "opened"),
    "assigned": Bilingual("已分派", "assigned"),
    "contacted": Bilingual("已联系", "contacted"),
    "resolved": Bilingual("已解决", "resolved"),
    "reopened": Bilingual("再次提出", "reopened"),
    "closed": Bilingual("已关闭", "closed"),
}
KINDS: Mapping[str, Bilingual] = {
    "complaint": Bilingual("投诉", "complaint"),
    "detractor": Bilingual("差评", "bad score"),
}
GROUPS: Mapping[str, Bilingual] = {
    "day": Bilingual("一天内联系", "called within a day"),
    "two_days": Bilingual("第二天联系", "called on the second day"),
    "later": Bilingual("更晚联系", "called later"),
    "never": Bilingual("未联系", "not called"),
}
_CONTACT = Bilingual(
    "首次联系：阶段 contacted，或没有它的 resolved，或对该投诉的回访 contacted / resolved",
    "first contact: a contacted or resolved of the complaint, or a follow_up of it that is one of these",
)
DEFINITIONS: Mapping[str, Definition] = {
    "complaints_opened": Definition(
        Bilingual("投诉", "Complaints"),
        Bilingual("时段内首次提出的投诉（complaint_id 去重）", "distinct complaints that were opened in the period"),
        "cases",
        "lower",
    ),
    "complaints_per_1000": Definition(
        Bilingual("每千单投诉", "Complaints per 1,000 orders"),
        Bilingual(
            "时段内提出的投诉 / 时段内交车的工单 × 1000",
            "complaints opened in the period per 1,000 orders handed off in it",
        ),
        "per_1000",
        "lower",
    ),
    "complaints_open": Definition(
        Bilingual("未了结的投诉", "Complaints open"),
        Bilingual(
            "时段结束时（或现在）最后阶段既非 resolved 也非 closed 的投诉",
            "complaints whose last phase is neither resolved nor closed at the end of the period, or now",
        ),
        "cases",
        "lower",
    ),
    "complaint_contact_in_time": Definition(
        Bilingual("投诉按时联系率", "Complaints contacted in time"),
        Bilingual(
            f"在第一级时限内（营业时间，高 1 小时、低 4 小时）首次联系的投诉 / 已可判断的投诉；{_CONTACT.zh}",
            "complaints with a first contact within the first level (opening hours: 1 if high, 4 if low) / those where "
            f"that is decided; {_CONTACT.en}",
        ),
        "share",
        "higher",
    ),
    "complaint_contact_median_s": Definition(
        Bilingual("投诉到首次联系（中位数）", "Complaint to first contact, median"),
        Bilingual("营业时间，仅有联系的投诉", "in opening time, of complaints with a contact"),
        "s",
        "lower",
    ),
    "complaint_resolution_median_s": Definition(
        Bilingual("投诉到解决（中位数）", "Complaint to resolution, median"),
        Bilingual(
            "营业时间，至最后一次且此后未再次提出的 resolved；仅限目前已解决或已关闭的投诉",
            "in opening time, up to the last resolved not reopened after; of those that are resolved or closed",
        ),
        "s",
        "lower",
    ),
    "complaints_reopened": Definition(
        Bilingual("再次提出率", "Complaints reopened"),
        Bilingual(
            "曾 reopened 的投诉 / 曾 resolved 的投诉", "complaints reopened / complaints that were ever resolved"
        ),
        "share",
        "lower",
    ),
    "complaints_repeated": Definition(
        Bilingual("重复投诉率", "Complaints repeated"),
        Bilingual(
            "同车同类投诉前 90 天内已有一次的投诉 / 全部投诉",
            "complaints with another of the same vehicle and category within 90 days before / complaints",
        ),
        "share",
        "lower",
    ),
    "detractor_cases": Definition(
        Bilingual("差评", "Bad scores"),
        Bilingual(
            "最后一次评分 0–6，或故障源于产品且 ≤ 8 的工单，按评分日期",
            "orders whose last score is 0-6, or up to 8 with fault origin product, by the day of the score",
        ),
        "cases",
        "lower",
    ),
    "detractor_contact_in_time": Definition(
        Bilingual("差评按时联系率", "Bad scores contacted in time"),
        Bilingual(
            "48 小时内首次联系的差评 / 已可判断的差评", "first contact within 48 h / those where that is decided"
        ),
        "share",
        "higher",
    ),
    "recovery_contacted": Definition(
        Bilingual("挽回率（已联系）", "Recovery, contacted"),
        Bilingual(
            "同一客户 180 天内（联系之后）有更高一档评分的差评 / 已联系的差评",
            "bad scores followed within 180 days, after the contact, by a score of the same customer in a better class "
            "/ bad scores with a contact",
        ),
        "share",
        "higher",
    ),
    "recovery_others": Definition(
        Bilingual("挽回率（未联系）", "Recovery, not contacted"),
        Bilingual("同上，未联系的差评", "the same of bad scores without a contact"),
        "share",
    ),
    "recovery_difference": Definition(
        Bilingual("挽回率之差（同中心同分）", "Recovery, difference within center and score"),
        Bilingual(
            "已联系减未联系，按中心与评分配对（Mantel–Haenszel）",
            "contacted less not contacted, matched by center and score (Mantel-Haenszel)",
        ),
        "share_points",
        "higher",
    ),
    "nps_complainants": Definition(
        Bilingual("投诉者 NPS", "NPS of complainants"),
        Bilingual("有投诉的已结束工单", "over closed orders with a complaint"),
        "nps",
    ),
    "nps_others": Definition(
        Bilingual("未投诉者 NPS", "NPS of those without a complaint"),
        Bilingual("无投诉的已结束工单", "over closed orders without a complaint"),
        "nps",
    ),
    "lead_complainants_s": Definition(
        Bilingual("投诉者在店时长（中位数）", "Lead of complainants, median"),
        Bilingual("有投诉的已交车工单", "of handed-off orders with a complaint"),
        "s",
    ),
    "lead_others_s": Definition(
        Bilingual("未投诉者在店时长（中位数）", "Lead of those without a complaint, median"),
        Bilingual("无投诉的已交车工单", "of handed-off orders without a complaint"),
        "s",
    ),
}
METHODS = (
    Bilingual(
        "投诉与差评按提出（评分）日期计入时段；状态与存量截至时段结束或现在，时长用目前已知的全部事件",
        "A complaint belongs to the day it was opened, a bad score to the day of the answer. States and ages are those "
        "at the end of the period, or now; times to contact and to resolution use all that is known now",
    ),
    Bilingual(
        "挽回率：差评之后评分本就常会变好（向均值回归），因此已联系者与同中心同分的未联系者并列。不是随机分组：被联系的可能"
        "本就更容易挽回。180 天未满的差评仍可能变化",
        "Recovery: after a bad score the next is often better whoever calls (regression to the mean), so those called "
        "stand beside those of the same center and score who were not. Nobody drew lots: who was called may have been "
        "easier to win back. Bad scores of the last 180 days may still change",
    ),
    Bilingual(
        "区间 95%：比率 Wilson（差值 Mantel–Haenszel，Sato 1989 方差），中位数为次序统计量，"
        "每千单为伽马区间，NPS 为调整 Wald",
        "95 % intervals: Wilson for shares, Mantel-Haenszel with Sato's variance (1989) for the difference, order "
        "statistics for medians, gamma per 1,000, adjusted Wald for NPS",
    ),
    Bilingual(
        "时限可在目标文件的 [voices] 表中设置",
        "Limits are set in table [voices] of the targets file: contact_hours, high_hours, low_hours, repeat_days, "
        "recovery_days",
    ),
)
