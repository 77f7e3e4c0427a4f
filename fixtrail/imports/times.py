"""Times as logs write them, to instants: ISO 8601, strptime patterns or epoch numbers, with a zone for naive ones."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import Literal
from zoneinfo import ZoneInfo

from fixtrail.imports.errors import BadValue, MappingError
from schemas.times import from_ms, is_time_zone

Gap = Literal["shift", "reject"]
Fold = Literal["earlier", "later", "reject"]
ReadTime = Callable[[str, str | None, list[str]], datetime]


def time_reader(formats: tuple[str, ...], gap: Gap, fold: Fold) -> ReadTime:
    """A function (text, zone name, notes) → aware UTC datetime; it raises BadValue.

    `formats` are tried in order: `iso`, `epoch_s`, `epoch_ms` or a strptime pattern. `gap` says what becomes of a local
    time that a clock change left out (shift: one hour on, as clocks do), `fold` which of the two is meant when a local
    time came twice. What had to be shifted or chosen is added to `notes`.
    """
    parsers = [_parser(each) for each in formats]

    def read(text: str, zone: str | None, notes: list[str]) -> datetime:
        for parse in parsers:
            try:
                at = parse(text)
            except (ValueError, OverflowError):
                continue
            return _to_utc(at, zone, gap, fold, notes, text)
        raise BadValue(f"not a time in format {' or '.join(formats)}", text)

    return read


def check_format(pattern: str) -> None:
    """Raises MappingError for a pattern that strptime itself does not know."""
    if pattern in _PARSERS:
        return
    if "%" not in pattern:
        raise MappingError(f"{pattern!r} is no time format; expected iso, epoch_s, epoch_ms or one like %Y-%m-%d")
    try:
        datetime.strptime(datetime(2026, 3, 1, 8, 5, tzinfo=UTC).strftime(pattern), pattern)  # noqa: DTZ007
    except ValueError as error:
        raise MappingError(f"{pattern!r} is no time format: {error}") from None


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name such as Asia/Shanghai; raises MappingError for an unknown one."""
    if not is_time_zone(name):
        raise MappingError(f"{name!r} is no time zone name (expected one such as Asia/Shanghai)")
    return ZoneInfo(name)


def _parser(pattern: str) -> Callable[[str], datetime]:
    return _PARSERS.get(pattern) or partial(_strptime, pattern)


def _strptime(pattern: str, text: str) -> datetime:
    return datetime.strptime(text, pattern)  # noqa: DTZ007 (the zone of the mapping is put on afterwards)


def _epoch_s(text: str) -> datetime:
    return from_ms(int(float(text) * 1000 // 1))


def _epoch_ms(text: str) -> datetime:
    return from_ms(int(float(text)))


_PARSERS: dict[str, Callable[[str], datetime]] = {
    "iso": datetime.fromisoformat,
    "epoch_s": _epoch_s,
    "epoch_ms": _epoch_ms,
}


def _to_utc(at: datetime, zone_name: str | None, gap: Gap, fold: Fold, notes: list[str], text: str) -> datetime:
    if at.tzinfo is not None:
        try:
            return at.astimezone(UTC)
        except OverflowError:
            raise BadValue("time outside the years 1 to 9999", text) from None
    if zone_name is None:
        raise BadValue("time without offset, and the mapping names no zone", text)
    try:
        zone = zone_of(zone_name)
    except MappingError:
        raise BadValue("time zone not known", zone_name) from None
    early, late = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    try:
        if early.utcoffset() == late.utcoffset():
            return early.astimezone(UTC)
        # A time that was left out does not survive the way to UTC and back; one that came twice does.
        if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
            return _left_out(early, gap, notes, text)
    except OverflowError:
        raise BadValue("time outside the years 1 to 9999", text) from None
    if fold == "reject":
        raise BadValue("local time came twice when clocks went back", text)
    notes.append(f"local time came twice, {fold} taken")
    return (late if fold == "later" else early).astimezone(UTC)


def _left_out(at: datetime, gap: Gap, notes: list[str], text: str) -> datetime:
    if gap == "reject":
        raise BadValue("local time was left out when clocks went forward", text)
    notes.append("local time was left out by a clock change, shifted on")
    return at.astimezone(UTC)


def wire_time(at: datetime) -> str:
    """RFC 3339 in UTC, cut to milliseconds: `2026-03-01T08:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
