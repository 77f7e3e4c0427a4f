"""`fixtrail facts`: the journeys of a file of events, by the same rules as the stream, named as in view `orders`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

from fixtrail.settings import NoEndpointError, SecretSettings
from runtime.failure import USAGE, ExitError
from schemas.decode import EventError, decode_event
from schemas.events import Event
from schemas.facts import ORDER_FIGURES
from schemas.times import to_ms
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.journey.batch import shown_facts
from streams.journey.first_time_fix import COMEBACK_WINDOW_MS


def facts_of(
    source: BinaryIO,
    now_ms: int,
    keyed: KeyedHash | None,
    refused: Callable[[int, EventError], Any],
    *,
    max_bytes: int,
    moved: Callable[[int], object] = lambda _: None,
) -> Iterator[bytes]:
    """One JSON line per order; `refused` is told the number and reason of every line that is no event.

    `keyed` is the keyed hash of personal ids; without it neither vehicle nor customer appears.
    """
    for fact in shown_facts(_events(source, refused, max_bytes, moved), now_ms):
        yield orjson.dumps(_row(fact, keyed, now_ms), option=orjson.OPT_APPEND_NEWLINE)


def keyed_hash(settings: SecretSettings) -> KeyedHash | None:
    """The keyed hash of personal ids that the view's keys are made with; None where no secret is known."""
    try:
        return KeyedHash(settings.secret())
    except NoEndpointError:
        return None


def parse_time(text: str, option: str) -> datetime:
    """An RFC 3339 time with offset. Raises ExitError that names the option."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ExitError(f"{option} {text!r} is no time with offset, such as 2026-03-01T08:00:00Z", USAGE)
    return at


def parse_now(text: str | None) -> int:
    """Milliseconds of an RFC 3339 time with offset; the wall clock where there is none. Raises ExitError."""
    return to_ms(datetime.now(UTC) if text is None else parse_time(text, "--now"))


def _events(
    source: BinaryIO, refused: Callable[[int, EventError], Any], max_bytes: int, moved: Callable[[int], object]
) -> Iterator[Event]:
    for number, line in enumerate(source, 1):
        moved(len(line))
        value = line.removesuffix(b"\n")
        if value and value != b"\r":
            try:
                event = decode_event(value, max_bytes=max_bytes)
            except EventError as error:
                refused(number, error)
            else:
                yield event


def _row(fact: dict[str, Any], keyed: KeyedHash | None, now_ms: int) -> dict[str, Any]:
    row: dict[str, Any] = {"order_id": fact["order_id"]}
    if keyed:
        row["vehicle_key"] = keyed.vehicle(fact["vehicle_id"])
        row["customer_key"] = None if fact["customer_id"] is None else keyed.customer(fact["customer_id"])
    for name, figure in ORDER_FIGURES.items():
        value = fact[name]
        row[name] = None if value is None else _FORMATS.get(figure.kind, _unchanged)(value)
    row["ftf_status"] = _ftf_status(fact, now_ms)
    return row


def _ftf_status(fact: dict[str, Any], now_ms: int) -> str | None:
    """CONTRACT section 3: a first-time fix is provisional until the days in which it could come back are over."""
    if fact["ftf"] is None:
        return None
    return "provisional" if fact["ftf"] and now_ms <= fact["closed_at"] + COMEBACK_WINDOW_MS else "confirmed"


def _rfc3339(ms: int) -> str:
    seconds, milliseconds = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def _unchanged(value: Any) -> Any:
    return value


_FORMATS: dict[str, Callable[[Any], Any]] = {"instant": _rfc3339, "money": float}
