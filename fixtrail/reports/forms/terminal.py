"""A report on the terminal: tables; pictures are for pages and files."""

from rich.console import Console
from rich.table import Table

from fixtrail.reports.beside import PARTS
from fixtrail.reports.forms import words
from fixtrail.reports.forms.grid import Grid, grids_of
from fixtrail.reports.report import Figure, Part, Report, Sheet
from fixtrail.terminal.printable import escaped

# Of what goes into a file or a pipe; a narrower terminal has one figure below the other.
WIDTH = 160
_COLOURS = {"met": "green", "missed": "red", "not_distinguishable": "yellow"}


def print_report(report: Report, console: Console | None = None) -> None:
    """The report's figures, tables and methods in English, as wide as the terminal allows."""
    out = console or Console()
    if console is None and not out.is_terminal:
        out = Console(width=WIDTH)
    out.print(f"[bold]{escaped(report.title.en)}[/bold]  {escaped(report.question.en)}")
    values = {name: value for name, value in report.scope.items() if isinstance(value, (str, int, float))}
    scope = (f"{words.scope_name(name)}: {words.scope_value(name, value)}" for name, value in values.items())
    out.print(escaped("  ".join(scope)), style="dim", highlight=False)
    if report.figures:
        _print_figures(report, out)
    for sheet in report.sheets:
        if sheet.shown:
            _print_sheet(sheet, out)
    if report.figures:
        out.print("\n[bold]Definitions[/bold]")
        for name in dict.fromkeys(figure.figure for figure in report.figures):
            definition = report.definitions[name]
            out.print(f"  {name}: {escaped(definition.text.en)} (version {definition.version})", highlight=False)
    if report.methods:
        out.print("\n[bold]How it was computed[/bold]")
        for method in report.methods:
            out.print(f"  {escaped(method.en)}", highlight=False)


def _print_figures(report: Report, out: Console) -> None:
    for part, grid in grids_of(report, wide=out.width >= WIDTH):
        _print_grid(report, part, grid, out)


def _print_grid(report: Report, part: Part, grid: Grid, out: Console) -> None:
    title = None if part == "headline" else f"\n[bold]{escaped(PARTS[part].en)}[/bold]"
    table = Table(title=title, title_justify="left", show_lines=True)
    named = report.scope.get("periods", {})
    if grid.by_figure:
        titles = [str(grid.by), *(report.definitions[column].title.en for column in grid.columns)]
    else:
        periods = [named[column].en if column in named else column for column in grid.columns]
        titles = [*([str(grid.by)] if grid.by else []), "figure", *periods, "target"]
    for title in titles:
        table.add_column(escaped(title))
    for line in grid.lines:
        cells = [_cell(line.cells.get(column), report) for column in grid.columns]
        if grid.by:
            cells.insert(0, escaped(line.key or words.no_key(grid.by).en))
        if line.figure:
            definition = report.definitions[line.figure]
            cells.insert(1 if grid.by else 0, definition.title.en)
            cells.append("" if line.target is None else words.format_value(line.target, definition.kind))
        table.add_row(*cells)
    out.print(table)


def _cell(figure: Figure | None, report: Report) -> str:
    """A figure with its interval, n and status, below one another."""
    if figure is None:
        return ""
    definition = report.definitions[figure.figure]
    lines = [f"[bold]{words.format_value(figure.value, definition.kind)}[/bold]", words.interval(figure, definition)]
    lines += [words.usable(figure), words.left_out(figure), words.ripe(figure)]
    if figure.status:
        lines.append(f"[{_COLOURS[figure.status]}]{words.STATUS[figure.status].en}{words.judged_on(figure)}[/]")
    return "\n".join(text for text in lines if text)


def _print_sheet(sheet: Sheet, out: Console) -> None:
    table = Table(title=escaped(sheet.title.en), title_justify="left", title_style="bold")
    for column in sheet.columns:
        table.add_column(escaped(column.title.en), justify="left" if column.kind == "text" else "right")
    for row in sheet.rows[: sheet.shown]:
        table.add_row(*(escaped(words.cell(row, column)) for column in sheet.columns))
    out.print()
    out.print(table)
    if len(sheet.rows) > sheet.shown:
        out.print(f"{sheet.shown} {words.COMMON['more'].en} {len(sheet.rows)}", highlight=False)
    if sheet.note:
        out.print(escaped(sheet.note.en), highlight=False)
