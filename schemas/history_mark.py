"""A mark of history: a record without value on `service-events`, for events that went straight into ClickHouse.

`fixtrail send --history` and `import --history` send them, keyed by the vehicle as its events are. One kind names the
orders of the vehicle that went straight into ClickHouse: to the worker they are orders that it has let go. The other
one tells how far the event time of the partition had come, before a record that depends on it.
"""

from dataclasses import dataclass, field

import orjson

from schemas.decode import RecordBytes
from schemas.order_key import OrderKey

HEADER = "fixtrail-history"


@dataclass(frozen=True, slots=True)
class HistoryMark:
    """`let_go`: by order, how many of its events link visits (they count in versions of the vehicle's other orders).

    `until`: an order that the worker does not know and that begins by then (ms) comes too late. `clock`: the event time
    that the partition has reached (ms).
    """

    vehicle_id: str
    clock: int = 0
    until: int = 0
    let_go: dict[OrderKey, int] = field(default_factory=dict)

    def headers(self) -> list[tuple[str, bytes]]:
        """The headers of a mark of history."""
        orders = {order.encode().decode(): linking for order, linking in self.let_go.items()}
        return [(HEADER, orjson.dumps({"clock": self.clock, "until": self.until, "let_go": orders}))]


def read_history_mark(record: RecordBytes) -> HistoryMark | None:
    """The mark in a record, None where it is none."""
    if record.value is not None or record.key is None:
        return None
    for name, value in record.headers:
        if name == HEADER:
            try:
                return _mark(record.key.decode(), orjson.loads(value))
            except (ValueError, LookupError, TypeError, AttributeError):
                return None
    return None


def _mark(vehicle_id: str, content: dict[str, object]) -> HistoryMark:
    orders = content["let_go"]
    if not isinstance(orders, dict):
        raise TypeError("let_go is no object")
    let_go = {OrderKey.decode(order): int(linking) for order, linking in orders.items()}
    return HistoryMark(vehicle_id, int(str(content["clock"])), int(str(content["until"])), let_go)
