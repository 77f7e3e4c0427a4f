"""Text out of a row's columns: one column, or a template such as `{case:concept:name}-{@nth}`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fixtrail.imports.errors import MappingError

# Column → text. A column that is empty in a row is absent from it.
Row = Mapping[str, str]

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")


@dataclass(frozen=True)
class TextSource:
    """`read` gives the text, or None where a column that it needs is empty; `columns` are those it needs."""

    read: Callable[[Row], str | None]
    columns: frozenset[str] = frozenset()


def column_source(column: str) -> TextSource:
    return TextSource(lambda row: row.get(column), frozenset({column}))


def first_source(sources: Sequence[TextSource]) -> TextSource:
    """A source that gives the first of several sources' values that the row has."""
    if len(sources) == 1:
        return sources[0]
    reads = [source.read for source in sources]

    def read(row: Row) -> str | None:
        return next((text for read in reads if (text := read(row)) is not None), None)

    return TextSource(read, frozenset[str]().union(*(source.columns for source in sources)))


def has_columns(template: str) -> bool:
    """Whether a text has a placeholder of a column."""
    return any(match[1] is not None for match in _PLACEHOLDER.finditer(template))


def template_source(template: str, where: str) -> TextSource:
    """Raises MappingError, which begins with `where`, for braces that do not pair up."""
    pieces = _pieces(template, where)
    names = [text for text, is_column in pieces if is_column]
    if not names:
        constant = "".join(text for text, _ in pieces)
        return TextSource(lambda row: constant)
    if len(pieces) == 1:
        return column_source(names[0])

    def fill(row: Row) -> str | None:
        texts = [row.get(text) if is_column else text for text, is_column in pieces]
        return None if None in texts else "".join(texts)  # type: ignore[arg-type]  # no None left

    return TextSource(fill, frozenset(names))


def _pieces(template: str, where: str) -> list[tuple[str, bool]]:
    """The pieces of a template, with True for the columns; `{{` and `}}` are braces."""
    pieces: list[tuple[str, bool]] = []
    position = 0
    for match in _PLACEHOLDER.finditer(template):
        if match.start() > position:
            pieces.append((template[position : match.start()], False))
        if match[0] in ("{{", "}}"):
            pieces.append((match[0][0], False))
        elif match[1] is None:
            raise MappingError(f"{where}: single {match[0]} in {template!r}; write {match[0] * 2} for the sign itself")
        else:
            pieces.append((match[1], True))
        position = match.end()
    if position < len(template):
        pieces.append((template[position:], False))
    return pieces
