"""A visit of one order, event by event, for the independent computation."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle import orders_of
from tests.workshop import QUOTE, at, part, repair
from tests.workshop import checked_in as check_in
from tests.workshop import handed_off as handoff
from tests.workshop import sent as event

__all__ = ["QUOTE", "at", "check_in", "event", "handoff", "part", "repair"]

DAY = datetime(2026, 3, 2, tzinfo=UTC)
EVENING = DAY + timedelta(hours=20)


def diagnosis(phase: str, clock: str, day: int = 0, **fields: Any) -> dict[str, Any]:
    return event("diagnosis", clock, day, phase=phase, **fields)


def decision(approved: bool, clock: str, **fields: Any) -> dict[str, Any]:
    return event("quote_decision", clock, approved=approved, **fields)


def check(passed: bool, clock: str, **fields: Any) -> dict[str, Any]:
    return event("quality_check", clock, passed=passed, **fields)


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
