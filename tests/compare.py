"""What ClickHouse shows, held against the independent computation of tests/oracle.py, column by column.

Every function gives a list of differences in words, empty where all is right. `ask` runs one query as a user who may
read the views and returns its rows, with Decimal for numbers that have a point (tests.stack.Stack.ask).
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests import oracle

Row = dict[str, Any]
Event = dict[str, Any]
Ask = Callable[[str], list[Row]]
Key = oracle.Key

TIMES = ("checked_in_at", "ready_at", "closed_at", "promised_at", "last_event_at")
DURATIONS = (
    *("lead_s", "wait_s", "wait_reception_s", "wait_approval_s", "wait_parts_s", "wait_bay_s"),
    *("pickup_s", "finishing_s", "touch_s", "repair_s", "diagnosis_s", "quality_s"),
    *("bay_expert_s", "bay_shift_end_s"),
)
MONEY = ("quoted_amount", "approved_amount", "final_amount")
# Ids, states and counts: equal as they are.
PLAIN = (
    *("order_id", "center_id", "lane", "status", "activity", "ftf", "ftf_cause", "comeback_order_id"),
    *("part_requests", "stockouts", "emergencies", "fault_groups", "fault_origin", "odometer_km"),
    *("comeback_center_id", "paused_for"),
    *("score", "survey_reasons", "complaints", "event_count", "anomalies"),
)
# The columns of view `orders` that the contract names; the last ones are additions of ours.
COLUMNS = frozenset(
    {*TIMES, *DURATIONS, *MONEY, *PLAIN, "vehicle_key", "customer_key", "version", "activity_since", "ftf_status"}
)
SHOWN = 12
EXACT_S = Decimal("0.001")
COMEBACK_DAYS = 30
BUCKET_GROWTH = 1.08

# Fields of an event that stand in columns of view `events`, and those that are personal.
EVENT_COLUMNS = ("phase", "bay_id", "job_id", "request_id", "part_no")
NOT_IN_PAYLOAD = {"event_id", "type", "order_id", "vehicle_id", "center_id", "occurred_at", "customer_id", "contact"}
NOT_IN_PAYLOAD |= {"vehicle_label", "advisor"}
# Pseudonyms, one for each employee of a center.
STAFF = ("technician_id", "handler_id")
FREE_TEXT = {("survey", "comment"), ("cancellation", "reason"), ("complaint", "resolution")}
DEFAULT_PHASES = {"quality_check": "completed", "complaint": "opened"}


class Truth:
    """What CONTRACT.md makes of these events, in order of arrival; worked out once for many comparisons.

    `orders` are as of their last event; `at` gives them at an instant, where open orders have run on.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.orders = _orders_of(self.events, oracle.EPOCH)

    def at(self, now: datetime) -> oracle.Orders:
        still_open = {key for key, order in self.orders.items() if order["status"] == "open"}
        running = _orders_of((event for event in self.events if _key(event) in still_open), now)
        durations = {key: {name: order[name] for name in DURATIONS} for key, order in running.items()}
        return oracle.Orders(
            {
                key: {**order, **durations.get(key, {}), "anomalies": _anomalies(order, now)}
                for key, order in self.orders.items()
            }
        )


def _anomalies(order: Row, now: datetime) -> list[str]:
    return sorted([*order["anomalies"], *(["never_closed"] if oracle.is_never_closed(order, now) else [])])


def _key(row: Mapping[str, Any]) -> Key:
    """The order that a row or an event is about."""
    return row["center_id"], row["order_id"]


def _orders_of(events: Iterable[Event], now: datetime) -> oracle.Orders:
    """The oracle's orders, one vehicle after the other: it looks for comebacks among all orders that it is given."""
    vehicles: dict[str, list[Event]] = {}
    for event in events:
        vehicles.setdefault(event["vehicle_id"], []).append(event)
    orders = oracle.Orders()
    for each in vehicles.values():
        found = oracle.orders_of(each, now)
        if shared := orders.keys() & found.keys():
            raise ValueError(f"order {shared.pop()} has events of more than one vehicle")
        orders |= found
    return orders


def clickhouse_differences(ask: Ask, truth: Truth, *, tolerance_s: float = 2.0) -> list[str]:
    """All differences of all public views to the truth."""
    return [
        *order_differences(ask, truth, tolerance_s=tolerance_s),
        *stage_differences(ask, truth),
        *part_differences(ask, truth),
        *voice_differences(ask, truth),
        *event_differences(ask, truth),
        *center_hour_differences(ask, truth),
        *conflict_differences(ask, truth),
    ]


def said(differences: list[str]) -> str:
    """The first differences, one a line, and how many there are."""
    rest = len(differences) - SHOWN
    more = [f"... and {rest} more"] if rest > 0 else []
    return "\n".join([f"{len(differences)} differences", *differences[:SHOWN], *more])


# View `orders`, and the output of `fixtrail facts`


def order_differences(ask: Ask, truth: Truth, *, tolerance_s: float = 2.0) -> list[str]:
    """View `orders`. Figures of open orders run to the server's clock; they may be off by `tolerance_s`."""
    rows = ask("SELECT *, now64(3, 'UTC') AS asked_at FROM orders")
    now = _at(rows[0].pop("asked_at")) if rows else datetime.now(UTC)
    for row in rows[1:]:
        del row["asked_at"]
    return row_differences(rows, truth, now, open_tolerance_s=tolerance_s)


def row_differences(
    rows: list[Row],
    truth: Truth,
    now: datetime,
    *,
    open_tolerance_s: float = 0,
    lacking: frozenset[str] = frozenset(),
) -> list[str]:
    """Rows named as in view `orders`, of any source, against the oracle at `now`; `lacking` names absent columns."""
    orders = truth.at(now)
    found = list(_unlike_keys("orders", map(_key, rows), orders))
    for row in rows:
        if (order := orders.get(_key(row))) is not None:
            found += _row_differences(row, order, Decimal(str(open_tolerance_s)), lacking)
            if "ftf_status" not in lacking:
                found += _unlike(f"orders {_key(row)} ftf_status", row["ftf_status"], _ftf_status(order, now))
    return found if "vehicle_key" in lacking else [*found, *_key_differences(rows, orders)]


def _row_differences(row: Row, order: Row, open_tolerance_s: Decimal, lacking: frozenset[str]) -> Iterator[str]:
    name = f"orders {_key(row)}"
    missing = COLUMNS - row.keys() - lacking
    if missing:
        yield f"{name}: no column {', '.join(sorted(missing))}"
    tolerance = max(open_tolerance_s, EXACT_S) if order["status"] == "open" else EXACT_S
    for column in PLAIN:
        yield from _unlike(f"{name} {column}", _plain(row.get(column)), _plain(order[column]))
    for column in TIMES:
        yield from _unlike(f"{name} {column}", _at(row.get(column)), order[column])
    for column in MONEY:
        yield from _unlike(f"{name} {column}", _plain(row.get(column)), order[column])
    for column in DURATIONS:
        shown, right = row.get(column), order[column]
        if (shown is None) != (right is None) or (
            right is not None and abs(Decimal(shown) - Decimal(str(right))) > tolerance
        ):
            yield f"{name} {column}: {shown}, expected {right}"
    yield from _unlike(f"{name} activity_since", _at(row.get("activity_since")), _activity_since(order))
    yield from _sum_differences(name, row)


def _sum_differences(name: str, row: Row) -> Iterator[str]:
    """Lead = repair + diagnosis + quality + four waits + pickup + finishing, for every row and at any instant."""
    if row.get("lead_s") is None:
        return
    waits = sum(Decimal(row[f"wait_{wait}_s"]) for wait in oracle.WAITS)
    touch = sum(Decimal(row[f"{touch}_s"]) for touch in oracle.TOUCHES)
    done = Decimal(row["pickup_s"]) + Decimal(row["finishing_s"])
    for column, parts in (("wait_s", waits), ("touch_s", touch), ("lead_s", waits + touch + done)):
        if abs(Decimal(row[column]) - parts) > EXACT_S:
            yield f"{name} {column}: {row[column]} is not the sum of its parts, {parts}"


def _ftf_status(order: Row, now: datetime) -> str | None:
    if order["ftf"] is None:
        return None
    is_young = (now - order["closed_at"]).total_seconds() <= COMEBACK_DAYS * 86_400
    return "provisional" if order["ftf"] and is_young else "confirmed"


def _activity_since(order: Row) -> datetime | None:
    """When the activity that goes on now began."""
    if order["activity"] is None:
        return None
    since: datetime = order["stages"][-1][1]
    return since


def _key_differences(rows: list[Row], orders: Mapping[Key, Row]) -> Iterator[str]:
    """A vehicle or customer has one key, another one has another, and no key shows the id."""
    for who in ("vehicle", "customer"):
        keys: dict[str, set[str | None]] = {}
        ids: dict[str, set[str]] = {}
        for row in rows:
            personal = orders.get(_key(row), {}).get(f"{who}_id")
            key = row.get(f"{who}_key")
            if personal is None:
                if key is not None and _key(row) in orders:
                    yield f"orders {_key(row)} {who}_key: {key}, expected none"
                continue
            keys.setdefault(personal, set()).add(key)
            ids.setdefault(str(key), set()).add(personal)
            if key is None or personal in key or len(key) < 32:
                yield f"orders {_key(row)} {who}_key: {key} is no keyed hash"
        yield from (
            f"{who} {personal!r} has several keys: {found}" for personal, found in keys.items() if len(found) > 1
        )
        yield from (f"{who} key {key} stands for several ids" for key, found in ids.items() if len(found) > 1)


def as_of_last_event_differences(ask_raw: Ask, truth: Truth) -> list[str]:
    """The raw facts behind view `orders`, exactly: open orders are stated as of their last event."""
    rows = ask_raw(f"SELECT {', '.join(('center_id', 'order_id', *DURATIONS))} FROM fixtrail_raw.journeys FINAL")
    found = list(_unlike_keys("journeys", map(_key, rows), truth.orders))
    for row in rows:
        for column in DURATIONS:
            right = truth.orders.get(_key(row), {}).get(column)
            right = None if right is None else Decimal(str(right))
            found += _unlike(f"journeys {_key(row)} {column}", _plain(row[column]), right)
    return found


# The other views


def stage_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `stages`: the stretches of each order's visit, without gap or overlap."""
    shown: dict[Key, list[tuple[str, datetime, datetime | None]]] = {}
    found: list[str] = []
    last_seq: Counter[Key] = Counter()
    for row in ask("SELECT * FROM stages ORDER BY center_id, order_id, seq"):
        name = f"stages {_key(row)} {row['seq']}"
        last_seq[_key(row)] += 1
        found += _unlike(f"{name} seq", row["seq"], last_seq[_key(row)])
        found += _unlike(f"{name} is_wait", bool(row["is_wait"]), row["activity"] in oracle.WAITS)
        since, until = _must(row["started_at"]), _at(row["ended_at"])
        if until is not None:
            found += _unlike(f"{name} seconds", _plain(row["seconds"]), _plain((until - since).total_seconds()))
        shown.setdefault(_key(row), []).append((row["activity"], since, until))
    right = {key: order["stages"] for key, order in truth.orders.items() if order["stages"]}
    found += _unlike_keys("stages", shown, right)
    for key in shown.keys() & right.keys():
        found += _unlike(f"stages {key}", _stretches(shown[key]), _stretches(right[key]))
    return found


def _stretches(stages: Iterable[tuple[str, datetime, datetime | None]]) -> list[tuple[str, ...]]:
    merged = oracle.merged_stages(stages)
    return [(activity, str(since), str(until)) for activity, since, until in merged]


def part_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `parts`: one row per part request."""
    times = ("requested_at", "backordered_at", "fulfilled_at", "cancelled_at", "expected_at")
    shown = {}
    for row in ask("SELECT * FROM parts"):
        about: dict[str, Any] = {name: _at(row[name]) for name in times}
        about |= {name: _plain(row[name]) for name in ("part_no", "quantity", "unit_price", "emergency")}
        about["stockout"] = bool(row["stockout"])
        shown[_key(row), row["request_id"]] = about
    right = {}
    for key, order in truth.orders.items():
        for part in order["parts"]:
            about = {name: part[name] for name in (*times, "part_no", "quantity", "unit_price")}
            about["emergency"] = part["urgency"] == "emergency"
            about["stockout"] = part["backordered_at"] is not None
            right[key, part["request_id"]] = about
    return _table_differences("parts", shown, right)


def voice_differences(ask: Ask, truth: Truth) -> list[str]:
    """Views `surveys` and `complaints`: one row per answer and complaint."""
    surveys = {
        (_key(row), row["event_id"]): {
            "answered_at": _at(row["answered_at"]),
            "score": row["score"],
            "reasons": row["reasons"],
            "is_last": bool(row["is_last"]),
        }
        for row in ask("SELECT * FROM surveys")
    }
    right_surveys = {
        (key, survey["event_id"]): {
            "answered_at": survey["occurred_at"],
            "score": survey["score"],
            "reasons": survey["reasons"],
            "is_last": survey is order["surveys"][-1],
        }
        for key, order in truth.orders.items()
        for survey in order["surveys"]
    }
    complaints = {
        (_key(row), row["event_id"]): {
            "complained_at": _at(row["complained_at"]),
            **{name: row[name] for name in ("category", "severity", "complaint_id", "phase", "phases")},
            "reached_at": [_at(at) for at in row["reached_at"]],
        }
        for row in ask("SELECT * FROM complaints")
    }
    right_complaints = {
        (key, complaint["event_id"]): {
            "complained_at": complaint["occurred_at"],
            **{name: complaint[name] for name in ("category", "severity", "complaint_id", "phases", "reached_at")},
            "phase": complaint["phases"][-1],
        }
        for key, order in truth.orders.items()
        for complaint in order["complaint_list"]
    }
    return [
        *_table_differences("surveys", surveys, right_surveys),
        *_table_differences("complaints", complaints, right_complaints),
    ]


def event_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `events`: exactly the distinct events, each as it was first sent, without what is personal."""
    rows = ask("SELECT * FROM events")
    keys = {_key(row): row["vehicle_key"] for row in ask("SELECT center_id, order_id, vehicle_key FROM orders")}
    right = {(_key(event), event["event_id"]): event for event in distinct(truth.events)}
    found = list(_unlike_keys("events", ((_key(row), row["event_id"]) for row in rows), right))
    for row in rows:
        event = right.get((_key(row), row["event_id"]))
        if event is None:
            continue
        name = f"events {row['event_id']!r}"
        found += _unlike(f"{name} vehicle_key", row["vehicle_key"], keys.get(_key(row)))
        found += _unlike(f"{name} occurred_at", _at(row["occurred_at"]), _cut(event["occurred_at"]))
        for column in ("type", "center_id"):
            found += _unlike(f"{name} {column}", row[column], event[column])
        for column in EVENT_COLUMNS:
            right_value = event.get(column)
            if column == "phase":
                right_value = event.get("phase", DEFAULT_PHASES.get(event["type"]))
            found += _unlike(f"{name} {column}", row[column], right_value)
        found += _payload_differences(name, row, event)
    return [*found, *_staff_differences(rows, right)]


def _staff_differences(rows: list[Row], right: Mapping[tuple[Key, str], Event]) -> Iterator[str]:
    """Every employee has one pseudonym at a center, and nobody else has it; or all are named as they were sent."""
    pseudonyms: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        event = right.get((_key(row), row["event_id"]), {})
        is_named = event.get("technician_id") is not None
        yield from _unlike(f"events {row['event_id']!r} has a technician", row["technician_id"] is not None, is_named)
        if is_named:
            person = event["center_id"], event["technician_id"]
            pseudonyms.setdefault(person, set()).add(row["technician_id"])
    for person, names in pseudonyms.items():
        yield from _unlike(f"pseudonyms of {person}", len(names), 1)
    of_all = [(center_id, name) for (center_id, _), names in pseudonyms.items() for name in names]
    yield from _unlike("pseudonyms of two", len(of_all), len(set(of_all)))


def _payload_differences(name: str, row: Row, event: Event) -> Iterator[str]:
    """The payload holds the type's own fields, none that is personal, and no other content than was sent."""
    payload = json.loads(row["payload"], parse_float=Decimal)
    hidden = {field for kind, field in FREE_TEXT if kind == event["type"]} | NOT_IN_PAYLOAD
    for field in payload.keys() & hidden:
        yield f"{name} payload: {field} must not be there"
    for field, value in payload.items():
        sent = event.get(field)
        if field not in event and (field, value) not in (("phase", "completed"), ("phase", "opened")):
            yield f"{name} payload: {field} was not sent"
        elif field in ("promised_at", "expected_at", "starts_at"):
            yield from _unlike(f"{name} payload {field}", _cut(value), _cut(sent))
        elif field in event and field not in STAFF:
            yield from _unlike(f"{name} payload {field}", _amounts(value), _amounts(sent))


def distinct(events: Iterable[Event]) -> Iterator[Event]:
    """The events that count: of those with one id in one order the first."""
    seen: set[tuple[Key, str, str]] = set()
    for event in events:
        identity = (_key(event), event["vehicle_id"], event["event_id"])
        if identity not in seen:
            seen.add(identity)
            yield event


def contradictions(events: Iterable[Event]) -> list[Event]:
    """The events that came under the id of an earlier one and say something else: they count for nothing."""
    first: dict[tuple[str, str], Event] = {}
    return [event for event in events if first.setdefault((event["vehicle_id"], event["event_id"]), event) != event]


def conflict_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `dead_letters`: a row for each event that contradicts another, however often its letter was sent."""
    rows = ask("SELECT count() AS n FROM dead_letters WHERE code = 'event_id_conflict'")
    return list(_unlike("dead_letters event_id_conflict", rows[0]["n"], len(contradictions(truth.events))))


def center_hour_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `center_hours`: counts and sums exactly, percentiles within a bucket. An hour of nothing may be missing."""
    hours = oracle.center_hours_of(truth.orders)
    right = {key: {name: _plain(value) for name, value in hour.items()} for key, hour in hours.items()}
    shown = {}
    found: list[str] = []
    waits: dict[tuple[str, datetime], list[float]] = {}
    for order in truth.orders.values():
        if order["status"] == "handed_off" and order["checked_in_at"] is not None:
            hour = order["closed_at"].replace(minute=0, second=0, microsecond=0)
            waits.setdefault((order["center_id"], hour), []).append(order["wait_s"])
    names = next(iter(right.values()), {}).keys()
    for row in ask("SELECT * FROM center_hours"):
        key = (row["center_id"], _must(row["hour"]))
        about = {name: round(Decimal(row[name]), 3) for name in names}
        if any(about.values()) or key in right:
            shown[key] = about
        found += _bucket_differences(f"center_hours {key[0]!r} {key[1]:%m-%d %H}", row, sorted(waits.get(key, ())))
    return [*_table_differences("center_hours", shown, right), *found]


def _bucket_differences(name: str, row: Row, waits: list[float]) -> Iterator[str]:
    buckets = {int(bucket): int(count) for bucket, count in dict(row["wait_buckets"]).items()}
    yield from _unlike(f"{name} wait_buckets", sum(buckets.values()), len(waits))
    for column, share in (("wait_p50_s", 0.5), ("wait_p90_s", 0.9)):
        shown = row[column]
        if not waits:
            yield from _unlike(f"{name} {column}", shown, None)
            continue
        ranked = waits[math.ceil(share * len(waits)) - 1]
        if shown is None or not ranked / BUCKET_GROWTH - 1 <= float(shown) <= ranked * BUCKET_GROWTH + 1:
            yield f"{name} {column}: {shown}, expected about {ranked}"


# Values


def _table_differences(name: str, shown: Mapping[Any, Row], right: Mapping[Any, Row]) -> list[str]:
    found = list(_unlike_keys(name, shown, right))
    for key in sorted(shown.keys() & right.keys(), key=str):
        for column, value in right[key].items():
            found += _unlike(f"{name} {key} {column}", shown[key][column], value)
    return found


def _unlike(name: str, shown: Any, right: Any) -> Iterator[str]:
    if shown != right or isinstance(shown, bool) != isinstance(right, bool):
        yield f"{name}: {shown!r}, expected {right!r}"


def _unlike_keys(name: str, shown: Iterable[Any], right: Iterable[Any]) -> Iterator[str]:
    there, wanted = Counter(iter(shown)), set(right)
    yield from (f"{name} {key!r}: {count} times" for key, count in there.items() if count > 1)
    yield from (f"{name} {key!r}: missing" for key in sorted(wanted - there.keys(), key=str))
    yield from (f"{name} {key!r}: not expected" for key in sorted(there.keys() - wanted, key=str))


def _plain(value: Any) -> Any:
    """Numbers as exact decimals, so that 7, 7.0 and Decimal("7.00") are one."""
    if isinstance(value, float):
        return Decimal(str(value))
    return list(value) if isinstance(value, (list, tuple)) else value


def _amounts(value: Any) -> Any:
    """A JSON value with every number as Decimal, also where it was printed as text."""
    if isinstance(value, dict):
        return {name: _amounts(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_amounts(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, Decimal)):
        return Decimal(str(value)).normalize()
    try:
        return Decimal(value).normalize()
    except ArithmeticError:
        return value


def _at(text: Any) -> datetime | None:
    """A time as ClickHouse or `facts` prints it; UTC."""
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _must(text: Any) -> datetime:
    at = _at(text)
    assert at is not None
    return at


def _cut(text: Any) -> datetime | None:
    """A sent time, cut to whole milliseconds."""
    at = None if text is None else datetime.fromisoformat(text).astimezone(UTC)
    return None if at is None else at.replace(microsecond=at.microsecond // 1000 * 1000)
