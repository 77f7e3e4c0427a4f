"""Instants as whole milliseconds since 1970-01-01 UTC, lengths of time, and the check of time zone names."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS = 60 * 1000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MINUTE_S, HOUR_S, DAY_S = MINUTE_MS / 1000, HOUR_MS / 1000, DAY_MS / 1000
_MS = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970-01-01 UTC of an aware datetime, cut, not rounded."""
    return (at - EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The instant in UTC, exact; before 1970 for a negative number."""
    return EPOCH + timedelta(milliseconds=ms)


def rfc3339(at: datetime) -> str:
    """An instant in UTC as a text, to the millisecond: 2026-07-06T08:00:00.000Z."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_time_zone(name: str) -> bool:
    """Whether it is an IANA name, such as Asia/Shanghai, that this machine has the rules of."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


def checked_time_zone(name: str) -> str:
    """The name itself, for pydantic. Raises ValueError where it is no time zone."""
    if not is_time_zone(name):
        raise ValueError(f"no time zone {name!r}")
    return name
