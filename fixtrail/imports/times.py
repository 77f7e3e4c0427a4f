"""Times as logs write them, to instants: ISO 8601, strptime patterns, epochs or spreadsheet dates, with a zone."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Literal

from fixtrail.imports.errors import BadValueError, MappingError
from fixtrail.imports.spreadsheet import CUT, ROUNDED, damage_of, is_cut, is_rounded_date, serial_date, serial_date_1904
from fixtrail.imports.zones import named_zone, without_zone, zone_at_the_end, zone_in_format, zone_of
from schemas.times import from_ms

Gap = Literal["shift", "reject"]
Fold = Literal["earlier", "later", "reject"]
ReadTime = Callable[[str, str | None, list[str]], datetime]
_Parse = Callable[[str], datetime]

# What Chinese spreadsheets and people write before the hour. Noon begins before twelve; an evening's twelve is a
# midnight, and nobody knows of which day.
_BEFORE_NOON = dict.fromkeys(range(24), "AM")
_AFTER_NOON = dict.fromkeys(range(24), "PM")
_EVENING = dict.fromkeys((*range(4, 12), *range(13, 24)), "PM")
_NOON = {10: "AM", 11: "AM", **dict.fromkeys((12, 13, 14, 1, 2), "PM")}
_HALVES = {
    **dict.fromkeys(("上午", "凌晨", "清晨", "早上", "早晨"), _BEFORE_NOON),
    **{"中午": _NOON, "下午": _AFTER_NOON, "傍晚": _EVENING, "晚上": _EVENING},
}
_HALF = re.compile(rf"({'|'.join(_HALVES)})(\s*)(\d{{1,2}})")
_AM_PM = re.compile(r"(?<![A-Za-z])(?:([Aa][Mm])|[Pp][Mm])(?![A-Za-z])")
# The midnight at the end of a day.
_TWENTY_FOUR = re.compile(r"(?<![\d:+-])24(?=(?::|时|點|点)00(?:(?::|分)00(?:[.,]0+)?)?(?!\d))")
_SERIAL = re.compile(r"[1-9]\d{4}(?:\.\d+)?")
_DIRECTIVE = re.compile("%.")
# Fewest and most digits of a directive.
_DIGITS = {
    "%Y": (4, 4),
    "%j": (3, 3),
    **dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M", "%S"), (2, 2)),
    "%f": (1, 6),
}
_RUN_OF_DIGITS = re.compile(r"%[YmdyHIMSj]%[YmdyHIMSjf]")
# Epochs outside of these are of another unit: read as milliseconds, seconds of today are in January 1970.
_FIRST_EPOCH_YEAR, _LAST_EPOCH_YEAR = 1980, 2100


def time_reader(formats: tuple[str, ...], gap: Gap, fold: Fold, zones: Mapping[str, str] | None = None) -> ReadTime:
    """A function (text, zone name, notes) → aware UTC datetime; it raises BadValueError.

    `formats` are tried in order: `iso`, `epoch_s`, `epoch_ms`, `excel`, `excel_1904` or a strptime pattern. `gap` says
    what becomes of a local time that a clock change left out (shift: one hour on, as clocks do), `fold` which of the
    two is meant when a local time came twice. What had to be shifted or chosen is added to `notes`. A zone that the
    text itself names holds; `zones` tells names that mean several. Raises MappingError for a zone in a format.
    """
    parsers = [_parser(pattern, zones or {}) for pattern in formats]
    twins = _twins(formats)

    def attempt(text: str) -> datetime | None:
        known_reason = None
        for parse, twin in zip(parsers, twins, strict=True):
            try:
                at = parse(text)
            except BadValueError as error:
                known_reason = error
            except (ValueError, OverflowError):
                continue
            else:
                _refuse_two_dates(at, twin, text)
                return at
        if known_reason is not None:
            raise known_reason
        return None

    def read(text: str, zone: str | None, notes: list[str]) -> datetime:
        at = attempt(text)
        if at is None:
            at = _rewritten(text, attempt)
        if at is None:
            raise BadValueError(_reason(text, formats), text)
        if is_rounded_date(text):
            notes.append(ROUNDED)
        return _to_utc(at, zone, gap, fold, notes, text)

    return read


def _twins(formats: tuple[str, ...]) -> list[str | None]:
    """For each format the one of the others that has day and month the other way round, None without one."""
    swapped = [re.sub("%[dm]", lambda match: "%m" if match[0] == "%d" else "%d", pattern) for pattern in formats]
    return [
        twin if twin != pattern and twin in formats else None for pattern, twin in zip(formats, swapped, strict=True)
    ]


def _refuse_two_dates(at: datetime, twin: str | None, text: str) -> None:
    if twin is not None and at.day != at.month and at.day <= 12:
        raise BadValueError("day and month may be either way round: the mapping has formats for both", text)


def _rewritten(text: str, attempt: Callable[[str], datetime | None]) -> datetime | None:
    """The time with full-width signs made plain, 下午 for PM, and 24:00 as the midnight that follows."""
    plain = unicodedata.normalize("NFKC", text)
    plain = _HALF.sub(_half, plain)
    at = attempt(plain) if plain != text else None
    if at is None and _TWENTY_FOUR.search(plain):
        midnight = attempt(_TWENTY_FOUR.sub("00", plain, count=1))
        at = None if midnight is None else midnight + timedelta(days=1)
    return at


def _half(match: re.Match[str]) -> str:
    """AM or PM for a Chinese word and the hour behind it. Raises BadValueError where the two do not tell which."""
    word, blank, hour = match.groups()
    half = _HALVES[word].get(int(hour))
    if half is None:
        raise BadValueError(f"{word} with this hour does not tell the half of the day", match[0])
    return f"{half}{blank}{hour}"


def _reason(text: str, formats: tuple[str, ...]) -> str:
    damage = damage_of(text)
    if damage:
        return damage
    if _SERIAL.fullmatch(text) and not {"excel", "excel_1904"} & set(formats):
        return f"not a time in format {' or '.join(formats)}; a spreadsheet's date as a number is format excel"
    return f"not a time in format {' or '.join(formats)}"


def check_format(pattern: str) -> None:
    """Raises MappingError for a pattern that strptime itself does not know."""
    if pattern in _PARSERS:
        return
    if "%" not in pattern:
        names = ", ".join(_PARSERS)
        raise MappingError(f"{pattern!r} is no time format; expected {names} or one like %Y-%m-%d")
    try:
        datetime.strptime(datetime(2026, 3, 1, 8, 5, tzinfo=UTC).strftime(pattern), pattern)  # noqa: DTZ007
    except (ValueError, re.error) as error:
        raise MappingError(f"{pattern!r} is no time format: {error}") from None
    directives = set(_DIRECTIVE.findall(pattern))
    if not directives & {"%Y", "%y", "%G", "%c", "%x"}:
        raise MappingError(f"{pattern!r} has no year (%Y, or %y for two digits); `template` joins several columns")
    if "%I" in directives and "%p" not in directives:
        raise MappingError(
            f"{pattern!r} has an hour of twelve (%I) without %p, the half of the day; hours of 24 are %H"
        )


def _parser(pattern: str, zones: Mapping[str, str]) -> _Parse:
    if pattern == "iso":
        return partial(_iso, zones)
    if pattern in _PARSERS:
        return _PARSERS[pattern]
    if "%Z" in _DIRECTIVE.findall(pattern):
        return _exact(pattern, partial(_strptime_with_zone, _in_24_hours(pattern), zones))
    return _exact(pattern, partial(_strptime, _in_24_hours(pattern), zone_in_format(pattern, zones)))


def _strptime(pattern: str, zone: tzinfo | None, text: str) -> datetime:
    at = datetime.strptime(text, pattern)  # noqa: DTZ007 (the zone of the mapping is put on afterwards)
    return at if zone is None or at.tzinfo is not None else at.replace(tzinfo=zone)


def _in_24_hours(pattern: str) -> str:
    return _DIRECTIVE.sub(lambda match: "%H" if match[0] == "%I" else match[0], pattern)


def _exact(pattern: str, parse: _Parse) -> _Parse:
    """The same without what strptime gets wrong: AM and PM beside %H, missing digits where nothing parts them."""
    if _RUN_OF_DIGITS.search(pattern):
        parse = partial(_with_all_digits, parse, _digits_of(pattern))
    return partial(_with_half, parse) if "%p" in _DIRECTIVE.findall(pattern) else parse


def _with_half(parse: _Parse, text: str) -> datetime:
    """The time of 下午 3:05, 下午 0:30 and 下午 15:05. Raises ValueError for 上午 15:05."""
    at = parse(text)
    (half,) = _AM_PM.finditer(text)
    if half[1] is None:
        return at if at.hour >= 12 else at + timedelta(hours=12)
    if at.hour > 12:
        raise ValueError
    return at if at.hour < 12 else at - timedelta(hours=12)


def _digits_of(pattern: str) -> re.Pattern[str]:
    """The form of a text by a format in which directives stand side by side: so many digits as these have."""
    pieces = []
    for directives, literal in re.findall(r"((?:%.)+)|([^%]+)", pattern):
        names = _DIRECTIVE.findall(directives)
        is_run = len(names) > 1 and all(name in _DIGITS for name in names)
        fewest, most = (sum(_DIGITS[name][end] for name in names if is_run) for end in (0, 1))
        pieces.append(rf"\d{{{fewest},{most}}}" if is_run else ".+" if directives else re.escape(literal))
    return re.compile("".join(pieces), re.IGNORECASE)


def _with_all_digits(parse: _Parse, digits: re.Pattern[str], text: str) -> datetime:
    """The same; strptime would also read 202603051530 by %Y%m%d%H%M%S, as three minutes past three."""
    if not digits.fullmatch(text):
        raise ValueError
    return parse(text)


def _strptime_with_zone(pattern: str, zones: Mapping[str, str], text: str) -> datetime:
    """strptime takes any name that the machine has for its own zone, and forgets it; here the zone holds."""
    for candidate, name in without_zone(text):
        try:
            at = datetime.strptime(candidate, pattern)  # noqa: DTZ007 (set in the next line)
        except ValueError:
            continue
        return at if at.tzinfo is not None and "%z" in pattern else at.replace(tzinfo=named_zone(name, zones, text))
    raise ValueError


def _iso(zones: Mapping[str, str], text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        split = zone_at_the_end(text)
        if split is None:
            raise
        at = datetime.fromisoformat(split[0])
        # An offset beside the zone tells which of two equal clock times is meant.
        return at if at.tzinfo is not None else at.replace(tzinfo=named_zone(split[1], zones, text))


def _epoch(units_per_s: int, text: str) -> datetime:
    if "+" in text and is_cut(text):
        raise BadValueError(CUT, text)
    try:
        at = from_ms(int(float(text) * 1000 // units_per_s))
        is_likely = _FIRST_EPOCH_YEAR <= at.year <= _LAST_EPOCH_YEAR
    except OverflowError:
        is_likely = False
    if not is_likely:
        raise BadValueError("an epoch far from today: of another unit (epoch_s, epoch_ms, epoch_us)?", text)
    return at


_PARSERS: dict[str, _Parse] = {
    "iso": partial(_iso, {}),
    "epoch_s": partial(_epoch, 1),
    "epoch_ms": partial(_epoch, 1_000),
    "epoch_us": partial(_epoch, 1_000_000),
    "excel": serial_date,
    "excel_1904": serial_date_1904,
}


def _to_utc(at: datetime, zone_name: str | None, gap: Gap, fold: Fold, notes: list[str], text: str) -> datetime:
    if at.tzinfo is not None:
        try:
            return at.astimezone(UTC)
        except OverflowError:
            raise BadValueError("time outside the years 1 to 9999", text) from None
    if zone_name is None:
        raise BadValueError("time without offset, and the mapping names no zone", text)
    try:
        zone = zone_of(zone_name)
    except MappingError:
        raise BadValueError("time zone not known", zone_name) from None
    early, late = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    try:
        if early.utcoffset() == late.utcoffset():
            return early.astimezone(UTC)
        # A time that was left out does not survive the way to UTC and back; one that came twice does.
        if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
            return _left_out(early, gap, notes, text)
    except OverflowError:
        raise BadValueError("time outside the years 1 to 9999", text) from None
    if fold == "reject":
        raise BadValueError("local time came twice when clocks went back", text)
    notes.append(f"local time came twice, {fold} taken")
    return (late if fold == "later" else early).astimezone(UTC)


def _left_out(at: datetime, gap: Gap, notes: list[str], text: str) -> datetime:
    if gap == "reject":
        raise BadValueError("local time was left out when clocks went forward", text)
    notes.append("local time was left out by a clock change, shifted on")
    return at.astimezone(UTC)


def wire_time(at: datetime) -> str:
    """RFC 3339 in UTC, cut to milliseconds: `2026-03-01T08:00:00.000Z`."""
    in_utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return in_utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
