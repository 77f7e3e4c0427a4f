"""A log file as numbered rows, whatever its format: read once to check it, once more to use it."""

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from fixtrail.imports.csv_log import CsvLayout, CsvReader, sniff_delimiter, sniff_encoding
from fixtrail.imports.errors import LogError
from fixtrail.imports.mapping import Mapping
from fixtrail.imports.xes import XesReader

# (bytes done, bytes in all), counted in the file as it lies on the disk; it is read twice.
Progress = Callable[[int, int], None]

_NOT_A_LOG = {b"PK\x03\x04": "a zip or Excel file", b"\xd0\xcf\x11\xe0": "an old Excel file", b"%PDF": "a PDF"}
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


@dataclass
class Scan:
    """What the first reading found: every column, and how many rows each case has."""

    format: str
    csv: CsvLayout | None = None
    columns: list[str] = field(default_factory=list)
    rows: int = 0
    empty_cases: int = 0
    cases: Counter[str] = field(default_factory=Counter)
    activities: Counter[tuple[str, str]] = field(default_factory=Counter)
    case_values: dict[tuple[str, str], str] = field(default_factory=dict)


def scan_log(path: Path, mapping: Mapping, progress: Progress | None = None) -> Scan:
    """Read the whole log once. Raises LogError if it cannot be read or lacks a column that the mapping names."""
    scan = _layout(path, mapping)
    by_activity = bool(mapping.derived & {"@nth", "@nth_from_end"})
    with _open(path) as file:
        reader = _reader(file, scan, mapping)
        if isinstance(reader, CsvReader):
            _check_columns(reader.columns, mapping)
        for _, columns, _ in _raw_rows(reader, file, mapping, progress, 0):
            scan.rows += 1
            case = columns.get(mapping.case_column, "")
            scan.cases[case] += 1
            if by_activity:
                scan.activities[case, _activity(columns, mapping)] += 1
            for name in mapping.log.case_columns:
                if name in columns:
                    scan.case_values.setdefault((case, name), columns[name])
    scan.columns = reader.columns
    scan.empty_cases = reader.empty_cases if isinstance(reader, XesReader) else 0
    _check_columns(scan.columns, mapping)
    return scan


def read_log(
    path: Path, mapping: Mapping, scan: Scan | None = None, progress: Progress | None = None
) -> Iterator[LogRow]:
    """The rows of the log in its order, with the columns the importer adds. Without `scan` the log is scanned first."""
    scan = scan or scan_log(path, mapping, progress)
    seen: Counter[str] = Counter()
    seen_activities: Counter[tuple[str, str]] = Counter()
    newest_first = mapping.log.order == "newest_first"
    with _open(path) as file:
        reader = _reader(file, scan, mapping)
        for line, columns, problem in _raw_rows(reader, file, mapping, progress, 1):
            case, activity = columns.get(mapping.case_column, ""), _activity(columns, mapping)
            seen[case] += 1
            total = scan.cases[case]
            ordinal = total - seen[case] + 1 if newest_first else seen[case]
            for name in mapping.log.case_columns:
                if name not in columns and (case, name) in scan.case_values:
                    columns[name] = scan.case_values[case, name]
            if scan.activities:
                seen_activities[case, activity] += 1
                nth, times = seen_activities[case, activity], scan.activities[case, activity]
                nth = times - nth + 1 if newest_first else nth
                columns["@nth"], columns["@nth_from_end"] = str(nth), str(times - nth + 1)
            if case:
                columns["@case"] = case
            if activity:
                columns["@activity"] = activity
            columns["@line"], columns["@ordinal"] = str(line), str(ordinal)
            columns["@first"], columns["@last"] = _yes(ordinal == 1), _yes(ordinal == total)
            yield LogRow(line, case, activity, ordinal if case else 0, columns, problem)


def _yes(value: bool) -> str:
    return "true" if value else "false"


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
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=packed)) if is_gzip else packed
            yield _File(stream, packed, path.stat().st_size)
    except LogError as error:
        raise LogError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
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
    encoding = settings.encoding
    if encoding is None:
        with _open(path) as file:
            encoding = sniff_encoding(file.stream)
    with _open(path) as file:
        delimiter = settings.delimiter or sniff_delimiter(file.stream, encoding, settings)
    return Scan("csv", CsvLayout(encoding, delimiter))


def _reader(file: _File, scan: Scan, mapping: Mapping) -> XesReader | CsvReader:
    return XesReader(file.stream) if scan.csv is None else CsvReader(file.stream, scan.csv, mapping.log)


def _raw_rows(
    reader: XesReader | CsvReader, file: _File, mapping: Mapping, progress: Progress | None, nth_pass: int
) -> Iterator[tuple[int, dict[str, str], str | None]]:
    """(line, columns without the empty ones, problem) of each row."""
    rows = reader if isinstance(reader, CsvReader) else ((line, columns, None) for line, columns in reader)
    empty = frozenset(mapping.log.empty)
    for number, (line, columns, problem) in enumerate(rows):
        if progress and number % _EVERY == 0:
            progress(nth_pass * file.size + min(file.packed.tell(), file.size), 2 * file.size)
        filled = {name: text for name, cell in columns.items() if (text := cell.strip()) and text not in empty}
        yield line, filled, problem
    if progress:
        progress((nth_pass + 1) * file.size, 2 * file.size)


def _check_columns(there: list[str], mapping: Mapping) -> None:
    missing = sorted(mapping.columns - set(there) - set(mapping.log.optional_columns))
    if missing:
        names = ", ".join(chain(there[:200], ["…"] if len(there) > 200 else []))
        raise LogError(f"the mapping names columns that the log does not have: {', '.join(missing)}. It has: {names}")
