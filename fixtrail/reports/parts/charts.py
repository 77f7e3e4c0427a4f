"""Picture of the parts report: customers' time lost by part, cumulated."""

from collections.abc import Mapping, Sequence
from typing import Any

from fixtrail.reports.report import Locale, Picture


def draw_pareto(rows: Sequence[Mapping[str, Any]], locale: Locale) -> Picture:
    """Hours of wait as bars, the most first, and what share of the whole each bar and those above it are."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, picture

    drawing, axes = picture(8.0, max(2.5, 0.8 + 0.3 * len(rows)))
    cumulated = 0.0
    for row_number, row in enumerate(rows):
        hours = (row["waited_s"] or 0.0) / 3600
        cumulated += row["share_of_wait"] or 0.0
        axes.barh(row_number, hours, color=COLOURS[1], height=0.6)
        rate = 0.0 if row["stockout_rate"] is None else row["stockout_rate"]
        label = {
            "zh-CN": f"缺件率 {100 * rate:.0f}%，累计 {100 * cumulated:.0f}%",
            "en": f"stock-outs {100 * rate:.0f} %, cumulated {100 * cumulated:.0f} %",
        }[locale]
        axes.annotate(
            label, (hours, row_number), (5, 0), textcoords="offset points", va="center", color=INK, fontsize=8
        )
    axes.set_yticks(range(len(rows)), [str(row["part_no"]) for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.3)
    axes.set_xlabel({"zh-CN": "客户等待，小时", "en": "customers waited, hours"}[locale])
    return drawing


def draw_forecast(rows: Sequence[Mapping[str, Any]], locale: Locale) -> Picture:
    """Expected pieces as bars, with a mark at the 95th percentile."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, picture

    drawing, axes = picture(8.0, max(2.5, 0.8 + 0.3 * len(rows)))
    for row_number, row in enumerate(rows):
        axes.barh(row_number, row["mean"], color=COLOURS[0], height=0.6)
        axes.plot([row["q95"]] * 2, [row_number - 0.35, row_number + 0.35], color=INK, linewidth=2)
        axes.annotate(
            f"{row['q95']:,.0f}",
            (row["q95"], row_number),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8,
        )
    axes.set_yticks(range(len(rows)), [str(row["part_no"]) for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel(
        {"zh-CN": "件：柱为均值，线为 95% 分位", "en": "pieces: mean, and a mark at the 95th percentile"}[locale]
    )
    return drawing
