"""What the rules of the stream make of a log: the figures by which a mapping shows whether it is right."""

from collections import Counter
from collections.abc import Iterator
from statistics import fmean, median
from typing import Any
from zlib import crc32

from pydantic import BaseModel, ConfigDict

from schemas.events import Event
from schemas.order_key import OrderKey
from streams.journey.batch import vehicle_facts
from streams.journey.entries import Entry, entry_of
from streams.journey.facts import Fact

# Beyond so many events those of some vehicles only are folded, so that memory stays within some 200 MB.
MOST_EVENTS = 300_000


class JourneyFigures(BaseModel):
    """Of the orders of one vehicle in `one_vehicle_in`. Seconds are means and medians over the handed-off orders."""

    model_config = ConfigDict(frozen=True)

    one_vehicle_in: int
    orders: int
    handed_off: int
    cancelled: int
    open: int
    no_visit: int
    lead_mean_s: float | None
    lead_median_s: float | None
    wait_mean_s: float | None
    wait_median_s: float | None
    touch_mean_s: float | None
    promises: int
    promises_kept: int
    judged: int
    fixed_first_time: int
    not_fixed: dict[str, int]
    comebacks: int
    part_requests: int
    stockouts: int
    emergencies: int
    emergencies_in_time: int
    emergency_limit_s: float
    quick: int
    quick_in_time: int
    quick_limit_s: float
    surveys: int
    complaints: int
    anomalies: dict[str, int]


class ImportedJourneys:
    """Takes events in any order; `figures` folds them."""

    def __init__(self, emergency_limit_s: float, quick_limit_s: float, most_events: int = MOST_EVENTS) -> None:
        self._limits = emergency_limit_s, quick_limit_s
        self._most = most_events
        self._one_in = 1
        self._events = 0
        self._vehicles: dict[str, dict[OrderKey, list[Entry]]] = {}

    def add(self, event: Event) -> None:
        if not self._is_wanted(event.vehicle_id):
            return
        self._vehicles.setdefault(event.vehicle_id, {}).setdefault(event.order, []).append(entry_of(event))
        self._events += 1
        while self._events > self._most and len(self._vehicles) > 1:
            self._thin_out()

    def figures(self) -> JourneyFigures:
        return _figures(list(self._facts()), self._one_in, *self._limits)

    def _facts(self) -> Iterator[Fact]:
        for vehicle_id, orders in self._vehicles.items():
            yield from vehicle_facts(vehicle_id, orders)

    def _is_wanted(self, vehicle_id: str) -> bool:
        return crc32(vehicle_id.encode()) % self._one_in == 0

    def _thin_out(self) -> None:
        self._one_in *= 2
        self._vehicles = {name: orders for name, orders in self._vehicles.items() if self._is_wanted(name)}
        self._events = sum(len(entries) for orders in self._vehicles.values() for entries in orders.values())


def _figures(facts: list[Fact], one_in: int, emergency_limit_s: float, quick_limit_s: float) -> JourneyFigures:
    status = Counter(fact["status"] if fact["is_visit"] else "no_visit" for fact in facts)
    closed = [fact for fact in facts if fact["status"] == "handed_off" and fact["lead_s"] is not None]
    judged = [fact for fact in facts if fact["ftf"] is not None]
    promises = [fact for fact in facts if fact["ready_at"] is not None and fact["promised_at"] is not None]
    urgent = [part for fact in facts for part in fact["parts"] if part["emergency"]]
    quick = [fact for fact in facts if fact["lane"] == "quick" and fact["ready_at"] is not None]
    return JourneyFigures(
        one_vehicle_in=one_in,
        orders=len(facts),
        **{name: status[name] for name in ("handed_off", "cancelled", "open", "no_visit")},
        lead_mean_s=_mean(closed, "lead_s"),
        lead_median_s=_median(closed, "lead_s"),
        wait_mean_s=_mean(closed, "wait_s"),
        wait_median_s=_median(closed, "wait_s"),
        touch_mean_s=_mean(closed, "touch_s"),
        promises=len(promises),
        promises_kept=sum(fact["ready_at"] <= fact["promised_at"] for fact in promises),
        judged=len(judged),
        fixed_first_time=sum(fact["ftf"] for fact in judged),
        not_fixed=dict(Counter(fact["ftf_cause"] for fact in judged if not fact["ftf"]).most_common()),
        comebacks=sum(fact["comeback_order_id"] is not None for fact in facts),
        **{name: sum(fact[name] for fact in facts) for name in ("part_requests", "stockouts", "complaints")},
        emergencies=len(urgent),
        emergencies_in_time=sum(_is_in_time(part, emergency_limit_s) for part in urgent),
        emergency_limit_s=emergency_limit_s,
        quick=len(quick),
        quick_in_time=sum(fact["ready_at"] - fact["checked_in_at"] <= quick_limit_s * 1000 for fact in quick),
        quick_limit_s=quick_limit_s,
        surveys=sum(len(fact["surveys"]) for fact in facts),
        anomalies=dict(Counter(kind for fact in facts if fact["is_visit"] for kind in fact["anomalies"]).most_common()),
    )


def _is_in_time(part: dict[str, Any], limit_s: float) -> bool:
    requested, fulfilled = part["requested_at"], part["fulfilled_at"]
    return requested is not None and fulfilled is not None and fulfilled - requested <= limit_s * 1000


def _mean(facts: list[Fact], name: str) -> float | None:
    return fmean(fact[name] for fact in facts) if facts else None


def _median(facts: list[Fact], name: str) -> float | None:
    return median(fact[name] for fact in facts) if facts else None


def figure_lines(figures: JourneyFigures) -> list[str]:
    """The figures for a terminal, those that the log has something for."""
    sample = f" (of one vehicle in {figures.one_vehicle_in})" if figures.one_vehicle_in > 1 else ""
    lines = [
        f"journeys{sample}: {figures.orders:,} orders: {figures.handed_off:,} handed off, {figures.cancelled:,}"
        f" cancelled, {figures.open:,} open, {figures.no_visit:,} without a visit"
    ]
    if figures.lead_mean_s is not None:
        lines += [
            f"  lead, mean {_time(figures.lead_mean_s)}, median {_time(figures.lead_median_s)}",
            f"  wait, mean {_time(figures.wait_mean_s)}, median {_time(figures.wait_median_s)};"
            f" work, mean {_time(figures.touch_mean_s)}",
        ]
    shares = (
        ("promise kept", figures.promises_kept, figures.promises),
        ("fixed first time", figures.fixed_first_time, figures.judged),
        ("part requests out of stock", figures.stockouts, figures.part_requests),
        (
            f"emergency parts within {_time(figures.emergency_limit_s)}",
            figures.emergencies_in_time,
            figures.emergencies,
        ),
        (f"quick lane within {_time(figures.quick_limit_s)}", figures.quick_in_time, figures.quick),
    )
    lines += [f"  {name}: {count:,} of {n:,} ({100 * count / n:.1f} %)" for name, count, n in shares if n]
    lines += [f"  not fixed first time, {cause}: {count:,}" for cause, count in figures.not_fixed.items()]
    if figures.comebacks:
        lines.append(f"  comebacks: {figures.comebacks:,}")
    if figures.surveys or figures.complaints:
        lines.append(f"  surveys: {figures.surveys:,}, complaints: {figures.complaints:,}")
    for kind, count in figures.anomalies.items():
        lines.append(f"  anomaly {kind}: {count:,} orders")
    return lines


def _time(seconds: float | None) -> str:
    """1.5 d, 3.2 h, 45.0 min: in the unit that says it best."""
    if seconds is None:
        return "–"
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * unit or unit == 60:
            return f"{seconds / unit:,.4f} d" if name == "d" else f"{seconds / unit:,.1f} {name}"
    return ""
