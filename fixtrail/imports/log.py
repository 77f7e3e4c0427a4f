"""A log file as numbered rows, whatever its format: read once to check it, then given back row by row."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from fixtrail.imports.csv_log import (
    CsvLayout,
    CsvReader,
    EncodingError,
    UnknownEncodingError,
    sniff_delimiter,
    sniff_encoding,
)
from fixtrail.imports.errors import BadValueError, LogError
from fixtrail.imports.mapping import Mapping
from fixtrail.imports.mapping_file import LogSettings, ServiceLevels
from fixtrail.imports.spool import Spool
from fixtrail.imports.spreadsheet import plain_cell
from fixtrail.imports.unpacking import unpacked
from fixtrail.imports.values import normalizer
from fixtrail.imports.xes import XesReader

# (done, in all): the first half is the reading of the log, the second its mapping.
Progress = Callable[[int, int], None]

# What Western spreadsheets write, where nothing else fits and somebody is to look at the guess.
LAST_ENCODING = "windows-1252"
# A cell like these stands in rows, not in a header.
_NUMBER_OR_TIME = re.compile(r"[\d.,:/+\- ]*\d[\d.,:/+\- ]*")
_NOT_A_LOG = {
    **{b"PK\x03\x04": "a zip or Excel file", b"\xd0\xcf\x11\xe0": "an old Excel file"},
    **{b"%PDF": "a PDF", b"SQLi": "an SQLite file"},
}
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*\{)")
_EVERY = 500


@dataclass(frozen=True, slots=True)
class LogRow:
    """One event of the log (or one order, in a log with a row an order). `columns` holds what is not empty.

    `ordinal` counts the rows of the case from its oldest, from 1; 0 in a row without a case. `problem` tells why the
    row cannot be used as it is.
    """

    line: int
    case: str
    activity: str
    ordinal: int
    columns: dict[str, str]
    problem: str | None = None


# (line, columns without the empty ones, problem)
_RawRow = tuple[int, dict[str, str], str | None]
# A row's rank in its case: its time as text, then its number in the order of the log.
_Rank = tuple[str, int]


@dataclass
class Scan:
    """What the first reading gathered: every column, how many rows each case has, and the rows in `spool`."""

    format: str
    csv: CsvLayout | None = None
    columns: list[str] = field(default_factory=list)
    size: int = 0
    rows: int = 0
    empty_cases: int = 0
    cases: Counter[str] = field(default_factory=Counter)
    activities: Counter[tuple[str, str]] = field(default_factory=Counter)
    case_values: dict[tuple[str, str], str] = field(default_factory=dict)
    # First and last rank of a case's rows that have a time (under None), and of those that a row test is true of.
    places: dict[tuple[str, int | None], tuple[_Rank, _Rank]] = field(default_factory=dict)
    spool: Spool[_RawRow] = field(default_factory=Spool)


def scan_log(path: Path, mapping: Mapping, progress: Progress | None = None, *, whole_rows: bool = True) -> Scan:
    """Read the whole log once. Raises LogError if it cannot be read or lacks a column that the mapping names.

    Without `whole_rows` the rows have the columns that the mapping names and no other.
    """
    try:
        return _scan(path, mapping, _layout(path, mapping), progress, whole_rows)
    except EncodingError as error:
        raise LogError(f"{error}{_fitting_encoding(path, mapping.log.encoding)}") from None


def _scan(path: Path, mapping: Mapping, scan: Scan, progress: Progress | None, whole_rows: bool) -> Scan:
    scan.size = path.stat().st_size
    by_activity = bool(mapping.derived & {"@nth", "@nth_from_end"})
    with _open(path) as file:
        reader = _reader(file, scan, mapping)
        if isinstance(reader, CsvReader):
            _check_columns(reader.columns, mapping)
        for raw in _raw_rows(reader, file, mapping, progress, None if whole_rows else mapping.columns):
            _, columns, _ = raw
            scan.spool.add(raw)
            scan.rows += 1
            case = _case(columns, mapping)
            scan.cases[case] += 1
            if by_activity:
                scan.activities[case, _activity(columns, mapping)] += 1
            for name in mapping.log.case_columns:
                if name in columns:
                    scan.case_values.setdefault((case, name), columns[name])
            if mapping.needs_times:
                _note_rank(scan, raw, case, mapping)
    scan.columns = reader.columns
    scan.empty_cases = reader.empty_cases if isinstance(reader, XesReader) else 0
    _check_columns(scan.columns, mapping)
    return scan


def _fitting_encoding(path: Path, named: str | None) -> str:
    """What to write instead of the encoding that the mapping names; nothing where no other one is likelier."""
    try:
        with _open(path) as file:
            encoding = sniff_encoding(file.stream)
    except LogError:
        return ""
    if named in (None, encoding):
        return ""
    return f'; they look like {encoding}: say encoding = "{encoding}" in [log], or leave it out'


@dataclass(frozen=True)
class Sample:
    """A log's layout, columns and first rows."""

    format: str
    encoding: str
    delimiter: str
    skip_lines: int
    columns: list[str]
    rows: list[dict[str, str]]


def peek_log(path: Path, rows: int) -> Sample:
    """The first rows of a log that no mapping describes; lines above a CSV's header are found out. Raises LogError."""
    best: Sample | None = None
    for skip_lines in range(6):
        sample = _peek(path, rows, skip_lines)
        if sample is None:
            break
        is_header = not any(map(_NUMBER_OR_TIME.fullmatch, sample.columns))
        # A title stands in one cell, a header of headers in some.
        if best is None or (is_header and _named(sample) > _named(best) + 1):
            best = sample
        if best.format != "csv":
            break
    if best is None:
        raise LogError(f"{path}: the log is empty")
    return best


def _named(sample: Sample) -> int:
    return sum(not re.fullmatch(r"#\d+", name) for name in sample.columns)


def _peek(path: Path, rows: int, skip_lines: int) -> Sample | None:
    """None for a CSV that has no more lines."""
    settings = LogSettings(skip_lines=skip_lines)
    try:
        scan = _layout(path, _peeking(settings))
    except UnknownEncodingError:
        settings = settings.model_copy(update={"encoding": LAST_ENCODING})
        scan = _layout(path, _peeking(settings))
    mapping = _peeking(settings)
    try:
        with _open(path) as file:
            reader = _reader(file, scan, mapping)
            first = [columns for _, columns, _ in islice(_raw_rows(reader, file, mapping, None, None), rows)]
            columns = list(reader.columns)
    except LogError:
        if skip_lines:
            return None
        raise
    encoding, delimiter = (scan.csv.encoding, scan.csv.delimiter) if scan.csv else ("", "")
    return Sample(scan.format, encoding, delimiter, skip_lines, columns, first)


def _peeking(settings: LogSettings) -> Mapping:
    return Mapping("peek", settings, (), (), frozenset(), frozenset(), ServiceLevels())


def _note_rank(scan: Scan, raw: _RawRow, case: str, mapping: Mapping) -> None:
    line, columns, _ = raw
    rank = _rank(columns, scan.cases[case], mapping)
    if rank[0]:
        _widen(scan.places, (case, None), rank)
    if mapping.row_tests:
        values = {**columns, "@line": str(line), "@case": case, "@activity": _activity(columns, mapping)}
        row = {name: text for name, text in values.items() if text}
        for number, test in enumerate(mapping.row_tests):
            if test(row):
                _widen(scan.places, (case, number), rank)


def _rank(columns: dict[str, str], nth: int, mapping: Mapping) -> _Rank:
    """Where a row stands in its case by time and, where times are equal or missing, by the order of the log."""
    try:
        at = mapping.row_time(columns, []) if mapping.row_time is not None else None
    except BadValueError:
        at = None
    return at or "", -nth if mapping.log.order == "newest_first" else nth


def _widen(places: dict[tuple[str, int | None], tuple[_Rank, _Rank]], key: tuple[str, int | None], rank: _Rank) -> None:
    first, last = places.get(key, (rank, rank))
    places[key] = (min(first, rank), max(last, rank))


def read_log(
    path: Path, mapping: Mapping, scan: Scan | None = None, progress: Progress | None = None
) -> Iterator[LogRow]:
    """The rows of the log in its order, with the columns the importer adds. Without `scan` the log is scanned first."""
    scan = scan or scan_log(path, mapping, progress)
    case_rows: Counter[str] = Counter()
    activity_rows: Counter[tuple[str, str]] = Counter()
    newest_first = mapping.log.order == "newest_first"
    for number, (line, columns, problem) in enumerate(scan.spool):
        if progress and number % _EVERY == 0:
            progress(scan.size + scan.size * number // scan.rows, 2 * scan.size)
        case, activity = _case(columns, mapping), _activity(columns, mapping)
        case_rows[case] += 1
        total = scan.cases[case]
        ordinal = total - case_rows[case] + 1 if newest_first else case_rows[case]
        for name in mapping.log.case_columns:
            if name not in columns and (case, name) in scan.case_values:
                columns[name] = scan.case_values[case, name]
        if mapping.needs_times:
            _add_places(columns, scan, case, _rank(columns, case_rows[case], mapping), mapping)
        if scan.activities:
            activity_rows[case, activity] += 1
            nth, times = activity_rows[case, activity], scan.activities[case, activity]
            nth = times - nth + 1 if newest_first else nth
            columns["@nth"], columns["@nth_from_end"] = str(nth), str(times - nth + 1)
        if case:
            columns["@case"] = case
        if activity:
            columns["@activity"] = activity
        columns["@line"], columns["@ordinal"] = str(line), str(ordinal)
        columns["@first"], columns["@last"] = _yes(ordinal == 1), _yes(ordinal == total)
        yield LogRow(line, case, activity, ordinal if case else 0, columns, problem)


def _add_places(columns: dict[str, str], scan: Scan, case: str, rank: _Rank, mapping: Mapping) -> None:
    """Whether the row is its case's earliest or latest, and what there is of other rows around it."""
    first, last = scan.places.get((case, None), (None, None))
    columns["@earliest"], columns["@latest"] = _yes(rank == first), _yes(rank == last)
    for number in range(len(mapping.row_tests)):
        if (case, number) in scan.places:
            first, last = scan.places[case, number]
            columns[f"@some {number}"] = "true"
            if first < rank:
                columns[f"@earlier {number}"] = "true"
            if last > rank:
                columns[f"@later {number}"] = "true"


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _case(columns: dict[str, str], mapping: Mapping) -> str:
    if len(mapping.case_key) == 1:
        return columns.get(mapping.case_key[0], "")
    texts = [columns.get(name, "") for name in mapping.case_key]
    return " / ".join(texts) if all(texts) else ""


def _activity(columns: dict[str, str], mapping: Mapping) -> str:
    return " / ".join(columns[name] for name in mapping.activity_columns if name in columns)


@dataclass
class _File:
    """The log's bytes, unpacked, and where in the packed file the reading has come to."""

    stream: BinaryIO
    packed: BinaryIO
    size: int


@contextmanager
def _open(path: Path) -> Iterator[_File]:
    """Raises LogError for what is wrong with the file, also later, while it is read."""
    try:
        with path.open("rb") as packed:
            start = packed.read(4)
            packed.seek(0)
            for magic, name in _NOT_A_LOG.items():
                if start == magic:
                    raise LogError(f"{path}: this is {name}; export it as CSV or XES")
            is_gzip = start[:2] == b"\x1f\x8b"
            size = path.stat().st_size
            yield _File(unpacked(packed, size) if is_gzip else packed, packed, size)
    except LogError as error:
        raise type(error)(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
    except UnicodeError:
        raise EncodingError(f"{path}: the bytes are of another encoding") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise LogError(f"{path}: the gzip file is damaged or cut off") from None
    except OSError as error:
        raise LogError(f"{path}: {error.strerror or error}") from None


def _layout(path: Path, mapping: Mapping) -> Scan:
    settings = mapping.log
    with _open(path) as file:
        start = file.stream.read(200)
    looks_like_xml = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")
    if (settings.format or ("xes" if looks_like_xml else "csv")) == "xes":
        return Scan("xes")
    if settings.format is None and _JSON.match(start):
        raise LogError(f"{path}: this is JSON; export it as CSV or XES (lines that are events go by fixtrail send)")
    encoding = settings.encoding
    if encoding is None:
        with _open(path) as file:
            encoding = sniff_encoding(file.stream)
    with _open(path) as file:
        delimiter = settings.delimiter or sniff_delimiter(file.stream, encoding, settings)
    return Scan("csv", CsvLayout(encoding, delimiter))


def _reader(file: _File, scan: Scan, mapping: Mapping) -> XesReader | CsvReader:
    if scan.csv is None:
        return XesReader(file.stream, mapping.columns)
    return CsvReader(file.stream, scan.csv, mapping.log)


def _raw_rows(
    reader: XesReader | CsvReader,
    file: _File,
    mapping: Mapping,
    progress: Progress | None,
    kept_columns: frozenset[str] | None,
) -> Iterator[_RawRow]:
    is_csv = isinstance(reader, CsvReader)
    rows = reader if isinstance(reader, CsvReader) else ((line, columns, None) for line, columns in reader)
    empty, plain = frozenset(mapping.log.empty), normalizer(mapping.log.normalize) if mapping.log.normalize else None
    for number, (line, columns, problem) in enumerate(rows):
        if progress and number % _EVERY == 0:
            progress(min(file.packed.tell(), file.size), 2 * file.size)
        names: Iterable[str] = columns if kept_columns is None else kept_columns & columns.keys()
        filled = {name: text for name in names if (text := columns[name].strip()) and text not in empty}
        if is_csv:
            filled = {name: text for name, cell in filled.items() if (text := plain_cell(cell))}
        if plain is not None:
            filled = {name: text for name, cell in filled.items() if (text := plain(cell).strip())}
        yield line, filled, problem


def _check_columns(available: list[str], mapping: Mapping) -> None:
    missing = sorted(mapping.columns - set(available) - set(mapping.log.optional_columns))
    if missing:
        names = ", ".join(chain(available[:200], ["…"] if len(available) > 200 else []))
        raise LogError(f"the mapping names columns that the log does not have: {', '.join(missing)}. It has: {names}")
