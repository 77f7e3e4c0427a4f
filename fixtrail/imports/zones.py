"""Time zones that stand in the text of a time: they hold there, whatever zone the mapping names for the others."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from fixtrail.imports.errors import BadValueError, MappingError
from schemas.times import is_time_zone

_UTC = frozenset({"UTC", "GMT", "UT", "Z"})
_NAME = re.compile(r"(?<![A-Za-z/_])(?:[A-Za-z]{1,5}|[A-Za-z_]+/[A-Za-z_/+-]*[A-Za-z0-9_])(?![A-Za-z/_])")
# Behind a time: ` UTC`, ` Europe/Berlin`, `[Asia/Shanghai]`.
_AT_THE_END = re.compile(r"(.*\d(?:[+-]\d\d:?\d\d|Z)?)\s*(?:\[([A-Za-z_/+-]+)\]|([A-Za-z][A-Za-z_/+-]*))")
_DIRECTIVE = re.compile("%.")
_LITERAL = re.compile("(?<![A-Za-z])([A-Z]{1,5})$")


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name such as Asia/Shanghai; raises MappingError for an unknown one."""
    if not is_time_zone(name):
        raise MappingError(f"{name!r} is no time zone name (expected one such as Asia/Shanghai)")
    return ZoneInfo(name)


def named_zone(name: str, zones: Mapping[str, str], text: str) -> tzinfo:
    """The zone that a text names. Raises BadValueError for CST, which is several, unless `zones` tells it."""
    if name in zones:
        return zone_of(zones[name])
    if name.upper() in _UTC:
        return UTC
    if "/" in name and is_time_zone(name):
        return zone_of(name)
    raise BadValueError("the text names a time zone that is not known for sure; say it in `zones`", text)


def zone_at_the_end(text: str) -> tuple[str, str] | None:
    """(the time, the zone's name) of a text with a zone behind its time; None without one."""
    match = _AT_THE_END.fullmatch(text)
    return (match[1], match[2] or match[3]) if match else None


def without_zone(text: str) -> Iterator[tuple[str, str]]:
    """(text with UTC instead of a word, the word) for each word in it that may be a zone's name."""
    for match in _NAME.finditer(text):
        yield f"{text[: match.start()]}UTC{text[match.end() :]}", match[0]


def zone_in_format(pattern: str, zones: Mapping[str, str]) -> tzinfo | None:
    """The zone that a format has as a word at its end, as `%H:%M UTC`; None without one. Raises MappingError."""
    match = _LITERAL.search(_DIRECTIVE.sub(" ", pattern))
    if match is None or match[1] == "T":
        return None
    try:
        return named_zone(match[1], zones, pattern)
    except BadValueError:
        raise MappingError(f"{pattern!r} names the time zone {match[1]}; say which one that is in `zones`") from None
