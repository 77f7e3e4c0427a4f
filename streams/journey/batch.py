"""The facts of the stream computed from all events at once: for files and for checks."""

from collections import Counter
from collections.abc import Iterable, Iterator

from schemas.events import Event
from schemas.order_key import OrderKey
from streams.journey.as_of import is_never_closed
from streams.journey.entries import Entry, entry_of
from streams.journey.facts import Fact, is_of_no_vehicle, journey_fact
from streams.journey.first_time_fix import by_check_in, digest_of, first_time_fix
from streams.journey.vehicle import version
from streams.journey.visit import Visit, fold


def journey_facts(events: Iterable[Event], now: int | None = None) -> Iterator[Fact]:
    """One fact per order of all vehicles, by vehicle and order in order of appearance; memory grows with the events.

    A second event of an order with the same id is passed over. Open orders run to `now` (ms), or to their last event.
    """
    for vehicle_id, orders in _entries_of(events).items():
        yield from vehicle_facts(vehicle_id, orders, now)


def shown_facts(events: Iterable[Event], now: int) -> Iterator[Fact]:
    """The facts as view `orders` shows them: with the anomalies that no vehicle knows for itself.

    `vehicle_changed`: the order is known under another vehicle, too. `never_closed`: open, and without any event for 30
    days at `now`. An order that was moved to its right vehicle is not shown as one of the wrong one.
    """
    facts = [fact for fact in journey_facts(events, now) if not is_of_no_vehicle(fact)]
    vehicles = Counter(OrderKey.of(fact) for fact in facts)
    for fact in facts:
        marks = {"vehicle_changed": vehicles[OrderKey.of(fact)] > 1, "never_closed": is_never_closed(fact, now)}
        yield fact | {"anomalies": sorted([*fact["anomalies"], *(mark for mark, holds in marks.items() if holds)])}


def _entries_of(events: Iterable[Event]) -> dict[str, dict[OrderKey, list[Entry]]]:
    """The distinct entries of every order of every vehicle."""
    vehicles: dict[str, dict[OrderKey, list[Entry]]] = {}
    identities: set[tuple[str, OrderKey, str]] = set()
    for event in events:
        order = event.order
        if (identity := (event.vehicle_id, order, event.event_id)) not in identities:
            identities.add(identity)
            vehicles.setdefault(event.vehicle_id, {}).setdefault(order, []).append(entry_of(event))
    return vehicles


def vehicle_facts(vehicle_id: str, orders: dict[OrderKey, list[Entry]], now: int | None = None) -> Iterator[Fact]:
    """One fact per order of one vehicle, given the distinct entries of each."""
    visits: dict[OrderKey, Visit] = {order: fold(entries) for order, entries in orders.items()}
    digests = by_check_in(digest_of(order, visit) for order, visit in visits.items())
    linking = sum(visit.linking for visit in visits.values())
    for order, visit in visits.items():
        verdict = first_time_fix(order, visit, digests)
        yield journey_fact(order, vehicle_id, visit, verdict, version(visit, linking - visit.linking), now)
