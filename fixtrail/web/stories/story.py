"""What happened to one order, without anything that says whose it was: no number, vehicle, name, person or center.

Times are days of the visit (the first is 1) and the center's clock; free text of senders is left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from fixtrail.web.clickhouse import Ask, Row
from runtime.failure import NEGATIVE, ExitError
from schemas.events import EVENT_TYPES
from schemas.order_key import OrderKey
from schemas.times import DAY_MS

CLOCKS = ("workshop_s", "customer_s", "supplier_s", "closed_s")
# A fault group that fewer orders have could tell which one this is.
LEAST_ORDERS = 5
_ORDER = """
SELECT vehicle_key, lane, status, fault_groups, ftf, ftf_cause, score, complaints, lead_s, wait_s, touch_s,
    toUnixTimestamp64Milli(checked_in_at) AS checked_in, toUnixTimestamp64Milli(ready_at) AS ready,
    toUnixTimestamp64Milli(promised_at) AS promised, toUnixTimestamp64Milli(closed_at) AS closed,
    toUnixTimestamp64Milli(last_event_at) AS last_event
FROM orders WHERE order_id = {order:String} AND center_id = {center:String} ORDER BY last_event_at DESC LIMIT 1
"""
_EVENTS = """
SELECT type, phase, toUnixTimestamp64Milli(occurred_at) AS at,
    toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull(JSONExtractString(payload, 'promised_at'), 3)) AS promised,
    toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull(JSONExtractString(payload, 'expected_at'), 3)) AS expected,
    JSONExtract(payload, 'score', 'Nullable(Int64)') AS score,
    JSONExtract(payload, 'approved', 'Nullable(Bool)') AS approved
FROM events
WHERE vehicle_key = {vehicle:String} AND order_id = {order:String} AND center_id = {center:String}
ORDER BY occurred_at, event_id LIMIT 500
"""
_STAGES = """
SELECT activity, toUnixTimestamp64Milli(started_at) AS started, toUnixTimestamp64Milli(ended_at) AS ended
FROM stages WHERE order_id = {order:String} AND center_id = {center:String} AND vehicle_key = {vehicle:String}
ORDER BY seq LIMIT 500
"""
_WAITS = """
SELECT sumIf(open_s, charged_to = 'workshop') AS workshop_s, sumIf(open_s, charged_to = 'customer') AS customer_s,
    sumIf(open_s, charged_to = 'supplier') AS supplier_s, sum(closed_s) AS closed_s, min(has_hours) AS has_hours
FROM waits WHERE order_id = {order:String} AND center_id = {center:String} AND vehicle_key = {vehicle:String}
"""
_COMMON = """
SELECT name FROM (SELECT toString(arrayJoin(fault_groups)) AS name FROM orders
WHERE hasAny(fault_groups, {groups:Array(String)})) GROUP BY name HAVING count() >= {least:UInt32}
"""
_ZONE = "SELECT time_zone FROM centers WHERE center_id = {center:String} LIMIT 1"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of the visit: its day, the first being 1, and the center's clock."""

    day: int
    clock: str


@dataclass(frozen=True, slots=True)
class StoryStep:
    """Something that happened; `due` is the time that was promised or expected with it."""

    at: Moment
    event: str
    phase: str | None
    due: Moment | None = None
    score: int | None = None
    approved: bool | None = None


@dataclass(frozen=True, slots=True)
class StoryStretch:
    """What went on, from when, and for how long; None while it still does."""

    activity: str
    at: Moment
    seconds: float | None


@dataclass(frozen=True, slots=True)
class StoryMessage:
    """A milestone that the customer was to be told, on which kind of channel, and what became of it."""

    at: Moment
    milestone: str
    channel: str
    state: str


@dataclass(frozen=True, slots=True)
class Story:
    """The whole of it. `messages` None: nobody knows, the ledger is away."""

    lane: str | None
    groups: tuple[str, ...]
    other_groups: int
    status: str
    steps: tuple[StoryStep, ...]
    stretches: tuple[StoryStretch, ...]
    messages: tuple[StoryMessage, ...] | None
    seconds: Mapping[str, float | None]
    clocks: Mapping[str, float]
    has_hours: bool
    promise_kept: bool | None
    ftf: bool | None
    ftf_cause: str | None
    score: int | None
    complaints: int

    def as_json(self) -> dict[str, Any]:
        """The same for scripts."""
        document: dict[str, Any] = orjson.loads(orjson.dumps(asdict(self)))
        return document


def story_of(ask: Ask, order: OrderKey, log: Sequence[Mapping[str, Any]] | None, time_zone: str) -> Story:
    """The story of an order of ClickHouse. `log`: its notices as `notices log --json` has them; None where unknown.

    `time_zone` is that of a center of which none is known. Raises ExitError where there is no such order.
    """
    named = {"order": order.order_id, "center": order.center_id}
    rows = ask(_ORDER, named)
    if not rows:
        raise ExitError(f"there is no order {order.order_id} of center {order.center_id}", NEGATIVE)
    row = rows[0]
    named["vehicle"] = str(row["vehicle_key"])
    zones = ask(_ZONE, {"center": named["center"]})
    events = [event for event in ask(_EVENTS, named) if event["type"] in EVENT_TYPES]
    begin = row["checked_in"] or (events[0]["at"] if events else row["last_event"])
    clock = _clock(int(begin), str(zones[0]["time_zone"]) if zones and zones[0]["time_zone"] else time_zone)
    waits = ask(_WAITS, named)[0]
    common = _common_groups(ask, row["fault_groups"])
    return Story(
        lane=row["lane"],
        groups=common,
        other_groups=len(row["fault_groups"]) - len(common),
        status=row["status"],
        steps=tuple(_steps(events, clock)),
        stretches=tuple(_stretches(ask(_STAGES, named), clock)),
        messages=None if log is None else tuple(_messages(log, clock)),
        seconds={name: _number(row[f"{name}_s"]) for name in ("lead", "wait", "touch")},
        clocks={name: float(waits[name] or 0) for name in CLOCKS},
        has_hours=bool(waits["has_hours"]),
        promise_kept=int(row["ready"]) <= int(row["promised"]) if row["ready"] and row["promised"] else None,
        ftf=row["ftf"],
        ftf_cause=row["ftf_cause"] or None,
        score=row["score"],
        complaints=int(row["complaints"] or 0),
    )


def _common_groups(ask: Ask, groups: Sequence[str]) -> tuple[str, ...]:
    """Those of an order's fault groups that many orders have."""
    if not groups:
        return ()
    common = {row["name"] for row in ask(_COMMON, {"groups": list(groups), "least": LEAST_ORDERS})}
    return tuple(name for name in groups if name in common)


def _clock(begin: int, time_zone: str) -> Callable[[int], Moment]:
    zone = ZoneInfo(time_zone)
    first = datetime.fromtimestamp(begin / 1000, zone).date()

    def moment(at: int) -> Moment:
        local = datetime.fromtimestamp(at / 1000, zone)
        return Moment((local.date() - first).days + 1, f"{local:%H:%M}")

    return moment


def _steps(events: Sequence[Row], clock: Callable[[int], Moment]) -> Iterator[StoryStep]:
    for event in events:
        due = event["promised"] if event["type"] == "check_in" else event["expected"]
        # A survey long after, or a time that is none, is left without its day.
        is_near = due is not None and abs(int(due) - int(event["at"])) < 400 * DAY_MS
        yield StoryStep(
            clock(int(event["at"])),
            event["type"],
            event["phase"] or None,
            clock(int(due)) if is_near else None,
            event["score"] if event["type"] == "survey" else None,
            event["approved"] if event["type"] == "quote_decision" else None,
        )


def _stretches(stages: Sequence[Row], clock: Callable[[int], Moment]) -> Iterator[StoryStretch]:
    for stage in stages:
        began, ended = int(stage["started"]), stage["ended"]
        yield StoryStretch(stage["activity"], clock(began), None if ended is None else (int(ended) - began) / 1000)


def _messages(log: Sequence[Mapping[str, Any]], clock: Callable[[int], Moment]) -> Iterator[StoryMessage]:
    """The log without its texts, persons and references: what was said may name the car."""
    for entry in log:
        at = entry["sent_at"] or entry["occurred_at"]
        if at is not None:
            at_ms = int(datetime.fromisoformat(at).timestamp() * 1000)
            yield StoryMessage(clock(at_ms), entry["milestone"], entry["channel"], entry["state"])


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
