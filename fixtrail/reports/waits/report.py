"""Report `waits`: whose clock runs while customers wait, and how much of a wait is the center being closed."""

from collections.abc import Iterator
from dataclasses import replace
from operator import mul

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import (
    Bilingual,
    Chart,
    Column,
    Definition,
    Figure,
    Interval,
    Locale,
    Picture,
    Report,
    sheet_of,
)
from fixtrail.reports.sample import ask_sample
from fixtrail.reports.stats import intervals

TITLE = Bilingual("等待算谁的", "Whose clock")
# Every stretch of every wait is looked at: of more orders than these, those of some vehicles.
MOST_ORDERS = 1_000_000
CLOCKS = {
    "workshop_s": Bilingual("维修站（接待、工位）", "workshop (reception, bay)"),
    "customer_s": Bilingual("客户（确认报价）", "customer (approval)"),
    "supplier_s": Bilingual("供应商（配件）", "supplier (parts)"),
    "closed_s": Bilingual("打烊时间", "center closed"),
}
_OF_ORDERS = Bilingual("已交车且有到店记录的工单的平均值", "mean over handed-off orders with a check-in")


def _definition(title: Bilingual, zh: str, en: str) -> Definition:
    return Definition(title, Bilingual(f"{zh}；{_OF_ORDERS.zh}", f"{en}; {_OF_ORDERS.en}"), "s", "lower", 2)


DEFINITIONS = {
    "wait_open_s": _definition(
        Bilingual("营业时间内的等待", "Wait in opening time"),
        "等待中服务中心营业的部分",
        "what of the wait passed while the center was open",
    ),
    "workshop_s": _definition(CLOCKS["workshop_s"], "营业时间内等接待和工位", "wait for reception and bay while open"),
    "customer_s": _definition(
        CLOCKS["customer_s"], "营业时间内等客户确认", "wait for the customer's answer while open"
    ),
    "supplier_s": _definition(CLOCKS["supplier_s"], "营业时间内等配件", "wait for parts while open"),
    "closed_s": _definition(
        CLOCKS["closed_s"], "等待中服务中心打烊的部分", "what of the wait passed while it was closed"
    ),
}
METHODS = (
    Bilingual(
        "营业时间按服务中心的时区、营业日、节假日（closed_on）和补班日（open_on）计算；营业 + 打烊 = 等待，精确到毫秒",
        "Opening time by the hours, weekdays, holidays (closed_on) and days made up for (open_on) of each center in "
        "its zone; open and closed add up to the wait, to the millisecond",
    ),
    Bilingual(
        "没有营业时间的服务中心不计入各项数字，只列在表中：其等待全部算作营业时间",
        "Centers without hours are in no figure, only in the table, where all of their wait counts as open",
    ),
)
_COLUMNS = (
    Column("center_id", Bilingual("服务中心", "center")),
    Column("orders", Bilingual("工单", "orders"), "count"),
    Column("has_hours", Bilingual("有营业时间", "hours known")),
    Column("wait_s", Bilingual("等待", "wait"), "minutes"),
    Column("wait_open_s", Bilingual("营业时间内", "in opening time"), "minutes"),
    *(Column(name, title, "minutes") for name, title in CLOCKS.items()),
    Column("over_closed", Bilingual("跨打烊的工单", "orders that waited while closed"), "count"),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("waits", options)
    parameters, one_in = ask_sample(ask, options, MOST_ORDERS)
    return report_of(ask("waits", **parameters), options, one_in)


def report_of(centers: pd.DataFrame, options: Options, one_in: int = 1) -> Report:
    """The report from the answer of query waits, which is that of one vehicle in `one_in`."""
    rows = centers.assign(has_hours=centers["with_hours"] > 0)
    sheets = (sheet_of("centers", Bilingual("服务中心", "By center"), _COLUMNS, rows),)
    title = Bilingual("平均等待的构成", "What the mean wait is made of")
    charts = (Chart("clocks", title, "centers", lambda locale: draw_clocks(rows, locale)),) if len(rows) else ()
    scope = {**options.scope(), "one_vehicle_in": one_in}
    figures = tuple(figures_of(rows))
    return Report("waits", TITLE, REPORTS["waits"], scope, figures, sheets, charts, METHODS, DEFINITIONS)


def figures_of(rows: pd.DataFrame) -> Iterator[Figure]:
    """The mean of each clock over the centers with hours; the others are left out and told."""
    with_hours = rows[rows["has_hours"]]
    n_all, n = int(rows["orders"].sum()), int(with_hours["orders"].sum())
    left_out = {"no_hours": n_all - n}
    sizes = with_hours["orders"].tolist()
    for name in DEFINITIONS:
        if n == 0:
            yield Figure(name, None, 0, n_all, left_out=left_out)
            continue
        means = with_hours[name].tolist()
        figure = Figure(name, sum(map(mul, sizes, means)) / n, n, n_all, left_out=left_out, no_interval="one_center")
        spread = intervals.between_centers(sizes, means)
        yield figure if spread is None else _with_interval(figure, spread, len(sizes))


def _with_interval(figure: Figure, spread: intervals.Spread, centers: int) -> Figure:
    value = figure.value or 0.0
    interval = Interval(max(0.0, value - spread.half), value + spread.half)
    return replace(figure, interval=interval, no_interval=None, method=intervals.CENTERS, centers=centers)


def draw_clocks(rows: pd.DataFrame, locale: Locale) -> Picture:
    """Each center's mean wait as a bar of its four clocks, the longest on top."""
    from fixtrail.reports.forms.pictures import COLOURS, MUTED, picture

    drawn = rows.sort_values("wait_s", ascending=False).head(30)
    drawing, axes = picture(8.0, max(2.5, 0.9 + 0.28 * len(drawn)))
    left = pd.Series(0.0, index=drawn.index)
    for (name, title), colour in zip(CLOCKS.items(), (*COLOURS[:3], MUTED), strict=True):
        minutes = drawn[name] / 60
        axes.barh(range(len(drawn)), minutes, left=left, color=colour, label=title.in_locale(locale))
        left += minutes
    axes.set_yticks(range(len(drawn)), drawn["center_id"].tolist(), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel({"zh-CN": "分钟", "en": "minutes"}[locale])
    axes.legend(fontsize=8, loc="lower right")
    return drawing
