"""Simulated days: requests by chance, one queue, people on duty slot by slot. The same draws for every staff tried."""

from collections.abc import Sequence
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
        """The days of the chosen runs."""
        rows = is_chosen[self.runs]
        if rows.all():
            return self
        at, services = (tuple(row[rows[: len(row)]] for row in columns) for columns in (self.at, self.services))
        return SlotRequests(self.runs[rows], at, services)


@dataclass(frozen=True, slots=True)
class Served:
    """What became of a slot's requests: by person and run since when each is free, and how long each request waited."""

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
        # By slot and day: the requests of all its runs.
        self._counts = np.zeros((self.slots, self.days))
        for slot in range(self.slots):
            count = draw.poisson(requests[self._day, slot])
            self._counts[slot] = count.reshape(self.days, runs).sum(axis=1)
            most = int(count.max(initial=0))
            at, service = draw.random((len(count), most)), draw.integers(0, len(services), (len(count), most))
            # 16 bits: numpy sorts them by counting.
            order = np.argsort((most - count).astype(np.int16), kind="stable")
            sizes = (len(count) - np.bincount(count).cumsum())[:most].tolist()
            columns = [order[:size] for size in sizes]
            ascending = _sorted_across([at[rows, number] for number, rows in enumerate(columns)])
            self._requests.append(
                SlotRequests(
                    order[: sizes[0] if sizes else 0],
                    tuple((slot + column) * slot_s for column in ascending),
                    tuple(services[service[rows, number]] for number, rows in enumerate(columns)),
                )
            )

    def nobody_busy(self, people: int) -> Floats:
        """By person and run: since when each of so many people is free, which is the run's beginning."""
        return np.zeros((max(1, people), len(self._day)))

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
            free[:, served.runs] = served.free
            shares[:, slot] = self.shares_beyond(slot, served, longest_s)
        return shares[is_open]

    def shares_beyond(self, slot: int, served: Served, longest_s: float) -> Floats:
        """By day the share of a slot's requests that waited longer; 0 where nobody came."""
        days = self._day[served.runs]
        beyond = np.zeros(self.days)
        for waits in served.waits:
            beyond += np.bincount(days[np.flatnonzero(waits > longest_s)], minlength=self.days)
        return np.asarray(beyond / np.maximum(self._counts[slot], 1))

    def serve(self, slot: int, free: Floats, starts: Floats, is_open: Bools) -> Served:
        """Serve a slot's requests of these days in their order, each by who can begin first, or the first of these.

        `free` says by person and run since when each is free, `starts` is that of duty_starts.
        """
        requests = self._requests[slot].of(self.runs_of(is_open))
        n, duty, waits = len(requests.runs), starts.ravel(), []
        busy = free.take(requests.runs, axis=1)
        # Where in `duty` the slots of each run's first person are, and where in `free` each run is.
        of_run, numbers = self._day[requests.runs] * (len(free) * self.slots), np.arange(n)
        # Who is on duty in none of these days, now or later, is not asked.
        on_duty = max(1, int(np.isfinite(starts[is_open, :, slot]).any(axis=0).sum()))
        people, since_s = np.arange(on_duty)[:, None] * self.slots, np.maximum(busy[:on_duty], slot * self.slot_s)
        ready = np.maximum(busy[:on_duty], duty[of_run + people + self._slot_of(since_s)])
        for at, services in zip(requests.at, requests.services, strict=True):
            size = len(at)
            begin, person = _first_to_begin(ready[:, :size], at)
            done, cells = begin + services, person * n + numbers[:size]
            busy.ravel()[cells] = done
            since = duty[of_run[:size] + person * self.slots + self._slot_of(done)]
            ready.ravel()[cells] = np.maximum(done, since)
            waits.append(begin - at)
        return Served(requests.runs, busy, tuple(waits))

    def _slot_of(self, at: Floats) -> Ints:
        """The slot of each instant: none after the day's last."""
        return np.asarray(np.minimum(at / self.slot_s, self.slots - 1), np.int64)


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


def _sorted_across(columns: Sequence[Floats]) -> list[Floats]:
    """The columns with each row's values in ascending order; a column is as long as so many rows have it."""
    ascending: list[Floats] = []
    for column in columns:
        rest = column
        for earlier in ascending:
            head = earlier[: len(rest)]
            rest, head[:] = np.maximum(head, rest), np.minimum(head, rest)
        ascending.append(rest)
    return ascending


def _first_to_begin(ready: Floats, at: Floats) -> tuple[Floats, Ints]:
    """Of requests at these times: when each begins, and with which person, the first of those who can."""
    begin, person = np.maximum(ready[0], at), np.zeros(len(at), np.int64)
    for number in range(1, len(ready)):
        later = np.maximum(ready[number], at)
        np.copyto(person, number, where=later < begin)
        np.minimum(begin, later, out=begin)
    return begin, person
