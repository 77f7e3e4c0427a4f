"""How many people days need, slot by slot: Erlang's C as first answer, corrected by simulating the days. Pure.

A job that lasts longer than a slot is work of the next one, too. So the work that is in hand (requests of earlier
slots included: Jennings, Mandelbaum, Massey and Whitt 1996) takes the place of the work that comes in. The formula
takes jobs for exponential and the load for steady; the staff is then changed until the simulated day holds (after
Feldman and others 2008).
"""

from dataclasses import dataclass

import numpy as np

from fixtrail.reports.need.simulated_days import Bools, Floats, Ints, SimulatedDays, duty_starts, start_duty
from fixtrail.reports.stats.queueing import servers_needed

SLOT_S = 1800.0
# Each day is simulated so often that about so many requests come in a busy slot: a share of 20 % is then known to
# within 3 points.
REQUESTS = 3000
_FEWEST_RUNS, _MOST_RUNS = 150, 2000
# A slot with less work in hand than this needs nobody: nobody would notice.
LEAST_WORK = 0.01
_STARTS = 16
_TRIES = 6
_MORE_PEOPLE = 2


@dataclass(frozen=True, slots=True)
class WaitLimit:
    """At most `share` of requests may wait longer than `longest_s`."""

    longest_s: float = 900.0
    share: float = 0.20


@dataclass(frozen=True, slots=True)
class Need:
    """By day and slot: people needed, Erlang's first answer, and the share that waits too long with those needed."""

    staff: Ints
    erlang: Ints
    too_long: Floats


def needs_of(requests: Floats, services: Floats, limit: WaitLimit) -> Need:
    """The people that days need, from expected requests by day and slot and a sample of how long jobs take (s)."""
    first = erlang_need(requests, services, limit, SLOT_S)
    if not first.any():
        return Need(first, first, np.zeros(first.shape))
    days = SimulatedDays(requests, services, SLOT_S, runs_of(requests))
    staff, too_long = corrected(days, first, limit)
    return Need(staff, first, too_long)


def runs_of(requests: Floats) -> int:
    """How often a day is simulated: the more often, the fewer requests come in the slot of a usual one."""
    usual = float((requests**2).sum() / requests.sum())
    return int(np.clip(np.ceil(REQUESTS / usual), _FEWEST_RUNS, _MOST_RUNS))


def work_in_hand(requests: Floats, services: Floats, slot_s: float = SLOT_S) -> Floats:
    """The mean number of jobs that would be going on in each slot of each day if nobody ever waited."""
    slots = requests.shape[1]
    starts = (np.arange(_STARTS) + 0.5) / _STARTS * slot_s
    edges = np.arange(slots + 1) * slot_s
    # How much of a job is done by each edge when it began within slot 0.
    passed = np.maximum(edges[:, None] - starts, 0.0)
    done = np.array([np.minimum(services[:, None], row).mean() for row in passed])
    share = np.diff(done) / slot_s
    return np.array([np.convolve(day, share)[:slots] for day in requests])


def erlang_need(requests: Floats, services: Floats, limit: WaitLimit, slot_s: float = SLOT_S) -> Ints:
    """People needed in each slot by Erlang's C, of the work in hand."""
    staff = np.zeros(requests.shape, np.int64)
    if len(services):
        mean_s = float(services.mean())
        for cell, load in np.ndenumerate(work_in_hand(requests, services, slot_s)):
            if load > LEAST_WORK:
                staff[cell] = servers_needed(float(load), mean_s, limit.longest_s, limit.share)
    return staff


def corrected(days: SimulatedDays, first: Ints, limit: WaitLimit) -> tuple[Ints, Floats]:
    """The smallest staff with which of each slot no more wait too long than may, and the shares that then do.

    Slot by slot from the first on; those that need nobody by the first answer stay so. Days have nothing to do with
    each other: only those that do not hold are served again.
    """
    staff, people = first.copy(), int(first.max(initial=0)) + _MORE_PEOPLE
    free, starts = days.nobody_busy(people), duty_starts(staff, people, days.slot_s)
    for slot in range(staff.shape[1]):
        staff[:, slot] = np.maximum(staff[:, slot] - 1, 0)
        _hold_slot(days, slot, staff, free, starts, limit, first[:, slot] > 0)
    shares, is_open = np.ones(staff.shape), np.ones(len(staff), np.bool_)
    for _ in range(_TRIES):
        # Those who still wait at the end of a slot are served by the people of the next ones.
        shares[is_open] = days.shares(staff, limit.longest_s, is_open)
        exceeds = (shares > limit.share) & (first > 0)
        is_open = np.asarray(exceeds.any(axis=1))
        if not is_open.any():
            return staff, shares
        staff = staff + exceeds
    shares[is_open] = days.shares(staff, limit.longest_s, is_open)
    return staff, shares


def _hold_slot(
    days: SimulatedDays, slot: int, staff: Ints, free: Floats, starts: Floats, limit: WaitLimit, has_work: Bools
) -> None:
    """Add people to a slot until no more wait too long than may. Changes `staff`, `free` and `starts`."""
    is_open, last = np.ones(len(staff), np.bool_), _TRIES - 1
    for attempt in range(_TRIES):
        start_duty(starts, staff, slot, days.slot_s)
        served = days.serve(slot, free, starts, is_open)
        exceeds = is_open & has_work & (days.shares_beyond(slot, served, limit.longest_s) > limit.share)
        # The last try is what goes on, though its staff grows once more.
        ends = days.runs_of(is_open & (~exceeds if attempt < last else True))[served.runs]
        free[:, served.runs[ends]] = served.free[:, ends]
        staff[exceeds, slot] += 1
        is_open = exceeds
        if not is_open.any():
            return
