"""The words of report `procedures`: its definitions, codes and methods."""

from fixtrail.reports.report import Bilingual, Definition

TITLE = Bilingual("标准作业流程", "Standard procedures")
KIND_WORDS = {
    "check_missing": Bilingual("漏质检", "check missing"),
    "skipped": Bilingual("漏步骤", "skipped"),
    "out_of_order": Bilingual("顺序不符", "out of order"),
    "extra": Bilingual("多余步骤", "extra"),
    "too_fast": Bilingual("过快", "too fast"),
    "too_slow": Bilingual("过慢", "too slow"),
}
DEFINITIONS = {
    "procedure_conforming": Definition(
        Bilingual("按流程作业", "Orders that followed their procedure"),
        Bilingual(
            "没有任何偏差的工单 / 有适用流程的已交车工单",
            "handed-off orders without any deviation / those that have a procedure",
        ),
        "share",
        "higher",
    ),
    "procedure_check_missing": Definition(
        Bilingual("漏质检", "Check missing"),
        Bilingual(
            "流程要求质检而没有质检的工单 / 流程要求质检的工单",
            "orders without a quality check that their procedure needs / orders whose procedure needs one",
        ),
        "share",
        "lower",
    ),
    "ftfr_conforming": Definition(
        Bilingual("一次修复率（按流程）", "First-time fix, procedure followed"),
        Bilingual("按流程作业的工单的一次修复率", "first-time fix rate of the judged orders that followed it"),
        "share",
        "higher",
    ),
    "ftfr_deviating": Definition(
        Bilingual("一次修复率（有偏差）", "First-time fix, otherwise"),
        Bilingual("有偏差的工单的一次修复率", "first-time fix rate of the judged orders with a deviation"),
        "share",
        "higher",
    ),
    "procedure_ftfr_difference": Definition(
        Bilingual("按流程的一次修复率之差（可比）", "Difference in first-time fix, matched"),
        Bilingual(
            "同一中心、同一故障组内，按流程与有偏差的一次修复率之差（Mantel-Haenszel）；不是因果",
            "first-time fix rate of orders that followed it less that of the others, of one center and fault group "
            "(Mantel-Haenszel); no cause",
        ),
        "share_points",
        "higher",
    ),
}
METHODS = (
    Bilingual(
        "比对：流程是一个小自动机，取漏步骤与多余步骤最少的走法（alignment）；只看流程提到的事件种类",
        "Alignment: a procedure is a small automaton, and of all ways through it the one with the fewest skipped steps "
        "and extra events counts; only events of kinds that it names are looked at",
    ),
    Bilingual(
        "漏掉而在别处做了的步骤算顺序不符；漏掉的质检单列",
        "A skipped step that was done at another time is out of order; a skipped quality check is told apart",
    ),
    Bilingual(
        "占比的区间：Wilson 95%，以中心为群；差的区间：Greenland 与 Robins 1985",
        "Intervals of shares: Wilson, 95 %, centers as clusters; of the difference: Greenland and Robins 1985",
    ),
)
