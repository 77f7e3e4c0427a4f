"""The history of a workshop by a queue written apart from the model: each lane has so many technicians, and who asks
first is served first. What it gives is what ClickHouse would answer `fixtrail whatif`.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pandas as pd

from fixtrail.reports.need.holidays import NO_HOLIDAYS
from fixtrail.reports.need.slots import open_slots
from fixtrail.whatif.history import WhatIfHistory, history_of
from fixtrail.whatif.records import CenterRecords, PlannedShift, records_of
from fixtrail.whatif.report import WhatIfAnswer
from schemas.centers import Center

FIRST, WEEKS = date(2026, 1, 5), 14
CENTER = Center(
    id="c1", name="c1", region="North", time_zone="UTC", opens="08:00", closes="18:00", weekdays=(1, 2, 3, 4, 5, 6)
)
OPEN_S, LAST_CHECK_IN_S = 8 * 3600.0, 7.5 * 3600.0


@dataclass(frozen=True, slots=True)
class Workshop:
    """Cars a day, technicians, and the car's own delays before diagnosis and repair, by (week, cars of the day).

    With `has_oil` every other car needs its oil changed; half of these go to the quick lane, where there is one, and
    their delays are a third there. A car that `asks_for_part` waits 6 min for it, and 90 min where it is not on the
    shelf (`stockout`).
    """

    technicians: int = 3
    cars_a_day: float = 16.0
    delay_min: Callable[[int, int], float] = lambda _week, _cars: 8.0
    names_technicians: bool = True
    weeks: int = WEEKS
    has_oil: bool = False
    quick_technicians: int = 0
    asks_for_part: float = 0.0
    stockout: float = 0.0
    # (technician, from, to) in hours after midnight of every open day.
    shifts: tuple[tuple[str, float, float], ...] = ()


@dataclass(slots=True)
class ServedCar:
    """A car on its way through the workshop: when its jobs began and ended (s), and who did them."""

    at: float
    own: list[float]
    work: list[float]
    is_oil: bool
    is_quick: bool
    part: float | None
    is_out: bool
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)


def answers(shop: Workshop, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """What the three queries of a history would answer."""
    visits, stages, touches = [], [], []
    for number, car in enumerate(_served(shop, seed)):
        order, starts, ends = {"order_id": f"o{number:05}", "vehicle_key": "v"}, car.starts, car.ends
        comes = [] if car.part is None else [ends[0] + car.part]
        times = [car.at, starts[0], ends[0], *comes, starts[1], ends[1]]
        names = ("reception", "diagnosis", *["parts"] * len(comes), "bay", "repair")
        runs = [(name, _ms(a), _ms(b)) for name, a, b in zip(names, times, times[1:], strict=False)]
        visits.append(
            order
            | {"lane": "quick" if car.is_quick else "standard", "status": "handed_off"}
            | {"fault_group": "oil" if car.is_oil else "brakes", "faults": 1, "comes_for_part": False}
            | {"part_requests": len(comes), "stockouts": int(car.is_out)}
            | {"checked_in_ms": _ms(car.at), "closed_ms": _ms(ends[1] + 300), "wait_s": _wait(car)}
        )
        stages.append(order | {"runs": [*runs, ("pickup", _ms(ends[1]), _ms(ends[1] + 300))]})
        for start, end, worker in zip(starts, ends, car.workers, strict=True):
            name = f"t{worker}" if shop.names_technicians else ""
            touches.append(order | {"technician": name, "bay": "", "started_ms": _ms(start), "ended_ms": _ms(end)})
    return pd.DataFrame(visits).sort_values("checked_in_ms"), pd.DataFrame(stages), pd.DataFrame(touches)


def records(shop: Workshop, seed: int) -> CenterRecords:
    last = FIRST + timedelta(days=7 * shop.weeks - 1)
    slots = open_slots("c1", CENTER, FIRST, last, NO_HOLIDAYS)
    assert slots is not None
    midnights = [pd.Timestamp(day, tz="UTC").timestamp() for day in slots.days]
    shifts = [PlannedShift(name, at + 3600 * a, at + 3600 * b) for at in midnights for name, a, b in shop.shifts]
    return replace(records_of(*answers(shop, seed), slots), shifts=shifts)


def history(shop: Workshop, seed: int) -> WhatIfHistory:
    return history_of(records(shop, seed))


def mean_wait(shop: Workshop, seed: int) -> float:
    """The mean wait of all its cars (s)."""
    waits = [_wait(car) for car in _served(shop, seed)]
    return sum(waits) / len(waits)


def holds(result: WhatIfAnswer, effect: float) -> bool:
    """Whether the interval of the change of the mean wait holds the true effect (s); not where there is no answer."""
    if result.effects is None:
        return False
    interval = result.effects.of["mean_s"].interval
    assert interval.low is not None and interval.high is not None
    return interval.low <= effect <= interval.high


def _wait(car: ServedCar) -> float:
    return car.starts[0] - car.at + car.starts[1] - car.ends[0]


def _served(shop: Workshop, seed: int) -> Iterator[ServedCar]:
    """Every car, in order of the end of its last job."""
    requests: list[tuple[float, int]] = []
    cars = _cars(shop, seed)
    for index, car in enumerate(cars):
        heapq.heappush(requests, (car.at + car.own[0], index))
    numbers = range(shop.technicians + shop.quick_technicians)
    free = {
        False: [(0.0, number) for number in numbers[: shop.technicians]],
        True: [(0.0, number) for number in numbers[shop.technicians :]],
    }
    while requests:
        asked_at, index = heapq.heappop(requests)
        car = cars[index]
        people = free[car.is_quick]
        idle, worker = min(people)
        job = len(car.starts)
        start = max(asked_at, idle)
        end = start + car.work[job]
        people[people.index((idle, worker))] = end, worker
        car.starts.append(start)
        car.ends.append(end)
        car.workers.append(worker)
        if job == 0:
            heapq.heappush(requests, (end + (car.part or 0.0) + car.own[1], index))
        else:
            yield car


def _cars(shop: Workshop, seed: int) -> list[ServedCar]:
    draw, faults = random.Random(f"{seed}/workshop"), random.Random(f"{seed}/faults")
    cars = []
    for at, mean_min in _arrivals(shop, random.Random(f"{seed}/arrivals")):
        is_oil = shop.has_oil and faults.random() < 0.5
        is_quick = is_oil and faults.random() < 0.5 and shop.quick_technicians > 0
        asks, is_out = faults.random() < shop.asks_for_part, faults.random() < shop.stockout
        own = [draw.expovariate(1 / (60 * mean_min)) / (3 if is_quick else 1) for _ in range(2)]
        work = [60 * draw.gammavariate(4, minutes / 4) for minutes in (12.0, 18.0 if is_oil else 58.0)]
        part = 60 * (faults.expovariate(1 / 90) if is_out else faults.expovariate(1 / 6)) if asks else None
        cars.append(ServedCar(at, own, work, is_oil, is_quick, part, asks and is_out))
    return cars


def _arrivals(shop: Workshop, draw: random.Random) -> Iterator[tuple[float, float]]:
    """(check-in, mean of the car's own delays in minutes)."""
    midnight = pd.Timestamp(FIRST, tz="UTC").timestamp()
    for number in range(7 * shop.weeks):
        if number % 7 == 6:
            continue
        at, times = 0.0, []
        while (at := at + draw.expovariate(shop.cars_a_day / LAST_CHECK_IN_S)) < LAST_CHECK_IN_S:
            times.append(midnight + number * 86_400 + OPEN_S + at)
        for at in times:
            yield at, shop.delay_min(number // 7, len(times))


def _ms(at: float) -> int:
    return round(at * 1000)
