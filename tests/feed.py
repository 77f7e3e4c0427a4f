"""A dirty feed as real workshops send it, from a seed: all types, every corner of CONTRACT.md, late and twice.

python tests/feed.py --seed 1 --events 50000 --duplicates 0.05 --late 0.05 --out FILE
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

Event = dict[str, Any]

START = datetime(2025, 3, 3, tzinfo=UTC)
DAYS = 45
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000  # times are whole microseconds until they are printed
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FAULTS = ("brakes", "battery", "door-lock", "充电口", "suspension", "screen", "空调", "maintenance")
ORIGINS = ("maintenance", "misuse", "product")
# Latin capitals sort before small letters by code point, and the wrench after ￥ but before it in UTF-16.
ID_PREFIXES = ("e-", "E-", "ä-", "事件-", "￥-", "🔧-")
OFFSETS = tuple(timezone(timedelta(minutes=m)) for m in (0, 480, 480, 345, -210, 840, -720))
OPTIONAL = {
    "check_in": ("odometer_km", "promised_at", "locale", "contact"),
    "diagnosis": ("technician_id", "fault_groups", "fault_origin", "fault_codes", "quote"),
    "quote_decision": ("amount",),
    "part_request": ("urgency", "expected_at", "unit_price"),
    "repair": ("technician_id", "bay_id", "pause_reason"),
    "quality_check": (),
    "handoff": ("odometer_km", "amount"),
    "cancellation": ("reason",),
    "survey": ("reasons", "comment"),
    "complaint": ("severity", "complaint_id"),
    "ready": (),
    "follow_up": ("handler_id",),
    "appointment": ("fault_groups", "contact"),
    "expert": (),
}


# Clean histories


def clean_events(
    seed: int,
    orders: int = 400,
    vehicles: int = 250,
    centers: int = 15,
    days: int = DAYS,
    start: datetime = START,
) -> list[Event]:
    """The events of so many orders, none twice, sorted by time and event id.

    First visits are checked in within `days`; a comeback comes when it is due, so up to a month after that.
    """
    workshops = _Workshops(seed, vehicles, centers, days, start)
    return _in_order(event for _ in range(orders) for event in workshops.next_order())


def clean_feed(seed: int, events: int, centers: int = 15, days: int = DAYS, start: datetime = START) -> list[Event]:
    """Like `clean_events`, but exactly so many events; the last order generated may so stay open."""
    workshops = _Workshops(seed, max(10, events // 20), centers, days, start)
    feed: list[Event] = []
    while len(feed) < events:
        feed += workshops.next_order()
    return _in_order(feed[:events])


def _in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (_us_of(event), event["event_id"]))


def _us_of(event: Event) -> int:
    return (datetime.fromisoformat(event["occurred_at"]) - EPOCH) // timedelta(microseconds=1)


@dataclass
class _Past:
    """What a comeback needs to know of the visit before."""

    vehicle: str
    center: str
    groups: list[str]
    odometer: float | None
    handed_off: int


@dataclass
class _Visit:
    """One order in the making; `at` is where its clock stands."""

    rng: random.Random
    number: int
    order_id: str
    vehicle: str
    center: str
    lane: str
    at: int
    groups: list[str]
    odometer: float | None
    is_comeback: bool = False
    events: list[Event] = field(default_factory=list)
    requests: int = 0

    def pass_time(self, low: float, high: float) -> int:
        """Move the clock on by so many minutes, to a whole millisecond."""
        self.at += self.rng.randint(int(low * MINUTE), int(high * MINUTE)) // 1000 * 1000
        return self.at

    def add(self, type_: str, at: int | None = None, **fields: Any) -> None:
        self.events.append({"type": type_, "us": self.at if at is None else at, **fields})

    def chance(self, share: float) -> bool:
        return self.rng.random() < share


class _Workshops:
    """Makes one order after the other; every choice comes from one random number generator."""

    def __init__(self, seed: int, vehicles: int, centers: int, days: int, start: datetime) -> None:
        self.rng = random.Random(seed)
        self.vehicles = [f"粤B·{n:05d}" if n % 10 == 3 else f"LFVFT{n:012d}" for n in range(vehicles)]
        self.centers = [f"深圳-{n:02d}" if n % 4 == 2 else f"C{n:02d}" for n in range(1, centers + 1)]
        self.start = (start - EPOCH) // timedelta(microseconds=1)
        self.days = days
        self.past: list[_Past] = []
        self.orders = 0
        # These centers number their orders for themselves, from 1; the numbers of the others occur once.
        self.numbers = Counter(dict.fromkeys(self.centers[::2], 0))
        self.ids = 0

    def next_order(self) -> list[Event]:
        """The wire events of one more order, in the order they happened."""
        visit = self._comeback() if self.past and self.rng.random() < 0.3 else self._first_visit()
        _play(visit)
        _disturb(visit, self.centers[1::2])
        self._remember(visit)
        return [self._on_the_wire(visit, event) for event in sorted(visit.events, key=lambda event: event["us"])]

    def _visit(self, vehicle: str, center: str, at: int, groups: list[str], odometer: float | None) -> _Visit:
        self.orders += 1
        number = 500_000 + self.orders
        if center in self.numbers:
            self.numbers[center] += 1
            number = self.numbers[center]
        order_id = {7: f"工单-{number:06d}", 13: f'WO/{number} \'a\\b"c"'}.get(number % 20, f"R{number:07d}")
        lane = self.rng.choices(("quick", "standard"), (3, 7))[0]
        return _Visit(self.rng, self.orders, order_id, vehicle, center, lane, at, groups, odometer)

    def _first_visit(self) -> _Visit:
        rng = self.rng
        # Mostly in opening hours, by the clock of UTC+8.
        at = self.start + rng.randrange(self.days) * DAY + rng.randint(0, 11 * HOUR) // 1000 * 1000
        groups = rng.sample(FAULTS, rng.choices((0, 1, 2, 3), (1, 6, 3, 1))[0])
        odometer = rng.choices((None, rng.randint(500, 180_000), rng.randint(500, 90_000) + 0.5), (2, 8, 1))[0]
        return self._visit(rng.choice(self.vehicles), rng.choice(self.centers), at, groups, odometer)

    def _comeback(self) -> _Visit:
        """The vehicle of an earlier order again, close to every limit of the comeback rule."""
        rng = self.rng
        past = rng.choice(self.past)
        ms = 1000
        exact = (0, ms, 30 * DAY, 30 * DAY + ms, 30 * DAY - ms)
        gap = rng.randint(HOUR, 29 * DAY) if rng.random() < 0.8 else rng.randint(30 * DAY, 33 * DAY)
        gap = rng.choice(exact) if rng.random() < 0.4 else gap // ms * ms
        others = [fault for fault in FAULTS if fault not in past.groups]
        shared = rng.random() < 0.75
        groups = past.groups[:1] + rng.sample(others, rng.randint(0, 1)) if shared else rng.sample(others, 1)
        odometer = None
        if past.odometer is not None and rng.random() < 0.85:
            odometer = max(0, past.odometer + rng.choice((-30, 0, 250, 700, 1000, 1000.5, 1001, 4000)))
        center = past.center if rng.random() < 0.5 else rng.choice(self.centers)
        visit = self._visit(past.vehicle, center, past.handed_off // ms * ms + gap, groups, odometer)
        visit.is_comeback = True
        return visit

    def _remember(self, visit: _Visit) -> None:
        handoffs = [event["us"] for event in visit.events if event["type"] == "handoff"]
        if handoffs and visit.at < self.start + self.days * DAY:
            self.past.append(_Past(visit.vehicle, visit.center, visit.groups, visit.odometer, handoffs[0]))

    def _on_the_wire(self, visit: _Visit, event: Event) -> Event:
        rng = self.rng
        self.ids += 1
        prefix = ID_PREFIXES[0] if rng.random() < 0.6 else rng.choice(ID_PREFIXES)
        us = event["us"] + (rng.randrange(1000) if rng.random() < 0.05 else 0)
        wire = {
            "event_id": f"{prefix}{rng.getrandbits(40):010x}-{self.ids}",
            "type": event["type"],
            "order_id": visit.order_id,
            "vehicle_id": visit.vehicle,
            "center_id": event.get("center_id", visit.center),
            "occurred_at": _stamp(us, rng),
        }
        wire |= {name: value for name, value in event.items() if name not in ("us", "type", "center_id")}
        for name in ("promised_at", "expected_at", "starts_at"):
            if name in wire:
                wire[name] = _stamp(wire[name], rng)
        for name in OPTIONAL[event["type"]]:
            if name in wire and name != "quote" and rng.random() < 0.06:
                if rng.random() < 0.3:
                    wire[name] = None
                else:
                    del wire[name]
        if rng.random() < 0.04:
            wire |= rng.choice(_extras(visit.number))
        return wire


def _extras(number: int) -> list[dict[str, Any]]:
    """Fields the contract does not know, with something personal in them that must not turn up anywhere."""
    return [
        {"customer_name": f"王小明 canary-name-{number:06d}"},
        {"plate": f"粤B canary-plate-{number:06d}", "x_trace": 17},
        {"internal": {"note": f"canary-note-{number:06d}", "tags": [1, None, {"deep": True}]}},
    ]


def _stamp(us: int, rng: random.Random) -> str:
    """RFC 3339 in one of the forms that senders use."""
    at = EPOCH + timedelta(microseconds=us)
    if us % 1000 == 0 and rng.random() < 0.75:
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
    return at.astimezone(rng.choice(OFFSETS)).isoformat()


# One visit


def _play(visit: _Visit) -> None:
    """What happens to the order, first to last, before anything goes wrong with the records of it."""
    if visit.chance(0.1):
        visit.add("appointment", at=visit.at - 3 * DAY, phase="booked", starts_at=visit.at, **_booked(visit))
    if visit.chance(0.06):
        _request_part(visit, visit.at - visit.rng.randint(HOUR, 40 * HOUR) // 1000 * 1000, longest=80 * HOUR)
    if visit.chance(0.01):
        # A handoff booked under the wrong order: the visit has not begun, so it closes nothing.
        visit.add("handoff", at=visit.at - visit.rng.randint(MINUTE, HOUR) // 1000 * 1000, amount=3.0)
    _check_in(visit)
    if visit.lane == "quick" and visit.chance(0.75):
        _quick_service(visit)
    else:
        _standard_service(visit)
    if visit.chance(0.9):
        _hand_off(visit)
    _hear_customer(visit)


def _booked(visit: _Visit) -> Event:
    return (
        {"fault_groups": visit.groups[:1], "contact": [f"sms:+8613900{visit.number:06d}"]} if visit.chance(0.5) else {}
    )


def _check_in(visit: _Visit) -> None:
    rng = visit.rng
    promise = visit.at + rng.choice((15 * MINUTE, 45 * MINUTE, 4 * HOUR, 9 * HOUR, 2 * DAY))
    fields: dict[str, Any] = {
        "customer_id": f"K{visit.number % 997:05d}" if visit.chance(0.9) else f"客户-{visit.number}",
        "lane": visit.lane,
        "locale": rng.choice(("zh-CN", "en")),
        "contact": _contact(visit.number),
    }
    if visit.odometer is not None:
        fields["odometer_km"] = visit.odometer
    if visit.chance(0.8):
        fields["promised_at"] = promise
    visit.add("check_in", **fields)


def _contact(number: int) -> list[str]:
    """Addresses that no other order has, so that a leak can be traced."""
    ways = [
        f"sms:+86138{number:08d}",
        f"mailto:canary-mail-{number:06d}@example.cn",
        f"wechat:canary-openid-{number:06d}",
    ]
    return ways[: 1 + number % 3]


def _quick_service(visit: _Visit) -> None:
    began = visit.at
    visit.pass_time(0.5, 4)
    if visit.is_comeback or visit.chance(0.4):
        _diagnose(visit, 1, 3, quote=None)
    job = f"J{visit.number}-1"
    visit.add("repair", phase="started", job_id=job, bay_id="B-quick", technician_id="T07")
    if visit.chance(0.1):
        visit.at = began + 15 * MINUTE  # ready exactly at the limit
    else:
        visit.pass_time(4, 25)
    visit.add("repair", phase="completed", job_id=job)


def _standard_service(visit: _Visit) -> None:
    _promise_again(visit, 0.08)
    visit.pass_time(1, 90)
    _diagnose(visit, 5, 60, quote=_quote(visit.rng) if visit.chance(0.85) else None)
    if not _decide(visit):
        return
    part_at = visit.at
    for _ in range(visit.rng.choices((0, 1, 2, 3), (5, 4, 2, 1))[0]):
        _request_part(visit, part_at + visit.rng.randint(0, 60 * MINUTE) // 1000 * 1000, longest=60 * HOUR)
    _promise_again(visit, 0.08)
    visit.pass_time(0, 240)
    _repair(visit)
    _check_quality(visit)
    _promise_again(visit, 0.05)


def _promise_again(visit: _Visit, share: float) -> None:
    """A second check-in, usually with another promise."""
    if not visit.chance(share):
        return
    visit.pass_time(1, 30)
    fields: dict[str, Any] = {
        "customer_id": f"K{visit.number % 997:05d}",
        "lane": visit.rng.choice(("quick", "standard")),
    }
    if visit.chance(0.8):
        fields["promised_at"] = visit.at + visit.rng.randint(0, 30 * HOUR) // 1000 * 1000
    visit.add("check_in", **fields)


def _diagnose(visit: _Visit, low: float, high: float, quote: dict[str, Any] | None) -> None:
    visit.add("diagnosis", phase="started", technician_id="T01")
    visit.pass_time(low, high)
    fields: dict[str, Any] = {"fault_groups": visit.groups, "technician_id": "T01"}
    if visit.chance(0.85):
        fields["fault_origin"] = visit.rng.choices(ORIGINS, (80, 15, 5))[0]
    if visit.chance(0.5):
        fields["fault_codes"] = [f"P{visit.rng.randrange(10_000):04d}"]
    if quote is not None:
        fields["quote"] = quote
    visit.add("diagnosis", phase="completed", **fields)


def _quote(rng: random.Random) -> dict[str, Any]:
    """A quote whose total has at most two decimals."""
    parts: list[dict[str, Any]] = [
        {
            "part_no": f"P-{rng.randrange(200):03d}",
            "quantity": rng.randint(1, 4),
            "unit_price": rng.randint(100, 90_000) / 100,
        }
        for _ in range(rng.randint(0, 3))
    ]
    if rng.random() < 0.2:
        parts.append(
            {"part_no": "机油 5W-30", "quantity": rng.choice((0.5, 4.5, 5.2)), "unit_price": rng.randint(40, 99)}
        )
    return {
        "labour_hours": rng.randint(0, 80) / 10,
        "labour_rate": rng.choice((320, 380.5, 420)),
        "parts": parts,
        "currency": "CNY",
    }


def _total(quote: dict[str, Any]) -> float:
    parts = sum(part["quantity"] * part["unit_price"] for part in quote["parts"])
    return float(round(quote["labour_hours"] * quote["labour_rate"] + parts, 2))


def _decide(visit: _Visit) -> bool:
    """The customer's answer to the last quote; False if nothing will be repaired."""
    rng = visit.rng
    quote = visit.events[-1].get("quote")
    total = _total(quote) if quote else 500.0
    if visit.chance(0.05):
        # Said on the phone before the quote was written down.
        visit.add(
            "quote_decision", at=visit.events[-1]["us"] - rng.choice((1000, 5 * MINUTE)), approved=visit.chance(0.7)
        )
    if (quote is None and visit.chance(0.8)) or visit.chance(0.06):
        return True
    visit.pass_time(1, 300)
    if visit.chance(0.1):
        visit.add("quote_decision", approved=False)
        visit.pass_time(1, 60)
        _diagnose(visit, 2, 20, quote=_quote(rng))
        total = _total(visit.events[-1]["quote"])
        visit.pass_time(1, 100)
    approved = visit.chance(0.88)
    decision: dict[str, Any] = {"approved": approved}
    if visit.chance(0.7):
        decision["amount"] = rng.choice((total, round(total * 0.9, 2), 1000))
    visit.add("quote_decision", **decision)
    return approved or visit.chance(0.3)


def _request_part(visit: _Visit, at: int, longest: int) -> None:
    rng = visit.rng
    visit.requests += 1
    emergency = visit.chance(0.2)
    fields: dict[str, Any] = {
        "request_id": f"Q{visit.number}-{visit.requests}",
        "part_no": rng.choice(("BRK-001", "BAT-48V", "滤芯-7", "DOOR-L")),
        "quantity": rng.choice((1, 1, 2, 4, 0.5)),
        "unit_price": rng.randint(500, 200_000) / 100,
    }
    if emergency or visit.chance(0.5):
        fields["urgency"] = "emergency" if emergency else "normal"
    out_of_stock = visit.chance(0.2)
    took = rng.randint(MINUTE, longest if out_of_stock else 4 * HOUR) // 1000 * 1000
    if emergency and visit.chance(0.3):
        took = 2 * HOUR + rng.choice((0, 1000))
    if not (out_of_stock and visit.chance(0.05)):
        visit.add("part_request", at=at, phase="requested", **fields)
    if out_of_stock:
        expected = at + took + rng.randint(-HOUR, 5 * HOUR)
        visit.add("part_request", at=at + took // 3, phase="backordered", expected_at=expected // 1000 * 1000, **fields)
        if visit.chance(0.3):
            later = (expected + 3 * HOUR) // 1000 * 1000
            visit.add("part_request", at=at + took // 2, phase="backordered", expected_at=later, **fields)
    if visit.chance(0.05):
        return
    visit.add("part_request", at=at + took, phase="cancelled" if visit.chance(0.1) else "fulfilled", **fields)
    if visit.chance(0.04):
        # The stock system says it once more; fulfilled it stays.
        visit.add("part_request", at=at + took + 7 * MINUTE, phase="requested", **fields)
    if not out_of_stock and visit.chance(0.5):
        visit.at = max(visit.at, at + took)


def _repair(visit: _Visit) -> None:
    """One to three jobs, side by side or one after the other."""
    ends = []
    for number in range(1, 1 + visit.rng.choices((1, 2, 3), (6, 3, 1))[0]):
        began = visit.at
        _work(visit, f"J{visit.number}-{number}", visit.rng.choices((0, 1, 2), (6, 3, 1))[0])
        ends.append(visit.at)
        if visit.chance(0.5):
            visit.at = began + visit.rng.randint(0, 40 * MINUTE) // 1000 * 1000
    visit.at = max(ends)
    if visit.chance(0.05):
        visit.pass_time(10, 200)
        again = f"J{visit.number}-1"
        visit.add("repair", phase=visit.rng.choice(("started", "resumed")), job_id=again)
        visit.pass_time(5, 60)
        visit.add("repair", phase="completed", job_id=again)


def _work(visit: _Visit, job: str, pauses: int) -> None:
    visit.add("repair", phase="started", job_id=job, technician_id="T02", bay_id="B-2")
    for _ in range(pauses):
        visit.pass_time(5, 60)
        reason = visit.rng.choice(("parts", "approval", "expert", "shift_end", "other"))
        visit.add("repair", phase="paused", job_id=job, pause_reason=reason)
        if reason == "expert":
            visit.add("expert", phase="requested", session_id=f"S-{job}")
        if reason == "parts":
            _request_part(visit, visit.at + MINUTE, longest=30 * HOUR)
        visit.pass_time(5, 900 if reason == "shift_end" else 120)
        visit.add("repair", phase="resumed", job_id=job)
    visit.pass_time(5, 180)
    visit.add("repair", phase="completed", job_id=job)


def _check_quality(visit: _Visit) -> None:
    if not visit.chance(0.7):
        return
    visit.pass_time(0, 40)
    if visit.chance(0.6):
        visit.add("quality_check", phase="started")
        visit.pass_time(2, 20)
    passed = visit.chance(0.88)
    named: dict[str, Any] = {"phase": "completed"} if visit.chance(0.7) else {}
    visit.add("quality_check", passed=passed, **named)
    if not passed and visit.chance(0.8):
        visit.pass_time(1, 60)
        _work(visit, f"J{visit.number}-{visit.rng.choice((1, 1, 9))}", 0)
        if visit.chance(0.7):
            visit.add("quality_check", phase="completed", passed=True)


def _hand_off(visit: _Visit) -> None:
    rng = visit.rng
    visit.at = max([visit.at, *(e["us"] for e in visit.events if e["type"] == "part_request" and visit.chance(0.85))])
    if visit.chance(0.4):
        if visit.lane == "standard":
            visit.pass_time(0, 30)
        visit.add("ready")
    if visit.chance(0.93):
        visit.pass_time(0, 180)
    if visit.chance(0.06):
        reason: dict[str, Any] = {"reason": "customer took the car elsewhere"} if visit.chance(0.7) else {}
        visit.add("cancellation", **reason)
        return
    quotes = [event["quote"] for event in visit.events if event.get("quote")]
    amounts = [event["amount"] for event in visit.events if event.get("amount") is not None]
    due = amounts[-1] if amounts else _total(quotes[-1]) if quotes else 199.0
    fields: dict[str, Any] = {}
    if visit.chance(0.85):
        fields["amount"] = round(due * rng.choice((1, 1, 1, 0.995, 1.01, 1.0101, 1.08)), 2)
    if visit.odometer is not None:
        fields["odometer_km"] = visit.odometer + 2
    visit.add("handoff", **fields)
    if visit.chance(0.05):
        _go_on_after_close(visit)


def _go_on_after_close(visit: _Visit) -> None:
    at = visit.at + visit.rng.randint(1, 3 * DAY) // 1000 * 1000
    kind = visit.rng.randrange(5)
    if kind == 0:
        visit.add("handoff", at=at, amount=1.0)
    elif kind == 1:
        visit.add("cancellation", at=at)
    elif kind == 2:
        visit.add("repair", at=at, phase="started", job_id=f"J{visit.number}-1")
    elif kind == 3:
        visit.add("diagnosis", at=at, phase="completed", fault_groups=["afterwards"], fault_origin="misuse")
    else:
        visit.add("part_request", at=at, phase="backordered", request_id="after", part_no="BRK-001", quantity=1)


def _hear_customer(visit: _Visit) -> None:
    rng = visit.rng
    for _ in range(rng.choices((0, 1, 2), (50, 42, 8))[0]):
        fields: dict[str, Any] = {}
        if visit.chance(0.6):
            fields["reasons"] = rng.sample(("wait", "price", "清洁", "friendly", "fixed"), rng.randint(0, 2))
        if visit.chance(0.4):
            fields["comment"] = f"等了很久 canary-comment-{visit.number:06d}"
        at = visit.at + rng.randint(0, 9 * DAY) // 1000 * 1000
        visit.add("survey", at=at, score=rng.choices(range(11), (1, 1, 1, 1, 1, 2, 3, 5, 8, 15, 20))[0], **fields)
    for _ in range(rng.choices((0, 1, 2), (90, 8, 2))[0]):
        fields = {"severity": rng.choice(("low", "high"))} if visit.chance(0.7) else {}
        at = visit.at + rng.randint(-HOUR, 5 * DAY) // 1000 * 1000
        if visit.chance(0.5):
            fields["complaint_id"] = f"KL-{visit.number}"
        visit.add("complaint", at=at, category=rng.choice(("wait", "price", "repair", "服务态度")), **fields)
        if visit.chance(0.5):
            at += rng.randint(MINUTE, DAY) // 1000 * 1000
            visit.add("follow_up", at=at, of=f"KL-{visit.number}", phase="contacted", handler_id="H1")


# What goes wrong with the records


def _disturb(visit: _Visit, centers: list[str]) -> None:
    """Lose, cut off, shift, tie and misplace some of the order's events, the last among these centers."""
    rng = visit.rng
    visit.events.sort(key=lambda event: event["us"])
    if visit.chance(0.05):
        del visit.events[rng.randint(1, len(visit.events)) :]
    if visit.chance(0.03):
        at = rng.choice(visit.events)["us"] + 60_000_000
        visit.add("cancellation", at=at)
    if visit.chance(0.04):
        visit.events = [event for event in visit.events if event["type"] != "check_in"] or visit.events
    visit.events = [event for event in visit.events if not visit.chance(0.012)] or visit.events[:1]
    visit.events.sort(key=lambda event: event["us"])
    for before, event in zip(visit.events, visit.events[1:], strict=False):
        if visit.chance(0.03):
            event["us"] = before["us"]
    if visit.chance(0.01):
        for event in visit.events:
            event["us"] = visit.events[0]["us"]
    if visit.chance(0.06):
        # The tablet's clock was wrong.
        event = rng.choice(visit.events)
        event["us"] -= rng.choice((1000, 10 * MINUTE, 5 * HOUR))
    if visit.center in centers and visit.chance(0.06):
        # Which makes an order of the other center, of the same number.
        other = rng.choice(centers)
        for event in rng.sample(visit.events, rng.randint(1, len(visit.events))):
            event["center_id"] = other


# Dirt on the way


def dirty(
    events: list[Event],
    seed: int,
    duplicates: float = 0.05,
    late: float = 0.05,
    max_late: timedelta = timedelta(days=3),
    conflicts: float = 0.0,
) -> list[Event]:
    """The same events in order of arrival: a share of them late, and a share once more, at once or days later.

    `conflicts` is the share of the duplicates that say something else under the same id: what stands first in the file
    counts.
    """
    rng = random.Random(f"dirty {seed}")
    count = len(events)
    late_ones = set(rng.sample(range(count), round(count * late)))
    arrivals: list[tuple[int, int, Event]] = []
    for number, event in enumerate(events):
        at = _us_of(event)
        if number in late_ones:
            at += round(MINUTE * (max_late / timedelta(minutes=1)) ** rng.random())
        arrivals.append((at, number, event))
    for number in rng.sample(range(count), round(count * duplicates)):
        at, _, event = arrivals[number]
        at += rng.choice((0, rng.randint(0, 10 * MINUTE), rng.randint(0, DAY), rng.randint(0, 10 * DAY)))
        again = _contradicted(event, rng) if rng.random() < conflicts else dict(event)
        arrivals.append((at, count + number, again))
    return [event for _, _, event in sorted(arrivals, key=lambda arrival: arrival[:2])]


def _contradicted(event: Event, rng: random.Random) -> Event:
    """The same id, order and vehicle, but another content."""
    other = dict(event)
    if rng.random() < 0.5:
        other["occurred_at"] = _stamp(_us_of(event) + rng.choice((-HOUR, 1000, 2 * DAY)), rng)
    if event["type"] == "survey":
        other["score"] = 10 - event["score"]
    elif event["type"] == "quote_decision":
        other["approved"] = not event["approved"]
    elif event["type"] == "handoff":
        other["amount"] = 1234.56
    elif other == event:
        other["occurred_at"] = _stamp(_us_of(event) + 1000, rng)
    return other


def canaries(events: Iterable[Event]) -> set[str]:
    """Personal text in these events that may stand nowhere but in the source topic: addresses, comments, extras."""
    found: set[str] = set()
    for event in events:
        found |= {address.partition(":")[2] for address in event.get("contact") or ()}
        texts = (
            event.get("comment"),
            event.get("customer_name"),
            event.get("plate"),
            event.get("internal", {}).get("note"),
        )
        found |= {word for text in texts if text for word in text.split() if word.startswith("canary-")}
    return found


def lines(events: Iterable[Event]) -> Iterator[bytes]:
    """Each event as one line of JSON, without the line end."""
    for event in events:
        yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def write(path: str | Path, events: Iterable[Event]) -> None:
    """The events as JSON Lines in a file."""
    with Path(path).open("wb") as file:
        for line in lines(events):
            file.write(line + b"\n")


# Bad input

POISONED_VEHICLE = "LFVPOISON00000001"
_GOOD: Event = {
    "event_id": "poison-1",
    "type": "survey",
    "order_id": "R-poison",
    "vehicle_id": POISONED_VEHICLE,
    "center_id": "C01",
    "occurred_at": "2025-03-03T08:00:00.000Z",
    "score": 9,
}
_CHECK_IN = {"type": "check_in", "customer_id": "K1", "lane": "quick"}
_PART = {"type": "part_request", "phase": "requested", "request_id": "Q1", "part_no": "P-1", "quantity": 1}
_REMOVED = object()


def _record(vehicle: str, **fields: Any) -> bytes:
    """A good survey's bytes but for these fields; a field set to _REMOVED is missing."""
    event = {**_GOOD, "vehicle_id": vehicle, **fields}
    return json.dumps({name: value for name, value in event.items() if value is not _REMOVED}).encode()


def _bad(**fields: Any) -> Callable[[str], bytes]:
    return lambda vehicle: _record(vehicle, **fields)


def _text(old: bytes, new: bytes) -> Callable[[str], bytes]:
    return lambda vehicle: _record(vehicle).replace(old, new)


# The value of each kind of bad record, for the vehicle whose key it is sent with. None is a tombstone.
POISON: dict[str, Callable[[str], bytes | None]] = {
    "tombstone": lambda vehicle: None,
    "empty_bytes": lambda vehicle: b"",
    "blank": lambda vehicle: b" \n\t ",
    "plain_text": lambda vehicle: b"hello workshop",
    "broken_utf8": _text(b'"R-poison"', b'"R-\xff\xfe\xc3"'),
    "utf16": lambda vehicle: _record(vehicle).decode().encode("utf-16"),
    "truncated": lambda vehicle: _record(vehicle)[:-20],
    "two_records": lambda vehicle: _record(vehicle) + b"\n" + _record(vehicle),
    "json_array": lambda vehicle: b"[" + _record(vehicle) + b"]",
    "json_null": lambda vehicle: b"null",
    "json_number": lambda vehicle: b"17",
    "empty_object": lambda vehicle: b"{}",
    "deep_nesting": _text(b'"score": 9', b'"score": 9, "x": ' + b"[" * 10_000 + b"]" * 10_000),
    "unclosed_nesting": lambda vehicle: b'{"a":' * 10_000,
    "two_megabytes": _bad(comment="x" * 2_000_000),
    "many_values": _bad(x=[0] * 30_000),
    "nan": _text(b'"score": 9', b'"score": NaN'),
    "infinity": _text(b'"score": 9', b'"score": Infinity'),
    "overflowing_number": _text(b'"score": 9', b'"score": 1e999'),
    "huge_integer": _text(b'"score": 9', b'"score": ' + b"9" * 5_000),
    "duplicate_keys": _text(b'"score": 9', b'"score": 9, "score": 1'),
    "duplicate_keys_escaped": _text(b'"score": 9', b'"score": 9, "\\u0073core": 1'),
    "lone_surrogate": _text(b'"R-poison"', b'"R-\\ud800"'),
    "unknown_type": _bad(type="teleport"),
    "type_of_wrong_type": _bad(type=["survey"]),
    "missing_type": _bad(type=_REMOVED),
    "missing_order_id": _bad(order_id=_REMOVED),
    "missing_occurred_at": _bad(occurred_at=_REMOVED),
    "missing_vehicle_id": _bad(vehicle_id=_REMOVED),
    "missing_score": _bad(score=_REMOVED),
    "check_in_without_lane": _bad(**{**_CHECK_IN, "lane": _REMOVED}),
    "unknown_lane": _bad(**{**_CHECK_IN, "lane": "express"}),
    "unknown_phase": _bad(type="repair", phase="finished", job_id="J1"),
    "completed_check_without_result": _bad(type="quality_check", phase="completed"),
    "string_for_bool": _bad(type="quote_decision", approved="yes"),
    "number_for_bool": _bad(type="quote_decision", approved=1),
    "number_for_string": _bad(order_id=12345),
    "bool_for_score": _bad(score=True),
    "string_for_score": _bad(score="9"),
    "fraction_for_score": _bad(score=9.5),
    "score_11": _bad(score=11),
    "negative_quantity": _bad(**{**_PART, "quantity": -2}),
    "control_character_in_order_id": _bad(order_id="R1\n"),
    "empty_center_id": _bad(center_id=""),
    "naive_time": _bad(occurred_at="2025-03-03T08:00:00"),
    "epoch_time": _bad(occurred_at=1_740_988_800),
    "epoch_time_in_string": _bad(occurred_at="1740988800"),
    "no_such_day": _bad(occurred_at="2025-02-30T08:00:00Z"),
    "year_2999": _bad(occurred_at="2999-01-01T00:00:00Z"),
    "year_2200": _bad(occurred_at="2200-01-01T00:00:00Z"),
    "empty_order_id": _bad(order_id=""),
    "order_id_of_200": _bad(order_id="R" * 200),
    "event_id_of_200": _bad(event_id="e" * 200),
    "no_key": lambda vehicle: _record(vehicle),
    "key_of_another_vehicle": lambda vehicle: _record(vehicle),
}

# What the dead letter says it was; every other kind is `invalid_field`.
_POISON_CODES = {
    "tombstone": ("tombstone",),
    "empty": ("empty_bytes", "blank"),
    "not_utf8": ("broken_utf8", "utf16"),
    "too_deep": ("deep_nesting", "unclosed_nesting"),
    "too_large": ("two_megabytes",),
    "too_many_tokens": ("many_values",),
    "not_json": (
        *("plain_text", "truncated", "two_records", "nan", "infinity", "overflowing_number", "huge_integer"),
        "lone_surrogate",
    ),
    "not_an_object": ("json_array", "json_null", "json_number"),
    "duplicate_key": ("duplicate_keys", "duplicate_keys_escaped"),
    "unknown_type": ("unknown_type", "type_of_wrong_type"),
    "missing_field": (
        *("empty_object", "missing_type", "missing_order_id", "missing_occurred_at", "missing_vehicle_id"),
        *("missing_score", "check_in_without_lane"),
    ),
    "too_far_ahead": ("year_2200",),
    "key_missing": ("no_key",),
    "key_mismatch": ("key_of_another_vehicle",),
}


def poison_code(kind: str) -> str:
    """The code that the dead letter of such a record carries."""
    return next((code for code, kinds in _POISON_CODES.items() if kind in kinds), "invalid_field")


def poison(kind: str, vehicle: str = POISONED_VEHICLE) -> bytes | None:
    """The value of a record that no consumer may accept; None for the tombstone."""
    return POISON[kind](vehicle)


def poison_key(kind: str, vehicle: str = POISONED_VEHICLE) -> bytes | None:
    """The key to send that record with: the vehicle's, but for the kinds where the key itself is what is wrong."""
    return {"no_key": None, "key_of_another_vehicle": b"LFVANOTHER0000001"}.get(kind, vehicle.encode())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=50_000, help="lines in the file, duplicates included")
    parser.add_argument("--duplicates", type=float, default=0.05, help="share of distinct events that come twice")
    parser.add_argument("--late", type=float, default=0.05, help="share of distinct events that come late")
    parser.add_argument("--conflicts", type=float, default=0.0, help="share of duplicates with another content")
    parser.add_argument("--max-late-days", type=float, default=3.0)
    parser.add_argument("--centers", type=int, default=15)
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args(arguments)
    distinct = round(asked.events / (1 + asked.duplicates))
    feed = dirty(
        clean_feed(asked.seed, distinct, asked.centers, asked.days),
        asked.seed,
        asked.duplicates,
        asked.late,
        timedelta(days=asked.max_late_days),
        asked.conflicts,
    )
    write(asked.out, feed)
    print(f"{len(feed)} lines, {distinct} distinct events, {len({e['order_id'] for e in feed})} orders in {asked.out}")


if __name__ == "__main__":
    main()
