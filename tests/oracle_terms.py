"""The words in which CONTRACT.md is read: activities, an event, an order, and instants in milliseconds."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


WAITS = ("reception", "approval", "parts", "bay")


TOUCHES = ("repair", "diagnosis", "quality")


DONE = ("pickup", "finishing")


Event = dict[str, Any]


Order = dict[str, Any]


Run = tuple[str, int, int]


Key = tuple[str, str]  # center and number: together they are an order


def ms_of(at: str | datetime) -> int:
    """Whole milliseconds since 1970, cut."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    if moment.tzinfo is None:
        raise ValueError("a time without offset")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def instant_of(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def merged_stages(
    stages: Iterable[tuple[str, datetime, datetime | None]],
) -> Iterator[tuple[str, datetime, datetime | None]]:
    """The same stages, with neighbours of one activity joined and empty ones left out, for a comparison."""
    last: tuple[str, datetime, datetime | None] | None = None
    for activity, since, until in stages:
        if until == since:
            continue
        if last and (last[0], last[2]) == (activity, since):
            last = (activity, last[1], until)
            continue
        if last:
            yield last
        last = (activity, since, until)
    if last:
        yield last
