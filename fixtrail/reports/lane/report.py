"""Report `lane`: which items belong in the quick lane, which spill over, and what for."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.figure_kinds import share_figure
from fixtrail.reports.lane.words import CAUSES, DEFINITIONS, ITEMS, METHODS, TITLE, VERDICTS
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Column, Figure, Interval, Locale, Picture, Report, Sheet
from fixtrail.reports.stats import intervals

LEAST_ORDERS = 10
TARGET = 0.9
_ORDER = tuple(VERDICTS)
_COUNTS = ("orders", "closed", "quick", "quick_ready", "in_time", "over", "standard", "fits")
_SHARED = (
    Column("quick", Bilingual("快修工单", "quick-lane orders"), "count"),
    Column("n", Bilingual("其中已完工", "of them ready"), "count"),
    Column("in_time", Bilingual("15 分钟内", "within 15 min"), "share"),
    *Column.bounds("share"),
    Column("spill_over", Bilingual("溢出", "spill over"), "count"),
    Column("share_of_spill_over", Bilingual("占全部溢出", "of all spill-over"), "share"),
    Column("over_mean_s", Bilingual("平均超出", "beyond, mean"), "minutes"),
    Column("cause", Bilingual("主要因为", "mostly for"), words=CAUSES),
)
_ITEMS = (
    Column("verdict", Bilingual("结论", "verdict"), words=VERDICTS),
    Column("item", Bilingual("项目", "item"), words=ITEMS),
    Column("n_all", Bilingual("全部工单", "all orders"), "count"),
    *_SHARED,
    Column("standard", Bilingual("普通通道", "standard lane"), "count"),
    Column("fits", Bilingual("作业 15 分钟内且不缺件", "15 min of work, parts there"), "share"),
    Column("fits_low", Bilingual("下限", "low"), "share"),
    Column("fits_high", Bilingual("上限", "high"), "share"),
)
_CENTERS = (
    Column("center_id", Bilingual("服务中心", "center")),
    Column("n_all", Bilingual("全部工单", "all orders"), "count"),
    *_SHARED,
    Column("worst_item", Bilingual("溢出最多的项目", "item that spills over most"), words=ITEMS),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("lane", options)
    parameters, _ = ask_scope(ask, options)
    return report_of(ask("lane", **parameters), options)


def report_of(answer: pd.DataFrame, options: Options) -> Report:
    """The report from the answer of query lane."""
    target = options.targets.values.get("quick_lane_in_time", TARGET)
    items = sorted(_items(answer, target), key=lambda row: (_ORDER.index(row["verdict"]), -row["n"], row["item"]))
    sheets = (
        Sheet("items", Bilingual("项目", "Items"), _ITEMS, tuple(items)),
        Sheet("centers", Bilingual("按服务中心", "By center"), _CENTERS, tuple(_centers(answer))),
    )
    drawn = [row for row in items if row["n"]]
    title = Bilingual("快修通道 15 分钟内完工", "Ready within 15 min in the quick lane")
    charts = (Chart("items", title, "items", lambda locale: draw_items(drawn, target, locale)),) if drawn else ()
    scope = {**options.scope(), "target": f"{100 * target:g} %"}
    return Report("lane", TITLE, REPORTS["lane"], scope, tuple(_figures(answer)), sheets, charts, METHODS, DEFINITIONS)


def _figures(answer: pd.DataFrame) -> Iterator[Figure]:
    """The lane as a whole."""
    total = {name: int(answer[name].sum()) for name in _COUNTS}
    left_out = {
        "open": total["orders"] - total["closed"],
        "other_lane": total["closed"] - total["quick"],
        "never_ready": total["quick"] - total["quick_ready"],
    }
    for name, column in (("quick_lane_in_time", "in_time"), ("quick_lane_spill_over", "over")):
        pairs = _pairs(answer, column, "quick_ready")
        yield share_figure(name, total[column], total["quick_ready"], total["orders"], left_out, pairs)
    over, by_center = total["over"], answer.groupby("center_id")[["over", "over_s"]].sum()
    by_center = by_center[by_center["over"] > 0]
    mean = float(answer["over_s"].sum()) / over if over else None
    spread = intervals.between_centers(by_center["over"].tolist(), (by_center["over_s"] / by_center["over"]).tolist())
    interval = Interval(None, None)
    if mean is not None and spread is not None:
        interval = Interval(max(0.0, mean - spread.half), mean + spread.half)
    yield Figure(
        "quick_lane_over_s",
        mean,
        over,
        total["orders"],
        interval,
        method=intervals.CENTERS,
        centers=len(by_center),
        left_out={**left_out, "ready_in_time": total["in_time"]},
        no_interval="one_center" if over and spread is None else None,
    )


def _items(answer: pd.DataFrame, target: float) -> Iterator[dict[str, Any]]:
    all_over = int(answer["over"].sum())
    for (item, is_item), own in answer.groupby(["item", "is_item"]):
        fits = share_figure(
            "fits", int(own["fits"].sum()), int(own["standard"].sum()), 0, {}, _pairs(own, "fits", "standard")
        )
        row = _lane_row(own, all_over)
        yield {
            "verdict": _verdict(row, fits, target) if is_item else "not_judged",
            "item": item,
            **row,
            "standard": fits.n,
            "fits": fits.value,
            "fits_low": fits.interval.low,
            "fits_high": fits.interval.high,
        }


def _centers(answer: pd.DataFrame) -> Iterator[dict[str, Any]]:
    all_over = int(answer["over"].sum())
    for center_id, own in answer.groupby("center_id"):
        by_item = own[own["is_item"].astype(bool)].groupby("item")["over"].sum()
        worst = str(by_item.idxmax()) if by_item.sum() else None
        yield {"center_id": center_id, **_lane_row(own, all_over), "worst_item": worst}


def _lane_row(own: pd.DataFrame, all_over: int) -> dict[str, Any]:
    """What both tables say of the quick lane: of an item, or of a center."""
    count, n, over = (int(own[name].sum()) for name in ("in_time", "quick_ready", "over"))
    in_time = share_figure("in_time", count, n, 0, {}, _pairs(own, "in_time", "quick_ready"))
    parts = {name: float(own[name].sum()) for name in CAUSES}
    return {
        "n_all": int(own["orders"].sum()),
        "quick": int(own["quick"].sum()),
        "n": n,
        "in_time": in_time.value,
        **in_time.interval.cells(),
        "spill_over": over,
        "share_of_spill_over": over / all_over if all_over else None,
        "over_mean_s": float(own["over_s"].sum()) / over if over else None,
        "cause": max(parts, key=lambda name: parts[name]) if over and any(parts.values()) else None,
    }


def _verdict(row: Mapping[str, Any], fits: Figure, target: float) -> str:
    """By the quick lane where enough orders were in it, else by the work of those in the standard lane."""
    if row["n"] >= LEAST_ORDERS:
        return _against(target, row["low"], row["high"], ("belongs", "breaks"))
    if (fits.n or 0) >= LEAST_ORDERS:
        return _against(target, fits.interval.low, fits.interval.high, ("candidate", "standard"))
    return "too_few"


def _against(target: float, low: float | None, high: float | None, words: tuple[str, str]) -> str:
    if low is not None and low >= target:
        return words[0]
    return words[1] if high is not None and high < target else "not_distinguishable"


def _pairs(rows: pd.DataFrame, count: str, n: str) -> list[tuple[int, int]]:
    by_center = rows.groupby("center_id")[[count, n]].sum()
    return [(int(held), int(size)) for held, size in zip(by_center[count], by_center[n], strict=True)]


def draw_items(rows: list[dict[str, Any]], target: float, locale: Locale) -> Picture:
    """Each item's share in time with its interval, and the target as a line."""
    from fixtrail.reports.forms.pictures import BAD, GOOD, INK, MUTED, UNSURE, picture

    colours = {"belongs": GOOD, "breaks": BAD, "not_distinguishable": UNSURE}
    drawing, axes = picture(8.0, max(2.5, 0.9 + 0.28 * len(rows)))
    for position, row in enumerate(rows):
        colour = colours.get(row["verdict"], MUTED)
        axes.plot([100 * row["low"], 100 * row["high"]], [position, position], color=colour, linewidth=1.5)
        axes.plot([100 * row["in_time"]], [position], "o", color=colour)
    axes.axvline(100 * target, color=INK, linewidth=0.8, linestyle="--")
    names = [ITEMS[row["item"]].in_locale(locale) if row["item"] in ITEMS else str(row["item"]) for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("%")
    return drawing
