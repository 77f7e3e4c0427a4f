"""The orders of an export with their events, read from ClickHouse vehicle by vehicle, so that memory stays the same."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby, islice
from typing import Any, NamedTuple

import orjson

from fixtrail.clickhouse.literals import literal
from fixtrail.clickhouse.query import query
from fixtrail.reports.queries import text_of
from fixtrail.reports.sample import key_ranges
from fixtrail.settings import ReportSettings

# So many events are read at a time.
SLICE_EVENTS = 40_000
# The orders of so many slices, but of no more orders than this, are asked for at once: each question of orders reads
# them all, as they are sorted by number.
SLICES_AT_ONCE, MOST_AT_ONCE = 8, 50_000

Row = dict[str, Any]
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ExportScope:
    """What is exported: orders closed between two days of the zone (both included), at one center or ("") at all."""

    since: date | None = None
    until: date | None = None
    center: str = ""
    time_zone: str = "UTC"

    def parameters(self) -> dict[str, Any]:
        """The scope as parameters of the queries."""
        return {"since": self.since, "until": self.until, "center": self.center, "time_zone": self.time_zone}


@dataclass(frozen=True, slots=True)
class Size:
    """How much an export holds. `arrivals`: events of all orders, twice where they came twice; `twice`: orders (center,
    number) that are told of two vehicles.
    """

    orders: int
    vehicles: int
    events: int
    arrivals: int
    twice: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def questions(self, slice_events: int = SLICE_EVENTS) -> int:
        """In how many questions the orders are asked for."""
        return max(1, -(-self.arrivals // (slice_events * SLICES_AT_ONCE)), -(-self.orders // MOST_AT_ONCE))


class OrderHistory(NamedTuple):
    """One order: its id in the export, what became of it, and its events or stages by time."""

    case: str
    order: Row
    rows: list[Row]


class OrderSource:
    """Reads an export's orders from ClickHouse, as the user who may only read the views."""

    def __init__(self, settings: ReportSettings, scope: ExportScope) -> None:
        self._settings, self._scope = settings, scope
        self.size = self._ask_size()

    def histories(self, slice_events: int = SLICE_EVENTS) -> Iterator[OrderHistory]:
        """The orders with their events; those of a vehicle follow each other."""
        return self._histories("export_events", slice_events, SLICES_AT_ONCE)

    def visits(self) -> Iterator[OrderHistory]:
        """The closed orders with the stretches of their visits."""
        visits = self._histories("export_stages", SLICE_EVENTS, 1)
        return (visit for visit in visits if visit.order["status"] != "open")

    def _histories(self, rows_query: str, slice_events: int, slices: int) -> Iterator[OrderHistory]:
        """`slices`: the rows that go with the orders of one question are asked for in so many slices."""
        number = self.size.questions(slice_events)
        ranges = key_ranges(number * slices)
        for first_key, end_key in key_ranges(number):
            # Parsed they would take several times the memory.
            orders = deque(self._ask("export_orders", first_key, end_key))
            lines = (line for keys in islice(ranges, slices) for line in self._ask(rows_query, *keys))
            yield from self._joined(orders, map(orjson.loads, lines))

    def _joined(self, orders: deque[bytes], rows: Iterator[Row]) -> Iterator[OrderHistory]:
        """Each order with its rows; both are sorted by vehicle, center and number."""
        order: Row = {}
        for key, own in groupby(rows, _key):
            while orders and (not order or _key(order) < key):
                order = orjson.loads(orders.popleft())
            if order and _key(order) == key:
                yield OrderHistory(self._case(key), order, list(own))

    def _case(self, key: Key) -> str:
        vehicle_key, center_id, order_id = key
        if (center_id, order_id) in self.size.twice:
            return id_of(center_id, order_id, vehicle_key[:16])
        return id_of(center_id, order_id)

    def _ask_size(self) -> Size:
        row = orjson.loads(next(self._ask("export_size")))
        twice = frozenset((center_id, order_id) for center_id, order_id in row["twice"])
        return Size(int(row["orders"]), int(row["vehicles"]), int(row["events"]), int(row["arrivals"]), twice)

    def _ask(self, name: str, first_key: str = "", end_key: str = "") -> Iterator[bytes]:
        """A query's rows as JSON, as they come."""
        keys = {"first_key": first_key, "end_key": end_key}
        values = {name: literal(value) for name, value in {**self._scope.parameters(), **keys}.items()}
        return _lines(query(self._settings, text_of(name), "JSONEachRow", values, self._settings.report_s))


def id_of(*parts: str) -> str:
    """Ids joined by slashes; a slash within an id is written %2F."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def _key(row: Row) -> Key:
    return row["vehicle_key"], row["center_id"], row["order_id"]


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest
