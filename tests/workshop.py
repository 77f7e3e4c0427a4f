"""A workshop's day in few words: service-order events as upstream sends them, and the facts made of them.

Times of day are UTC on 2 March 2026, or `day` days later. Event ids ascend in the order in which a test makes events,
so of two events in one millisecond the one made first sorts first. All is order R1 of vehicle V1 in center C1, unless
said otherwise: `checked_in("08:00", order_id="R2", center_id="C9")`.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from schemas.decode import decode_event
from schemas.events import Event
from schemas.order_key import OrderKey
from streams.journey.batch import journey_facts
from streams.journey.entries import Entry, entry_of
from streams.journey.order import Order
from tests.oracle import Orders

Sent = dict[str, Any]
Fact = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WAITS = ("reception", "approval", "parts", "bay")
QUOTE = {
    "labour_hours": 1.5,
    "labour_rate": 380,
    "parts": [{"part_no": "P-1", "quantity": 2, "unit_price": 99.95}],
    "currency": "CNY",
}
QUOTED = "769.9"  # 1.5 × 380 + 2 × 99.95
R1, R2 = OrderKey("C1", "R1"), OrderKey("C1", "R2")
_ids = count(1)


def at(clock: str, day: int = 0) -> datetime:
    """That time of day, so many days after the first: "08:00", "08:00:30" or "08:00:00.001"."""
    return datetime.fromisoformat(f"2026-03-02T{clock}+00:00") + timedelta(days=day)


def ms(clock: str, day: int = 0) -> int:
    """The same in milliseconds since 1970, as facts state it."""
    return (at(clock, day) - EPOCH) // timedelta(milliseconds=1)


def sent(type_: str, clock: str, day: int = 0, **fields: Any) -> Sent:
    """An event of this type as upstream sends it."""
    common = {"event_id": f"e{next(_ids):06d}", "order_id": "R1", "vehicle_id": "V1", "center_id": "C1"}
    return {**common, "type": type_, "occurred_at": at(clock, day).isoformat(), **fields}


def checked_in(clock: str, day: int = 0, *, promised: str | None = None, **fields: Any) -> Sent:
    promise = {} if promised is None else {"promised_at": at(promised, day).isoformat()}
    return sent("check_in", clock, day, **{"customer_id": "K1", "lane": "standard", **promise, **fields})


def diagnosis_started(clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("diagnosis", clock, day, phase="started", **fields)


def diagnosed(clock: str, day: int = 0, *groups: str, **fields: Any) -> Sent:
    """A completed diagnosis that found these fault groups."""
    return sent("diagnosis", clock, day, **{"phase": "completed", "fault_groups": list(groups), **fields})


def quoted(clock: str, day: int = 0, *groups: str, **fields: Any) -> Sent:
    """A completed diagnosis that brought a quote."""
    return diagnosed(clock, day, *groups, **{"quote": QUOTE, **fields})


def approved(clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("quote_decision", clock, day, approved=True, **fields)


def refused(clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("quote_decision", clock, day, approved=False, **fields)


def part(phase: str, clock: str, day: int = 0, **fields: Any) -> Sent:
    fields_of_part = {"request_id": "Q1", "part_no": "P-1", "quantity": 1}
    return sent("part_request", clock, day, **{**fields_of_part, "phase": phase, **fields})


def repair(phase: str, clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("repair", clock, day, **{"phase": phase, "job_id": "J1", **fields})


def check_started(clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("quality_check", clock, day, phase="started", **fields)


def check_passed(clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("quality_check", clock, day, passed=True, **fields)


def check_failed(clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("quality_check", clock, day, passed=False, **fields)


def said_ready(clock: str, day: int = 0, **fields: Any) -> Sent:
    """The workshop says that the car may be fetched."""
    return sent("ready", clock, day, **fields)


def handed_off(clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("handoff", clock, day, **fields)


def called_off(clock: str, day: int = 0, **fields: Any) -> Sent:
    return sent("cancellation", clock, day, **fields)


def surveyed(clock: str, day: int = 0, score: int = 9, **fields: Any) -> Sent:
    return sent("survey", clock, day, score=score, **fields)


def complained(clock: str, day: int = 0, category: str = "wait", **fields: Any) -> Sent:
    return sent("complaint", clock, day, category=category, **fields)


def followed_up(clock: str, day: int = 0, of: str = "k1", phase: str = "contacted", **fields: Any) -> Sent:
    return sent("follow_up", clock, day, of=of, phase=phase, **fields)


def repaired_visit(*groups: str, day: int = 0, **fields: Any) -> list[Sent]:
    """A visit from 08:00 to 11:00 that finds and repairs faults of these groups; `fields` hold for all its events."""
    odometer = {"odometer_km": fields.pop("odometer_km")} if "odometer_km" in fields else {}
    return [
        checked_in("08:00", day, **odometer, **fields),
        diagnosis_started("08:20", day, **fields),
        diagnosed("08:40", day, *groups, **fields),
        repair("started", "09:10", day, **fields),
        repair("completed", "10:10", day, **fields),
        handed_off("11:00", day, **fields),
    ]


# What the product makes of them


def bytes_of(event: object) -> bytes:
    """An event, or what is to be taken for one, as a record's value."""
    return json.dumps(event, ensure_ascii=False).encode()


def event_of(sent: Sent) -> Event:
    """The validated event."""
    return decode_event(json.dumps(sent).encode())


def entries_of(events: Iterable[Sent]) -> list[Entry]:
    """What the rules keep of the events."""
    return [entry_of(event_of(event)) for event in events]


def order_of(entries: Iterable[Entry]) -> Order:
    """Order R1 after the entries."""
    order = Order(R1)
    for offset, entry in enumerate(entries):
        order.apply(entry, offset)
    return order


def facts_after(*events: Sent, now: datetime | None = None) -> Orders:
    """The facts of every order from all events at once."""
    until = None if now is None else (now - EPOCH) // timedelta(milliseconds=1)
    return Orders({OrderKey.of(fact): fact for fact in journey_facts(map(event_of, events), until)})


def order_after(*events: Sent, now: datetime | None = None) -> Fact:
    """The facts of order R1."""
    return facts_after(*events, now=now)["R1"]


def minutes(fact: Fact) -> dict[str, float]:
    """Every duration that is not zero, in minutes."""
    return {name.removesuffix("_s"): fact[name] / 60 for name in fact if name.endswith("_s") and fact[name]}


def stages(fact: Fact) -> list[tuple[str, str, str | None]]:
    """The stretches of the visit with their times of day."""
    return [(stage["activity"], _clock(stage["started_at"]), _clock(stage["ended_at"])) for stage in fact["stages"]]


def _clock(instant: int | None) -> Any:
    return None if instant is None else f"{_time(instant):%H:%M}"


def _time(instant: int | None) -> Any:
    return None if instant is None else EPOCH + timedelta(milliseconds=instant)


# In the words of the independent computation

_TIMES = ("activity_since", "checked_in_at", "ready_at", "closed_at", "promised_at", "last_event_at")
_MONEY = ("quoted_amount", "approved_amount", "final_amount")
# What the independent computation does not work out.
_NOT_COMPARED = (
    *("locale", "version"),
    *("quote", "quote_pending", "promises", "timeline", "decisions", "vehicle_label", "advisor"),
)
_PART_TIMES = ("requested_at", "backordered_at", "fulfilled_at", "cancelled_at", "expected_at")


def in_plain_types(fact: Fact) -> Fact:
    """A fact as `oracle.orders_of` would state it, but for what it does not work out."""
    row = {name: value for name, value in fact.items() if name not in _NOT_COMPARED}
    row |= {name: _time(fact[name]) for name in _TIMES}
    row |= {name: _decimal(fact[name]) for name in _MONEY}
    row["stages"] = [
        (stage["activity"], _time(stage["started_at"]), _time(stage["ended_at"])) for stage in fact["stages"]
    ]
    row["parts"] = sorted(
        (_part(part_row) for part_row in fact["parts"]), key=lambda part_row: str(part_row["request_id"])
    )
    row["surveys"] = [
        {
            "event_id": s["event_id"],
            "occurred_at": _time(s["answered_at"]),
            "score": s["score"],
            "reasons": s["reasons"],
        }
        for s in fact["surveys"]
    ]
    row["complaint_list"] = [
        {
            **{**complaint, "occurred_at": _time(complaint["complained_at"]), "complained_at": None},
            "reached_at": [_time(reached_at) for reached_at in complaint["reached_at"]],
        }
        for complaint in fact["complaint_list"]
    ]
    row["follow_ups"] = [
        {**{name: step[name] for name in ("event_id", "of", "phase")}, "occurred_at": _time(step["followed_up_at"])}
        for step in fact["follow_ups"]
    ]
    return row


def in_plain_types_too(order: Fact) -> Fact:
    """An order of `oracle.orders_of` without what facts do not state: comments, and urgencies but emergencies."""
    parts = [
        {**part_row, "emergency": part_row["urgency"] == "emergency", "urgency": None} for part_row in order["parts"]
    ]
    surveys = [{name: survey[name] for name in survey if name != "comment"} for survey in order["surveys"]]
    complaints = [{**complaint, "complained_at": None} for complaint in order["complaint_list"]]
    parts.sort(key=lambda part_row: str(part_row["request_id"]))
    since = None if order["activity"] is None else order["stages"][-1][1]
    return {**order, "activity_since": since, "parts": parts, "surveys": surveys, "complaint_list": complaints}


def _part(part_row: Fact) -> Fact:
    times = {name: _time(part_row[name]) for name in _PART_TIMES}
    price = _decimal(part_row["unit_price"])
    return {**part_row, **times, "quantity": Decimal(part_row["quantity"]), "unit_price": price, "urgency": None}


def _decimal(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
