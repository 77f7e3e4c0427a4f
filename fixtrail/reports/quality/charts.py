"""Picture of the quality report: shares as they were counted, and as they are believed to be."""

from collections.abc import Mapping, Sequence
from typing import Any

from fixtrail.reports.report import Locale, Picture


def draw_shrunk(
    rows: Sequence[Mapping[str, Any]], labels: Sequence[str], mean: float | None, locale: Locale
) -> Picture:
    """For each row its own share (ring), the shrunk one (dot) and its interval, the worst on top."""
    from fixtrail.reports.forms.pictures import BAD, COLOURS, GOOD, MUTED, picture

    drawing, axes = picture(8.0, max(2.5, 0.9 + 0.24 * len(rows)))
    for row_number, row in enumerate(rows):
        colour = COLOURS[0]
        if row["apart"] and mean is not None:
            colour = BAD if row["shrunk"] < mean else GOOD
        axes.plot([100 * row["low"], 100 * row["high"]], [row_number, row_number], color=colour, linewidth=2, alpha=0.5)
        axes.plot(100 * row["shrunk"], row_number, "o", color=colour, markersize=5)
        axes.plot(100 * row["ftfr"], row_number, "o", markerfacecolor="none", color=MUTED, markersize=6)
    names = [" · ".join(str(row[label] or "–") for label in labels) + f" ({row['judged']})" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.invert_yaxis()
    if mean is not None:
        axes.axvline(100 * mean, color="#333333", linestyle="--", linewidth=1)
    axes.set_xlabel(
        {
            "zh-CN": "一次修复率 %：圆点为收缩后，圆圈为原值，括号内为判定工单数",
            "en": "first-time fix rate, %: dot shrunk, ring as counted, in brackets orders judged",
        }[locale]
    )
    return drawing
