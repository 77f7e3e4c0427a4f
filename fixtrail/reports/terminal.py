"""A report on the terminal: tables; pictures are for pages and files."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fixtrail.reports.grid import grid_of
from fixtrail.reports.report import Report, Sheet
from fixtrail.reports.words import COMMON, STATUS, cell, interval, shown, usable

# Of what goes into a file or a pipe.
WIDTH = 160
_COLOURS = {"met": "green", "missed": "red", "not_distinguishable": "yellow"}


def print_report(report: Report, console: Console | None = None) -> None:
    """The report's figures, tables and methods in English, as wide as the terminal allows."""
    out = console or Console()
    if console is None and not out.is_terminal:
        out = Console(width=WIDTH)
    out.print(f"[bold]{escape(report.title.en)}[/bold]  {escape(report.question.en)}")
    said = {name: value for name, value in report.scope.items() if isinstance(value, (str, int, float))}
    scope = (f"{COMMON[name].en if name in COMMON else name}: {value}" for name, value in said.items())
    out.print("  ".join(scope), style="dim", highlight=False)
    if report.figures:
        _print_figures(report, out)
    for sheet in report.sheets:
        if sheet.shown:
            _print_sheet(sheet, out)
    if report.figures:
        out.print("\n[bold]Definitions[/bold]")
        for name in dict.fromkeys(figure.figure for figure in report.figures):
            about = report.definitions[name]
            out.print(f"  {name}: {escape(about.text.en)} (version {about.version})", highlight=False)
    if report.methods:
        out.print("\n[bold]How it was computed[/bold]")
        for words in report.methods:
            out.print(f"  {escape(words.en)}", highlight=False)


def _print_figures(report: Report, out: Console) -> None:
    grid = grid_of(report)
    table = Table(title_justify="left", show_lines=True)
    named = report.scope.get("periods", {})
    periods = [named[period].en if period in named else period for period in grid.periods]
    for title in (*([f"by {grid.by}"] if grid.by else []), "figure", *periods, "target"):
        table.add_column(escape(title))
    for line in grid.lines:
        about = report.definitions[line.figure]
        cells = []
        for period in grid.periods:
            figure = line.cells.get(period)
            if figure is None:
                cells.append("")
                continue
            said = [f"[bold]{shown(figure.value, about.kind)}[/bold]", interval(figure, about), usable(figure)]
            if figure.status:
                said.append(f"[{_COLOURS[figure.status]}]{STATUS[figure.status].en}[/]")
            cells.append("\n".join(text for text in said if text))
        goal = "" if line.target is None else shown(line.target, about.kind)
        key = [escape(line.key or COMMON["unknown"].en)] if grid.by else []
        table.add_row(*key, about.title.en, *cells, goal)
    out.print(table)


def _print_sheet(sheet: Sheet, out: Console) -> None:
    table = Table(title=escape(sheet.title.en), title_justify="left", title_style="bold")
    for column in sheet.columns:
        table.add_column(escape(column.title.en), justify="left" if column.kind == "text" else "right")
    for row in sheet.rows[: sheet.shown]:
        table.add_row(*(escape(cell(row, column)) for column in sheet.columns))
    out.print()
    out.print(table)
    if len(sheet.rows) > sheet.shown:
        out.print(f"{sheet.shown} {COMMON['more'].en} {len(sheet.rows)}", highlight=False)
    if sheet.note:
        out.print(escape(sheet.note.en), highlight=False)
