"""A visit of one order, event by event, for the independent computation."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tests.oracle import orders_of

DAY = datetime(2026, 3, 2, tzinfo=UTC)
EVENING = DAY + timedelta(hours=20)
QUOTE = {
    "labour_hours": 1.5,
    "labour_rate": 380,
    "parts": [{"part_no": "P-1", "quantity": 2, "unit_price": 99.95}],
    "currency": "CNY",
}
_ids = count(1)


def at(clock: str, day: int = 0) -> datetime:
    """That time of day, so many days after the first; "08:00", "08:00:30" or "08:00:00.001"."""
    return datetime.fromisoformat(f"2026-03-02T{clock}+00:00") + timedelta(days=day)


def event(type_: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    common = {"event_id": f"m{next(_ids):06d}", "order_id": "R1", "vehicle_id": "V1", "center_id": "C1"}
    return {**common, "type": type_, "occurred_at": at(clock, day).isoformat(), **fields}


def check_in(clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("check_in", clock, day, **{"customer_id": "K1", "lane": "standard", **fields})


def diagnosis(phase: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("diagnosis", clock, day, phase=phase, **fields)


def decision(approved: bool, clock: str, **fields: Any) -> dict[str, Any]:
    return event("quote_decision", clock, approved=approved, **fields)


def part(phase: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event(
        "part_request", clock, day, **{"phase": phase, "request_id": "Q1", "part_no": "P-1", "quantity": 1} | fields
    )


def repair(phase: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("repair", clock, day, **{"phase": phase, "job_id": "J1"} | fields)


def check(passed: bool, clock: str, **fields: Any) -> dict[str, Any]:
    return event("quality_check", clock, passed=passed, **fields)


def handoff(clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("handoff", clock, day, **fields)


def order_after(*events: dict[str, Any], now: datetime = EVENING) -> dict[str, Any]:
    return orders_of(events, now)["R1"]


def stages_of(order: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(name, f"{since:%H:%M}", until and f"{until:%H:%M}") for name, since, until in order["stages"]]


def minutes(order: dict[str, Any]) -> dict[str, float]:
    """Every duration that is not zero, in minutes."""
    return {name.removesuffix("_s"): value / 60 for name, value in order.items() if name.endswith("_s") and value}


def repaired_visit(**handoff_fields: Any) -> list[dict[str, Any]]:
    return [
        check_in("08:00", promised_at="2026-03-02T12:00:00+00:00", odometer_km=10_000),
        diagnosis("started", "08:20"),
        diagnosis("completed", "08:40", quote=QUOTE, fault_groups=["brakes", "battery"], fault_origin="product"),
        decision(True, "09:00"),
        repair("started", "09:10"),
        repair("completed", "10:10"),
        event("quality_check", "10:15", phase="started"),
        check(True, "10:25"),
        handoff("11:00", **handoff_fields),
    ]
