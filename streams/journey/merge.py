"""Two states of the same thing become one that knows what either knew.

States are sets at heart, so merging is associative, commutative and idempotent. It is what makes recovery safe where a
worker that had lost a partition wrote an older state behind a newer one.
"""

from typing import Any

import orjson

from streams.journey.packed import packed


def merge_orders(one: bytes, other: bytes) -> bytes:
    """The order with the events of both; of two with the same id, the one that stands first in the longer history."""
    one_header, _, one_lines = one.partition(b"\n")
    other_header, _, other_lines = other.partition(b"\n")
    if other_lines.startswith(one_lines):
        return other
    if one_lines.startswith(other_lines):
        return one
    longer, shorter = sorted((one_lines, other_lines), key=lambda lines: (-len(lines), lines))
    lines = longer.split(b"\n")
    known = {_event_id(line) for line in lines}
    lines += [line for line in shorter.split(b"\n") if _event_id(line) not in known]
    offsets, hours, _ = zip(orjson.loads(one_header), orjson.loads(other_header), strict=True)
    places = sorted({(center, hour) for each in hours for center, hour in each})
    # Without a visit: it is folded again from the events when it is needed.
    return b"\n".join([orjson.dumps([max(offsets), places, None]), *lines])


def merge_vehicles(one: bytes, other: bytes) -> bytes:
    """The vehicle with the newer digest of each order; what either has let go is gone."""
    offset_a, clock_a, until_a, digests_a, gone_a = orjson.loads(one)
    offset_b, clock_b, until_b, digests_b, gone_b = orjson.loads(other)
    gone = _newest(gone_a, gone_b)
    digests = {name: each for name, each in _newest(digests_a, digests_b).items() if name not in gone}
    return packed([max(offset_a, offset_b), max(clock_a, clock_b), max(until_a, until_b), digests, gone])


def merge_hours(one: bytes, other: bytes) -> bytes:
    """The hour with the newer contribution of each order; let go if either is."""
    touched_a, each_a = orjson.loads(one)
    touched_b, each_b = orjson.loads(other)
    if touched_a is None or touched_b is None:
        return one if touched_a is None else other
    return packed([max(touched_a, touched_b), _newest(each_a, each_b)])


def _newest(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """By key the greater value; a digest begins with its event count, a contribution with the order's version."""
    return {
        name: max((each[name] for each in (one, other) if name in each), key=_rank)
        for name in sorted(one.keys() | other.keys())
    }


def _rank(value: Any) -> tuple[int, bytes]:
    return (value[0] if isinstance(value, list) else value), orjson.dumps(value)


def _event_id(line: bytes) -> str:
    return str(orjson.loads(line)[0]) if line else ""
