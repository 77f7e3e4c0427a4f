"""Merges two states of the same key into one that holds the events of both.

States are sets at heart, so merging is associative, commutative and idempotent. It is what makes recovery safe where a
worker that had lost a partition wrote an older state behind a newer one.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
import orjson

from streams.journey.content_digest import LENGTH, UNKNOWN
from streams.journey.entries import Entry
from streams.journey.hour_state import HourState, Share, decode_hour
from streams.journey.order import is_erased
from streams.journey.packed_state import plain_state
from streams.journey.vehicle import DigestState, VehicleState, decode_vehicle

_Value = TypeVar("_Value")
_decode_event_id = msgspec.json.Decoder(Entry).decode


def merge_orders(first: bytes, second: bytes) -> bytes:
    """The order with the events of both; of two with the same id, the one that stands first in the longer history."""
    first_header, _, first_lines = plain_state(first).partition(b"\n")
    second_header, _, second_lines = plain_state(second).partition(b"\n")
    if second_lines.startswith(first_lines):
        return second
    if first_lines.startswith(second_lines):
        return first
    digests = _common_digests(_digests(first_header, first_lines), _digests(second_header, second_lines))
    longer, shorter = sorted((first_lines, second_lines), key=lambda lines: (-len(lines), lines))
    others = {_event_id(line): line for line in shorter.split(b"\n")}
    # What was erased in one of them stays so.
    lines = [_rather_erased(line, others.pop(_event_id(line), line)) for line in longer.split(b"\n")]
    lines += others.values()
    offsets, hours, *_ = zip(orjson.loads(first_header), orjson.loads(second_header), strict=False)
    all_digests = "".join(digests[_event_id(line)] for line in lines)
    all_hours = sorted({(center, hour) for order_hours in hours for center, hour in order_hours})
    # Without a visit: it is folded again from the events when it is needed.
    return b"\n".join([orjson.dumps([max(offsets), all_hours, None, 0, all_digests]), *lines])


def _digests(header: bytes, lines: bytes) -> dict[str, str]:
    """The content digests of an order's events by id."""
    digests = "".join(orjson.loads(header)[4:5])
    ids = map(_event_id, lines.split(b"\n"))
    return {event_id: digests[i * LENGTH : (i + 1) * LENGTH] or UNKNOWN for i, event_id in enumerate(ids)}


def _common_digests(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """The digest by event; unknown where either state does not know it, as it may have been erased, or has another."""
    shared = {name: digest if second[name] == digest else UNKNOWN for name, digest in first.items() if name in second}
    return {**first, **second, **shared}


def _rather_erased(line: bytes, second_line: bytes) -> bytes:
    return second_line if line != second_line and is_erased(second_line) else line


def merge_vehicles(first: bytes, second: bytes) -> bytes:
    """The vehicle with the newer digest of each order; an order that either has dropped is dropped.

    Of a state of before orders had a center nothing is needed beside a newer one, which was made of it.
    """
    a, b = decode_vehicle(first), decode_vehicle(second)
    layout = max(a.layout, b.layout)
    first_state, *_, last = [state for state in (a, a, b, b) if state.layout == layout]
    let_go = _newest(first_state.let_go, last.let_go, int)
    digests = _newest(first_state.digests, last.digests, _event_count)
    remaining = {order_id: digest for order_id, digest in digests.items() if order_id not in let_go}
    merged = VehicleState(
        max(a.offset, b.offset), max(a.clock, b.clock), max(a.until, b.until), remaining, let_go, layout
    )
    return msgspec.json.encode(merged)


def merge_hours(first: bytes, second: bytes) -> bytes:
    """The hour with the newer contribution of each order; dropped if either is."""
    a, b = decode_hour(first), decode_hour(second)
    if a.clock is None or b.clock is None:
        return first if a.clock is None else second
    return msgspec.json.encode(HourState(max(a.clock, b.clock), _newest(a.shares, b.shares, _version)))


def _newest(
    first: Mapping[str, _Value], second: Mapping[str, _Value], rank: Callable[[_Value], int]
) -> dict[str, _Value]:
    """By key the value of the higher rank; of two alike the one whose bytes sort last."""
    return {
        name: max(
            (values[name] for values in (first, second) if name in values),
            key=lambda value: (rank(value), msgspec.json.encode(value)),
        )
        for name in sorted(first.keys() | second.keys())
    }


def _event_count(digest: DigestState) -> int:
    return digest.event_count


def _version(share: Share) -> int:
    return share.version


def _event_id(line: bytes) -> str:
    return _decode_event_id(line).event_id if line else ""
