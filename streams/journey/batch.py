"""The same facts as the stream gives, from all events at once: for files, for checks, for what-ifs."""

from collections.abc import Iterable, Iterator

from schemas.events import Event
from streams.journey.entries import Entry, entry_of
from streams.journey.facts import Fact, journey_fact
from streams.journey.first_time_fix import by_check_in, digest_of, first_time_fix
from streams.journey.vehicle import version
from streams.journey.visit import Visit, fold


def journey_facts(events: Iterable[Event], now: int | None = None) -> Iterator[Fact]:
    """One fact per order of all vehicles, by vehicle and order in order of appearance; memory grows with the events.

    A second event of a vehicle with the same id is passed over. Open orders run to `now` (ms), or to their last event.
    """
    vehicles: dict[str, dict[str, list[Entry]]] = {}
    seen: set[tuple[str, str]] = set()
    for event in events:
        if (known := (event.vehicle_id, event.event_id)) not in seen:
            seen.add(known)
            vehicles.setdefault(event.vehicle_id, {}).setdefault(event.order_id, []).append(entry_of(event))
    for vehicle_id, orders in vehicles.items():
        yield from vehicle_facts(vehicle_id, orders, now)


def vehicle_facts(vehicle_id: str, orders: dict[str, list[Entry]], now: int | None = None) -> Iterator[Fact]:
    """One fact per order of one vehicle, given the distinct entries of each."""
    visits: dict[str, Visit] = {order_id: fold(entries) for order_id, entries in orders.items()}
    digests = by_check_in(digest_of(order_id, visit) for order_id, visit in visits.items())
    linking = sum(visit.linking for visit in visits.values())
    for order_id, visit in visits.items():
        verdict = first_time_fix(order_id, visit, digests)
        yield journey_fact(order_id, vehicle_id, visit, verdict, version(visit, linking - visit.linking), now)
