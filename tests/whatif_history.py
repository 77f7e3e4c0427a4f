"""The history of a workshop by a queue written apart from the model: one lane, so many technicians, who asks first is
served first. What it gives is what ClickHouse would answer `fixtrail whatif`.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from fixtrail.reports.need.holidays import NO_HOLIDAYS
from fixtrail.reports.need.slots import open_slots
from fixtrail.whatif.history import History, history_of
from fixtrail.whatif.records import CenterRecords, records_of
from schemas.centers import Center

FIRST, WEEKS = date(2026, 1, 5), 14
CENTER = Center(
    id="c1", name="c1", region="North", time_zone="UTC", opens="08:00", closes="18:00", weekdays=(1, 2, 3, 4, 5, 6)
)
OPEN_S, LAST_CHECK_IN_S = 8 * 3600.0, 7.5 * 3600.0


@dataclass(frozen=True, slots=True)
class Workshop:
    """Cars a day, technicians, and the car's own delays before diagnosis and repair, by (week, cars of the day)."""

    technicians: int = 3
    cars_a_day: float = 16.0
    delay_min: Callable[[int, int], float] = lambda _week, _cars: 8.0
    names_technicians: bool = True
    weeks: int = WEEKS


def answers(shop: Workshop, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """What the three queries of a history would answer."""
    visits, stages, touches = [], [], []
    for number, (at, starts, ends, workers) in enumerate(_served(shop, seed)):
        order = f"o{number:05}"
        times = [at, starts[0], ends[0], starts[1], ends[1]]
        names = ("reception", "diagnosis", "bay", "repair")
        runs = [(name, _ms(a), _ms(b)) for name, a, b in zip(names, times, times[1:], strict=False)]
        wait_s = starts[0] - at + starts[1] - ends[0]
        visits.append(
            {"order_id": order, "lane": "standard", "status": "handed_off", "fault_group": "brakes", "wait_s": wait_s}
            | {"checked_in_ms": _ms(at), "closed_ms": _ms(ends[1] + 300)}
            | {"faults": 1, "part_requests": 0, "stockouts": 0, "comes_for_part": False}
        )
        stages.append({"order_id": order, "runs": [*runs, ("pickup", _ms(ends[1]), _ms(ends[1] + 300))]})
        for start, end, worker in zip(starts, ends, workers, strict=True):
            name = f"t{worker}" if shop.names_technicians else ""
            touches.append(
                {"order_id": order, "technician": name, "bay": "", "started_ms": _ms(start), "ended_ms": _ms(end)}
            )
    return pd.DataFrame(visits).sort_values("checked_in_ms"), pd.DataFrame(stages), pd.DataFrame(touches)


def records(shop: Workshop, seed: int) -> CenterRecords:
    last = FIRST + timedelta(days=7 * shop.weeks - 1)
    slots = open_slots("c1", CENTER, FIRST, last, NO_HOLIDAYS)
    assert slots is not None
    return records_of(*answers(shop, seed), slots)


def history(shop: Workshop, seed: int) -> History:
    return history_of(records(shop, seed))


def mean_wait(shop: Workshop, seed: int) -> float:
    """The mean wait of all its cars (s)."""
    return float(answers(shop, seed)[0]["wait_s"].mean())


def _served(shop: Workshop, seed: int) -> Iterator[tuple[float, list[float], list[float], list[int]]]:
    """(check-in, starts of its two jobs, their ends, who did them) of every car, in order of its last job."""
    draw = random.Random(f"{seed}/workshop")
    requests: list[tuple[float, int]] = []
    cars: list[dict[str, Any]] = []
    for at, mean_min in _arrivals(shop, random.Random(f"{seed}/arrivals")):
        own = [draw.expovariate(1 / (60 * mean_min)) for _ in range(2)]
        work = [60 * draw.gammavariate(4, minutes / 4) for minutes in (12.0, 58.0)]
        cars.append({"at": at, "own": own, "work": work, "starts": [], "ends": [], "workers": []})
        heapq.heappush(requests, (at + own[0], len(cars) - 1))
    free = [(0.0, number) for number in range(shop.technicians)]
    while requests:
        asked, index = heapq.heappop(requests)
        car = cars[index]
        idle, worker = min(free)
        job = len(car["starts"])
        start = max(asked, idle)
        end = start + car["work"][job]
        free[free.index((idle, worker))] = end, worker
        car["starts"].append(start)
        car["ends"].append(end)
        car["workers"].append(worker)
        if job == 0:
            heapq.heappush(requests, (end + car["own"][1], index))
        else:
            yield car["at"], car["starts"], car["ends"], car["workers"]


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
