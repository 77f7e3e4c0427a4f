"""What a run would have been with another stock-out rate, or without the quick lane. Pure.

The chance of it is drawn apart, so that the runs without the change are those of any other question.
"""

import random
from collections.abc import Iterator, Sequence

from fixtrail.reports.need.slots import SLOT_MS
from fixtrail.whatif.changes import QUICK, STANDARD, WhatIfChange
from fixtrail.whatif.donors import Donors, in_one_pool, without_quick_lane
from fixtrail.whatif.history import PastStep, PastVisit, WhatIfHistory
from fixtrail.whatif.runs import Delays, DrawnCar, DrawnRun, drawn_car

_SLOT_S = SLOT_MS / 1000


class Levers:
    """Changes runs of a history; `history` has the people and bays that the changed runs are played with."""

    def __init__(self, history: WhatIfHistory, change: WhatIfChange, delays: Delays, seed: int) -> None:
        self.history = history if change.has_quick_lane else without_quick_lane(history)
        self._change, self._delays = change, delays
        self._donors = Donors(history.visits)
        self._draw = random.Random(f"{seed}/levers")

    def changed(self, run: DrawnRun) -> DrawnRun:
        """The run with its cars as they would have been."""
        cars, days = run.cars, run.days
        if not self._change.has_quick_lane:
            cars = [self._in_standard_lane(car) for car in cars]
            days = [in_one_pool(day) for day in days]
        if self._change.stockout is not None:
            cars = list(self._with_stockouts(cars, self._change.stockout))
        return DrawnRun(cars, days)

    def _in_standard_lane(self, car: DrawnCar) -> DrawnCar:
        """A car of the quick lane as one of the same faults in the standard lane.

        Where the history has too few of these it keeps its work, and its delays are the standard lane's.
        """
        if car.visit.lane != QUICK:
            return car
        visits = self._donors.of_standard_lane(car.visit)
        return self._drawn(car, self._draw.choice(visits) if visits else self._with_standard_delays(car.visit))

    def _with_standard_delays(self, visit: PastVisit) -> PastVisit:
        return visit._replace(lane=STANDARD, steps=tuple(self._standard_step(step) for step in visit.steps))

    def _standard_step(self, step: PastStep) -> PastStep:
        stratum = (STANDARD, step.stratum[1]) if step.stratum is not None else None
        if stratum is None or stratum not in self._delays:
            return step
        return step._replace(low_s=-1.0, high_s=float("inf"), stratum=stratum)

    def _with_stockouts(self, cars: Sequence[DrawnCar], share: float) -> Iterator[DrawnCar]:
        """The cars with so many of their requests not on the shelf, by chance; and as many more or fewer come back."""
        requests, stockouts = sum(car.visit.requests for car in cars), sum(car.visit.stockouts for car in cars)
        share_before = stockouts / requests if requests else 0.0
        for car in cars:
            if car.visit.comes_for_part and share_before:
                yield from self._returns(car, share / share_before)
            else:
                yield self._with_parts(car, share_before, share)

    def _with_parts(self, car: DrawnCar, share_before: float, share: float) -> DrawnCar:
        """A car that a part now is missing for, or that all are there for, as such a car was."""
        visit = car.visit
        was_out = visit.stockouts > 0
        is_out = was_out
        if was_out and share < share_before:
            is_out = self._any_of(visit.stockouts, share / share_before)
        elif not was_out and share > share_before:
            is_out = self._any_of(visit.requests, (share - share_before) / (1 - share_before))
        if is_out == was_out or not visit.is_counted:
            return car
        return self._drawn(car, self._donors.with_parts(visit, is_out, self._draw))

    def _any_of(self, requests: int, chance: float) -> bool:
        return any(self._draw.random() < chance for _ in range(requests))

    def _returns(self, car: DrawnCar, times: float) -> Iterator[DrawnCar]:
        """A car that comes for a part that was not there, so many times as often; further ones a little beside it."""
        count = int(times + self._draw.random())
        if count:
            yield car
        for _ in range(count - 1):
            at_s = car.at_s + (self._draw.random() - 0.5) * _SLOT_S
            yield self._drawn(car, car.visit)._replace(at_s=at_s)

    def _drawn(self, car: DrawnCar, visit: PastVisit) -> DrawnCar:
        drawn = drawn_car(visit, car.at_s, car.day, self._delays, self._draw, car.comes_from)
        return drawn._replace(is_measured=car.is_measured)
