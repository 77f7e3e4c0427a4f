"""Picture of report `need`: people over the day."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fixtrail.reports.report import Bilingual, Locale

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_LINES = (
    ("required", Bilingual("需要", "required")),
    ("rostered", Bilingual("排班", "rostered")),
    ("working", Bilingual("作业中", "working")),
)


def draw_need(rows: Sequence[Mapping[str, Any]], locale: Locale) -> "Picture":
    """A step line each for people required, rostered and at work; a line of which nothing is known is not drawn."""
    from fixtrail.reports.forms.pictures import COLOURS, picture

    drawing, axes = picture(9.0, 4.2)
    for (name, title), colour in zip(_LINES, (COLOURS[1], COLOURS[0], COLOURS[2]), strict=True):
        values = [float("nan") if row[name] is None else row[name] for row in rows]
        if any(row[name] is not None for row in rows):
            axes.step(range(len(rows)), values, where="post", color=colour, label=title.in_locale(locale), linewidth=2)
    axes.set_xticks(range(0, len(rows), 2), [row["time"] for row in rows[::2]], fontsize=8)
    axes.set_ylim(bottom=0)
    axes.set_ylabel({"zh-CN": "人数", "en": "people"}[locale])
    axes.legend(frameon=False)
    return drawing
