"""A pack of figures that somebody told, from the file of `report kpi --table`: judged and worded as our own."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from fixtrail.packs.canonical import rounded
from fixtrail.packs.compute import KIND, SCHEMA, Pack, PackRequest, period_section, sealed
from fixtrail.packs.sections import definition_section, section_of
from fixtrail.packs.shown import shown_row
from fixtrail.packs.summary import PREVIOUS, THIS, figure_rows, verdicts
from fixtrail.reports.kpi.external_figures import read_external_figures
from fixtrail.reports.options import Options
from fixtrail.reports.report import Report

Row = dict[str, Any]


def external_pack(file: Path, request: PackRequest, now: datetime) -> Pack:
    """The pack of a file's figures. Its period is the one that most targets are told for, the one before it the first.

    Raises ExitError that says what is wrong with the file.
    """
    report = read_external_figures(file, Options(now, targets=request.targets))
    rows = _renamed(figure_rows(report))
    names = [row["figure"] for row in rows if row["period"] == THIS]
    with_target = [row["figure"] for row in rows if row["period"] == THIS and row["target"] is not None]
    section = section_of(report)
    section["scope"].pop("computed_at")
    content = rounded(
        {
            "schema": SCHEMA,
            "kind": KIND,
            "period": period_section(request),
            "targets": {"sha256": request.targets_sha256, "values": {}},
            "as_of": None,
            "watermark": {"partitions": {}, "records": 0, "newest_at": None, "moved_orders": 0},
            "definitions": {name: definition_section(definition) for name, definition in report.definitions.items()},
            "figures": rows,
            "headlines": [*with_target, *(name for name in names if name not in with_target)],
            "verdicts": verdicts(rows, with_target),
            "changes": _changes(rows, report),
            "counts": {"orders": None, "closed": None, "open": None},
            "waits": [],
            "causes": {"from": None, "to": None, "usable": None, "detractors": None, "top": []},
            "alerts": {"alerts": 0, "kept": 0, "missed": 0, "rules": []},
            "unknown": [
                {"what": "no_n", "figure": row["figure"]} for row in rows if row["n"] is None and _is_this(row)
            ],
            "data_quality": {"centers": 0, "grades": {}, "not_go": [], "computed": False},
            "reports": {"kpi": section},
            "queries": {},
        }
    )
    return sealed(content, now)


def _is_this(row: Row) -> bool:
    return bool(row["period"] == THIS)


def _renamed(rows: list[Row]) -> list[Row]:
    """The rows with the period that most targets stand in as the pack's own, and the first one as the one before."""
    counts = Counter(row["period"] for row in rows if row["target"] is not None)
    order = list(dict.fromkeys(row["period"] for row in rows))
    own = max(order, key=lambda name: (counts[name], order.index(name))) if order else None
    names = {own: THIS} | ({order[0]: PREVIOUS} if order and order[0] != own else {})
    return [{**row, "period": names.get(row["period"], row["period"])} for row in rows]


def _changes(rows: list[Row], report: Report) -> list[Row]:
    """The differences; told without an interval, none of them can be called good or bad."""
    before = {row["figure"]: row["value"] for row in rows if row["period"] == PREVIOUS}
    changes = []
    for row in rows:
        if row["period"] != THIS or row["figure"] not in before:
            continue
        ends = (before[row["figure"]], row["value"])
        change = {"figure": row["figure"], "before": ends[0], "after": ends[1], "change": ends[1] - ends[0]}
        change |= {"low": None, "high": None, "n_before": None, "n_after": row["n"], "verdict": "not_distinguishable"}
        unit = report.definitions[row["figure"]].unit
        changes.append({**change, "shown": shown_row(change, unit, ("before", "after", "change", "low", "high"))})
    return changes
