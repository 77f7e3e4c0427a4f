"""One visit of the feed, from its check-in to what the customer says of it afterwards."""

import random
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

SECOND = 1_000_000  # times are whole microseconds until they are printed
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORIGINS = ("maintenance", "misuse", "product")


@dataclass
class Visit:
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


def play(visit: Visit) -> None:
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


def _booked(visit: Visit) -> Event:
    return (
        {"fault_groups": visit.groups[:1], "contact": [f"sms:+8613900{visit.number:06d}"]} if visit.chance(0.5) else {}
    )


def _check_in(visit: Visit) -> None:
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


def _quick_service(visit: Visit) -> None:
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


def _standard_service(visit: Visit) -> None:
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


def _promise_again(visit: Visit, share: float) -> None:
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


def _diagnose(visit: Visit, low: float, high: float, quote: dict[str, Any] | None) -> None:
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


def _decide(visit: Visit) -> bool:
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


def _request_part(visit: Visit, at: int, longest: int) -> None:
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
    duration = rng.randint(MINUTE, longest if out_of_stock else 4 * HOUR) // 1000 * 1000
    if emergency and visit.chance(0.3):
        duration = 2 * HOUR + rng.choice((0, 1000))
    if not (out_of_stock and visit.chance(0.05)):
        visit.add("part_request", at=at, phase="requested", **fields)
    if out_of_stock:
        expected = at + duration + rng.randint(-HOUR, 5 * HOUR)
        visit.add(
            "part_request", at=at + duration // 3, phase="backordered", expected_at=expected // 1000 * 1000, **fields
        )
        if visit.chance(0.3):
            later = (expected + 3 * HOUR) // 1000 * 1000
            visit.add("part_request", at=at + duration // 2, phase="backordered", expected_at=later, **fields)
    if visit.chance(0.05):
        return
    visit.add("part_request", at=at + duration, phase="cancelled" if visit.chance(0.1) else "fulfilled", **fields)
    if visit.chance(0.04):
        # The stock system says it once more; fulfilled it stays.
        visit.add("part_request", at=at + duration + 7 * MINUTE, phase="requested", **fields)
    if not out_of_stock and visit.chance(0.5):
        visit.at = max(visit.at, at + duration)


def _repair(visit: Visit) -> None:
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


def _work(visit: Visit, job: str, pauses: int) -> None:
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


def _check_quality(visit: Visit) -> None:
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


def _hand_off(visit: Visit) -> None:
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


def _go_on_after_close(visit: Visit) -> None:
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


def _hear_customer(visit: Visit) -> None:
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
