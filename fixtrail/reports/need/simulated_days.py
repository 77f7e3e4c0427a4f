"""Simulated days: requests by chance, one queue, people on duty slot by slot. The same draws for every staff tried."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_SEED = 15


@dataclass(frozen=True, slots=True)
class SlotRequests:
    """The requests of a slot, of the runs that have any: those with most first. `at` and `services` have a row for
    each run's first, second … request, as long as so many runs have one."""

    runs: Ints
    at: tuple[Floats, ...]
    services: tuple[Floats, ...]

    def of(self, is_chosen: Bools) -> "SlotRequests":
        """Those of the chosen runs alone."""
        rows = is_chosen[self.runs]
        if rows.all():
            return self
        at, services = (tuple(row[rows[: len(row)]] for row in columns) for columns in (self.at, self.services))
        return SlotRequests(self.runs[rows], at, services)


@dataclass(frozen=True, slots=True)
class Served:
    """What became of a slot's requests: of these runs since when each person is free, and how long each waited."""

    runs: Ints
    free: Floats
    waits: tuple[Floats, ...]


class SimulatedDays:
    """Runs of several days at once: `requests` expected by day and slot, `services` a sample of seconds."""

    def __init__(self, requests: Floats, services: Floats, slot_s: float, runs: int) -> None:
        draw = np.random.default_rng(_SEED)
        self.days, self.slots = requests.shape
        self.runs, self.slot_s = runs, slot_s
        self._day = np.repeat(np.arange(self.days), runs)
        self._requests: list[SlotRequests] = []
        for slot in range(self.slots):
            count = draw.poisson(requests[self._day, slot])
            most = int(count.max(initial=0))
            at = np.where(np.arange(most) < count[:, None], draw.random((len(count), most)), np.inf)
            at, chosen = (slot + np.sort(at, axis=1)) * slot_s, draw.choice(services, (len(count), most))
            order = np.argsort(-count, kind="stable")
            sizes = [int((count > number).sum()) for number in range(most)]
            columns = [order[:size] for size in sizes]
            self._requests.append(
                SlotRequests(
                    order[: sizes[0] if sizes else 0],
                    tuple(at[rows, number] for number, rows in enumerate(columns)),
                    tuple(chosen[rows, number] for number, rows in enumerate(columns)),
                )
            )

    def nobody_busy(self, people: int) -> Floats:
        """Since when each of so many people is free in each run: its beginning."""
        return np.zeros((len(self._day), max(1, people)))

    def runs_of(self, is_open: Bools) -> Bools:
        """Whether each run is one of these days."""
        return is_open[self._day]

    def shares(self, staff: Ints, longest_s: float, is_open: Bools) -> Floats:
        """By day and slot the share that waits longer, of these days; who is on duty in the last slot stays."""
        people = max(1, int(staff.max(initial=0)))
        free, starts = self.nobody_busy(people), duty_starts(staff, people, self.slot_s)
        shares = np.zeros(staff.shape)
        for slot in range(self.slots):
            served = self.serve(slot, free, starts, is_open)
            free[served.runs] = served.free
            shares[:, slot] = self.shares_beyond(served, longest_s)
        return shares[is_open]

    def shares_beyond(self, served: Served, longest_s: float) -> Floats:
        """By day the share that waited longer; 0 where nobody came."""
        days = self._day[served.runs]
        n, beyond = np.zeros(self.days), np.zeros(self.days)
        for waits in served.waits:
            n += np.bincount(days[: len(waits)], minlength=self.days)
            beyond += np.bincount(days[: len(waits)][waits > longest_s], minlength=self.days)
        return np.asarray(beyond / np.maximum(n, 1))

    def serve(self, slot: int, free: Floats, starts: Floats, is_open: Bools) -> Served:
        """Serve a slot's requests of these days in their order.

        `free` says since when each person is free in each run, `starts` is that of duty_starts.
        """
        requests = self._requests[slot].of(self.runs_of(is_open))
        days, people = self._day[requests.runs], np.arange(free.shape[1])
        busy, numbers, waits = free[requests.runs], np.arange(len(requests.runs)), []
        ready = np.maximum(busy, starts[days[:, None], people, self._slot_of(busy, slot)])
        for at, services in zip(requests.at, requests.services, strict=True):
            rows = numbers[: len(at)]
            begins = np.maximum(ready[: len(at)], at[:, None])
            person = begins.argmin(axis=1)
            begin = begins[rows, person]
            done = begin + services
            busy[rows, person] = done
            ready[rows, person] = np.maximum(done, starts[days[: len(at)], person, self._slot_of(done, slot)])
            waits.append(begin - at)
        return Served(requests.runs, busy, tuple(waits))

    def _slot_of(self, at: Floats, first: int) -> Ints:
        """The slot of each instant: none before the first, none after the day's last."""
        return np.clip(at / self.slot_s, first, self.slots - 1).astype(np.int64)


def duty_starts(staff: Ints, people: int, slot_s: float) -> Floats:
    """By day, person and slot: since when, or from when on, the person is on duty; inf where no more."""
    starts = np.full((staff.shape[0], people, staff.shape[1]), np.inf)
    for slot in range(staff.shape[1] - 1, -1, -1):
        start_duty(starts, staff, slot, slot_s)
    return starts


def start_duty(starts: Floats, staff: Ints, slot: int, slot_s: float) -> None:
    """Change one slot of `starts` to the staff; later ones must be so already."""
    later = starts[:, :, slot + 1] if slot + 1 < starts.shape[2] else np.inf
    is_on_duty = np.arange(starts.shape[1]) < staff[:, slot, None]
    starts[:, :, slot] = np.where(is_on_duty, slot * slot_s, later)
