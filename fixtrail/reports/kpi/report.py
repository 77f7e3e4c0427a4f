"""Report `kpi`: the figures of CONTRACT section 4 by period and cut, each with n, interval, target and status."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from fixtrail.reports.benchmarks import RULE as BENCHMARK_RULE
from fixtrail.reports.benchmarks import benchmark_sheet
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.kpi.answers import KeyAnswers, ask_keys
from fixtrail.reports.kpi.charts import charts_of
from fixtrail.reports.kpi.figures import Ripe, key_figures, ripe_days
from fixtrail.reports.kpi.service_levels import Limits, definitions_of, limits_of, parameter, service_level_figures
from fixtrail.reports.kpi.sheets import Beside, left_out_sheet
from fixtrail.reports.options import Options
from fixtrail.reports.periods import DAYS_A_MONTH, ResolvedPeriod, ask_periods, bucket_days
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Figure, Report
from fixtrail.reports.stats import intervals
from fixtrail.reports.status import status
from fixtrail.reports.targets import Targets

TITLE = Bilingual("指标总览", "KPI table")
QUESTION = Bilingual(
    "我们做得怎么样，是否达标？有多少数据支持，误差多大？",
    "How good are we, and is that what we aimed at? From how much data, and how sure?",
)
STATUS_RULE = Bilingual(
    "达标：整个区间不劣于目标；未达标：整个区间劣于目标；否则无法区分。未给出 n 的数字按其本身判断",
    "met: the whole interval reaches the target; missed: none of it does; otherwise not "
    "distinguishable. A number told without n is judged as it stands",
)
METHODS = (
    Bilingual(
        "95% 区间：比率用 Wilson；NPS 用调整 Wald（加 3 个虚拟评分）；平均等待用 t；"
        "中位数与 90 分位用次序统计量（二项分布）；投诉用伽马区间（Fay 与 Feuer 1997，计入重复投诉者）",
        "95 % intervals: shares by Wilson; NPS by adjusted Wald (three pseudo-answers); mean wait by Student's t; "
        "median and 90th percentile by order statistics (binomial ranks); complaints by the gamma interval of Fay and "
        "Feuer (1997), which reckons with those who complain repeatedly",
    ),
    Bilingual(
        "同一中心的工单彼此相似：有两个及以上中心时，区间以中心为聚类（CR2，Bell 与 McCaffrey 2002；"
        "比率、NPS 与投诉按有效样本量，Korn 与 Graubard 1998；分位数用 Woodruff 1952），"
        "取其与仅按工单计算者中较宽的一端；按日期计的每月投诉只关乎这些中心本身",
        "Orders at one center resemble each other: over two or more centers intervals have centers as clusters (CR2, "
        "Bell and McCaffrey 2002; shares, NPS and complaints by the effective number of orders, Korn and Graubard "
        "1998; quantiles by Woodruff 1952), or are those of the orders alone where these are wider. Complaints per "
        "month are about these very centers",
    ),
    STATUS_RULE,
    Bilingual(
        "已结束的工单属于其交车或取消之日；未指定日期则计全部已结束的工单。n 之外的工单按原因列出，"
        "未结束的另列。按日/周/月时，未结束的工单没有日期。分位数在名次间线性插值",
        "A closed order belongs to the day of its handoff or cancellation; with no days given all closed orders count. "
        "Orders that are not among n are told by reason, open ones in a table of their own; by day, week or month they "
        "have no key. Quantiles are linear between ranks",
    ),
    Bilingual(
        "“截至”之日及以前结束的工单已成定局：一次修复 30 天，评分与投诉 60 天（更晚的会被拒收）。"
        "一次修复率的目标只按已确认的工单判断",
        "Ripe: of orders closed up to that day nothing can change, first-time fix after 30 days, scores and complaints "
        "after 60 (later ones are refused). The target of the first-time fix rate is judged on confirmed orders alone",
    ),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    periods = ask_periods(ask, options)
    ripe = ripe_days(options.now, options.targets.time_zone)
    limits = limits_of(options)
    figures: list[Figure] = []
    sheets = Beside()
    for period in periods:
        parameters = period.parameters(options)
        keys = list(ask_keys(ask, parameters, options.by, parameter(limits)))
        figures += (figure for about in keys for figure in _figures(about, period, options.by, ripe, limits))
        sheets.add(period.name, keys, ask("kpi_refused", **parameters))
    return report_of(judged(figures, options.targets), options, periods, sheets, ripe)


def _figures(about: KeyAnswers, period: ResolvedPeriod, by: str | None, ripe: Ripe, limits: Limits) -> Iterator[Figure]:
    days = period.days
    if by in ("day", "week", "month"):
        days = 0 if about.key is None else bucket_days(by, about.key, period)
    own_levels = service_level_figures(limits, about.service_levels)
    for figure in chain(key_figures(about, days / DAYS_A_MONTH, ripe), own_levels):
        yield replace(figure, period=period.name, by=by, key=about.key)


def report_of(
    figures: Sequence[Figure], options: Options, periods: Sequence[ResolvedPeriod], beside: Beside, ripe: Ripe
) -> Report:
    titles = {period.name: period.title for period in periods}
    scope = {
        **options.scope(),
        "periods": titles,
        "ftfr_ripe_until": ripe.fixes.isoformat(),
        "voices_ripe_until": ripe.voices.isoformat(),
    }
    sheets, charts = charts_of(figures, titles)
    benchmarks = benchmark_sheet(figures, options.targets.benchmarks)
    tables = (*benchmarks, left_out_sheet(figures), *beside.sheets(), *sheets)
    definitions = {**DEFINITIONS, **definitions_of(limits_of(options))}
    methods = (*METHODS, BENCHMARK_RULE) if benchmarks else METHODS
    return Report("kpi", TITLE, QUESTION, scope, tuple(figures), tables, charts, methods, definitions)


def judged(figures: Sequence[Figure], targets: Targets) -> list[Figure]:
    """The same figures with their targets and whether they were met."""
    by_key = {(figure.figure, figure.period, figure.key): figure for figure in figures}
    return [_judged(figure, targets, by_key) for figure in figures]


def _judged(figure: Figure, targets: Targets, by_key: Mapping[tuple[str, str, str | None], Figure]) -> Figure:
    definition = DEFINITIONS.get(figure.figure)
    # An own service level: the more the better.
    better = "higher" if definition is None else definition.better
    assert better is not None
    if figure.figure == "ftfr" and (confirmed := by_key.get(("ftfr_confirmed", figure.period, figure.key))) is not None:
        # Failures are known before successes: of young orders the share says nothing yet.
        target = targets.values.get("ftfr")
        verdict = status(confirmed.value, confirmed.interval, target, better, confirmed.n)
        return replace(
            figure, target=target, status=verdict, judged_on="ftfr_confirmed" if target is not None else None
        )
    if (relative := targets.relative.get(figure.figure)) is not None:
        base = by_key.get((figure.figure, relative.period, figure.key))
        if base is None or base is figure or not base.value or figure.value is None:
            return figure
        # The target is itself a count: what is judged is the ratio of both.
        ratio = intervals.rate_ratio(figure.count or 0, figure.n or 0, base.count or 0, base.n or 0)
        verdict = status(figure.value / base.value, ratio, relative.times, better, figure.n)
        return replace(figure, target=relative.times * base.value, status=verdict)
    target = targets.values.get(figure.figure)
    if target is None and figure.figure == "ftfr_confirmed":
        target = targets.values.get("ftfr")
    return replace(figure, target=target, status=status(figure.value, figure.interval, target, better, figure.n))
