"""The figures of a report side by side, for people: a column for each period, or for each figure of a cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fixtrail.reports.report import Figure, Part, Report


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One row: `figure` is its figure's name, None where each column has another one."""

    key: str | None
    figure: str | None
    target: float | None
    cells: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Grid:
    """`columns` are names of periods, or of figures where `by_figure`."""

    by: str | None
    by_figure: bool
    columns: tuple[str, ...]
    lines: tuple[FigureRow, ...]


def grids_of(report: Report, *, wide: bool = True) -> list[tuple[Part, Grid]]:
    """A grid for each part of the report's figures, in the order of PARTS."""
    parts: dict[Part, list[Figure]] = {}
    for figure in report.figures:
        parts.setdefault(report.definitions[figure.figure].part, []).append(figure)
    return [(part, grid_of(figures, wide=wide)) for part, figures in parts.items()]


def grid_of(figures: Sequence[Figure], *, wide: bool = True) -> Grid:
    """A cut of one period has a line for each key, where there is room for a wide table; all else a line for each
    figure, one key's lines together.
    """
    by = next((figure.by for figure in figures if figure.by), None)
    periods = tuple(dict.fromkeys(figure.period for figure in figures))
    names = tuple(dict.fromkeys(figure.figure for figure in figures))
    keys = tuple(dict.fromkeys(figure.key for figure in figures))
    cells = {(figure.key, figure.figure, figure.period): figure for figure in figures}
    if wide and by and len(periods) == 1:
        lines = tuple(
            FigureRow(key, None, None, {name: cell for name in names if (cell := cells.get((key, name, periods[0])))})
            for key in keys
        )
        return Grid(by, True, names, lines)
    rows = (
        (key, name, {period: cell for period in periods if (cell := cells.get((key, name, period)))})
        for key in keys
        for name in names
    )
    return Grid(
        by, False, periods, tuple(FigureRow(key, name, _target(cells), cells) for key, name, cells in rows if cells)
    )


def _target(cells: Mapping[str, Figure]) -> float | None:
    return next((cell.target for cell in cells.values() if cell.target is not None), None)
