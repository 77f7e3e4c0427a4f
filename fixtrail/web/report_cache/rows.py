"""What is read of a computed report: whole figures, rows of its tables, values in a reader's words."""

from collections.abc import Callable, Mapping
from typing import Any

from fixtrail.reports.forms.words import cell, format_value
from fixtrail.reports.report import Bilingual, Figure, Locale, Report, Sheet

Row = Mapping[str, Any]
COLON = Bilingual("：", ": ")


def figures_of_all(report: Report) -> dict[str, Figure]:
    """The figures that are not cut; of several periods the last."""
    return {figure.figure: figure for figure in report.figures if figure.by is None}


def sheet(report: Report, name: str) -> Sheet | None:
    """The table of this name, if the report has it."""
    return next((table for table in report.sheets if table.name == name), None)


def rows_of(report: Report, name: str) -> tuple[Row, ...]:
    """The rows of a table; none where the report has no such table."""
    table = sheet(report, name)
    return () if table is None else table.rows


def first_row(report: Report, name: str, is_fitting: Callable[[Row], bool]) -> tuple[Sheet, Row] | None:
    """The first row of a table that fits, with its table."""
    table = sheet(report, name)
    row = next((row for row in table.rows if is_fitting(row)), None) if table else None
    return None if table is None or row is None else (table, row)


def text(table: Sheet, row: Row, name: str, locale: Locale) -> str:
    """A row's value as it is read."""
    return cell(row, next(column for column in table.columns if column.name == name), locale)


def value(report: Report, name: str, locale: Locale) -> str | None:
    """A whole figure as it is read; None where there is none, or no value of it."""
    figure = figures_of_all(report).get(name)
    if figure is None or figure.value is None:
        return None
    return format_value(figure.value, report.definitions[name].kind, locale)


def phrase(words: Bilingual, locale: Locale, **values: Any) -> str:
    """The words in the reader's language with the values in them."""
    return words.in_locale(locale).format(**values)


def joined(parts: list[str], locale: Locale) -> str:
    """Parts of a sentence side by side."""
    return Bilingual("；", "; ").in_locale(locale).join(part for part in parts if part)


def listed(names: list[str], locale: Locale) -> str:
    """The names behind a colon; nothing where there are none."""
    return COLON.in_locale(locale) + joined(names, locale) if names else ""
