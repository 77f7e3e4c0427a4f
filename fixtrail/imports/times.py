"""Times as logs write them, to instants: ISO 8601, strptime patterns, epochs or spreadsheet dates, with a zone."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Literal

from fixtrail.imports.errors import BadValueError, MappingError
from fixtrail.imports.spreadsheet import CUT, damage_of, is_cut, serial_date, serial_date_1904
from fixtrail.imports.zones import named_zone, without_zone, zone_at_the_end, zone_in_format, zone_of
from schemas.times import from_ms

Gap = Literal["shift", "reject"]
Fold = Literal["earlier", "later", "reject"]
ReadTime = Callable[[str, str | None, list[str]], datetime]
_Parse = Callable[[str], datetime]

# What Chinese spreadsheets and people write before the hour; noon and evening are of the afternoon.
_HALVES = {
    **dict.fromkeys(("上午", "凌晨", "清晨", "早上", "早晨"), "AM"),
    **dict.fromkeys(("下午", "中午", "傍晚", "晚上"), "PM"),
}
_HALF = re.compile("|".join(_HALVES))
# The midnight at the end of a day.
_TWENTY_FOUR = re.compile(r"(?<![\d:+-])24(?=(?::|时|點|点)00(?:(?::|分)00(?:[.,]0+)?)?(?!\d))")
_SERIAL = re.compile(r"[1-9]\d{4}(?:\.\d+)?")


def time_reader(formats: tuple[str, ...], gap: Gap, fold: Fold, zones: Mapping[str, str] | None = None) -> ReadTime:
    """A function (text, zone name, notes) → aware UTC datetime; it raises BadValueError.

    `formats` are tried in order: `iso`, `epoch_s`, `epoch_ms`, `excel`, `excel_1904` or a strptime pattern. `gap` says
    what becomes of a local time that a clock change left out (shift: one hour on, as clocks do), `fold` which of the
    two is meant when a local time came twice. What had to be shifted or chosen is added to `notes`. A zone that the
    text itself names holds; `zones` tells names that mean several. Raises MappingError for a zone in a format.
    """
    parsers = [_parser(pattern, zones or {}) for pattern in formats]

    def attempt(text: str) -> datetime | None:
        known_reason = None
        for parse in parsers:
            try:
                return parse(text)
            except BadValueError as error:
                known_reason = error
            except (ValueError, OverflowError):
                continue
        if known_reason is not None:
            raise known_reason
        return None

    def read(text: str, zone: str | None, notes: list[str]) -> datetime:
        at = attempt(text)
        if at is None:
            at = _rewritten(text, attempt)
        if at is None:
            raise BadValueError(_reason(text, formats), text)
        return _to_utc(at, zone, gap, fold, notes, text)

    return read


def _rewritten(text: str, attempt: Callable[[str], datetime | None]) -> datetime | None:
    """The time with full-width signs made plain, 下午 for PM, and 24:00 as the midnight that follows."""
    plain = unicodedata.normalize("NFKC", text)
    plain = _HALF.sub(lambda match: _HALVES[match[0]], plain)
    at = attempt(plain) if plain != text else None
    if at is None and _TWENTY_FOUR.search(plain):
        midnight = attempt(_TWENTY_FOUR.sub("00", plain, count=1))
        at = None if midnight is None else midnight + timedelta(days=1)
    return at


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


def _parser(pattern: str, zones: Mapping[str, str]) -> _Parse:
    if pattern == "iso":
        return partial(_iso, zones)
    if pattern in _PARSERS:
        return _PARSERS[pattern]
    if "%Z" in pattern.replace("%%", ""):
        return partial(_strptime_with_zone, pattern, zones)
    return partial(_strptime, pattern, zone_in_format(pattern, zones))


def _strptime(pattern: str, zone: tzinfo | None, text: str) -> datetime:
    at = datetime.strptime(text, pattern)  # noqa: DTZ007 (the zone of the mapping is put on afterwards)
    return at if zone is None or at.tzinfo is not None else at.replace(tzinfo=zone)


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


def _epoch_s(text: str) -> datetime:
    return from_ms(int(_whole(text) * 1000 // 1))


def _epoch_ms(text: str) -> datetime:
    return from_ms(int(_whole(text)))


def _whole(text: str) -> float:
    if "+" in text and is_cut(text):
        raise BadValueError(CUT, text)
    return float(text)


_PARSERS: dict[str, _Parse] = {
    "iso": partial(_iso, {}),
    "epoch_s": _epoch_s,
    "epoch_ms": _epoch_ms,
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
