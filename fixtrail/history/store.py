"""The side of ClickHouse of a run: events and facts in tables of its own first, then into those in use."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fixtrail.recompute.derived_facts import FOLDER, SETTINGS, DerivedFacts, VehicleRange
from schemas.facts import HOUR_FIGURES
from schemas.order_key import OrderKey
from schemas.times import HOUR_MS
from sinks.clickhouse.event_rows import EVENTS
from sinks.clickhouse.fact_rows import CENTER_HOURS, JOURNEYS
from sinks.clickhouse.tables import DATABASE, HISTORY, Row

LEDGER = f"{DATABASE}.history_vehicles"
_LEDGER_COLUMNS = ("vehicle_key", "first_offset", "events", "digest", "centers", "orders")
_OFFSET, _PARTITION = EVENTS.columns.index("kafka_offset"), EVENTS.columns.index("kafka_partition")
_EVENT_COLUMNS = ", ".join(EVENTS.columns)
_ORDER_COLUMNS = ", ".join(f"`{column}`" for column in JOURNEYS.columns)
_HOUR_COLUMNS = ", ".join(CENTER_HOURS.columns)
# What stands for a run in the names of its tables begins as those of `verify` do: so their leftovers go alike.
_PREFIX = "derived_history"


@dataclass(frozen=True, slots=True)
class HistoryVehicle:
    """A vehicle that came as history: its orders, how many lines, a digest of them, and the number of its first row."""

    vehicle_key: str
    first_offset: int
    events: int
    digest: str
    orders: frozenset[OrderKey]

    def row(self) -> Row:
        """The vehicle's row in the ledger."""
        orders = sorted(self.orders)
        names = [order.center_id for order in orders], [order.order_id for order in orders]
        return (self.vehicle_key, self.first_offset, self.events, self.digest, *names)


class DerivedOrder(NamedTuple):
    """An order as the SQL has derived it: how many of its events link visits, and when it was closed (ms)."""

    vehicle_key: str
    order: OrderKey
    linking: int
    closed_ms: int


class HistoryStore:
    """One run's tables, to be used with `with`; `client` is a clickhouse-connect client that may write."""

    def __init__(self, client: Any) -> None:
        self._client = client
        run = secrets.token_hex(8)
        self.events, self.copies, self.orders = (f"{_PREFIX}_{name}_{run}" for name in ("events", "copies", "orders"))
        self._facts = DerivedFacts(client, (DATABASE, self.events))

    def __enter__(self) -> "HistoryStore":
        for table in (self.events, self.copies):
            self._command(
                f"CREATE TABLE {DATABASE}.{table} AS {EVENTS.full_name} ENGINE = MergeTree ORDER BY vehicle_key"
            )
        self._command(
            f"CREATE TABLE {DATABASE}.{self.orders} AS {JOURNEYS.full_name} ENGINE = MergeTree "
            "ORDER BY (order_id, center_id)"
        )
        self._facts.create()
        return self

    def __exit__(self, *_: object) -> None:
        self._facts.drop()
        for table in (self.events, self.copies, self.orders):
            self._command(f"DROP TABLE IF EXISTS {DATABASE}.{table} SYNC")

    def stage(self, rows: Sequence[Row], offsets: Sequence[int], *, copies: bool = False) -> None:
        """Put rows of `events` under these numbers into the run's own table; `copies` of events that are there."""
        if not rows:
            return
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        columns[_OFFSET], columns[_PARTITION] = offsets, [HISTORY] * len(rows)
        self._client.insert(
            f"{DATABASE}.{self.copies if copies else self.events}",
            columns,
            column_names=list(EVENTS.columns),
            column_oriented=True,
            settings={"async_insert": 0},
        )

    def derive(self, part: VehicleRange) -> list[DerivedOrder]:
        """Derive the orders of a slice of the staged events."""
        self._facts.derive_orders(part)
        self._command(
            f"INSERT INTO {DATABASE}.{self.orders} ({_ORDER_COLUMNS}) "
            f"SELECT {_ORDER_COLUMNS} FROM {DATABASE}.{self._facts.orders}"
        )
        rows = self._rows(
            "SELECT vehicle_key, center_id, order_id, linking, toUnixTimestamp64Milli(assumeNotNull(closed_at)) "
            f"FROM {DATABASE}.{self._facts.visits}"
        )
        return [DerivedOrder(vehicle, OrderKey(center, order), *numbers) for vehicle, center, order, *numbers in rows]

    def enter(self, vehicles: Sequence[HistoryVehicle]) -> None:
        """Write vehicles into the ledger: from now on a further run knows them again."""
        rows = [vehicle.row() for vehicle in vehicles]
        self._client.insert(LEDGER, rows, column_names=list(_LEDGER_COLUMNS), settings={"async_insert": 0})

    def publish(self) -> int:
        """Move events and orders into the tables in use and add up the hours; the number of the hours."""
        self._command(
            f"INSERT INTO {JOURNEYS.full_name} ({_ORDER_COLUMNS}) SELECT {_ORDER_COLUMNS} FROM {DATABASE}.{self.orders}"
        )
        for table in (self.events, self.copies):
            self._command(
                f"INSERT INTO {EVENTS.full_name} ({_EVENT_COLUMNS}) SELECT {_EVENT_COLUMNS} FROM {DATABASE}.{table}"
            )
        return self._publish_hours()

    def _publish_hours(self) -> int:
        """Hours are sums over every order that ever came as history, under a partition of its own."""
        ((orders, since),) = self._rows(
            f"SELECT count(), toUnixTimestamp64Milli(min(ifNull(checked_in_at, closed_at))) "
            f"FROM {DATABASE}.{self.orders}"
        )
        if not orders:
            return 0
        hours = {"since": since - since % HOUR_MS, "revision": self._next_revision()}
        self._command(
            f"INSERT INTO {DATABASE}.{self.orders} ({_ORDER_COLUMNS}) SELECT {_ORDER_COLUMNS} "
            f"FROM {JOURNEYS.full_name} FINAL WHERE toUnixTimestamp64Milli(closed_at) >= {{since:Int64}} "
            f"AND center_id IN (SELECT center_id FROM {DATABASE}.{self.orders}) "
            f"AND vehicle_key NOT IN (SELECT vehicle_key FROM {DATABASE}.{self.orders}) "
            f"AND (center_id, order_id, vehicle_key) IN (SELECT center, order, vehicle_key FROM {LEDGER} FINAL "
            "ARRAY JOIN centers AS center, orders AS order)",
            hours,
        )
        sums = ", ".join(f"{name} / 1000" if name.endswith("_s") else name for name in HOUR_FIGURES)
        text = (FOLDER / "hours.sql").read_text(encoding="utf-8")
        self._command(
            f"INSERT INTO {CENTER_HOURS.full_name} ({_HOUR_COLUMNS}) SELECT center_id, hour, {HISTORY}, "
            f"{{revision:UInt64}}, {sums}, wait_buckets FROM ({text}) "
            "WHERE toUnixTimestamp64Milli(hour) >= {since:Int64}",
            hours | {"database": DATABASE, "orders": self.orders},
        )
        ((count,),) = self._rows(
            f"SELECT count() FROM {CENTER_HOURS.full_name} FINAL WHERE kafka_partition = {HISTORY} "
            "AND revision = {revision:UInt64}",
            hours,
        )
        return int(count)

    def _next_revision(self) -> int:
        query = f"SELECT max(revision) FROM {CENTER_HOURS.full_name} WHERE kafka_partition = {HISTORY}"
        return int(self._rows(query)[0][0]) + 1

    def _command(self, text: str, parameters: Mapping[str, Any] | None = None) -> None:
        self._facts.command(text, parameters)

    def _rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> Any:
        return self._client.query(query, parameters=dict(parameters or {}), settings=dict(SETTINGS)).result_rows


class StoredVehicles:
    """What ClickHouse knows of vehicles before a run."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def is_migrated(self) -> bool:
        """Whether ClickHouse has the ledger."""
        return bool(int(self._client.command(f"EXISTS TABLE {LEDGER}")))

    def clocks(self, partitions: int) -> dict[int, int]:
        """The event time (ms) that each partition has reached; 0 where it has no event."""
        query = (
            f"SELECT kafka_partition, toUnixTimestamp64Milli(max(occurred_at)) FROM {EVENTS.full_name} "
            f"WHERE kafka_partition < {partitions} GROUP BY kafka_partition"
        )
        return dict.fromkeys(range(partitions), 0) | {
            int(partition): max(0, at) for partition, at in self._client.query(query).result_rows
        }

    def streamed(self, part: VehicleRange) -> set[str]:
        """The keys of vehicles of which events came through the stream."""
        query = (
            f"SELECT DISTINCT vehicle_key FROM {EVENTS.full_name} WHERE kafka_partition < {HISTORY} "
            "AND vehicle_key >= {since:String} AND vehicle_key < {until:String}"
        )
        return {key for (key,) in self._client.query(query, parameters=_range(part)).result_rows}

    def of_history(self, part: VehicleRange) -> Iterator[HistoryVehicle]:
        """The vehicles that came as history."""
        query = (
            f"SELECT {', '.join(_LEDGER_COLUMNS)} FROM {LEDGER} FINAL "
            "WHERE vehicle_key >= {since:String} AND vehicle_key < {until:String}"
        )
        for key, first, events, digest, centers, orders in self._client.query(
            query, parameters=_range(part)
        ).result_rows:
            yield HistoryVehicle(key, first, events, digest, frozenset(map(OrderKey, centers, orders)))

    def next_offset(self) -> int:
        """The number of the next row that comes as history."""
        return int(self._client.command(f"SELECT max(first_offset + events) FROM {LEDGER}"))


def _range(part: VehicleRange) -> dict[str, str]:
    return {"since": part.since, "until": part.until}
