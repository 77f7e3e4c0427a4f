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

from tests import oracle_figures, oracle_terms
from tests.compare_values import (
    amounts,
    cut_instant,
    instant,
    plain,
    required_instant,
    table_differences,
    unlike,
    unlike_keys,
)
from tests.truth import COMEBACK_DAYS, DURATIONS, Event, Key, Row, Truth, key_of

Ask = Callable[[str], list[Row]]

TIMES = ("checked_in_at", "ready_at", "closed_at", "promised_at", "last_event_at")
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
BUCKET_GROWTH = 1.08

# Fields of an event that stand in columns of view `events`, and those that are personal.
EVENT_COLUMNS = ("phase", "bay_id", "job_id", "request_id", "part_no")
NOT_IN_PAYLOAD = {"event_id", "type", "order_id", "vehicle_id", "center_id", "occurred_at", "customer_id", "contact"}
NOT_IN_PAYLOAD |= {"vehicle_label", "advisor"}
# Pseudonyms, one for each employee of a center.
STAFF = ("technician_id", "handler_id")
FREE_TEXT = {("survey", "comment"), ("cancellation", "reason"), ("complaint", "resolution")}
DEFAULT_PHASES = {"quality_check": "completed", "complaint": "opened"}


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


def summary_of(differences: list[str]) -> str:
    """The first differences, one a line, and how many there are."""
    rest = len(differences) - SHOWN
    more = [f"... and {rest} more"] if rest > 0 else []
    return "\n".join([f"{len(differences)} differences", *differences[:SHOWN], *more])


# View `orders`, and the output of `fixtrail facts`


def order_differences(ask: Ask, truth: Truth, *, tolerance_s: float = 2.0) -> list[str]:
    """View `orders`. Figures of open orders run to the server's clock; they may be off by `tolerance_s`."""
    rows = ask("SELECT *, now64(3, 'UTC') AS asked_at FROM orders")
    now = instant(rows[0].pop("asked_at")) if rows else datetime.now(UTC)
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
    differences = list(unlike_keys("orders", map(key_of, rows), orders))
    for row in rows:
        if (order := orders.get(key_of(row))) is not None:
            differences += _row_differences(row, order, Decimal(str(open_tolerance_s)), lacking)
            if "ftf_status" not in lacking:
                differences += unlike(f"orders {key_of(row)} ftf_status", row["ftf_status"], _ftf_status(order, now))
    return differences if "vehicle_key" in lacking else [*differences, *_key_differences(rows, orders)]


def _row_differences(row: Row, order: Row, open_tolerance_s: Decimal, lacking: frozenset[str]) -> Iterator[str]:
    name = f"orders {key_of(row)}"
    missing = COLUMNS - row.keys() - lacking
    if missing:
        yield f"{name}: no column {', '.join(sorted(missing))}"
    tolerance = max(open_tolerance_s, EXACT_S) if order["status"] == "open" else EXACT_S
    for column in PLAIN:
        yield from unlike(f"{name} {column}", plain(row.get(column)), plain(order[column]))
    for column in TIMES:
        yield from unlike(f"{name} {column}", instant(row.get(column)), order[column])
    for column in MONEY:
        yield from unlike(f"{name} {column}", plain(row.get(column)), order[column])
    for column in DURATIONS:
        value, right = row.get(column), order[column]
        if (value is None) != (right is None) or (
            right is not None and abs(Decimal(value) - Decimal(str(right))) > tolerance
        ):
            yield f"{name} {column}: {value}, expected {right}"
    yield from unlike(f"{name} activity_since", instant(row.get("activity_since")), _activity_since(order))
    yield from _sum_differences(name, row)


def _sum_differences(name: str, row: Row) -> Iterator[str]:
    """Lead = repair + diagnosis + quality + four waits + pickup + finishing, for every row and at any instant."""
    if row.get("lead_s") is None:
        return
    waits = sum(Decimal(row[f"wait_{wait}_s"]) for wait in oracle_terms.WAITS)
    touch = sum(Decimal(row[f"{touch}_s"]) for touch in oracle_terms.TOUCHES)
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
    for subject in ("vehicle", "customer"):
        keys: dict[str, set[str | None]] = {}
        ids: dict[str, set[str]] = {}
        for row in rows:
            personal = orders.get(key_of(row), {}).get(f"{subject}_id")
            key = row.get(f"{subject}_key")
            if personal is None:
                if key is not None and key_of(row) in orders:
                    yield f"orders {key_of(row)} {subject}_key: {key}, expected none"
                continue
            keys.setdefault(personal, set()).add(key)
            ids.setdefault(str(key), set()).add(personal)
            if key is None or personal in key or len(key) < 32:
                yield f"orders {key_of(row)} {subject}_key: {key} is no keyed hash"
        yield from (
            f"{subject} {personal!r} has several keys: {values}" for personal, values in keys.items() if len(values) > 1
        )
        yield from (f"{subject} key {key} stands for several ids" for key, values in ids.items() if len(values) > 1)


def as_of_last_event_differences(ask_raw: Ask, truth: Truth) -> list[str]:
    """The raw facts behind view `orders`, exactly: open orders are stated as of their last event."""
    rows = ask_raw(f"SELECT {', '.join(('center_id', 'order_id', *DURATIONS))} FROM fixtrail_raw.journeys FINAL")
    differences = list(unlike_keys("journeys", map(key_of, rows), truth.orders))
    for row in rows:
        for column in DURATIONS:
            right = truth.orders.get(key_of(row), {}).get(column)
            right = None if right is None else Decimal(str(right))
            differences += unlike(f"journeys {key_of(row)} {column}", plain(row[column]), right)
    return differences


# The other views


def stage_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `stages`: the stretches of each order's visit, without gap or overlap."""
    stages: dict[Key, list[tuple[str, datetime, datetime | None]]] = {}
    differences: list[str] = []
    last_seq: Counter[Key] = Counter()
    for row in ask("SELECT * FROM stages ORDER BY center_id, order_id, seq"):
        name = f"stages {key_of(row)} {row['seq']}"
        last_seq[key_of(row)] += 1
        differences += unlike(f"{name} seq", row["seq"], last_seq[key_of(row)])
        differences += unlike(f"{name} is_wait", bool(row["is_wait"]), row["activity"] in oracle_terms.WAITS)
        since, until = required_instant(row["started_at"]), instant(row["ended_at"])
        if until is not None:
            differences += unlike(f"{name} seconds", plain(row["seconds"]), plain((until - since).total_seconds()))
        stages.setdefault(key_of(row), []).append((row["activity"], since, until))
    right = {key: order["stages"] for key, order in truth.orders.items() if order["stages"]}
    differences += unlike_keys("stages", stages, right)
    for key in stages.keys() & right.keys():
        differences += unlike(f"stages {key}", _stretches(stages[key]), _stretches(right[key]))
    return differences


def _stretches(stages: Iterable[tuple[str, datetime, datetime | None]]) -> list[tuple[str, ...]]:
    merged = oracle_terms.merged_stages(stages)
    return [(activity, str(since), str(until)) for activity, since, until in merged]


def part_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `parts`: one row per part request."""
    times = ("requested_at", "backordered_at", "fulfilled_at", "cancelled_at", "expected_at")
    stored = {}
    for row in ask("SELECT * FROM parts"):
        about: dict[str, Any] = {name: instant(row[name]) for name in times}
        about |= {name: plain(row[name]) for name in ("part_no", "quantity", "unit_price", "emergency")}
        about["stockout"] = bool(row["stockout"])
        stored[key_of(row), row["request_id"]] = about
    right = {}
    for key, order in truth.orders.items():
        for part in order["parts"]:
            about = {name: part[name] for name in (*times, "part_no", "quantity", "unit_price")}
            about["emergency"] = part["urgency"] == "emergency"
            about["stockout"] = part["backordered_at"] is not None
            right[key, part["request_id"]] = about
    return table_differences("parts", stored, right)


def voice_differences(ask: Ask, truth: Truth) -> list[str]:
    """Views `surveys`, `complaints` and `follow_ups`: one row per answer, complaint and attempt to reach a customer."""
    surveys = {
        (key_of(row), row["event_id"]): {
            **{name: row[name] for name in ("score", "reasons")},
            **{"answered_at": instant(row["answered_at"]), "is_last": bool(row["is_last"])},
        }
        for row in ask("SELECT * FROM surveys")
    }
    right_surveys = {
        (key, survey["event_id"]): {
            **{name: survey[name] for name in ("score", "reasons")},
            **{"answered_at": survey["occurred_at"], "is_last": survey is order["surveys"][-1]},
        }
        for key, order in truth.orders.items()
        for survey in order["surveys"]
    }
    complaints = {
        (key_of(row), row["event_id"]): {
            **{name: row[name] for name in ("category", "severity", "complaint_id", "phase", "phases")},
            **{"complained_at": instant(row["complained_at"]), "reached_at": list(map(instant, row["reached_at"]))},
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
    follow_ups = (
        (key_of(row), row["event_id"], row["of"], row["phase"], instant(row["followed_up_at"]))
        for row in ask("SELECT * FROM follow_ups")
    )
    right_follow_ups = (
        (key, *(follow_up[name] for name in ("event_id", "of", "phase", "occurred_at")))
        for key, order in truth.orders.items()
        for follow_up in order["follow_ups"]
    )
    return [
        *table_differences("surveys", surveys, right_surveys),
        *table_differences("complaints", complaints, right_complaints),
        *unlike_keys("follow_ups", follow_ups, right_follow_ups),
    ]


def event_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `events`: exactly the distinct events, each as it was first sent, without what is personal."""
    rows = ask("SELECT * FROM events")
    keys = {key_of(row): row["vehicle_key"] for row in ask("SELECT center_id, order_id, vehicle_key FROM orders")}
    right = {(key_of(event), event["event_id"]): event for event in distinct(truth.events)}
    differences = list(unlike_keys("events", ((key_of(row), row["event_id"]) for row in rows), right))
    for row in rows:
        event = right.get((key_of(row), row["event_id"]))
        if event is None:
            continue
        name = f"events {row['event_id']!r}"
        differences += unlike(f"{name} vehicle_key", row["vehicle_key"], keys.get(key_of(row)))
        differences += unlike(f"{name} occurred_at", instant(row["occurred_at"]), cut_instant(event["occurred_at"]))
        for column in ("type", "center_id"):
            differences += unlike(f"{name} {column}", row[column], event[column])
        for column in EVENT_COLUMNS:
            right_value = event.get(column)
            if column == "phase":
                right_value = event.get("phase", DEFAULT_PHASES.get(event["type"]))
            differences += unlike(f"{name} {column}", row[column], right_value)
        differences += _payload_differences(name, row, event)
    return [*differences, *_staff_differences(rows, right)]


def _staff_differences(rows: list[Row], right: Mapping[tuple[Key, str], Event]) -> Iterator[str]:
    """Every employee has one pseudonym at a center, and nobody else has it; or all are named as they were sent."""
    pseudonyms: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        event = right.get((key_of(row), row["event_id"]), {})
        is_named = event.get("technician_id") is not None
        yield from unlike(f"events {row['event_id']!r} has a technician", row["technician_id"] is not None, is_named)
        if is_named:
            person = event["center_id"], event["technician_id"]
            pseudonyms.setdefault(person, set()).add(row["technician_id"])
    for person, names in pseudonyms.items():
        yield from unlike(f"pseudonyms of {person}", len(names), 1)
    of_all = [(center_id, name) for (center_id, _), names in pseudonyms.items() for name in names]
    yield from unlike("pseudonyms of two", len(of_all), len(set(of_all)))


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
            yield from unlike(f"{name} payload {field}", cut_instant(value), cut_instant(sent))
        elif field in event and field not in STAFF:
            yield from unlike(f"{name} payload {field}", amounts(value), amounts(sent))


def distinct(events: Iterable[Event]) -> Iterator[Event]:
    """The events that count: of those with one id in one order the first."""
    keys: set[tuple[Key, str, str]] = set()
    for event in events:
        identity = (key_of(event), event["vehicle_id"], event["event_id"])
        if identity not in keys:
            keys.add(identity)
            yield event


def contradictions(events: Iterable[Event]) -> list[Event]:
    """The events that came under the id of an earlier one and say something else: they count for nothing."""
    first: dict[tuple[str, str], Event] = {}
    return [event for event in events if first.setdefault((event["vehicle_id"], event["event_id"]), event) != event]


def conflict_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `dead_letters`: a row for each event that contradicts another, however often its letter was sent."""
    rows = ask("SELECT count() AS n FROM dead_letters WHERE code = 'event_id_conflict'")
    return list(unlike("dead_letters event_id_conflict", rows[0]["n"], len(contradictions(truth.events))))


def center_hour_differences(ask: Ask, truth: Truth) -> list[str]:
    """View `center_hours`: counts and sums exactly, percentiles within a bucket. An hour of nothing may be missing."""
    hours = oracle_figures.center_hours_of(truth.orders)
    right = {key: {name: plain(value) for name, value in hour.items()} for key, hour in hours.items()}
    stored, differences = {}, []
    waits: dict[tuple[str, datetime], list[float]] = {}
    for order in truth.orders.values():
        if order["status"] == "handed_off" and order["checked_in_at"] is not None:
            hour = order["closed_at"].replace(minute=0, second=0, microsecond=0)
            waits.setdefault((order["center_id"], hour), []).append(order["wait_s"])
    names = next(iter(right.values()), {}).keys()
    for row in ask("SELECT * FROM center_hours"):
        key = (row["center_id"], required_instant(row["hour"]))
        about = {name: round(Decimal(row[name]), 3) for name in names}
        if any(about.values()) or key in right:
            stored[key] = about
        name = f"center_hours {key[0]!r} {key[1]:%m-%d %H}"
        differences += _bucket_differences(name, row, sorted(waits.get(key, ())))
    return [*table_differences("center_hours", stored, right), *differences]


def _bucket_differences(name: str, row: Row, waits: list[float]) -> Iterator[str]:
    buckets = {int(bucket): int(count) for bucket, count in dict(row["wait_buckets"]).items()}
    yield from unlike(f"{name} wait_buckets", sum(buckets.values()), len(waits))
    for column, share in (("wait_p50_s", 0.5), ("wait_p90_s", 0.9)):
        value = row[column]
        if not waits:
            yield from unlike(f"{name} {column}", value, None)
            continue
        ranked = waits[math.ceil(share * len(waits)) - 1]
        if value is None or not ranked / BUCKET_GROWTH - 1 <= float(value) <= ranked * BUCKET_GROWTH + 1:
            yield f"{name} {column}: {value}, expected about {ranked}"


# Values
