"""The catalogue of reports. Each module has `build(ask, options) -> Report` and is imported when first used."""

from collections.abc import Callable
from importlib import import_module

from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Report
from runtime.failure import USAGE, ExitError

Build = Callable[[Ask, Options], Report]

REPORTS = {
    "kpi": Bilingual("我们做得怎么样，是否达标？", "How good are we, and is that what we aimed at?"),
    "change": Bilingual(
        "指标变了多少，是哪些中心、通道和故障类别造成的？", "What changed, and at which centers, lanes and groups?"
    ),
    "league": Bilingual(
        "哪些服务中心与其他中心的差别超出偶然？", "Which centers differ from the others by more than chance?"
    ),
    "lane": Bilingual(
        "哪些项目适合快修通道，哪些会超时？", "Which items belong in the quick lane, and which break its limit?"
    ),
    "drivers": Bilingual("什么让评分上升或下降？", "What moves the score?"),
    "pareto": Bilingual("哪些原因让我们失去 NPS？", "Which causes take the NPS away?"),
    "pilot": Bilingual("试点真的改变了什么吗？该推广吗？", "Did the pilot change anything, and should it go on?"),
    "roi": Bilingual("这笔投入划算吗？", "Does it pay?"),
    "journey": Bilingual("客户的时间花在哪里，痛点在哪里？", "Where does the customers' time go, and what hurts them?"),
    "waits": Bilingual(
        "客户等待时，走的是谁的时间？", "Whose clock runs while customers wait: the workshop's, theirs, the supplier's?"
    ),
    "parts": Bilingual(
        "哪些配件缺货，客户因此等了多久？", "Which parts are missing, and what does that cost customers?"
    ),
    "data": Bilingual("各来源、各中心的数据能信吗？", "Can the data of each source and center be believed?"),
    "eta": Bilingual("预估的完工时间准不准？", "How good are the estimates of ready times, beside the promises?"),
    "voices": Bilingual(
        "客户抱怨什么，有没有人跟进，跟进有用吗？",
        "What do customers complain of, who follows it up, and does it help?",
    ),
    "warning": Bilingual(
        "哪个零件批次、车型或软件的故障比预期多？",
        "Of which batch, build or software are there more faults than expected?",
    ),
    "staff": Bilingual(
        "员工怎么看，他们的建议有没有回音？", "What does the staff think, and are its suggestions answered?"
    ),
    "need": Bilingual(
        "哪些时段人手不足，客户因此多等了多久？", "When are there too few people, and how long do customers wait then?"
    ),
    "procedures": Bilingual(
        "工单是否按标准流程作业，漏了哪一步？", "Do orders follow the standard procedure, and which step is missing?"
    ),
    "experts": Bilingual(
        "远程专家来得多快，解决了多少？", "How soon does a remote expert join, and what does he resolve?"
    ),
    "grades": Bilingual(
        "考虑各自的工单后，谁的一次修复率与应有的不同？", "Whose first-time fix differs from what his cases let expect?"
    ),
    "quality": Bilingual("谁、哪里、哪类故障没有一次修好？", "Where is the fault not mended the first time?"),
}


# Whose first table ranks causes, each with its share.
OF_CAUSES = "pareto"


def builder(name: str) -> Build:
    """The function that computes a report. Raises ExitError for a name that is none."""
    if name not in REPORTS:
        raise ExitError(f"there is no report {name!r}: {', '.join(REPORTS)}", USAGE)
    build: Build = import_module(f"fixtrail.reports.{name}.report").build
    return build
