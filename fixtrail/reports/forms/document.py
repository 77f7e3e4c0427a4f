"""A report as one JSON document, and its tables as CSV: every number in full precision, none formatted."""

import csv
import io
import re
from typing import Any

from fixtrail.reports.report import SCHEMA, Bilingual, Column, Definition, Figure, Report, Sheet, plain
from fixtrail.terminal.printable import without_controls

_FIGURES = Bilingual("指标", "Figures")


def as_json(report: Report) -> dict[str, Any]:
    """The whole report, JSON-normal; docs/reports.md lists the keys."""
    return {
        "report": report.name,
        "schema": SCHEMA,
        "title": report.title.by_locale(),
        "question": report.question.by_locale(),
        "scope": plain(report.scope),
        "figures": [_figure(figure, report.definitions[figure.figure]) for figure in report.figures],
        "tables": {sheet.name: [plain(row) for row in sheet.rows] for sheet in report.sheets},
        "methods": [words.by_locale() for words in report.methods],
    }


def _figure(figure: Figure, definition: Definition) -> dict[str, Any]:
    return {
        "figure": figure.figure,
        "period": figure.period,
        "by": figure.by,
        "key": figure.key,
        "value": plain(figure.value),
        "low": plain(figure.interval.low),
        "high": plain(figure.interval.high),
        "n": figure.n,
        "n_all": figure.n_all,
        "count": figure.count,
        "unit": definition.unit,
        "target": figure.target,
        "status": figure.status,
        "method": figure.method,
        "centers": figure.centers,
        "orders_low": plain(figure.of_orders.low),
        "orders_high": plain(figure.of_orders.high),
        "left_out": dict(figure.left_out),
        "unripe": figure.unripe,
        "ripe_until": plain(figure.ripe_until),
        "no_interval": figure.no_interval,
        "judged_on": figure.judged_on,
        "definition": definition.text.en,
        "version": definition.version,
    }


def figures_sheet(report: Report) -> Sheet:
    """The figures as a table, one row each, as in the JSON document."""
    rows = tuple(_figure(figure, report.definitions[figure.figure]) for figure in report.figures)
    names = rows[0] if rows else ()
    return Sheet("figures", _FIGURES, tuple(Column(name, Bilingual(name, name)) for name in names), rows)


def as_csv(sheet: Sheet) -> str:
    """A table with a line of column names. What is not there is empty; lists are joined by a vertical bar."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in sheet.columns])
    for row in sheet.rows:
        writer.writerow([_cell(row.get(column.name)) for column in sheet.columns])
    return out.getvalue()


# What a spreadsheet takes for the beginning of a formula, after spaces and line breaks, in full width too.
_FORMULA = re.compile(r"[\s\x00-\x1f\ufeff]*[=+\-@＝＋－＠﹢﹣﹦﹫−]|[\t\r\n]")


def _cell(value: Any) -> Any:
    normal = plain(value)
    if isinstance(normal, dict):
        return without_formula("|".join(f"{name}={item}" for name, item in normal.items()))
    if isinstance(normal, list):
        return "|".join(str(without_formula(item)) for item in normal)
    return "" if normal is None else without_formula(normal)


def without_formula(value: Any) -> Any:
    """The value of a cell of CSV; of a text one that no spreadsheet computes, behind an apostrophe where it would.

    Control and direction characters are replaced: at a NUL many programs stop to read.
    """
    if not isinstance(value, str):
        return value
    # The csv module would put no quotes around a bare CR, behind which a spreadsheet begins a new row.
    text = without_controls(value.replace("\r\n", "\n").replace("\r", "\n"))
    # A spreadsheet would compute what a sender wrote.
    return f"'{text}" if _FORMULA.match(value) else text
