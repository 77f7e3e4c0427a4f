"""`fixtrail verify --rules python`: what is stored held against what the stream's own rules make of view `events`.

Keyed hashes stand for vehicles and customers on both sides.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import orjson

from fixtrail.recompute.comparison import Key, ReportProgress, StoredDifference, VerifyReport
from schemas.events import SERVICE_EVENT, Event
from schemas.facts import ORDER_FIGURES
from schemas.times import EPOCH
from sinks.clickhouse.fact_rows import JOURNEYS, FactRows
from streams.journey.batch import journey_facts
from streams.journey.center_hours import SUMS, contributions_of

EVENTS_AT_ONCE = 200_000

_SETTINGS = {"max_execution_time": 0}
_EVENT_COLUMNS = (
    "event_id, type, order_id, vehicle_key, center_id, toUnixTimestamp64Milli(occurred_at), customer_key, payload"
)
_MONEY = frozenset(name for name, figure in ORDER_FIGURES.items() if figure.kind == "money")
_MONEY_LISTS = frozenset({"parts.quantity", "parts.unit_price"})

HourKey = tuple[str, int]  # center, start in ms


class _AlreadyHashed:
    """Vehicles and customers are keyed hashes already in what is compared."""

    @staticmethod
    def vehicle(key: str) -> str:
        return key

    customer = vehicle


def verify_by_python(client: Any, moved: ReportProgress = lambda done, total: None) -> VerifyReport:
    """Compare all orders and center hours; `client` is a clickhouse-connect client that may read the raw tables.

    Works through the vehicles in slices, so memory stays bounded; `moved` is told (slices done, slices in all).
    """
    report = VerifyReport()
    hours = _Hours()
    slices = _slices(client)
    for number, prefix in enumerate(slices, 1):
        facts = list(journey_facts(_events(client, prefix, report)))
        _compare_orders(client, prefix, facts, report)
        for fact in facts:
            hours.add(fact)
        moved(number, len(slices))
    _compare_hours(client, hours.rows(), report)
    return report


def _slices(client: Any) -> list[str]:
    """Prefixes of vehicle keys, so many that each holds about EVENTS_AT_ONCE events."""
    events = int(client.command("SELECT count() FROM fixtrail_raw.events"))
    digits = max(0, math.ceil(math.log(max(1, events) / EVENTS_AT_ONCE, 16)))
    return ["".join(prefix) for prefix in product("0123456789abcdef", repeat=digits)]


def _range(prefix: str) -> str:
    """The condition for keys that begin with the prefix, in a form that ClickHouse answers by its primary key."""
    return f"vehicle_key >= '{prefix}' AND vehicle_key < '{prefix}g'" if prefix else "1"


def _events(client: Any, prefix: str, report: VerifyReport) -> Iterator[Event]:
    query = f"SELECT {_EVENT_COLUMNS} FROM fixtrail.events WHERE {_range(prefix)}"
    with client.query_rows_stream(query, settings=_SETTINGS) as rows:
        for row in rows:
            report.events += 1
            yield _event(*row)


def _event(
    event_id: str, type_: str, order_id: str, vehicle: str, center_id: str, at: int, customer: str | None, payload: str
) -> Event:
    common = {
        "event_id": event_id,
        "type": type_,
        "order_id": order_id,
        "vehicle_id": vehicle,
        "center_id": center_id,
        "occurred_at": (EPOCH + timedelta(milliseconds=at)).isoformat(),
        "customer_id": customer,
    }
    event: Event = SERVICE_EVENT.validate_json(orjson.dumps({**orjson.loads(payload), **common}))
    return event


def _compare_orders(client: Any, prefix: str, facts: Iterable[dict[str, Any]], report: VerifyReport) -> None:
    row_of = FactRows(_AlreadyHashed()).journey_row
    rows = (dict(zip(JOURNEYS.columns, row_of(fact), strict=True)) for fact in facts)
    computed = {_order_key(row): row for row in rows}
    report.orders += len(computed)
    for stored in _stored_orders(client, prefix):
        key = _order_key(stored)
        expected = computed.pop(key, None)
        if expected is None:
            report.note(StoredDifference("order", key, "", stored["status"], None))
            continue
        for column, value in stored.items():
            stored_value, computed_value = _plain(column, value), _plain(column, expected[column])
            if _differs(column, stored_value, computed_value):
                report.note(StoredDifference("order", key, column, stored_value, computed_value))
    for key, row in computed.items():
        report.note(StoredDifference("order", key, "", None, row["status"]))


def _differs(column: str, stored: Any, computed: Any) -> bool:
    if column == "version":
        # An order is not written again for events of its vehicle that change nothing of it: its version stays back.
        return bool(stored > computed)
    return bool(stored != computed)


def _stored_orders(client: Any, prefix: str) -> Iterator[dict[str, Any]]:
    columns = ", ".join(f"`{column}`" for column in JOURNEYS.columns)
    query = f"SELECT {columns} FROM fixtrail_raw.journeys FINAL WHERE {_range(prefix)}"
    with client.query_rows_stream(query, settings=_SETTINGS, query_formats={"DateTime64": "int"}) as rows:
        for row in rows:
            yield dict(zip(JOURNEYS.columns, row, strict=True))


def _order_key(row: dict[str, Any]) -> Key:
    return row["center_id"], row["order_id"], row["vehicle_key"]


def _plain(column: str, value: Any) -> Any:
    """The value in types that can be compared: money as Decimal, sequences as lists."""
    if column in _MONEY:
        return None if value is None else Decimal(value)
    if column in _MONEY_LISTS:
        return [None if item is None else Decimal(item) for item in value]
    if isinstance(value, list | tuple):
        return [list(item) if isinstance(item, list | tuple) else item for item in value]
    return value


class _Hours:
    """What the orders add up to, by center and hour: the sums in whole milliseconds, the waits by bucket."""

    def __init__(self) -> None:
        self._sums: dict[HourKey, list[int]] = {}
        self._buckets: dict[HourKey, Counter[int]] = {}

    def add(self, fact: dict[str, Any]) -> None:
        for key, contribution in contributions_of(fact).items():
            *values, bucket = contribution
            sums = self._sums.setdefault(key, [0] * len(values))
            for index, value in enumerate(values):
                sums[index] += value
            if bucket >= 0:
                self._buckets.setdefault(key, Counter())[bucket] += 1

    def rows(self) -> dict[HourKey, dict[str, Any]]:
        """The hours named as in view `center_hours`."""
        return {key: _hour(sums, self._buckets.get(key, {})) for key, sums in self._sums.items()}


def _hour(sums: Sequence[int], buckets: Mapping[int, int]) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: value / 1000 if name.endswith("_s") else value for name, value in zip(SUMS, sums, strict=True)
    }
    return {**row, "wait_buckets": dict(sorted(buckets.items()))}


def _compare_hours(client: Any, computed: dict[HourKey, dict[str, Any]], report: VerifyReport) -> None:
    report.hours = len(computed)
    names = (*SUMS, "wait_buckets")
    query = f"SELECT center_id, toUnixTimestamp64Milli(hour), {', '.join(names)} FROM fixtrail.center_hours"
    with client.query_rows_stream(query, settings=_SETTINGS) as rows:
        stored = {(row[0], row[1]): dict(zip(names, row[2:], strict=True)) for row in rows}
    # An hour that all orders have left again is stored with zeros.
    empty_hour = _hour([0] * len(SUMS), {})
    for key in sorted(computed.keys() | stored.keys()):
        for column, stored_value in stored.get(key, empty_hour).items():
            computed_value = computed.get(key, empty_hour)[column]
            if not (
                math.isclose(stored_value, computed_value, abs_tol=0.001)
                if column.endswith("_s")
                else stored_value == computed_value
            ):
                name = (key[0], (EPOCH + timedelta(milliseconds=key[1])).isoformat())
                report.note(StoredDifference("center hour", name, column, stored_value, computed_value))
