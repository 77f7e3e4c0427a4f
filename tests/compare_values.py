"""Values as ClickHouse, JSON and the other computation write them, made comparable."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.truth import Row


def table_differences(name: str, shown: Mapping[Any, Row], right: Mapping[Any, Row]) -> list[str]:
    differences = list(unlike_keys(name, shown, right))
    for key in sorted(shown.keys() & right.keys(), key=str):
        for column, value in right[key].items():
            differences += unlike(f"{name} {key} {column}", shown[key][column], value)
    return differences


def unlike(name: str, shown: Any, right: Any) -> Iterator[str]:
    if shown != right or isinstance(shown, bool) != isinstance(right, bool):
        yield f"{name}: {shown!r}, expected {right!r}"


def unlike_keys(name: str, shown: Iterable[Any], right: Iterable[Any]) -> Iterator[str]:
    there, wanted = Counter(iter(shown)), set(right)
    yield from (f"{name} {key!r}: {count} times" for key, count in there.items() if count > 1)
    yield from (f"{name} {key!r}: missing" for key in sorted(wanted - there.keys(), key=str))
    yield from (f"{name} {key!r}: not expected" for key in sorted(there.keys() - wanted, key=str))


def plain(value: Any) -> Any:
    """Numbers as exact decimals, so that 7, 7.0 and Decimal("7.00") are one."""
    if isinstance(value, float):
        return Decimal(str(value))
    return list(value) if isinstance(value, (list, tuple)) else value


def amounts(value: Any) -> Any:
    """A JSON value with every number as Decimal, also where it was printed as text."""
    if isinstance(value, dict):
        return {name: amounts(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [amounts(each) for each in value]
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
