"""The words of report `league`."""

from collections.abc import Mapping

from fixtrail.reports.report import Bilingual, Kind

TITLE = Bilingual("服务中心排名", "League of centers")
# What --figure takes, and the figure of report kpi that it is.
LEAGUES: Mapping[str, str] = {"ftfr": "ftfr", "wait": "wait_mean_s", "nps": "nps", "complaints": "complaints_per_100"}
GROUPS: Mapping[str, Bilingual] = {
    "above": Bilingual("优于其他中心", "above: better than the others"),
    "not_distinguishable": Bilingual("无法区分", "not distinguishable"),
    "below": Bilingual("差于其他中心", "below: worse than the others"),
    "too_few": Bilingual("工单太少", "too few orders"),
}
# How the difference of two values of a unit is shown.
DIFFERENCES: Mapping[str, Kind] = {"share": "points", "s": "minutes", "nps": "nps"}
METHODS = (
    Bilingual(
        "每个中心与其余中心合计比较；“优于”和“差于”仅当差值的区间不含 0，该区间按中心数目校正（Bonferroni）："
        "若各中心并无差别，20 次中至多 1 次会点名任何中心。指标本身的区间同 report kpi --by center，未作此校正",
        "Each center is held against all others together; above and below only where the interval of the difference, "
        "adjusted for the number of centers (Bonferroni), does not hold 0: where centers do not differ, at most one "
        "league in twenty names anybody. The interval of the figure itself is that of report kpi --by center, for one "
        "center alone",
    ),
    Bilingual(
        "名次只在别无可能时给出：两两比较（Holm 校正），“名次从／到”是数据仍容许的最好与最差名次。"
        "组内按编号排列，先后没有意义",
        "A rank is told only where no other is open: every two centers are compared (Holm), and rank from and to are "
        "the best and worst places that the data leave open. Within a group centers stand by id: that order says "
        "nothing",
    ),
    Bilingual(
        "偶然的大小：取按工单、按天（同一天的工单彼此相似）及全部中心合并所得方差中最大者；"
        "少于 10 个工单或 2 天的中心只列出。差别不等于功过：故障结构不同，另见 report change 与 grades",
        "How much is chance: the largest of the variances by orders, by days (orders of one day resemble each other) "
        "and of all centers together; centers of fewer than 10 orders or 2 days are only listed. A difference is not "
        "a merit: cases differ, see reports change and grades",
    ),
)
