"""Orders and center hours derived inside ClickHouse from view `events`: the SQL of analytics/facts, slice by slice.

The SQL is a second reading of the contract and shares nothing with streams.journey (docs/decisions/facts-in-sql.md).
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.facts import HOUR_FIGURES
from schemas.times import DAY_S
from sinks.clickhouse.fact_rows import JOURNEYS
from sinks.clickhouse.tables import DATABASE

FOLDER = Path(__file__).resolve().parents[2] / "analytics" / "facts"
# What a worker that died has left behind.
_LEFTOVER_S = DAY_S
_PREFIX = "derived_"
# Vehicle keys are hexadecimal: this sorts behind all of them.
_LAST_KEY = "g"
_DIGITS = 6
_HOUR_COLUMNS = ("center_id", "hour", *HOUR_FIGURES, "wait_buckets")
# What a visit has beside the columns of `journeys`, and what only the vehicle's other orders can tell.
_OF_VISIT = {
    "linking": "toUInt64(0)",
    "has_check_in": "false",
    "is_corrected": "false",
    "is_judged": "false",
    "own_cause": "''",
    "odometer": "toDecimal256OrNull('', 20)",
}
_OF_OTHERS = ("ftf", "ftf_cause", "comeback_order_id", "comeback_center_id", "version")
_VISIT_COLUMNS = (*_OF_VISIT, *(column for column in JOURNEYS.columns if column not in _OF_OTHERS))
SETTINGS: Mapping[str, Any] = {
    "max_threads": 1,
    "max_block_size": 1_000_000,
    "preferred_block_size_bytes": 0,
    "max_execution_time": 0,
    "max_bytes_before_external_sort": 500_000_000,
    "max_bytes_before_external_group_by": 500_000_000,
    "join_use_nulls": 0,
}
# An address of mail, a Chinese mobile number with or without 86, an international number with its plus.
_SPACE = r"\s\p{Z}\x0b\x1c-\x1f\x85"
ADDRESS = (
    rf"[^{_SPACE}@]@[^{_SPACE}@]+\.[\p{{L}}\p{{N}}_]"
    r"|(?:\A|\P{Nd})(?:86[ -]?)?1[3-9]\p{Nd}(?:[ -]?\p{Nd}{4}){2}(?:\P{Nd}|\z)"
    r"|\+\p{Nd}(?:[ ()-]?\p{Nd}){7}"
)


@dataclass(frozen=True, slots=True)
class VehicleRange:
    """Vehicle keys from `since` to before `until`."""

    since: str
    until: str


def slices_of(client: Any, events_at_once: int) -> list[VehicleRange]:
    """Ranges of vehicle keys, so many that each holds about so many events."""
    events = int(client.command("SELECT count() FROM fixtrail_raw.events", settings=dict(SETTINGS)))
    count = min(max(1, -(-events // events_at_once)), 16**_DIGITS)
    edges = [f"{16**_DIGITS * number // count:0{_DIGITS}x}" for number in range(1, count)]
    return [VehicleRange(since, until) for since, until in zip(["", *edges], [*edges, _LAST_KEY], strict=True)]


class DerivedFacts:
    """The facts of one slice after the other, in tables of their own; `hours` adds up what all slices gave.

    `visits` and `orders` hold the slice derived last, `orders` with the columns of `journeys`. `source` is the database
    and the table of the distinct accepted events.
    """

    def __init__(self, client: Any, source: tuple[str, str] = ("fixtrail", "events")) -> None:
        self.client = client
        self._source = source
        run = secrets.token_hex(8)
        self.visits, self.orders, self.hours = (f"{_PREFIX}{name}_{run}" for name in ("visits", "orders", "hours"))
        self._texts = {
            name: (FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in ("visits", "orders", "hours")
        }

    def derive(self, part: VehicleRange) -> None:
        """Make `orders` the orders of this slice, and add what they give to `hours`."""
        self.derive_orders(part)
        self._fill(self.hours, "hours", _HOUR_COLUMNS, part)

    def derive_orders(self, part: VehicleRange) -> None:
        """Make `orders` the orders of this slice."""
        for table in (self.visits, self.orders):
            self.command(f"TRUNCATE TABLE {DATABASE}.{table}")
        self._fill(self.visits, "visits", _VISIT_COLUMNS, part)
        self._fill(self.orders, "orders", JOURNEYS.columns, part)

    def command(self, text: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Run one statement with the settings of a slice."""
        return self.client.command(text, parameters=dict(parameters or {}), settings=dict(SETTINGS))

    def create(self) -> None:
        """Make the tables, empty; those of a run that died a day ago are dropped."""
        self.drop_leftovers()
        self.command(
            f"CREATE TABLE {DATABASE}.{self.orders} AS {JOURNEYS.full_name} ENGINE = MergeTree "
            "ORDER BY (order_id, center_id)"
        )
        own = ", ".join(f"{value} AS {name}" for name, value in _OF_VISIT.items())
        columns = ", ".join(f"`{name}`" for name in _VISIT_COLUMNS if name not in _OF_VISIT)
        self._create(self.visits, "tuple()", f"EMPTY AS SELECT {own}, {columns} FROM {JOURNEYS.full_name}")
        self._create(self.hours, "center_id", f"EMPTY AS {self._texts['hours']}")

    def drop(self) -> None:
        for table in (self.visits, self.orders, self.hours):
            self.command(f"DROP TABLE IF EXISTS {DATABASE}.{table} SYNC")

    def _create(self, table: str, order: str, content: str) -> None:
        text = f"CREATE TABLE {DATABASE}.{table} ENGINE = MergeTree ORDER BY {order} {content}"
        self.command(text, self._parameters())

    def _fill(self, table: str, name: str, columns: Sequence[str], part: VehicleRange) -> None:
        names = ", ".join(f"`{column}`" for column in columns)
        keys = {"since": part.since, "until": part.until, "address": ADDRESS} if name == "visits" else {}
        text = f"INSERT INTO {DATABASE}.{table} ({names}) SELECT {names} FROM ({self._texts[name]})"
        self.command(text, self._parameters() | keys)

    def _parameters(self) -> dict[str, Any]:
        database, source = self._source
        tables = {"visits": self.visits, "orders": self.orders, "source": source}
        return {"database": DATABASE, "source_database": database, **tables}

    def drop_leftovers(self) -> None:
        """Drop the tables of runs that died a day ago."""
        query = (
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {prefix:String}) "
            "AND metadata_modification_time < {before:UInt32}"
        )
        before = {"database": DATABASE, "prefix": _PREFIX, "before": int(time.time() - _LEFTOVER_S)}
        for (name,) in self.client.query(query, parameters=before).result_rows:
            self.command(f"DROP TABLE IF EXISTS {DATABASE}.{name} SYNC")
