"""Events of people for tests of reports: technicians, experts, appointments; the staff's answers, shifts and grades."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Event = dict[str, Any]
START = datetime(2026, 3, 2, tzinfo=UTC)


def with_people(events: Iterable[Event], seed: int) -> Iterator[Event]:
    """The same events with several technicians, steps, experts who join and resolve, and scores by subject."""
    rng = random.Random(seed)
    for event in events:
        match event["type"]:
            case "repair":
                named = {"technician_id": f"T{rng.randint(1, 6)}"} if "technician_id" in event else {}
                yield {**event, **named, "step": rng.choice(("torque", "bleed"))}
            case "survey":
                yield {**event, "scores": {"price": rng.randint(0, 10), "communication": rng.randint(0, 10)}}
            case "expert":
                yield event
                yield from _session(event, rng)
            case _:
                yield event


def _session(event: Event, rng: random.Random) -> Iterator[Event]:
    at = datetime.fromisoformat(event["occurred_at"])
    for phase, share in (("joined", 0.8), ("resolved", 0.6)):
        at += timedelta(seconds=rng.randint(60, 1200))
        if rng.random() < share:
            changes = {"phase": phase, "event_id": f"{event['event_id']}-{phase}", "occurred_at": at.isoformat()}
            yield {**event, **changes}


def appointment(number: int, phase: str, at: datetime, starts: datetime) -> Event:
    return {
        **{"event_id": f"ap-{number}-{phase}", "type": "appointment", "phase": phase, "order_id": f"AP-{number}"},
        **{"vehicle_id": f"VAP{number}", "center_id": "C01", "occurred_at": at.isoformat()},
        "starts_at": starts.isoformat(),
    }


def bookings() -> Iterator[Event]:
    for number in range(4):
        at, starts = START + timedelta(hours=number), START + timedelta(days=5, hours=number)
        yield appointment(number, "booked", at, starts)
        if number % 2:
            yield appointment(number, "moved", at + timedelta(hours=1), starts + timedelta(days=1))
        if number == 3:
            yield appointment(number, "cancelled", at + timedelta(hours=2), starts)


def answers() -> Iterator[Event]:
    """Two rounds of the staff survey, some people answering twice; suggestions in every phase; shifts and grades."""
    rng = random.Random(3)
    for round_, day in (("2026Q1", 1), ("2026Q2", 40)):
        for number in range(24):
            role = ("advisor", "technician", "washer")[min(number // 8, 2 if number > 20 else 1)]
            for again in range(1 + (number % 5 == 0)):
                at = START + timedelta(days=day, hours=number, minutes=again)
                fields = {"round": round_, "role": role, "respondent_key": f"p{number}", "score": rng.randint(20, 100)}
                yield reference("staff_survey", f"s-{round_}-{number}-{again}", at, **fields)
    for number in range(6):
        for step, phase in enumerate(("submitted", "accepted", "adopted", "rewarded")[: 1 + number % 4]):
            at = START + timedelta(days=number + 3 * step)
            fields = {"suggestion_id": f"I{number}", "role": "advisor", "phase": phase}
            yield reference("suggestion", f"i-{number}-{phase}", at, **fields)
    for number in range(3):
        starts = START + timedelta(days=number, hours=8)
        fields = {"staff_id": f"T{number}", "role": "technician", "starts_at": starts.isoformat()}
        fields["ends_at"] = (starts + timedelta(hours=8)).isoformat()
        for phase in ("planned", "cancelled")[: 1 + (number == 1)]:
            at = START + timedelta(minutes=phase == "cancelled")
            yield reference("staff_shift", f"h-{number}-{phase}", at, **fields, phase=phase)
        grade = {"staff_id": f"T{number}", "grade": "senior" if number else "junior", "from": "2026-03-05"}
        yield reference("staff_grade", f"g-{number}", START, **grade)


def reference(type_: str, event_id: str, at: datetime, **fields: Any) -> Event:
    return {"type": type_, "event_id": event_id, "center_id": "C01", "occurred_at": at.isoformat(), **fields}
