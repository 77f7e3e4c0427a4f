"""Report `quality`: first-time fix by technician and fault, with what chance does taken out, and faults by origin."""

from functools import partial
from typing import Any

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.definitions import DEFINITIONS as COMMON_DEFINITIONS
from fixtrail.reports.kpi.common import fix_rate
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.quality.charts import draw_shrunk
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Column, Figure, Report, plain, sheet_of
from fixtrail.reports.sample import ask_sample
from fixtrail.reports.stats import intervals
from fixtrail.reports.stats.shrinkage import Prior, fit, shrunk

TITLE = Bilingual("维修质量", "Quality")
# Below so many judged orders a row is listed, but neither ranked nor drawn.
LEAST = 20
# Who worked on an order only its events tell: of more orders than these, those of some vehicles.
MOST_ORDERS = 500_000
METHODS = (
    Bilingual(
        "收缩：经验贝叶斯（贝塔-二项分布，最大似然；Skellam 1948，Casella 1985）。工单少的靠近总体，工单多的靠近自身",
        "Shrunk: empirical Bayes with a beta-binomial model by maximum likelihood (Skellam 1948; Casella, The American "
        "Statistician 1985). Few orders stay near what is usual, many near their own share",
    ),
    Bilingual(
        f"判定工单少于 {LEAST} 的不排名。一个工单计入其每位维修技师、每个故障组",
        f"Not ranked below {LEAST} judged orders. An order counts for each of its technicians and fault groups",
    ),
    Bilingual(
        "与平均不同：收缩后的 95% 区间不含平均值。这是线索，不是对人的评价：难修的车并非随机分配",
        "Apart from the usual: its 95 % interval excludes the mean. A lead to follow, no judgement of people: who gets "
        "the difficult cars is not chance",
    ),
)
_FTFR = (
    Column("rank", Bilingual("名次", "rank"), "count"),
    Column("judged", Bilingual("判定工单", "judged"), "count"),
    Column("fixed", Bilingual("一次修复", "fixed first time"), "count"),
    Column("ftfr", Bilingual("一次修复率", "FTFR"), "share"),
    Column("shrunk", Bilingual("收缩后", "shrunk"), "share"),
    *Column.bounds("share"),
    Column("enough", Bilingual("数量足够", "enough")),
    Column("apart", Bilingual("与平均不同", "apart from the usual")),
    Column("rework", Bilingual("返工", "rework"), "count"),
    Column("open_part", Bilingual("缺件交车", "open part"), "count"),
    Column("reopened", Bilingual("交车后再修", "reopened"), "count"),
    Column("comeback", Bilingual("返修", "comeback"), "count"),
)
_ORIGINS = {
    "maintenance": Bilingual("保养", "maintenance"),
    "misuse": Bilingual("使用不当", "misuse"),
    "product": Bilingual("产品", "product"),
}
_TECHNICIANS = (
    Column("center_id", Bilingual("服务中心", "center")),
    Column("technician", Bilingual("技师", "technician")),
    *_FTFR,
)
_ORIGIN = Column("fault_origin", Bilingual("来源", "origin"), words=_ORIGINS)
_ORDERS = (
    Column("orders", Bilingual("工单", "orders"), "count"),
    Column("share_of_orders", Bilingual("占比", "share of orders"), "share"),
)
_FAULTS = (
    _ORIGIN,
    Column("fault_group", Bilingual("故障组", "fault group")),
    *_ORDERS,
    *_FTFR,
    Column("nps", Bilingual("NPS", "NPS"), "nps"),
    Column("scores", Bilingual("评分", "scores"), "count"),
    Column("wait_mean_s", Bilingual("平均等待", "mean wait"), "minutes"),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("quality", options)
    parameters, one_in = ask_sample(ask, options, MOST_ORDERS)
    technicians = ask("quality_technicians", **parameters)
    faults, origins = ask("quality_faults", **parameters), ask("quality_origins", **parameters)
    return report_of(technicians, faults, origins, fix_rate(ask, options, parameters), options, one_in)


def report_of(
    technicians: pd.DataFrame,
    faults: pd.DataFrame,
    origins: pd.DataFrame,
    ftfr: Figure,
    options: Options,
    one_in: int = 1,
) -> Report:
    """The report from the answers of its three queries; that of technicians is about one vehicle in `one_in`."""
    handed_off = int(origins["orders"].sum())
    people, usual = with_shrinkage(technicians)
    groups, _ = with_shrinkage(with_share(faults, handed_off).assign(nps=nps_of(faults)))
    roots, _ = with_shrinkage(with_share(origins, handed_off))
    title = Bilingual("技师的一次修复率", "First-time fix by technician")
    sheets = (
        sheet_of("technicians", title, _TECHNICIANS, people, usual_words(usual, one_in)),
        sheet_of("faults", Bilingual("故障组的一次修复率", "First-time fix by fault"), _FAULTS, groups),
        sheet_of("origins", Bilingual("故障来源", "Faults by origin"), (_ORIGIN, *_ORDERS, *_FTFR), roots),
    )
    definitions = {"ftfr": COMMON_DEFINITIONS["ftfr"]}
    charts = charts_of(people, groups, usual)
    scope = {**options.scope(), "technicians_one_vehicle_in": one_in}
    return Report("quality", TITLE, REPORTS["quality"], scope, (ftfr,), sheets, charts, METHODS, definitions)


def with_shrinkage(counts: pd.DataFrame) -> tuple[pd.DataFrame, Prior | None]:
    """The rows with FTFR, its shrunk value and interval, the worst that have enough orders first; and what is usual."""
    judged, fixed = counts["judged"].astype(int), counts["fixed"].astype(int)
    prior = fit(list(fixed), list(judged))
    shrunk_values = [_shrunk_value(prior, count, n) for count, n in zip(fixed, judged, strict=True)]
    ranked = counts.assign(
        ftfr=(fixed / judged).where(judged > 0),
        shrunk=[value for value, _, _ in shrunk_values],
        low=[low for _, low, _ in shrunk_values],
        high=[high for _, _, high in shrunk_values],
        enough=judged >= LEAST,
    )
    ranked["apart"] = (
        (ranked["enough"] & ((ranked["high"] < prior.mean) | (ranked["low"] > prior.mean))) if prior else False
    )
    ranked = ranked.sort_values(["enough", "shrunk"], ascending=[False, True], kind="stable", ignore_index=True)
    ranks = range(1, len(ranked) + 1)
    ranked["rank"] = [rank if enough else None for rank, enough in zip(ranks, ranked["enough"], strict=True)]
    ranked["rank"] = ranked["rank"].astype("Int64")
    return ranked, prior


def _shrunk_value(prior: Prior | None, count: int, n: int) -> tuple[float | None, float | None, float | None]:
    if prior is None:
        bounds = intervals.share(count, n)
        return (count / n if n else None), bounds.low, bounds.high
    value, between = shrunk(prior, count, n)
    return value, between.low, between.high


def with_share(counts: pd.DataFrame, orders: int) -> pd.DataFrame:
    """The rows with their share of all handed-off orders."""
    return counts.assign(share_of_orders=counts["orders"] / orders if orders else None)


def nps_of(counts: pd.DataFrame) -> "pd.Series[Any]":
    """NPS of each row; missing without a score."""
    scores = counts["scores"]
    return (100 * (counts["promoters"] - counts["detractors"]) / scores.where(scores > 0)).astype("float64")


def usual_words(prior: Prior | None, one_in: int) -> Bilingual | None:
    """What is usual among the technicians and whose orders these are, said in a sentence."""
    if prior is None:
        return None
    mean, orders = f"{100 * prior.mean:.1f} %", f"{prior.orders:,.0f}"
    zh, en = f"平均 {mean}；先验相当于 {orders} 个工单", f"the usual is {mean}; the prior is worth {orders} orders"
    if one_in > 1:
        zh, en = f"{zh}；每 {one_in} 辆车取一辆", f"{en}; of one vehicle in {one_in}, chosen by its keyed hash"
    return Bilingual(zh, en)


def charts_of(people: pd.DataFrame, groups: pd.DataFrame, usual: Prior | None) -> tuple[Chart, ...]:
    """Shrunk FTFR of technicians and of faults, for those with enough orders."""
    charts = []
    for name, title, frame, labels in (
        ("technicians", Bilingual("技师（收缩后）", "Technicians, shrunk"), people, ("center_id", "technician")),
        ("faults", Bilingual("故障组（收缩后）", "Faults, shrunk"), groups, ("fault_origin", "fault_group")),
    ):
        enough = frame[frame["enough"]].head(40)
        rows = [{str(key): plain(value) for key, value in row.items()} for row in enough.to_dict("records")]
        if rows:
            mean = usual.mean if usual and name == "technicians" else None
            charts.append(Chart(name, title, name, partial(draw_shrunk, rows, labels, mean)))
    return tuple(charts)
