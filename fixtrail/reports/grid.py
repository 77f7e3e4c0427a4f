"""The figures of a report side by side: a line for each figure and cut, a column for each period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fixtrail.reports.report import Figure, Report


@dataclass(frozen=True, slots=True)
class Line:
    figure: str
    key: str | None
    target: float | None
    cells: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Grid:
    by: str | None
    periods: tuple[str, ...]
    lines: tuple[Line, ...]


def grid_of(report: Report) -> Grid:
    """The report's figures as a grid; lines stand as the figures came first, one cut's lines together."""
    periods = tuple(dict.fromkeys(figure.period for figure in report.figures))
    cells: dict[tuple[str | None, str], dict[str, Figure]] = {}
    for figure in report.figures:
        cells.setdefault((figure.key, figure.figure), {})[figure.period] = figure
    keys = list(dict.fromkeys(figure.key for figure in report.figures))
    names = list(dict.fromkeys(figure.figure for figure in report.figures))
    lines = [
        Line(name, key, next((each.target for each in found.values() if each.target is not None), None), found)
        for key in keys
        for name in names
        if (found := cells.get((key, name)))
    ]
    by = next((figure.by for figure in report.figures if figure.by), None)
    return Grid(by, periods, tuple(lines))
