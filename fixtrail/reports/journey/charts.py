"""Pictures of the journey map: time by activity, and a Sankey diagram of the visits' steps."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fixtrail.reports.report import Bilingual, Locale, Picture
from schemas.facts import WAITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Step = tuple[int, str, str, int]
STEPS = 9
_GAP = 0.03
_HALF_NODE = 0.06


def draw_time(bars: Sequence[Mapping[str, Any]], names: Mapping[str, Bilingual], locale: Locale) -> Picture:
    """Median and 90th percentile of each activity, and its share of lead, in the order of a visit."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, MUTED, picture

    drawing, axes = picture(8.0, 4.2)
    wait, work = {"zh-CN": ("等待", "作业"), "en": ("wait", "work")}[locale]
    for row, bar in enumerate(bars):
        median, p90 = (bar["median_s"] or 0) / 60, (bar["p90_s"] or 0) / 60
        colour = COLOURS[1] if bar["is_wait"] else COLOURS[0]
        axes.barh(row, median, color=colour, height=0.55)
        axes.plot([median, p90], [row, row], color=colour, linewidth=2)
        axes.plot(p90, row, "|", color=colour, markersize=12)
        share = bar["share_of_lead"]
        if share is not None:
            axes.annotate(
                f"{100 * share:.0f} %", (p90, row), (7, 0), textcoords="offset points", va="center", color=INK
            )
    axes.set_yticks(range(len(bars)), [names[bar["activity"]].in_locale(locale) for bar in bars])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel(
        {
            "zh-CN": "分钟：柱为中位数，线到 90 分位，数字为占总时长",
            "en": "minutes: bar is the median, line ends at p90, number is the share of lead",
        }[locale]
    )
    axes.plot([], [], "s", color=COLOURS[1], label=wait)
    axes.plot([], [], "s", color=COLOURS[0], label=work)
    axes.legend(frameon=False, loc="lower right")
    axes.tick_params(color=MUTED)
    return drawing


def draw_flow(steps: Iterable[Step], names: Mapping[str, Bilingual], locale: Locale) -> Picture:
    """A Sankey diagram: a column for each step of the visits, ribbons as wide as orders go on that way."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, MUTED, picture

    drawing, axes = picture(13.0, 6.0)
    axes.set_axis_off()
    order = list(names)
    flows = sorted(
        (step for step in steps if step[0] <= STEPS), key=lambda step: (step[0], *map(order.index, step[1:3]))
    )
    total = sum(n for step, _, _, n in flows if step == 1) or 1
    nodes = _nodes(flows, order, total)
    kinds = {**{str(wait): COLOURS[1] for wait in WAITS}, "pickup": COLOURS[2], "end": MUTED}
    colours = {name: kinds.get(name, COLOURS[0]) for name in order}
    outgoing: dict[tuple[int, str], float] = defaultdict(float)
    incoming: dict[tuple[int, str], float] = defaultdict(float)
    for step, activity, following, n in flows:
        if (step + 1, following) not in nodes:
            continue
        width = n / total
        start = nodes[step, activity][0] + outgoing[step, activity]
        end = nodes[step + 1, following][0] + incoming[step + 1, following]
        outgoing[step, activity] += width
        incoming[step + 1, following] += width
        _ribbon(axes, (step + _HALF_NODE, start), (step + 1 - _HALF_NODE, end), width, colours[activity])
    for (step, activity), (bottom, height) in nodes.items():
        axes.bar(step, height, 2 * _HALF_NODE, bottom, color=colours[activity])
        if height > 0.03:
            label = f"{names[activity].in_locale(locale)}\n{100 * height:.0f} %"
            position = (step + 1.4 * _HALF_NODE, bottom + height / 2)
            axes.annotate(label, position, ha="left", va="center", fontsize=9, color=INK, zorder=5)
    axes.invert_yaxis()
    return drawing


def _nodes(flows: Sequence[Step], order: Sequence[str], total: int) -> dict[tuple[int, str], tuple[float, float]]:
    """Where each activity of each step begins, and its height; the whole height of the first step is 1."""
    sizes: dict[tuple[int, str], float] = defaultdict(float)
    for step, activity, following, n in flows:
        if step == 1:
            sizes[step, activity] += n / total
        if step < STEPS:
            sizes[step + 1, following] += n / total
    nodes: dict[tuple[int, str], tuple[float, float]] = {}
    tops: dict[int, float] = defaultdict(float)
    for step, activity in sorted(sizes, key=lambda node: (node[0], order.index(node[1]))):
        nodes[step, activity] = (tops[step], sizes[step, activity])
        tops[step] += sizes[step, activity] + _GAP
    return nodes


def _ribbon(axes: "Axes", start: tuple[float, float], end: tuple[float, float], width: float, colour: str) -> None:
    """A band of the same width from one column to the next."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1) / 2
    points = [
        *((x0, y0), (middle, y0), (middle, y1), (x1, y1)),
        *((x1, y1 + width), (middle, y1 + width), (middle, y0 + width), (x0, y0 + width), (x0, y0)),
    ]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(Path(points, codes), facecolor=colour, alpha=0.35, linewidth=0))
