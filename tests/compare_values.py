"""Values as ClickHouse, JSON and the other computation write them, made comparable."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.truth import Row


def table_differences(name: str, stored: Mapping[Any, Row], right: Mapping[Any, Row]) -> list[str]:
    differences = list(unlike_keys(name, stored, right))
    for key in sorted(stored.keys() & right.keys(), key=str):
        for column, value in right[key].items():
            differences += unlike(f"{name} {key} {column}", stored[key][column], value)
    return differences


def unlike(name: str, stored: Any, right: Any) -> Iterator[str]:
    if stored != right or isinstance(stored, bool) != isinstance(right, bool):
        yield f"{name}: {stored!r}, expected {right!r}"


def unlike_keys(name: str, stored: Iterable[Any], right: Iterable[Any]) -> Iterator[str]:
    there, expected = Counter(iter(stored)), set(right)
    yield from (f"{name} {key!r}: {count} times" for key, count in there.items() if count > 1)
    yield from (f"{name} {key!r}: missing" for key in sorted(expected - there.keys(), key=str))
    yield from (f"{name} {key!r}: not expected" for key in sorted(there.keys() - expected, key=str))


def plain(value: Any) -> Any:
    """Numbers as exact decimals, so that 7, 7.0 and Decimal("7.00") are one."""
    if isinstance(value, float):
        return Decimal(str(value))
    return list(value) if isinstance(value, (list, tuple)) else value


def amounts(value: Any) -> Any:
    """A JSON value with every number as Decimal, also where it was printed as text."""
    if isinstance(value, dict):
        return {name: amounts(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [amounts(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, Decimal)):
        return Decimal(str(value)).normalize()
    try:
        return Decimal(value).normalize()
    except ArithmeticError:
        return value


def instant(text: Any) -> datetime | None:
    """A time as ClickHouse or `facts` prints it; UTC."""
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def required_instant(text: Any) -> datetime:
    at = instant(text)
    assert at is not None
    return at


def cut_instant(text: Any) -> datetime | None:
    """A sent time, cut to whole milliseconds."""
    at = None if text is None else datetime.fromisoformat(text).astimezone(UTC)
    return None if at is None else at.replace(microsecond=at.microsecond // 1000 * 1000)
