"""Which vehicles of a file of history may go straight into ClickHouse: a question about one vehicle's lines alone.

The answer is on the safe side: a vehicle of which the stream might make anything else than the SQL does goes through
the stream, and there in the order and at the event time at which it would have gone had all been sent.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

from fixtrail.history.judging import BEGINS, ENDS
from schemas.order_key import OrderKey
from schemas.times import DAY_MS
from sinks.clickhouse.tables import Row
from streams.journey.first_time_fix import COMEBACK_WINDOW_MS
from streams.journey.order import FULL_BYTES
from streams.journey.partition_state import CROWDED_ORDERS

# `history`: straight into ClickHouse. `stream`: through the stream. `timed`: through the stream, and what comes of it
# may depend on how far the event time of the partition has come by then.
Way = Literal["history", "stream", "timed"]


class EventLine(NamedTuple):
    """One event of a file; `row` is its row of `events`.

    `clock`: the event time (ms) that its partition had reached before it; `at`: its own.
    """

    number: int
    partition: int
    clock: int
    at: int
    center_id: str
    order_id: str
    kind: int
    event_id: str
    value: bytes
    vehicle_id: str
    row: Row

    @property
    def order(self) -> OrderKey:
        return OrderKey(self.center_id, self.order_id)


def way_of(lines: Sequence[EventLine], horizon: int, hold_days: int) -> Way:
    """How a vehicle goes that nobody knows yet, given its lines in the order of the file.

    `horizon` is the event time (ms) that its partition has reached at the end of the file.
    """
    hold_ms = hold_days * DAY_MS
    if _is_timed(lines, hold_ms):
        return "timed"
    is_settled = max(line.at for line in lines) + hold_ms < horizon and _all_closed(lines)
    return "history" if is_settled else "stream"


def distinct(lines: Iterable[EventLine]) -> tuple[list[EventLine], list[EventLine]]:
    """The first line of each event, and the others: that they say the same is known of a vehicle of this way."""
    events: dict[tuple[str, str, str], EventLine] = {}
    copies = [
        line for line in lines if events.setdefault((line.center_id, line.order_id, line.event_id), line) is not line
    ]
    return [*events.values()], copies


def digest_of(lines: Iterable[EventLine]) -> str:
    """A digest of the events, whatever their order."""
    digest = blake2b(digest_size=16)
    for value in sorted(line.value for line in lines):
        digest.update(len(value).to_bytes(4) + value)
    return digest.hexdigest()


def _all_closed(lines: Sequence[EventLine]) -> bool:
    """Whether every order has certainly come to its end: the first check-in, and an end later than that."""
    begins: dict[tuple[str, str], int] = {}
    ends: dict[tuple[str, str], int] = {}
    for line in lines:
        key = line.center_id, line.order_id
        if line.kind == BEGINS:
            begins[key] = min(line.at, begins.get(key, line.at))
        elif line.kind == ENDS:
            ends[key] = max(line.at, ends.get(key, line.at))
    orders = {(line.center_id, line.order_id) for line in lines}
    return all(key in ends and ends[key] > begins.get(key, ends[key] - 1) for key in orders)


def _is_timed(lines: Sequence[EventLine], hold_ms: int) -> bool:
    """Whether the stream might let go of an order before the vehicle's last line, or refuse a line."""
    values: dict[tuple[str, str, str], bytes] = {}
    sizes: dict[tuple[str, str], int] = {}
    ends: dict[tuple[str, str], tuple[int, int]] = {}  # the earliest and the latest
    for line in lines:
        key = line.center_id, line.order_id
        if values.setdefault((*key, line.event_id), line.value) != line.value:
            return True
        if ends and _may_be_late(line, key, key not in sizes, ends, hold_ms):
            return True
        sizes[key] = sizes.get(key, 0) + len(line.value)
        if line.kind == ENDS:
            first, last = ends.get(key, (line.at, line.at))
            ends[key] = min(first, line.at), max(last, line.at)
    return len(sizes) >= CROWDED_ORDERS or max(sizes.values()) > FULL_BYTES // 2


def _may_be_late(
    line: EventLine, key: tuple[str, str], is_first: bool, ends: dict[tuple[str, str], tuple[int, int]], hold_ms: int
) -> bool:
    passed = [last for first, last in ends.values() if first + hold_ms < line.clock]
    if not passed:
        return False
    if not is_first:
        return key in ends and ends[key][0] + hold_ms < line.clock
    return line.at <= max(passed) + COMEBACK_WINDOW_MS
