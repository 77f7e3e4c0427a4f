"""The data report of a file of events, before anything is sent: the same flaws and grades, without what Kafka adds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd

from fixtrail.reports.data import day_hours
from fixtrail.reports.data.flaws import Frames
from fixtrail.reports.data.identities import identities
from fixtrail.reports.data.report import report_of
from fixtrail.reports.data.rules import Bounds, rules
from fixtrail.reports.options import Options
from fixtrail.reports.report import Report
from schemas.centers import Center
from schemas.events import Event
from schemas.opening_hours import is_open
from schemas.order_key import OrderKey
from schemas.times import DAY_MS, to_ms
from streams.journey.batch import shown_facts

SOURCE = "file"
# Scores go to 10; what never comes above 5 is another scale.
_SHORT_SCALE = 5
_ARRIVALS = ("arrivals", "events", "conflicts", "late", "late_a_day", "live", "late_live", "ahead", "out_of_order")
_WORKSHOP = frozenset({"check_in", "diagnosis", "repair", "quality_check", "ready", "handoff"})
_CLOCK_COLUMNS = ("source", "center_id", "hours", "hours_ahead", "hours_behind", "lowest_s", "usual_s", "highest_s")
_TIMES = ("late_p50_s", "late_p95_s", "skew_s", "late_max_s")


@dataclass
class _Phases:
    """The phases of one order, to tell which ones it lacks."""

    center: str
    jobs: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    requests: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    diagnoses: Counter[str] = field(default_factory=Counter)
    types: set[str] = field(default_factory=set)
    seconds: Counter[int] = field(default_factory=Counter)
    instants: list[int] = field(default_factory=list)


class FileProfile:
    """Takes the lines of a file in their order; `report` tells what would be wrong with them."""

    def __init__(self, now: datetime | None = None, centers: Mapping[str, Center] | None = None) -> None:
        self._now, self._centers = now or datetime.now(UTC), centers or {}
        self._events: list[Event] = []
        self._counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._fields: Counter[tuple[str, str, str, str, str]] = Counter()
        self._days: Counter[tuple[str, str]] = Counter()
        self._letters: Counter[tuple[str, str]] = Counter()
        self._content: dict[tuple[str, str, str, str], Event] = {}
        self._conflicts: set[tuple[str, tuple[str, str, str, str]]] = set()
        self._newest: dict[str, datetime] = {}

    def add(self, event: Event) -> None:
        """Count an event that would be accepted."""
        type_: str = event.type  # type: ignore[attr-defined]  # each type has it
        counts = self._counts[event.center_id, type_]
        counts["arrivals"] += 1
        counts["ahead"] += event.occurred_at > self._now
        newest = self._newest.get(event.vehicle_id, event.occurred_at)
        counts["out_of_order"] += event.occurred_at < newest
        self._newest[event.vehicle_id] = max(newest, event.occurred_at)
        key = (event.vehicle_id, event.center_id, event.order_id, event.event_id)
        if key in self._content:
            if self._content[key] != event and (type_, key) not in self._conflicts:
                self._conflicts.add((type_, key))
                counts["conflicts"] += 1
            return
        self._content[key] = event
        counts["events"] += 1
        self._events.append(event)
        day = event.occurred_at.astimezone(UTC).date()
        week = (day - timedelta(days=day.weekday())).isoformat()
        self._days[event.center_id, day.isoformat()] += 1
        phase = str(getattr(event, "phase", None) or "")
        filled = (name for name, value in event.__dict__.items() if value is not None)
        for name in ("", *filled):
            self._fields[event.center_id, type_, phase, week, name] += 1

    def refuse(self, code: str, center: str | None) -> None:
        """Count a line that would become a dead letter."""
        self._letters[center or "", code] += 1

    def report(self) -> Report:
        return report_of(self._frames(), Options(self._now))

    def _frames(self) -> Frames:
        arrivals = [
            {"source": SOURCE, "center_id": center, "type": type_, **{name: counts[name] for name in _ARRIVALS}}
            for (center, type_), counts in sorted(self._counts.items())
        ]
        return Frames(
            _frame(arrivals, "source", "center_id", "type", *_ARRIVALS).assign(**dict.fromkeys(_TIMES)),
            _rows(self._fields, "center_id", "type", "phase", "week", "field", "filled"),
            _orders(self._events, to_ms(self._now), rules().bounds),
            _phases(self._events, to_ms(self._now), rules().bounds.visit_most_s),
            _rows(self._days, "center_id", "day", "events"),
            _letters(self._letters),
            _odometers(self._events, rules().bounds.km_a_day),
            _hours(self._events, self._centers),
            # What clock a source goes by, only the arrival in Kafka tells.
            _frame([], *_CLOCK_COLUMNS, "wrong"),
            _day_hours(self._events),
            identities(self._events),
            self._centers,
        )


def _frame(rows: list[dict[str, Any]], *columns: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))


def _rows(counts: Counter[Any], *columns: str) -> pd.DataFrame:
    return pd.DataFrame([(*key, n) for key, n in sorted(counts.items())], columns=list(columns))


def _letters(counts: Counter[tuple[str, str]]) -> pd.DataFrame:
    frame = _rows(counts, "center_id", "code", "letters").assign(source=SOURCE)
    return frame.assign(unread=frame["letters"])


_ORDER_COUNTS = (
    *("orders", "handed_off", "cancelled", "open", "never_closed", "no_check_in", "no_repair"),
    *("no_fault_group", "no_score", "no_promise", "no_ready", "no_wait", "no_amount", "no_approval", "negative_gap"),
    *("activity_after_close", "vehicle_changed", "repair_short", "repair_long", "quote_odd"),
    *("promise_early", "amount_odd", "scored", "score_scale", "vehicle_often"),
)


def _orders(events: list[Event], now_ms: int, bounds: Bounds) -> pd.DataFrame:
    """The same as analytics/queries/data_orders.sql."""
    centers: dict[str, Counter[str]] = defaultdict(Counter)
    most: dict[str, int] = defaultdict(int)
    facts = list(shown_facts(events, now_ms))
    often = _often(facts, bounds)
    for fact in facts:
        counts = centers[fact["center_id"]]
        counts.update(name for name, is_so in _order(fact, now_ms, bounds).items() if is_so)
        counts["vehicle_often"] += fact["vehicle_id"] in often
        if fact["score"] is not None:
            counts["scored"] += 1
            most[fact["center_id"]] = max(most[fact["center_id"]], fact["score"])
    for center, counts in centers.items():
        is_short = counts["scored"] >= rules().least.scores and most[center] <= _SHORT_SCALE
        counts["score_scale"] = counts["scored"] if is_short else 0
    return _by_center(centers, *_ORDER_COUNTS)


def _often(facts: list[dict[str, Any]], bounds: Bounds) -> set[str]:
    """Vehicles with more orders than one can have: placeholders."""
    instants: dict[str, list[int]] = defaultdict(list)
    for fact in facts:
        instants[fact["vehicle_id"]].append(fact["last_event_at"])
    return {
        vehicle
        for vehicle, own in instants.items()
        if len(own) > bounds.orders_of_vehicle + (max(own) - min(own)) / DAY_MS / bounds.days_between
    }


def _order(fact: dict[str, Any], now_ms: int, bounds: Bounds) -> dict[str, bool]:
    status, repair_s, quoted = fact["status"], fact["repair_s"] or 0, fact["quoted_amount"]
    done, has_amount = status == "handed_off", fact["final_amount"] is not None
    paid, approved = (float(fact[name] or 0) for name in ("final_amount", "approved_amount"))
    promised_at, checked_in_at = fact["promised_at"], fact["checked_in_at"]
    anomalies = fact["anomalies"]
    return {
        "orders": True,
        **{name: status == name for name in ("handed_off", "cancelled", "open")},
        "never_closed": "never_closed" in anomalies,
        "no_check_in": "missing_check_in" in anomalies,
        "no_repair": done and fact["ftf"] is None,
        "no_fault_group": done and not fact["fault_groups"],
        "no_score": done and fact["score"] is None,
        "no_promise": done and fact["promised_at"] is None,
        "no_ready": done and fact["promised_at"] is not None and fact["ready_at"] is None,
        "no_wait": done and fact["wait_s"] is None,
        "no_amount": done and not has_amount,
        "no_approval": done and has_amount and fact["approved_amount"] is None,
        **{kind: kind in anomalies for kind in ("negative_gap", "activity_after_close", "vehicle_changed")},
        "repair_short": done and 0 < repair_s < bounds.repair_least_s,
        "repair_long": done and repair_s > bounds.repair_most_s,
        "promise_early": promised_at is not None and checked_in_at is not None and promised_at < checked_in_at,
        "amount_odd": min(paid, approved) > 0 and max(paid, approved) > bounds.amount_times * min(paid, approved),
        "quote_odd": quoted is not None and (float(quoted) == 0 or float(quoted) > bounds.quote_most),
    }


_PHASE_COUNTS = (
    *("orders", "repair_without_start", "repair_without_end", "diagnosis_without_start", "diagnosis_without_end"),
    *("handoff_without_repair", "part_without_request", "typed_in_afterwards", "visit_long"),
)


def _phases(events: Iterable[Event], now_ms: int, visit_most_s: float) -> pd.DataFrame:
    """The same as analytics/queries/data_phases.sql."""
    orders: dict[tuple[str, OrderKey], _Phases] = {}
    for event in events:
        type_: str = event.type  # type: ignore[attr-defined]
        if event.is_of_visit:
            key = (event.vehicle_id, event.order)
            _note(orders.setdefault(key, _Phases(event.center_id)), event, type_)
    centers: dict[str, Counter[str]] = defaultdict(Counter)
    for order in orders.values():
        centers[order.center].update(name for name, is_so in _missing(order, now_ms, visit_most_s).items() if is_so)
    return _by_center(centers, *_PHASE_COUNTS)


def _note(order: _Phases, event: Event, type_: str) -> None:
    fields = event.__dict__
    phase, at = fields.get("phase"), to_ms(event.occurred_at)
    order.types.add(type_)
    order.seconds[at // 1000] += 1
    order.instants.append(at)
    if type_ == "repair":
        order.jobs[str(phase)].append((fields["job_id"], at))
    elif type_ == "part_request":
        order.requests["asked" if phase in ("requested", "backordered") else str(phase)].add(fields["request_id"])
    elif type_ == "diagnosis":
        order.diagnoses[str(phase)] += 1


def _missing(order: _Phases, now_ms: int, visit_most_s: float) -> dict[str, bool]:
    starts, ends = order.jobs["started"], order.jobs["completed"]
    started, completed = ({job for job, _ in own} for own in (starts, ends))
    oldest, newest = min(order.instants), max(order.instants)
    is_settled = bool(order.types & {"handoff", "cancellation"}) and newest < now_ms - 2 * DAY_MS
    diagnosed, diagnosis_started = order.diagnoses["completed"], order.diagnoses["started"]
    return {
        "orders": True,
        "repair_without_start": any(
            not any(begun == job and begun_at <= at for begun, begun_at in starts) for job, at in ends
        ),
        "repair_without_end": is_settled and not started <= completed,
        "diagnosis_without_start": diagnosed > diagnosis_started,
        "diagnosis_without_end": is_settled and diagnosis_started > diagnosed,
        "handoff_without_repair": "handoff" in order.types and not started | completed,
        "part_without_request": not order.requests["fulfilled"] <= order.requests["asked"],
        "typed_in_afterwards": max(order.seconds.values()) >= 4,
        "visit_long": (newest - oldest) / 1000 > visit_most_s,
    }


def _odometers(events: list[Event], km_a_day: float) -> pd.DataFrame:
    """The same as analytics/queries/data_odometers.sql."""
    readings = [event for event in events if getattr(event, "odometer_km", None) is not None]
    readings.sort(key=lambda event: (event.vehicle_id, event.occurred_at, *event.order, event.event_id))
    centers: dict[str, Counter[str]] = defaultdict(Counter)
    for before, reading in pairwise(readings):
        if before.vehicle_id == reading.vehicle_id:
            km = float(reading.odometer_km) - float(before.odometer_km)  # type: ignore[attr-defined]
            days = (reading.occurred_at - before.occurred_at).total_seconds() * 1000 / DAY_MS
            counts = {"readings": 1, "odometer_falling": km < 0, "odometer_racing": km > km_a_day * max(1.0, days)}
            centers[reading.center_id].update(counts)
    return _by_center(centers, "readings", "odometer_falling", "odometer_racing")


def _hours(events: list[Event], centers: Mapping[str, Center]) -> pd.DataFrame:
    """The same as analytics/queries/data_hours.sql."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        center = centers.get(event.center_id)
        if center is not None and event.type in _WORKSHOP:  # type: ignore[attr-defined]
            is_outside = not is_open(to_ms(event.occurred_at), center)
            counts[center.id].update({"workshop_events": 1, "outside_hours": is_outside})
    return _by_center(counts, "workshop_events", "outside_hours")


def _day_hours(events: list[Event]) -> pd.DataFrame:
    """The same as analytics/queries/data_day_hours.sql."""
    counts = Counter(
        (event.center_id, event.type, event.occurred_at.astimezone(UTC).hour)  # type: ignore[attr-defined]
        for event in events
        if event.type in _WORKSHOP  # type: ignore[attr-defined]
    )
    return _rows(counts, *day_hours.COLUMNS)


def _by_center(centers: Mapping[str, Counter[str]], *columns: str) -> pd.DataFrame:
    rows = [
        {"center_id": center, **{name: int(counts[name]) for name in columns}}
        for center, counts in sorted(centers.items())
    ]
    return _frame(rows, "center_id", *columns)
