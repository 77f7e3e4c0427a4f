"""A report as HTML: a fragment that any page may hold, and a page of its own that needs nothing beside it."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from fixtrail.reports.beside import PARTS
from fixtrail.reports.forms import pictures, words
from fixtrail.reports.forms.grid import grids_of
from fixtrail.reports.forms.page_head import FILE_HEAD
from fixtrail.reports.report import Column, Locale, Report
from fixtrail.terminal.printable import shown_in_page

FOLDER = Path(__file__).parent


class NoLinks:
    """Leads nowhere, and keys stand as they are: a report by itself, which stands on no server."""

    def name_of_key(self, by: str | None, key: str) -> str:
        """What a cut's key is called."""
        return key

    def of_key(self, by: str | None, key: str | None) -> str | None:
        """The address of the orders of a cut's key."""
        return None

    def of_cell(self, row: Mapping[str, Any], column: Column) -> str | None:
        """The address of the orders, or of the one order, that a table's cell names."""
        return None


def render_html(report: Report, locale: Locale = "zh-CN", links: NoLinks | None = None) -> str:
    """The report as one `<article>`: no script, no inline style; its look is in `style()`."""
    links = links or NoLinks()
    pictures_by_name = pictures.charts(report, locale)
    figure_names = list(dict.fromkeys(figure.figure for figure in report.figures))
    return _template().render(
        report=report,
        locale=locale,
        say=lambda text: text.in_locale(locale),
        scope=[
            (words.scope_name(name, locale), _scope_text(report, name, value, locale))
            for name, value in report.scope.items()
            if isinstance(value, (str, int))
        ],
        periods={"all": words.COMMON["all"].in_locale(locale)}
        | {str(name): title.in_locale(locale) for name, title in report.scope.get("periods", {}).items()},
        grids=[(PARTS[part].in_locale(locale), grid) for part, grid in grids_of(report)],
        definitions=[(name, report.definitions[name]) for name in figure_names],
        charts=[{"title": chart.title, "svg": Markup(pictures_by_name[chart.name])} for chart in report.charts],
        common=words.COMMON,
        status=words.STATUS,
        shown=lambda value, kind: words.format_value(value, kind, locale),
        interval=lambda figure, definition: words.interval(figure, definition, locale),
        cell=lambda row, column: words.cell(row, column, locale),
        usable=lambda figure: words.usable(figure, locale),
        no_key=words.no_key,
        link_of_key=links.of_key,
        name_of_key=links.name_of_key,
        link_of_cell=links.of_cell,
        left_out=lambda figure: words.left_out(figure, locale),
        ripe=lambda figure: words.ripe(figure, locale),
        judged_on=lambda figure: words.judged_on(figure, locale),
    )


def render_page(report: Report, locale: Locale = "zh-CN") -> str:
    """A whole document in one file, to send round or to print."""
    title = Markup.escape(report.title.in_locale(locale))
    body = f"<main>\n{render_html(report, locale)}\n</main>"
    return (
        f'<!doctype html>\n<html lang="{locale}">\n<head>\n{FILE_HEAD}'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>\n{style()}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def style() -> str:
    """The style sheet of the fragment; every selector begins with `.report`."""
    return (FOLDER / "report.css").read_text(encoding="utf-8")


def _scope_text(report: Report, name: str, value: str | int, locale: Locale) -> Any:
    """A value of the scope as it is read; the time of computing on the clock of the report's days."""
    if name != "computed_at":
        return words.scope_value(name, value, locale)
    local = datetime.fromisoformat(str(value)).astimezone(ZoneInfo(str(report.scope.get("time_zone") or "UTC")))
    return f"{local:%Y-%m-%d %H:%M}"


@cache
def _template() -> Template:
    # Everything is escaped, whatever the file is called.
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, finalize=shown_in_page
    )
    return environment.get_template("page.html.j2")
