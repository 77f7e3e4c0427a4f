"""Fault waves: from a day on the cars of a batch, model, build or software have a product's fault more often."""

import random
from collections.abc import Iterator, Sequence
from typing import Protocol

from fixtrail.simulator.identity import BUILDS, Registry, SimulatedVehicle, build_of, vehicle_number

# A maker's batches of one part; a car's number says which it has.
BATCHES = 40
_MOST_TRIES = 100_000


class Marks(Protocol):
    """The common marks of a wave's cars; None stands for any value."""

    batch: str | None
    model: str | None
    software: str | None
    built: str | None


def batch_of(part_no: str, vehicle_id: str) -> str:
    """The batch of this part that a car has, such as a maker prints on it."""
    return f"{part_no}-{vehicle_number(vehicle_id) % BATCHES:02}"


def share_of_cars(marks: Marks, part_nos: Sequence[str]) -> float:
    """The share of all cars that have these marks; `part_nos` are the parts whose batch it may be."""
    fitting = sum(_fits(marks, build, batch, part_nos) for build, batch in _kinds())
    return fitting / sum(1 for _ in _kinds())


def wave_vehicle(registry: Registry, marks: Marks, part_nos: Sequence[str], now_s: float) -> SimulatedVehicle:
    """A car with these marks, of which there must be some."""
    for _ in range(_MOST_TRIES):
        vehicle = registry.new_vehicle(now_s)
        number = vehicle_number(vehicle.vehicle_id) % BATCHES
        if _fits(marks, build_of(vehicle.vehicle_id), number, part_nos):
            return vehicle
    raise RuntimeError("no car has the marks of a fault wave")


def arrivals(draw: random.Random, begins_s: float, ends_s: float, rate: float) -> Iterator[float]:
    """Times of a Poisson process."""
    at_s = begins_s
    while rate > 0 and (at_s := at_s + draw.expovariate(rate)) < ends_s:
        yield at_s


def _fits(marks: Marks, build: dict[str, str], batch: int, part_nos: Sequence[str]) -> bool:
    wishes = {"model": marks.model, "software": marks.software, "built": marks.built}
    if any(wish is not None and build[name] != wish for name, wish in wishes.items()):
        return False
    return marks.batch is None or marks.batch in {f"{part_no}-{batch:02}" for part_no in part_nos}


def _kinds() -> Iterator[tuple[dict[str, str], int]]:
    """Every kind of car that there is, all as frequent as each other."""
    return ((build, number % BATCHES) for number, build in BUILDS)
