"""Report `parts`: which parts are missing, where, what customers lose by it, which parts matter, how emergencies go."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.parts.classes import CLASSES, classes
from fixtrail.parts.plan import ForecastPlan
from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.definitions import DEFINITIONS as COMMON_DEFINITIONS
from fixtrail.reports.figure_kinds import with_bounds
from fixtrail.reports.kpi.common import part_rates
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.parts.beyond import outlook, with_forecast, with_window
from fixtrail.reports.parts.charts import draw_pareto
from fixtrail.reports.parts.outlook import ask_history
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Column, Definition, Figure, Report, plain, sheet_of

TITLE = Bilingual("配件", "Parts")
TOP = 50
MOST_PAIRS = 1000
DEFINITIONS = {
    **{name: COMMON_DEFINITIONS[name] for name in ("stockout_rate", "emergency_in_time")},
    "parts_wait_s": Definition(
        Bilingual("等配件总时长", "Wait for parts, total"),
        Bilingual("所有工单等配件的时间之和", "sum of all orders' wait for parts"),
        "s",
        "lower",
    ),
}
METHODS = (
    Bilingual(
        "一个工单等配件的时间由其缺货的请求平分；若无缺货则由其所有请求平分，因此各配件之和等于总和",
        "An order's wait for parts is shared equally by its backordered requests, or by all of its requests where none "
        "was, so that the parts' shares add up to the whole",
    ),
    Bilingual(
        "ABC：按累计占比，A 至 80%，B 至 95%，其余为 C。金额 = 数量 × 单价；无单价的请求不计入金额",
        "ABC by cumulated share: A up to 80 %, B up to 95 %, C the rest. Value is quantity times unit price; requests "
        "without a price add nothing to it",
    ),
    Bilingual("缺件率的区间：Wilson 95%", "Intervals of rates: Wilson, 95 %"),
)
_RATE = (
    Column("requests", Bilingual("请求", "requests"), "count"),
    Column("stockouts", Bilingual("缺货", "stock-outs"), "count"),
    Column("stockout_rate", Bilingual("缺件率", "stock-out rate"), "share"),
    *Column.bounds("share"),
    Column("waited_s", Bilingual("客户等待", "customers waited"), "minutes"),
)
_PART, _CENTER = Column("part_no", Bilingual("配件号", "part")), Column("center_id", Bilingual("服务中心", "center"))
_PARTS = (
    _PART,
    *_RATE,
    Column("share_of_wait", Bilingual("占等待", "share of wait"), "share"),
    Column("pieces", Bilingual("数量", "pieces"), "number"),
    Column("amount", Bilingual("金额", "value"), "money"),
    Column("abc_hits", Bilingual("ABC（次数）", "ABC by hits")),
    Column("abc_value", Bilingual("ABC（金额）", "ABC by value")),
    Column("emergencies", Bilingual("紧急", "emergencies"), "count"),
)
_EMERGENCIES = (
    _CENTER,
    Column("emergencies", Bilingual("紧急请求", "emergencies"), "count"),
    Column("fulfilled", Bilingual("已到货", "fulfilled"), "count"),
    Column("cancelled", Bilingual("已取消", "cancelled"), "count"),
    Column("in_time", Bilingual("2 小时内", "within 2 h"), "count"),
    Column("in_time_rate", Bilingual("准时率", "in time"), "share"),
    *Column.bounds("share"),
    Column("median_s", Bilingual("中位数", "median"), "minutes"),
    Column("p90_s", Bilingual("90 分位", "p90"), "minutes"),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("parts", options)
    parameters, _ = ask_scope(ask, options)
    rates = part_rates(ask, parameters)
    first = report_of(ask("parts", **parameters), ask("parts_emergencies", **parameters), rates, options)
    plan = ForecastPlan()
    history = ask_history(ask, options, plan)
    report = with_window(first, ask, options, history)
    return with_forecast(report, outlook(ask, history, plan)) if options.forecast else report


def report_of(cells: pd.DataFrame, emergencies: pd.DataFrame, rates: tuple[Figure, ...], options: Options) -> Report:
    """The report from the answers of queries parts (by part, by center, by both) and parts_emergencies."""
    rated, channel = with_rate(cells), emergency_frame(emergencies)
    parts, centers, part_centers = (rated[rated["level"] == level] for level in ("part", "center", "both"))
    order = {"by": ["waited_s", "part_no"], "ascending": [False, True], "kind": "stable"}
    by_wait = classified(parts).sort_values(**order)
    worst = part_centers.sort_values(**order).head(MOST_PAIRS)
    top = Bilingual(f"按客户等待排序，显示前 {TOP} 个", f"by the time customers lost; the first {TOP} are shown")
    sheets = (
        sheet_of("parts", Bilingual("配件", "By part"), _PARTS, by_wait, top, TOP),
        sheet_of("centers", Bilingual("服务中心", "By center"), (_CENTER, *_RATE), centers),
        sheet_of(
            "part_centers", Bilingual("配件与中心", "By part and center"), (_PART, _CENTER, *_RATE), worst, top, TOP
        ),
        sheet_of(
            "emergencies", Bilingual("紧急通道", "Emergency channel"), _EMERGENCIES, channel[~channel["is_total"]]
        ),
    )
    figures = (*rates, _time_lost(centers))
    charts = charts_of(by_wait) if len(parts) else ()
    return Report("parts", TITLE, REPORTS["parts"], options.scope(), figures, sheets, charts, METHODS, DEFINITIONS)


def classified(parts: pd.DataFrame) -> pd.DataFrame:
    """One row per part, with its share of the wait and its classes by hits and by value."""
    waited = parts["waited_s"].sum()
    return parts.assign(
        share_of_wait=parts["waited_s"] / waited if waited else 0.0,
        abc_hits=abc_classes(parts["requests"], parts["part_no"]),
        abc_value=abc_classes(parts["amount"], parts["part_no"]),
    )


def abc_classes(amounts: "pd.Series[Any]", names: "pd.Series[Any]") -> "pd.Series[Any]":
    """A, B or C for each amount: by the share of the whole that the larger ones before it have; ties by name.

    So the largest is always A, and one that begins below 80 % and ends above it is A still.
    """
    kinds = classes(amounts.astype("float64").fillna(0.0).to_numpy(), names.to_numpy(dtype=np.str_))
    return pd.Series(np.array(CLASSES, dtype=object)[kinds], index=amounts.index)


def with_rate(counts: pd.DataFrame) -> pd.DataFrame:
    """The same rows with stockout_rate and its interval."""
    rates = counts.assign(stockout_rate=counts["stockouts"] / counts["requests"])
    return with_bounds(rates, "stockouts", "requests")


def emergency_frame(emergencies: pd.DataFrame) -> pd.DataFrame:
    """Query parts_emergencies with rates and intervals."""
    pairs = [list(pair) for pair in emergencies["quantiles_s"]]
    return with_bounds(emergencies, "in_time", "emergencies").assign(
        is_total=emergencies["is_total"].astype(bool),
        in_time_rate=emergencies["in_time"] / emergencies["emergencies"],
        median_s=[pair[0] for pair in pairs],
        p90_s=[pair[1] for pair in pairs],
    )


def _time_lost(centers: pd.DataFrame) -> Figure:
    """The time that customers lost at all centers, open orders up to now included."""
    requests = int(centers["requests"].sum())
    return Figure("parts_wait_s", float(centers["waited_s"].sum()), requests, requests, no_interval="all_counted")


def charts_of(by_wait: pd.DataFrame) -> tuple[Chart, ...]:
    """The parts that cost customers most time, with the share that they and those before them have."""
    rows = [{str(name): plain(value) for name, value in row.items()} for row in by_wait.head(20).to_dict("records")]
    title = Bilingual("客户等待最久的配件", "Parts that customers waited for most")
    return (Chart("waited", title, "parts", partial(draw_pareto, rows)),)
