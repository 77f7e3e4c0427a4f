"""`fixtrail verify` inside ClickHouse: what is stored held against what the SQL of analytics/facts derives."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

import orjson

from fixtrail.recompute.comparison import DIFFERENCES_KEPT, ReportProgress, StoredDifference, VerifyReport
from fixtrail.recompute.derived_facts import DerivedFacts, VehicleRange, slices_of
from schemas.facts import HOUR_FIGURES
from sinks.clickhouse.fact_rows import JOURNEYS
from sinks.clickhouse.tables import DATABASE

# Two slices at once, each by one thread of ClickHouse: that takes less than one slice by two.
WORKERS = 2
EVENTS_AT_ONCE = 150_000
_HOURS_AT_ONCE = 200_000
_SETTINGS = {"max_execution_time": 0, "max_bytes_before_external_sort": 500_000_000, "join_use_nulls": 0}
_KEY = ("center_id", "order_id", "vehicle_key")
_COLUMNS = tuple(column for column in JOURNEYS.columns if column not in _KEY)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Rows `s` that are stored beside rows `d` that were derived; `table` joins them, `columns` are compared.

    `flags` are SQL conditions by column, true where the two differ; both sides have a column `present`.
    """

    row_kind: str
    table: str
    key: Sequence[str]
    flags: dict[str, str]
    # A row on one side alone differs as a whole, or in those columns that are not zero on the other.
    whole_rows: bool
    parameters: dict[str, Any] = field(default_factory=dict)

    def counts(self, client: Any) -> tuple[int, int, dict[str, int]]:
        """How many rows are derived, how many stand on one side alone, and how many differ by column."""
        flags = ", ".join(f"toUInt64({flag})" for flag in self.flags.values())
        both = "s.present AND d.present" if self.whole_rows else "1"
        query = (
            f"SELECT countIf(d.present), countIf(NOT (s.present AND d.present)), sumForEachIf([{flags}], {both}) "
            f"FROM {self.table}"
        )
        ((derived, alone, numbers),) = self._rows(client, query)
        by_column = {column: number for column, number in zip(self.flags, numbers, strict=False) if number}
        return derived, alone if self.whole_rows else 0, by_column

    def differences(self, client: Any, most: int) -> Iterator[StoredDifference]:
        """The first so many rows that differ, column by column."""
        values = ", ".join(
            f"({flag}, '{column}', toJSONString(s.`{column}`), toJSONString(d.`{column}`))"
            for column, flag in self.flags.items()
        )
        key = ", ".join(f"{_text(name, f'if(s.present, s.{name}, d.{name})')} AS key_{name}" for name in self.key)
        order = ", ".join(f"key_{name}" for name in self.key)
        query = (
            f"SELECT [{order}], s.present, d.present, arrayFilter(value -> value.1, [{values}]) AS values, {key} "
            f"FROM {self.table} WHERE {self._any()} ORDER BY {order} LIMIT {most}"
        )
        for names, stored, derived, columns, *_ in self._rows(client, query):
            if self.whole_rows and not (stored and derived):
                yield StoredDifference(self.row_kind, tuple(names), "", "stored" if stored else None, None)
                continue
            for _, column, stored_value, derived_value in columns:
                yield StoredDifference(self.row_kind, tuple(names), column, _value(stored_value), _value(derived_value))

    def _any(self) -> str:
        alone = ["NOT s.present", "NOT d.present"] if self.whole_rows else []
        return " OR ".join([*alone, *self.flags.values()])

    def _rows(self, client: Any, query: str) -> Any:
        return client.query(query, parameters=self.parameters, settings=_SETTINGS).result_rows


@dataclass(slots=True)
class _Run:
    """One run of verify: the slices that are left, and what was found so far."""

    client: Any
    report: VerifyReport
    slices: SimpleQueue[VehicleRange]
    total: int
    moved: ReportProgress
    lock: Lock = field(default_factory=Lock)
    done: int = 0

    def work(self, facts: DerivedFacts) -> None:
        """Derive and compare one slice after the other until none is left."""
        facts.create()
        while True:
            try:
                part = self.slices.get_nowait()
            except Empty:
                return
            facts.derive(part)
            ((events,),) = self.client.query(f"SELECT sum(event_count) FROM {DATABASE}.{facts.orders}").result_rows
            orders = self.compare(_orders(part, facts.orders))
            with self.lock:
                self.report.events += events
                self.report.orders += orders
                self.done += 1
                self.moved(self.done, self.total)

    def compare(self, comparison: _Comparison) -> int:
        """Note what differs; how many rows were derived."""
        derived, alone, by_column = comparison.counts(self.client)
        if alone or by_column:
            with self.lock:
                most = DIFFERENCES_KEPT - len(self.report.differences)
            differences = comparison.differences(self.client, most) if most > 0 else ()
            with self.lock:
                self.report.note_all(comparison.row_kind, alone, by_column, list(differences))
        return derived


def verify_by_sql(client: Any, moved: ReportProgress = lambda done, total: None) -> VerifyReport:
    """Derive all orders and center hours anew and compare them; `client` is one that may write the raw tables.

    Works through the vehicles in slices, so memory stays bounded; `moved` is told (slices done, slices in all).
    """
    parts = slices_of(client, EVENTS_AT_ONCE)
    slices: SimpleQueue[VehicleRange] = SimpleQueue()
    for part in parts:
        slices.put(part)
    run = _Run(client, VerifyReport(), slices, len(parts), moved)
    with ExitStack() as stack:
        workers = [DerivedFacts(client) for _ in range(min(WORKERS, len(parts)))]
        for worker in workers:
            stack.callback(worker.drop)
        with ThreadPoolExecutor(len(workers)) as pool:
            list(pool.map(run.work, workers))
        for comparison in _hours(client, [worker.hours for worker in workers]):
            run.report.hours += run.compare(comparison)
    return run.report


def _orders(part: VehicleRange, derived: str) -> _Comparison:
    columns = ", ".join(f"`{column}`" for column in JOURNEYS.columns)
    stored = (
        f"SELECT {columns}, 1 AS present FROM {JOURNEYS.full_name} FINAL "
        "PREWHERE vehicle_key >= {since:String} AND vehicle_key < {until:String}"
    )
    on = " AND ".join(f"s.{name} = d.{name}" for name in _KEY)
    table = f"({stored}) AS s FULL JOIN (SELECT {columns}, 1 AS present FROM {DATABASE}.{derived}) AS d ON {on}"
    flags = {column: f"NOT (s.`{column}` <=> d.`{column}`)" for column in _COLUMNS}
    # An order is not written again for events of its vehicle that change nothing of it: its version stays back.
    flags["version"] = "s.version > d.version"
    keys = {"since": part.since, "until": part.until}
    return _Comparison("order", table, ("center_id", "order_id", "vehicle_key"), flags, True, keys)


def _hours(client: Any, tables: Sequence[str]) -> Iterator[_Comparison]:
    """The comparisons of all hours, so many centers at once that memory stays bounded."""
    both = " UNION ALL ".join(f"SELECT * FROM {DATABASE}.{table}" for table in tables)
    count = int(client.command(f"SELECT count() FROM ({both})", settings=_SETTINGS))
    shares = max(1, count // _HOURS_AT_ONCE)
    sums = ", ".join(
        f"sum({name}) / 1000 AS `{name}`" if name.endswith("_s") else f"toUInt64(sum({name})) AS `{name}`"
        for name in HOUR_FIGURES
    )
    names = ", ".join(f"{name} AS {name}" for name in HOUR_FIGURES)
    flags = {
        name: f"abs(s.{name} - d.{name}) > 0.001" if name.endswith("_s") else f"s.{name} != d.{name}"
        for name in HOUR_FIGURES
    }
    flags["wait_buckets"] = "s.wait_buckets != d.wait_buckets"
    for share in range(shares):
        where = f"WHERE cityHash64(center_id) % {shares} = {share}"
        stored = f"SELECT center_id, hour, {names}, wait_buckets, 1 AS present FROM fixtrail.center_hours {where}"
        derived = (
            f"SELECT center_id, hour, {sums}, sumMap(wait_buckets) AS wait_buckets, 1 AS present "
            f"FROM ({both}) {where} GROUP BY center_id, hour"
        )
        table = f"({stored}) AS s FULL JOIN ({derived}) AS d ON s.center_id = d.center_id AND s.hour = d.hour"
        # An hour that all orders have left again is stored with zeros.
        yield _Comparison("center hour", table, ("center_id", "hour"), flags, False)


def _text(name: str, value: str) -> str:
    return f"formatDateTime({value}, '%Y-%m-%dT%H:%i:%S+00:00')" if name == "hour" else f"toString({value})"


def _value(text: str | None) -> Any:
    """A value as ClickHouse writes it into JSON, where NULL stays NULL."""
    return None if text is None else orjson.loads(text)
