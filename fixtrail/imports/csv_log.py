"""CSV logs as rows, with encoding and delimiter found out where the mapping does not say them."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

from fixtrail.imports.errors import LogError
from fixtrail.imports.mapping_file import LogSettings
from fixtrail.imports.spreadsheet import plain_cell

LONGEST_LINE = 4 << 20
SAMPLE = 1 << 18

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Of the bytes of a text that is not UTF-16, at most.
STRAY_ZEROS = 0.05
# The line that is put behind the last one: it comes as a row of its own, unless a quote was left open.
_END = "\uffff the end"
# What Excel reads as a setting and shows to nobody.
_DELIMITER_NOTE = re.compile("\ufeff?sep=(.)\r?\n?$", re.IGNORECASE)
_DELIMITERS = ",;\t|^\x01"


class EncodingError(LogError):
    """The bytes are not of the encoding that they are read with. Another `encoding` in the mapping can help."""


class UnknownEncodingError(LogError):
    """The bytes look like no encoding that can be told from others. `encoding` in the mapping can help."""


@dataclass(frozen=True)
class CsvLayout:
    """Encoding and delimiter of a CSV file."""

    encoding: str
    delimiter: str


class CsvReader:
    """Iterates over (line, columns, problem) of the rows; blank lines are none. `columns` is known at once."""

    def __init__(self, stream: BinaryIO, layout: CsvLayout, settings: LogSettings) -> None:
        self._layout = layout
        text = io.TextIOWrapper(stream, encoding=layout.encoding, newline="")
        lines = _lines(text)
        with self._decoding(0):
            lines, has_note = _without_note(lines, settings)
        self._skipped = settings.skip_lines + has_note
        for number in range(settings.skip_lines):
            with self._decoding(number):
                next(lines, None)
        self._rows = _reader(chain(lines, (_END,)), layout.delimiter, settings)
        header = list(settings.columns) if settings.columns else self._next()
        if not header:
            raise LogError("the log is empty: not even a header line")
        self.columns = _distinct(header)

    def __iter__(self) -> Iterator[tuple[int, dict[str, str], str | None]]:
        columns, width = self.columns, len(self.columns)
        while (cells := self._next()) is not None:
            problem = None
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                problem = "more cells than the header has columns"
            # Spreadsheets leave out the empty cells at the end of a line.
            yield self.line, dict(zip(columns, cells, strict=False)), problem

    @property
    def line(self) -> int:
        """The line of the file where the last row ended."""
        return int(self._rows.line_num) + self._skipped

    def _next(self) -> list[str] | None:
        first_line = self.line + 1
        try:
            with self._decoding():
                for cells in self._rows:
                    if cells and cells[-1].endswith(_END):
                        if cells == [_END]:
                            return None
                        raise LogError(
                            f"line {first_line}: a cell is quoted from there to the end of the file; close the quote, "
                            'or say quote = "" in [log] where cells are not quoted'
                        )
                    if any(cell.strip() for cell in cells):
                        return list(cells)
                    first_line = self.line + 1
        except csv.Error as error:
            where = f"line {first_line}" if first_line == self.line else f"lines {first_line} to {self.line}"
            raise LogError(f"{where}: {error}; is a quote left open there?") from None
        return None

    @contextmanager
    def _decoding(self, line: int | None = None) -> Iterator[None]:
        try:
            yield
        except UnicodeError:
            line = self.line if line is None else line
            raise EncodingError(f"after line {line}: the bytes are no {self._layout.encoding}") from None


def _reader(lines: Iterable[str], delimiter: str, settings: LogSettings) -> Any:
    if not settings.quote:
        return csv.reader(lines, delimiter=delimiter, escapechar=settings.escape, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter, escapechar=settings.escape, quotechar=settings.quote)


def _is_utf8(start: bytes) -> bool:
    """Whether the bytes are UTF-8, but for a character that may be cut at their end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def sniff_encoding(stream: BinaryIO) -> str:
    """The encoding by byte order mark, or UTF-8 if all of it is, or GB18030 if it looks like it; LogError otherwise.

    A wrong guess would turn names into other names without a sound, so what is neither has to be said in the mapping.
    """
    chunk = stream.read(SAMPLE)
    for mark, encoding in _BOMS:
        if chunk.startswith(mark):
            return encoding
    # Delimiters, digits and line ends have a zero byte in UTF-16; in other text there may be a stray one.
    first, second = chunk[::2].count(0), chunk[1::2].count(0)
    if first + second > STRAY_ZEROS * len(chunk) or ((first or second) and not _is_utf8(chunk)):
        return "utf-16-le" if second > first else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    while chunk:
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            if _looks_like_gb18030(chunk):
                return "gb18030"
            raise UnknownEncodingError(
                'neither UTF-8 nor GB18030; say `encoding` in [log], such as "windows-1252"'
            ) from None
        chunk = stream.read(SAMPLE)
    return "utf-8"


def sniff_delimiter(stream: BinaryIO, encoding: str, settings: LogSettings) -> str:
    """The sign that cuts the first lines into the most, and equally many, cells; a comma if none does."""
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(stream.read(SAMPLE))
    except UnicodeError:
        raise EncodingError(f"the bytes are no {encoding}") from None
    lines = text.splitlines(keepends=True)[settings.skip_lines :][:40]
    note = _DELIMITER_NOTE.match(lines[0]) if lines and not settings.skip_lines else None
    if note is not None:
        return note[1]
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in _reader(lines, delimiter, settings) if row]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        if width > 1:
            score = (sum(len(row) == width for row in rows) / len(rows), width)
            best, best_score = max((best, best_score), (delimiter, score), key=lambda candidate: candidate[1])
    return best


def _looks_like_gb18030(chunk: bytes) -> bool:
    """Chinese text comes in pairs of bytes from 0xA1 to 0xFE; in Western encodings accented letters stand alone."""
    paired = single = at = 0
    while at < len(chunk):
        if chunk[at] < 0x80:
            at += 1
        elif 0xA1 <= chunk[at] <= 0xFE and at + 1 < len(chunk) and 0xA1 <= chunk[at + 1] <= 0xFE:
            paired, at = paired + 1, at + 2
        else:
            single, at = single + 1, at + 1
    return paired > 4 * single


def _without_note(lines: Iterator[str], settings: LogSettings) -> tuple[Iterator[str], bool]:
    """The lines without the first one, if that only tells Excel the delimiter; and whether it does."""
    first = "" if settings.skip_lines else next(lines, "")
    if _DELIMITER_NOTE.match(first):
        return lines, True
    return chain([first] if first else [], lines), False


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise LogError(f"a line of more than {LONGEST_LINE >> 20} million characters: no CSV, or another encoding")
        yield line


def _distinct(header: list[str]) -> list[str]:
    """Column names; the second 备注 becomes 备注#2, a nameless third column #3."""
    names: dict[str, None] = {}
    for number, cell in enumerate(header, 1):
        name = plain_cell(cell.strip().removeprefix("\ufeff") or " ").strip() or f"#{number}"
        times = 2
        distinct = name
        while distinct in names:
            distinct, times = f"{name}#{times}", times + 1
        names[distinct] = None
    return list(names)
