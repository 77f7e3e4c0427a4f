"""Two states of the same thing become one that knows what either knew.

States are sets at heart, so merging is associative, commutative and idempotent. It is what makes recovery safe where a
worker that had lost a partition wrote an older state behind a newer one.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
import orjson

from streams.journey.entries import Entry
from streams.journey.hour_state import HourState, Share, decode_hour
from streams.journey.order import is_erased
from streams.journey.vehicle import DigestState, VehicleState, decode_vehicle

_Value = TypeVar("_Value")
_decode_event_id = msgspec.json.Decoder(Entry).decode


def merge_orders(one: bytes, other: bytes) -> bytes:
    """The order with the events of both; of two with the same id, the one that stands first in the longer history."""
    one_header, _, one_lines = one.partition(b"\n")
    other_header, _, other_lines = other.partition(b"\n")
    if other_lines.startswith(one_lines):
        return other
    if one_lines.startswith(other_lines):
        return one
    longer, shorter = sorted((one_lines, other_lines), key=lambda lines: (-len(lines), lines))
    others = {_event_id(line): line for line in shorter.split(b"\n")}
    # What was erased in one of them stays so.
    lines = [_rather_erased(line, others.pop(_event_id(line), line)) for line in longer.split(b"\n")]
    lines += others.values()
    offsets, hours, *_ = zip(orjson.loads(one_header), orjson.loads(other_header), strict=False)
    all_hours = sorted({(center, hour) for of_one in hours for center, hour in of_one})
    # Without a visit: it is folded again from the events when it is needed.
    return b"\n".join([orjson.dumps([max(offsets), all_hours, None]), *lines])


def _rather_erased(line: bytes, other: bytes) -> bytes:
    return other if line != other and is_erased(other) else line


def merge_vehicles(one: bytes, other: bytes) -> bytes:
    """The vehicle with the newer digest of each order; what either has let go is gone.

    Of a state of before orders had a center nothing is needed beside a newer one, which was made of it.
    """
    a, b = decode_vehicle(one), decode_vehicle(other)
    layout = max(a.layout, b.layout)
    first, *_, last = [state for state in (a, a, b, b) if state.layout == layout]
    let_go = _newest(first.let_go, last.let_go, int)
    digests = _newest(first.digests, last.digests, _event_count)
    kept = {order_id: digest for order_id, digest in digests.items() if order_id not in let_go}
    merged = VehicleState(max(a.offset, b.offset), max(a.clock, b.clock), max(a.until, b.until), kept, let_go, layout)
    return msgspec.json.encode(merged)


def merge_hours(one: bytes, other: bytes) -> bytes:
    """The hour with the newer contribution of each order; let go if either is."""
    a, b = decode_hour(one), decode_hour(other)
    if a.clock is None or b.clock is None:
        return one if a.clock is None else other
    return msgspec.json.encode(HourState(max(a.clock, b.clock), _newest(a.shares, b.shares, _version)))


def _newest(one: Mapping[str, _Value], other: Mapping[str, _Value], rank: Callable[[_Value], int]) -> dict[str, _Value]:
    """By key the value of the higher rank; of two alike the one whose bytes sort last."""
    return {
        name: max(
            (values[name] for values in (one, other) if name in values),
            key=lambda value: (rank(value), msgspec.json.encode(value)),
        )
        for name in sorted(one.keys() | other.keys())
    }


def _event_count(digest: DigestState) -> int:
    return digest.event_count


def _version(share: Share) -> int:
    return share.version


def _event_id(line: bytes) -> str:
    return _decode_event_id(line).event_id if line else ""
