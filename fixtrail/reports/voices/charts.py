"""Picture of report `voices`: complaints by category, cumulated."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fixtrail.reports.report import Locale

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def draw_categories(rows: Sequence[Mapping[str, Any]], locale: Locale) -> "Picture":
    """Complaints as bars, the most first, and what share of all each bar and those above it are."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, picture

    drawing, axes = picture(8.0, max(2.5, 0.8 + 0.3 * len(rows)))
    for number, row in enumerate(rows):
        axes.barh(number, row["n"], color=COLOURS[1], height=0.6)
        label = {"zh-CN": f"累计 {100 * row['cumulated']:.0f}%", "en": f"cumulated {100 * row['cumulated']:.0f} %"}
        style: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": INK, "fontsize": 8}
        axes.annotate(label[locale], (row["n"], number), (5, 0), **style)
    axes.set_yticks(range(len(rows)), [str(row["category"])[:24] for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_xlabel({"zh-CN": "投诉", "en": "complaints"}[locale])
    return drawing
