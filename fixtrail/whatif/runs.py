"""Days played again: which cars come and what each needs, drawn from the history; then once with and once without.

All chance is drawn before a run. So the run with the change has the same cars, days and delays as the one without.
"""

import math
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from fixtrail.reports.need.slots import SLOT_MS
from fixtrail.whatif.changes import NO_CHANGE, WhatIfChange
from fixtrail.whatif.delays import DelayDistribution
from fixtrail.whatif.duty import PlayedDay
from fixtrail.whatif.floor import Car, Floor, FloorStaff, FloorStep
from fixtrail.whatif.history import Arrival, PastStep, PastVisit, Stratum, WhatIfHistory
from schemas.times import DAY_S

# A visit like another: of the same lane and fault where there are so many, and among so many nearest by time of day,
# or a quarter of all.
FEWEST_LIKE = 30
NEAREST = 40
FEWEST_NEAREST = 8
_SLOT_S = SLOT_MS / 1000
Delays = Mapping[Stratum, DelayDistribution]


class DrawnCar(NamedTuple):
    """A car that repeats a visit, with the delays that chance gave it."""

    at_s: float
    day: int
    visit: PastVisit
    steps: tuple[FloorStep, ...]
    # Comes only with these arrivals per car that came: 0.4 says that it comes when there are more than 40 % of them.
    comes_from: float
    is_measured: bool


@dataclass(frozen=True, slots=True)
class DrawnRun:
    cars: Sequence[DrawnCar]
    days: Sequence[PlayedDay]


@dataclass(frozen=True, slots=True)
class RunWaits:
    """Mean and 90th percentile of the waits of one run (s); on busy days the mean alone."""

    mean_s: float
    p90_s: float
    busy_s: float
    n: int


class Library:
    """Past visits to repeat, by lane, fault and time of day."""

    def __init__(self, visits: Iterable[PastVisit], opens_s: Mapping[int, float]) -> None:
        self._of: defaultdict[tuple[int, str | None], list[tuple[float, int, PastVisit]]] = defaultdict(list)
        for number, visit in enumerate(visits):
            entry = visit.at_s - opens_s[visit.day], number, visit
            self._of[visit.lane, visit.group].append(entry)
            self._of[visit.lane, None].append(entry)
        for entries in self._of.values():
            entries.sort(key=lambda entry: entry[:2])

    def like(self, lane: int, group: str, after_opening_s: float, draw: random.Random) -> PastVisit | None:
        """One like it, by chance; None where no visit of the lane has ended."""
        entries = self._of[lane, group]
        if len(entries) < FEWEST_LIKE:
            entries = self._of[lane, None]
        if not entries:
            return None
        middle = bisect_left(entries, after_opening_s, key=lambda entry: entry[0])
        nearest = min(NEAREST, max(len(entries) // 4, FEWEST_NEAREST), len(entries))
        first = min(max(middle - nearest // 2, 0), len(entries) - nearest)
        return entries[first + int(draw.random() * nearest)][2]


def drawn_car(
    visit: PastVisit, at_s: float, day: int, delays: Delays, draw: random.Random, comes_from: float = 0.0
) -> DrawnCar:
    """A car that repeats a visit, with delays drawn where only their bounds are known."""
    steps = tuple(
        FloorStep(
            step.high_s if step.low_s >= step.high_s else _delay(step, delays, draw),
            step.work_s,
            step.is_wait,
            step.is_repair,
        )
        for step in visit.steps
    )
    return DrawnCar(at_s, day, visit, steps, comes_from, visit.is_counted)


def _delay(step: PastStep, delays: Delays, draw: random.Random) -> float:
    return delays[step.stratum].between(step.low_s, step.high_s, draw) if step.stratum else step.high_s


def replayed(
    history: WhatIfHistory,
    arrivals: Sequence[Arrival],
    since_day: int,
    libraries: Mapping[int, Library],
    delays: Delays,
    draw: random.Random,
) -> DrawnRun:
    """The days of these arrivals as they were, each car with a visit like its own from the library of its week.

    Before `since_day` none counts.
    """
    cars = []
    for arrival in arrivals:
        opens_s, _ = history.records.hours(arrival.day)
        visit = libraries[history.week(arrival.day)].like(arrival.lane, arrival.group, arrival.at_s - opens_s, draw)
        if visit is not None:
            car = drawn_car(visit, arrival.at_s, arrival.day, delays, draw)
            cars.append(car._replace(is_measured=car.is_measured and arrival.day >= since_day))
    return DrawnRun(cars, history.duty.days[arrivals[0].day :])


def resampled(
    history: WhatIfHistory,
    of_day: Mapping[int, Sequence[PastVisit]],
    days: Sequence[int],
    delays: Delays,
    draw: random.Random,
    most_arrivals: float = 1.0,
) -> DrawnRun:
    """As many days as there were, each one of the same weekday drawn from the history, with its cars and people."""
    kinds: defaultdict[int, list[int]] = defaultdict(list)
    for day in days:
        kinds[history.records.slots.kinds[day]].append(day)
    cars: list[DrawnCar] = []
    played: list[PlayedDay] = []
    for day in days:
        source = draw.choice(kinds[history.records.slots.kinds[day]])
        shift_s = history.records.hours(day)[0] - history.records.hours(source)[0]
        played.append(tuple(presence.later(shift_s) for presence in history.duty.days[source]))
        for visit in of_day.get(source, ()):
            cars += _with_further(visit, visit.at_s + shift_s, day, delays, draw, most_arrivals)
    return DrawnRun(sorted(cars, key=lambda car: car.at_s), played)


def _with_further(
    visit: PastVisit, at_s: float, day: int, delays: Delays, draw: random.Random, most_arrivals: float
) -> Iterator[DrawnCar]:
    """The car, and those that come like it when there are more arrivals: a little earlier or later."""
    yield drawn_car(visit, at_s, day, delays, draw, draw.random())
    for number in range(1, math.ceil(most_arrivals)):
        moved_s = at_s + (draw.random() - 0.5) * _SLOT_S
        yield drawn_car(visit, moved_s, day, delays, draw, number + draw.random())


def play(history: WhatIfHistory, run: DrawnRun, change: WhatIfChange = NO_CHANGE) -> RunWaits:
    """The waits of a run, with a change or without."""
    arrivals = change.factor("arrivals")
    drawn = [car for car in run.cars if car.comes_from < arrivals]
    cars = [_changed(history, car, change) for car in drawn]
    floor = Floor(cars, staff_of(history, run.days, change)).run()
    measured = [number for number, car in enumerate(drawn) if car.is_measured and floor.is_done[number]]
    return waits_of([floor.waits[number] for number in measured], [drawn[number].day for number in measured])


def waits_of(waits: Sequence[float], days: Sequence[int]) -> RunWaits:
    """The figures of these waits, each with its day."""
    if not waits:
        return RunWaits(0.0, 0.0, 0.0, 0)
    values, numbers = np.asarray(waits), np.asarray(days)
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    busy = counts[inverse] >= np.quantile(counts, 2 / 3)
    return RunWaits(float(values.mean()), float(np.quantile(values, 0.9)), float(values[busy].mean()), len(values))


def staff_of(history: WhatIfHistory, days: Sequence[PlayedDay], change: WhatIfChange) -> FloorStaff:
    """The people and bays of these days; after the last one people stay until all is done."""
    technicians, bays = history.technicians, history.bays
    more = dict.fromkeys(technicians.of_lane, 0)
    more[technicians.of_lane[0]] += change.more("quick_technicians")
    more[technicians.of_lane[1]] += change.more("technicians")
    times = []
    for presence in chain(*days, *_weeks_after(days)):
        for pool, count in enumerate(presence.counts):
            staffed = max(count + more[pool], 0) if count else 0
            times += [(presence.starts_s, pool, staffed), (presence.ends_s, pool, 0)]
    empty = [float(bays.count(pool)) if bays.members else float("inf") for pool in range(1 + max(bays.of_lane))]
    empty[bays.of_lane[0]] += change.more("quick_bays")
    empty[bays.of_lane[1]] += change.more("bays")
    return FloorStaff(times, empty)


def _weeks_after(days: Sequence[PlayedDay]) -> Iterator[PlayedDay]:
    """The last week twice more, so that cars of the last day are finished as those of any other."""
    last = [day for day in days if day[0].starts_s > days[-1][0].starts_s - 6.5 * DAY_S]
    for weeks in (1, 2):
        shift_s = weeks * 7 * DAY_S
        for day in last:
            yield tuple(presence.later(shift_s) for presence in day)


def _changed(history: WhatIfHistory, car: DrawnCar, change: WhatIfChange) -> Car:
    steps = car.steps
    if change.factors:
        work = change.factor("work")
        steps = tuple(
            step._replace(delay_s=step.delay_s * change.factor(past.cause), work_s=step.work_s * work)
            for past, step in zip(car.visit.steps, car.steps, strict=True)
        )
    pool, bays = history.technicians.of_lane[car.visit.lane], history.bays.of_lane[car.visit.lane]
    return Car(car.at_s, pool, bays, steps, car.visit.leaves_bay)
