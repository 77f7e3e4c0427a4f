"""Pictures of the KPI report: the headline figures with their intervals, by period, by cut or over time."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.forms.words import COMMON, no_key
from fixtrail.reports.report import Bilingual, Chart, Column, Definition, Figure, Locale, Picture, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADLINES = ("nps", "ftfr", "wait_mean_s", "complaints_per_100", "stockout_rate")
# More rows than that cannot be read.
MOST_ROWS = 60
_OVER_TIME = ("day", "week", "month")
_AXIS = {"share": Bilingual("%", "%"), "nps": Bilingual("NPS", "NPS"), "s": Bilingual("分钟", "minutes")}
_TIMES = {"share": 100.0, "s": 1 / 60}
_COLUMNS = (
    Column("period", Bilingual("时段", "period")),
    Column("key", Bilingual("分组", "key")),
    Column("value", Bilingual("值", "value"), "number"),
    *Column.bounds("number"),
    Column("n", Bilingual("n", "n"), "count"),
    Column("target", Bilingual("目标", "target"), "number"),
)


def charts_of(
    figures: Sequence[Figure], periods: Mapping[str, Bilingual]
) -> tuple[tuple[Sheet, ...], tuple[Chart, ...]]:
    """A picture of each headline figure that is known for two periods or keys, and the numbers behind it."""
    sheets, charts = [], []
    for name in HEADLINES:
        known_figures = [figure for figure in figures if figure.figure == name and figure.value is not None]
        if len(known_figures) < 2:
            continue
        title = DEFINITIONS[name].title
        sheets.append(Sheet(name, title, _COLUMNS, tuple(_row(figure) for figure in known_figures), shown=0))
        charts.append(Chart(name, title, name, partial(draw, known_figures[:MOST_ROWS], DEFINITIONS[name], periods)))
    return tuple(sheets), tuple(charts)


def _row(figure: Figure) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(figure, name) for name in ("period", "key", "value", "n", "target")}
    return {**fields, **figure.interval.cells()}


def draw(
    figures: Sequence[Figure], definition: Definition, periods: Mapping[str, Bilingual], locale: Locale
) -> Picture:
    """One figure's values with their intervals and the target."""
    if figures[0].by in _OVER_TIME:
        return _over_time(figures, definition, periods, locale)
    return _side_by_side(figures, definition, periods, locale)


def _side_by_side(
    figures: Sequence[Figure], definition: Definition, periods: Mapping[str, Bilingual], locale: Locale
) -> Picture:
    from fixtrail.reports.forms.pictures import COLOURS, INK, picture

    drawing, axes = picture(8.0, max(2.2, 0.9 + 0.34 * len(figures)))
    scale = _TIMES.get(definition.unit, 1.0)
    names = list(dict.fromkeys(figure.period for figure in figures))
    for row, figure in enumerate(figures):
        assert figure.value is not None
        low, high = _ends(figure, scale)
        colour = COLOURS[names.index(figure.period) % len(COLOURS)]
        axes.plot([low, high], [row, row], color=colour, linewidth=3, alpha=0.45, solid_capstyle="butt")
        axes.plot(figure.value * scale, row, "o", color=colour, markersize=7)
        axes.annotate(
            f"{figure.value * scale:.1f}", (high, row), (6, 0), textcoords="offset points", va="center", color=INK
        )
    axes.set_yticks(range(len(figures)), [_label(figure, periods, locale) for figure in figures])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    _target(axes, figures, scale, locale)
    axes.set_xlabel(
        _AXIS[definition.unit].in_locale(locale) if definition.unit in _AXIS else definition.title.in_locale(locale)
    )
    return drawing


def _over_time(
    figures: Sequence[Figure], definition: Definition, periods: Mapping[str, Bilingual], locale: Locale
) -> Picture:
    from fixtrail.reports.forms.pictures import COLOURS, picture

    drawing, axes = picture(9.0, 4.0)
    scale = _TIMES.get(definition.unit, 1.0)
    keys = sorted({figure.key or "" for figure in figures})
    for number, period in enumerate(dict.fromkeys(figure.period for figure in figures)):
        period_figures = [figure for figure in figures if figure.period == period]
        positions = [keys.index(figure.key or "") for figure in period_figures]
        colour = COLOURS[number % len(COLOURS)]
        ends = [_ends(figure, scale) for figure in period_figures]
        axes.fill_between(
            positions, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.2, lw=0
        )
        name = periods[period].in_locale(locale) if period in periods else period
        axes.plot(
            positions, [(figure.value or 0) * scale for figure in period_figures], "o-", color=colour, ms=4, label=name
        )
    step = max(1, len(keys) // 12)
    axes.set_xticks(range(0, len(keys), step), keys[::step], rotation=30, ha="right")
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_ylabel(
        _AXIS[definition.unit].in_locale(locale) if definition.unit in _AXIS else definition.title.in_locale(locale)
    )
    if figures[0].target is not None:
        axes.axhline(
            figures[0].target * scale, color="#333333", ls="--", lw=1, label=COMMON["target"].in_locale(locale)
        )
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(frameon=False)
    return drawing


def _ends(figure: Figure, scale: float) -> tuple[float, float]:
    """The ends of the interval as drawn; the value itself where a side is not known."""
    assert figure.value is not None
    low, high = figure.interval.low, figure.interval.high
    return (figure.value if low is None else low) * scale, (figure.value if high is None else high) * scale


def _label(figure: Figure, periods: Mapping[str, Bilingual], locale: Locale) -> str:
    period = periods[figure.period].in_locale(locale) if figure.period in periods else figure.period
    if figure.by is None:
        return period
    key = no_key(figure.by).in_locale(locale) if figure.key is None else figure.key
    return key if len(periods) <= 1 else f"{key} · {period}"


def _target(axes: "Axes", figures: Sequence[Figure], scale: float, locale: Locale) -> None:
    targets = {figure.target for figure in figures} - {None}
    if len(targets) != 1:
        return
    (target,) = targets
    assert target is not None
    axes.axvline(target * scale, color="#333333", linestyle="--", linewidth=1)
    label = f"{COMMON['target'].in_locale(locale)} {target * scale:g}"
    axes.annotate(label, (target * scale, 1.0), (3, 2), xycoords=("data", "axes fraction"), textcoords="offset points")
