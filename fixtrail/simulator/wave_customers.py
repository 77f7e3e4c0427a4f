"""The customers whom a center's fault waves bring, beside those who come anyway."""

import random
from collections.abc import Iterator

from fixtrail.simulator.durations import DAY_S
from fixtrail.simulator.fault_waves import arrivals, share_of_cars, wave_vehicle
from fixtrail.simulator.identity import Registry, Vehicle
from fixtrail.simulator.scenario import FaultGroup, FaultWave, Scenario, first_part


class WaveCustomers:
    """Draws from a stream of its own, and its cars have a registry of their own: who comes anyway is the same."""

    def __init__(self, scenario: Scenario, run: str, number: int, center_id: str, draw: random.Random) -> None:
        self._draw = draw
        self._registry = Registry(f"{run}-w", number, center_id, scenario.work.english_share)
        shares = {group.name: share for group, share in scenario.mix}
        self._waves: list[tuple[FaultWave, FaultGroup, float]] = [
            (wave, group, (wave.factor - 1) * shares.get(group.name, 0.0) * share_of_cars(wave, first_part(group)))
            for wave in scenario.fault_wave
            for group in scenario.groups_of(wave)
        ]

    def between(self, begins_s: float, ends_s: float, rate: float) -> Iterator[tuple[float, Vehicle, FaultGroup]]:
        """(when, car, fault) of a stretch of a day in which `rate` customers a second come anyway."""
        for wave, group, share in self._waves:
            if begins_s >= wave.from_day * DAY_S:
                for at_s in arrivals(self._draw, begins_s, ends_s, rate * share):
                    yield at_s, wave_vehicle(self._registry, wave, first_part(group), at_s), group
