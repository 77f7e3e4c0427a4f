"""Report `league`: the centers by a figure, in three groups, with a rank only where no other one is open."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.forms.words import format_value, interval, usable
from fixtrail.reports.kpi import report as kpi
from fixtrail.reports.league.compare import Standing, standings_of
from fixtrail.reports.league.words import DIFFERENCES, GROUPS, LEAGUES, METHODS, TITLE
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_periods
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Column, Figure, Locale, Picture, Report, Sheet
from fixtrail.reports.targets import ALL
from runtime.failure import USAGE, ExitError
from schemas.locales import LOCALES

MOST_DRAWN = 40


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse: one league, or all of them. Raises ExitError for a figure that has none."""
    refuse_cut("league", options, "it is by center")
    names = _names(options.figure)
    uncut = replace(options, targets=replace(options.targets, periods=(ALL,), relative={}))
    (period,) = ask_periods(ask, uncut)
    parameters = period.parameters(uncut)
    totals = {figure.figure: figure for figure in kpi.build(ask, uncut).figures}
    of_centers = kpi.build(ask, replace(uncut, by="center")).figures
    sheets, charts = [], []
    for name in names:
        definition = DEFINITIONS[LEAGUES[name]]
        answer = ask("league", figure=LEAGUES[name], **parameters)
        figures = {str(figure.key): figure for figure in of_centers if figure.figure == LEAGUES[name]}
        rows = tuple(_rows(figures, standings_of(answer, definition.better or "higher")))
        sheets.append(_sheet(name, rows, totals[LEAGUES[name]]))
        if any(row["value"] is not None for row in rows):
            charts.append(_chart(name, rows))
    scope = {**options.scope(), "figure": ", ".join(names)}
    return Report("league", TITLE, REPORTS["league"], scope, (), tuple(sheets), tuple(charts), METHODS, DEFINITIONS)


def check_league(figure: str) -> str:
    """The name of a league, in small letters. Raises ExitError for a figure that has none."""
    name = figure.strip().lower()
    if name not in ("", *LEAGUES):
        raise ExitError(f"--figure is one of {', '.join(LEAGUES)}, not {figure!r}", USAGE)
    return name


def _names(figure: str) -> tuple[str, ...]:
    name = check_league(figure)
    return (name,) if name else tuple(LEAGUES)


def _rows(figures: Mapping[str, Figure], standings: list[Standing]) -> Iterator[dict[str, Any]]:
    """The centers as they stand, then those without any order of the figure."""
    listed = {standing.center_id for standing in standings}
    others = [Standing(center_id, "too_few") for center_id in sorted(figures) if center_id not in listed]
    for standing in (*standings, *others):
        if (figure := figures.get(standing.center_id)) is not None:
            yield _row(standing, figure)


def _row(standing: Standing, figure: Figure) -> dict[str, Any]:
    best, worst = standing.ranks or (None, None)
    return {
        "group": standing.group,
        "rank": standing.rank,
        "rank_from": best,
        "rank_to": worst,
        "center_id": standing.center_id,
        "value": figure.value,
        **figure.interval.cells(),
        "n": figure.n,
        "n_all": figure.n_all,
        "difference": standing.difference,
        "difference_low": standing.interval.low,
        "difference_high": standing.interval.high,
    }


def _sheet(name: str, rows: tuple[Mapping[str, Any], ...], total: Figure) -> Sheet:
    definition = DEFINITIONS[LEAGUES[name]]
    kind, gap = definition.kind, DIFFERENCES.get(definition.unit, "number")
    columns = (
        Column("group", Bilingual("组", "group"), words=GROUPS),
        Column("rank", Bilingual("名次", "rank"), "count"),
        Column("rank_from", Bilingual("名次从", "rank from"), "count"),
        Column("rank_to", Bilingual("到", "to"), "count"),
        Column("center_id", Bilingual("服务中心", "center")),
        Column("value", definition.title, kind),
        *Column.bounds(kind),
        Column("n", Bilingual("可用", "n"), "count"),
        Column("n_all", Bilingual("共", "of all"), "count"),
        Column("difference", Bilingual("与其他中心之差", "less the others"), gap),
        Column("difference_low", Bilingual("下限", "low"), gap),
        Column("difference_high", Bilingual("上限", "high"), gap),
    )
    return Sheet(name, definition.title, columns, rows, _note(total), shown=200)


def _note(total: Figure) -> Bilingual:
    """The figure of all centers together, beside which the table is read."""
    definition = DEFINITIONS[total.figure]
    zh, en = (
        f"{format_value(total.value, definition.kind, locale)} ({interval(total, definition, locale)}), "
        f"{usable(total, locale)}"
        for locale in LOCALES
    )
    return Bilingual(f"全部中心：{zh}", f"All centers: {en}")


def _chart(name: str, rows: tuple[Mapping[str, Any], ...]) -> Chart:
    title = DEFINITIONS[LEAGUES[name]].title
    return Chart(name, title, name, lambda locale: draw_league(name, rows, locale))


def draw_league(name: str, rows: tuple[Mapping[str, Any], ...], locale: Locale) -> Picture:
    """Each center's figure with its interval, coloured by group, in the order of the table."""
    from fixtrail.reports.forms.pictures import BAD, GOOD, MUTED, UNSURE, picture

    definition = DEFINITIONS[LEAGUES[name]]
    scale = {"share": 100.0, "minutes": 1 / 60}.get(definition.kind, 1.0)
    drawn = [row for row in rows if row["value"] is not None][:MOST_DRAWN]
    colours = {"above": GOOD, "below": BAD, "not_distinguishable": UNSURE, "too_few": MUTED}
    drawing, axes = picture(8.0, max(2.5, 0.9 + 0.28 * len(drawn)))
    for group, colour in colours.items():
        places = [position for position, row in enumerate(drawn) if row["group"] == group]
        if places:
            values = [scale * drawn[position]["value"] for position in places]
            axes.plot(values, places, "o", color=colour, label=GROUPS[group].in_locale(locale))
        for position in places:
            ends = [drawn[position][end] for end in ("low", "high")]
            if None not in ends:
                axes.plot([scale * end for end in ends], [position, position], color=colour, linewidth=1.5)
    axes.set_yticks(range(len(drawn)), [str(row["center_id"]) for row in drawn], fontsize=8)
    axes.invert_yaxis()
    unit = {"share": "%", "minutes": {"zh-CN": "分钟", "en": "minutes"}[locale]}.get(definition.kind, "")
    axes.set_xlabel(unit)
    axes.legend(fontsize=8, loc="best")
    return drawing
