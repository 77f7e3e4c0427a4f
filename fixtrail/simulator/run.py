"""A run: all centers of a scenario together, their events in the order in which they arrive."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2s

from fixtrail.simulator.calendar import centers_of
from fixtrail.simulator.feed import Event
from fixtrail.simulator.flow import visit_process
from fixtrail.simulator.scenario import Scenario, ScenarioCenter
from fixtrail.simulator.workshop import Workshop, WorkshopContext
from schemas.times import EPOCH


def simulate(
    scenario: Scenario, seed: int, days: int, centers: int | None, start: datetime
) -> Iterator[tuple[datetime, Event]]:
    """(arrival, event) in order of arrival, from `start` for `days` times 24 hours.

    The same arguments give the same events in every process. Each center draws from streams of its own: more
    centers or more days add events and change none. `centers` takes the first ones of the scenario, and invents
    further ones past its list. Orders that are open at the end stay open. `start` must have a time zone.
    """
    for arrived_ms, _, _, event in heapq.merge(
        *(shop.events() for shop in workshops(scenario, seed, days, centers, start))
    ):
        yield EPOCH + timedelta(milliseconds=arrived_ms), event


def workshops(scenario: Scenario, seed: int, days: int, centers: int | None, start: datetime) -> list[Workshop]:
    """The centers of a run, ready to open."""
    start = start.astimezone(UTC)
    run = run_tag(scenario, seed, start)
    chosen = centers_of(scenario, centers)
    return [
        Workshop(scenario, _context(run, seed, number, chosen), start, days, visit_process)
        for number in range(len(chosen))
    ]


def run_tag(scenario: Scenario, seed: int, start: datetime) -> str:
    """Six letters that begin every id of the run, so that two runs in one stack never share an order."""
    text = f"{scenario.name}/{seed}/{start.astimezone(UTC).isoformat()}"
    return blake2s(text.encode(), digest_size=3).hexdigest()


def _context(run: str, seed: int, number: int, centers: list[ScenarioCenter]) -> WorkshopContext:
    """Looks only at earlier centers, so that a center added at the end changes none of these."""
    center, earlier = centers[number], centers[:number]
    partners = [partner.id for partner in earlier if partner.wave == center.wave]
    return WorkshopContext(
        run=run,
        seed=seed,
        number=number,
        center=center,
        neighbour=earlier[-1].id if earlier else None,
        partner=partners[-1] if partners else None,
    )
