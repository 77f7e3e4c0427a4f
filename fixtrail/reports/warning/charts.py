"""Picture of the warning report: a cell's weeks, with cases, what was expected, and the sum."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fixtrail.reports.report import Locale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

_WORDS = {
    "zh-CN": ("案例", "预期", "累积和（右轴）", "每周案例"),
    "en": ("cases", "expected", "sum (right)", "cases a week"),
}


def draw_weeks(rows: Sequence[Mapping[str, Any]], locale: Locale) -> "Picture":
    """The weeks from left to right: bars of cases, a line of what was expected, and a line of the sum on the right."""
    from fixtrail.reports.forms.pictures import BAD, COLOURS, INK, MUTED, picture

    drawing, axes = picture(8.0, 3.2)
    cases, expected, total, label = _WORDS[locale]
    positions = range(len(rows))
    colours = [BAD if row["is_named"] else COLOURS[0] for row in rows]
    axes.bar(positions, [row["cases"] for row in rows], color=colours, width=0.7, label=cases)
    axes.plot(positions, [row["expected"] for row in rows], color=INK, linestyle="--", label=expected)
    right = axes.twinx()
    right.spines[["top"]].set_visible(False)
    right.plot(positions, [row["total"] for row in rows], color=MUTED, label=total)
    right.set_ylim(bottom=0)
    step = max(1, len(rows) // 8)
    axes.set_xticks([*positions][::step], [str(row["week"])[5:] for row in rows][::step], fontsize=8)
    axes.set_ylabel(label)
    handles, labels = (left + more for left, more in zip(*map(_legend, (axes, right)), strict=True))
    axes.legend(handles, labels, fontsize=8, loc="upper left")
    return drawing


def _legend(axes: "Axes") -> tuple[list[Any], list[Any]]:
    handles, labels = axes.get_legend_handles_labels()
    return handles, labels
