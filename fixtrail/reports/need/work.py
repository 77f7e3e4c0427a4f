"""How much work a car brings, for whom, and how long after its check-in: what turns arrivals into requests. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fixtrail.reports.need.slots import Floats, Instants, OpenSlots

# Who does which work; `reception` is work only where somebody said how long it takes.
ROLES: Mapping[str, Sequence[str]] = {
    "technician": ("diagnosis", "repair"),
    "inspector": ("quality",),
    "advisor": ("reception",),
}
# What a car asks for later than so many opening days after its check-in counts for the last of them.
_LONGEST_DAYS = 3
_MOST_SERVICES = 2000


@dataclass(frozen=True, slots=True)
class RoleWork:
    """What cars ask of one role: `requests` per car by lane and slots since check-in; `services`, seconds of each."""

    requests: Floats
    services: Floats


def opening_seconds(slots: OpenSlots, starts: Instants, ends: Instants) -> Floats:
    """How long the center was open between these instants."""
    return np.asarray((slots.opening_ms(ends) - slots.opening_ms(starts)) / 1000, np.float64)


def role_work(slots: OpenSlots, tasks: pd.DataFrame, cars: Floats, groups: Sequence[str]) -> RoleWork:
    """The work of a role from finished visits: `cars` of them by lane; tasks with lane, times and group."""
    chosen = tasks[tasks["activity"].isin(groups)]
    longest = _LONGEST_DAYS * slots.per_day
    offset = slots.index(_column(chosen, "requested_ms")) - slots.index(_column(chosen, "checked_in_ms"))
    requests = np.zeros((len(cars), longest))
    np.add.at(requests, (chosen["lane"].to_numpy(int), np.clip(offset, 0, longest - 1)), 1.0)
    services = opening_seconds(slots, _column(chosen, "started_ms"), _column(chosen, "ended_ms"))
    return RoleWork(requests / np.maximum(cars, 1.0)[:, None], spread_sample(services[services > 0]))


def reception_work(slots: OpenSlots, lanes: int, seconds: float) -> RoleWork:
    """Reception: one request of each car as it comes, always as long."""
    requests = np.zeros((lanes, slots.per_day))
    requests[:, 0] = 1.0
    return RoleWork(requests, np.array([seconds]))


def spread_sample(services: Floats) -> Floats:
    """At most 2,000 of these, evenly from the shortest to the longest."""
    ordered: Floats = np.sort(services)
    if len(ordered) <= _MOST_SERVICES:
        return ordered
    rows = np.linspace(0, len(ordered) - 1, _MOST_SERVICES).astype(int)
    return np.asarray(ordered[rows])


def requests_of(cars: Floats, work: RoleWork) -> Floats:
    """Requests of a role by day and slot, of cars by day, slot and lane; what a day leaves over is the next one's."""
    days, slots, lanes = cars.shape
    total = np.zeros(days * slots)
    for lane in range(lanes):
        total += np.convolve(cars[:, :, lane].ravel(), work.requests[lane])[: days * slots]
    return total.reshape(days, slots)


def _column(frame: pd.DataFrame, name: str) -> Instants:
    return np.asarray(frame[name], np.int64)
