"""Simulated days: requests by chance, one queue, people on duty slot by slot. The same draws for every staff tried."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_SEED = 15


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the requests of a slot waited, by run of each day; nan where a run has fewer."""

    seconds: Floats

    def shares_beyond(self, longest_s: float) -> Floats:
        """By day the share that waited longer; 0 where nobody came."""
        n = (~np.isnan(self.seconds)).sum(axis=(1, 2))
        return np.asarray((self.seconds > longest_s).sum(axis=(1, 2)) / np.maximum(n, 1))


class SimulatedDays:
    """Runs of several days at once: `requests` expected by day and slot, `services` a sample of seconds."""

    def __init__(self, requests: Floats, services: Floats, slot_s: float, runs: int) -> None:
        draw = np.random.default_rng(_SEED)
        self.days, self.slots = requests.shape
        self.runs, self._slot_s = runs, slot_s
        self._day = np.repeat(np.arange(self.days), runs)
        self._arrivals: list[Floats] = []
        self._services: list[Floats] = []
        for slot in range(self.slots):
            count = draw.poisson(requests[self._day, slot])
            most = int(count.max(initial=0))
            at = np.where(np.arange(most) < count[:, None], draw.random((len(count), most)), np.inf)
            self._arrivals.append((slot + np.sort(at, axis=1)) * slot_s)
            self._services.append(draw.choice(services, (len(count), most)))

    def nobody_busy(self, people: int) -> Floats:
        """Since when each of so many people is free in each run: its beginning."""
        return np.zeros((len(self._day), max(1, people)))

    def waits(self, staff: Ints) -> list[Waits]:
        """The waits of the requests of each slot; those on duty in the last slot stay until the work is done."""
        free = self.nobody_busy(int(staff.max(initial=0)))
        return [self.serve(slot, free, staff) for slot in range(self.slots)]

    def serve(self, slot: int, free: Floats, staff: Ints) -> Waits:
        """Serve a slot's requests in their order. Changes `free`: since when each person is free."""
        people, rows = np.arange(free.shape[1]), np.arange(len(free))
        starts = duty_starts(staff, free.shape[1], self._slot_s)
        waits = np.full(self._arrivals[slot].shape, np.nan)
        for number, (arrival, service) in enumerate(zip(self._arrivals[slot].T, self._services[slot].T, strict=True)):
            chosen = np.flatnonzero(np.isfinite(arrival))
            at = arrival[chosen]
            ready = np.maximum(free[chosen], at[:, None])
            in_slot = np.minimum(ready / self._slot_s, self.slots - 1).astype(np.int64)
            begins = np.maximum(ready, starts[self._day[chosen, None], people, in_slot])
            person = begins.argmin(axis=1)
            begin = begins[rows[: len(chosen)], person]
            free[chosen, person] = begin + service[chosen]
            waits[chosen, number] = begin - at
        return Waits(waits.reshape(self.days, self.runs, -1))


def duty_starts(staff: Ints, people: int, slot_s: float) -> Floats:
    """By day, person and slot: since when, or from when on, the person is on duty; inf where no more."""
    days, slots = staff.shape
    starts = np.full((days, people, slots), np.inf)
    next_start = np.full((days, people), np.inf)
    for slot in range(slots - 1, -1, -1):
        next_start[np.arange(people) < staff[:, slot, None]] = slot * slot_s
        starts[:, :, slot] = next_start
    return starts
