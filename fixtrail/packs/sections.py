"""A report as a section of a pack, and back: all that a page needs of it, so that nothing is asked again."""

from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

from fixtrail.packs.canonical import rounded
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.report import Bilingual, Column, Definition, Figure, Interval, Kind, Part, Report, Sheet, plain

MOST_ROWS = 60
# What runs on with the clock while an order is open, whatever comes in: the same data would not give the same hash.
CLOCK_PREFIXES = ("open_age_", "open_wait_", "top_wait_share")
_CLOCK_COLUMNS = {
    ("classes", "waited_s"),
    ("top", "waited_s"),
    ("top", "share_of_wait"),
    ("special_orders", "age_days"),
}
_CLOCK_ANOMALY = "never_closed"
_KINDS = get_args(Kind)


def section_of(report: Report) -> dict[str, Any]:
    """The report, JSON-normal and with its numbers rounded. A table has at most MOST_ROWS rows and says how many."""
    document = as_json(report)
    figures = [figure for figure in document["figures"] if not is_of_clock(figure["figure"])]
    names = dict.fromkeys(figure["figure"] for figure in figures)
    section: dict[str, Any] = rounded(
        {
            "title": document["title"],
            "question": document["question"],
            "scope": document["scope"],
            "figures": figures,
            "definitions": {name: definition_section(report.definitions[name]) for name in names},
            "tables": {sheet.name: _table(sheet) for sheet in report.sheets},
            "methods": document["methods"],
        }
    )
    return section


def is_of_clock(figure: str) -> bool:
    """Whether a figure of the same data is another one a second later."""
    return figure.startswith(CLOCK_PREFIXES)


def definition_section(definition: Definition) -> dict[str, Any]:
    """A definition as JSON has it."""
    return {
        "title": plain(definition.title),
        "text": plain(definition.text),
        "unit": definition.unit,
        "goal": definition.better,
        "version": definition.version,
        "part": definition.part,
    }


def definition_from(section: Mapping[str, Any]) -> Definition:
    part: Part = section["part"] if section["part"] in get_args(Part) else "headline"
    return Definition(
        _words(section["title"]), _words(section["text"]), section["unit"], section["goal"], section["version"], part
    )


def figure_from(row: Mapping[str, Any]) -> Figure:
    ripe = row.get("ripe_until")
    return Figure(
        row["figure"],
        row["value"],
        row["n"],
        row["n_all"],
        Interval(row["low"], row["high"]),
        count=row["count"],
        period=row["period"],
        by=row["by"],
        key=row["key"],
        target=row["target"],
        status=row["status"],
        method=row["method"],
        left_out=row.get("left_out") or {},
        unripe=row.get("unripe"),
        ripe_until=date.fromisoformat(ripe) if ripe else None,
        no_interval=row.get("no_interval"),
        judged_on=row.get("judged_on"),
    )


def report_from(name: str, section: Mapping[str, Any]) -> Report:
    """The report that a section was made of, without its pictures and without rows that were left out."""
    scope = dict(section["scope"])
    if "periods" in scope:
        scope["periods"] = {period: _words(title) for period, title in scope["periods"].items()}
    return Report(
        name,
        _words(section["title"]),
        _words(section["question"]),
        scope,
        tuple(figure_from(row) for row in section["figures"]),
        tuple(_sheet(sheet_name, table) for sheet_name, table in section["tables"].items()),
        (),
        tuple(_words(words) for words in section["methods"]),
        {name: definition_from(definition) for name, definition in section["definitions"].items()},
    )


def _table(sheet: Sheet) -> dict[str, Any]:
    rows = [plain(row) for row in sheet.rows if row.get("kind") != _CLOCK_ANOMALY]
    columns = [column for column in sheet.columns if (sheet.name, column.name) not in _CLOCK_COLUMNS]
    return {
        "title": plain(sheet.title),
        "note": plain(sheet.note),
        "columns": [_column(column, rows[:MOST_ROWS]) for column in columns],
        "rows": [{column.name: row.get(column.name) for column in columns} for row in rows[:MOST_ROWS]],
        "rows_all": len(rows),
        "shown": sheet.shown,
    }


def _column(column: Column, rows: list[dict[str, Any]]) -> dict[str, Any]:
    codes = sorted({value for row in rows if isinstance(value := row.get(column.name), str)})
    words = {code: plain(column.words[code]) for code in codes if column.words and code in column.words}
    return {"name": column.name, "title": plain(column.title), "kind": column.kind, "words": words}


def _sheet(name: str, table: Mapping[str, Any]) -> Sheet:
    columns = tuple(
        Column(
            column["name"],
            _words(column["title"]),
            column["kind"] if column["kind"] in _KINDS else "text",
            {code: _words(words) for code, words in column["words"].items()} or None,
        )
        for column in table["columns"]
    )
    note = _words(table["note"]) if table["note"] else None
    if table["rows_all"] > len(table["rows"]):
        zh, en = note or ("", "")
        cut = f"{len(table['rows'])} / {table['rows_all']}"
        note = Bilingual(f"{cut} 行在此文件内。{zh}", f"{cut} rows are in this file. {en}".strip())
    return Sheet(name, _words(table["title"]), columns, tuple(table["rows"]), note, table["shown"])


def _words(words: Mapping[str, str]) -> Bilingual:
    return Bilingual(words["zh-CN"], words["en"])
