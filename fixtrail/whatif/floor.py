"""The workshop as the model has it: cars, technicians and bays, event by event. Pure, and without chance.

A car goes through its steps in order. For work it needs a technician of its pool, for a repair a bay of its lane, too,
which it keeps from the first repair to the end of its last work or check. Who asks first is served first.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class FloorStep(NamedTuple):
    """One step of a visit: `delay_s` passes whoever is free, `work_s` needs a technician.

    `is_wait` says whether the delay counts as a wait; `is_repair`, whether the work needs a bay.
    """

    delay_s: float
    work_s: float = 0.0
    is_wait: bool = True
    is_repair: bool = False


class Car(NamedTuple):
    """A car that comes at an instant (s), with the pool and the bays of its lane and all its steps."""

    at_s: float
    pool: int
    bays: int
    steps: tuple[FloorStep, ...]
    # After so many steps it leaves its bay.
    leaves_bay: int


@dataclass(frozen=True, slots=True)
class FloorStaff:
    """From which instants (s) on how many technicians of each pool are there; `bays`: how many of each lane's."""

    times: Sequence[tuple[float, int, int]]
    bays: Sequence[float]


@dataclass(slots=True)
class _Servers:
    """Some of a kind, those in use, and the cars that wait for one."""

    count: float
    busy: int = 0
    queue: deque[int] = field(default_factory=deque)

    def acquire(self) -> bool:
        """Whether one is free; it is in use from now on."""
        if self.busy < self.count:
            self.busy += 1
            return True
        return False

    def next_in_queue(self) -> int | None:
        """The car that gets one now, if one waits and one is free."""
        return self.queue.popleft() if self.queue and self.acquire() else None


_STAFF, _STEP, _READY, _DONE = range(4)


class Floor:
    """One run; `waits` has the wait of each car (s) in the order of `cars`, and `is_done` whether all of it passed."""

    def __init__(self, cars: Sequence[Car], staff: FloorStaff) -> None:
        self.cars = cars
        self.waits = [0.0] * len(cars)
        self.is_done = [False] * len(cars)
        pools = 1 + max((pool for _, pool, _ in staff.times), default=0)
        self._technicians = [_Servers(0) for _ in range(pools)]
        self._bays = [_Servers(count) for count in staff.bays]
        self._steps = [0] * len(cars)
        self._ready_s = [0.0] * len(cars)
        self._has_bay = [False] * len(cars)
        self._events: list[tuple[float, int, int, int]] = []
        self._staff = staff
        self._number = 0

    def run(self) -> "Floor":
        """Play it to the end of all that still can happen."""
        for index, (at_s, _, _) in enumerate(self._staff.times):
            self._push(at_s, _STAFF, index)
        for index, car in enumerate(self.cars):
            self._push(car.at_s, _STEP, index)
        handlers = (self._change_staff, self._begin_step, self._is_ready, self._work_done)
        while self._events:
            at_s, _, kind, index = heapq.heappop(self._events)
            handlers[kind](at_s, index)
        return self

    def _push(self, at_s: float, kind: int, index: int) -> None:
        self._number += 1
        heapq.heappush(self._events, (at_s, self._number, kind, index))

    def _change_staff(self, at_s: float, index: int) -> None:
        _, pool, count = self._staff.times[index]
        self._technicians[pool].count = count
        self._serve(at_s, pool)

    def _begin_step(self, at_s: float, index: int) -> None:
        car, number = self.cars[index], self._steps[index]
        if number >= car.leaves_bay and self._has_bay[index]:
            self._leave_bay(at_s, index)
        if number == len(car.steps):
            self.is_done[index] = True
            return
        step = car.steps[number]
        if step.is_wait:
            self.waits[index] += step.delay_s
        if step.delay_s:
            self._push(at_s + step.delay_s, _READY, index)
        else:
            self._is_ready(at_s, index)

    def _is_ready(self, at_s: float, index: int) -> None:
        car = self.cars[index]
        step = car.steps[self._steps[index]]
        if not step.work_s:
            self._steps[index] += 1
            self._begin_step(at_s, index)
            return
        self._ready_s[index] = at_s
        if step.is_repair and not self._has_bay[index]:
            bays = self._bays[car.bays]
            if not bays.acquire():
                bays.queue.append(index)
                return
            self._has_bay[index] = True
        self._ask_for_technician(at_s, index)

    def _ask_for_technician(self, at_s: float, index: int) -> None:
        technicians = self._technicians[self.cars[index].pool]
        if technicians.acquire():
            self._work(at_s, index)
        else:
            technicians.queue.append(index)

    def _work(self, at_s: float, index: int) -> None:
        self.waits[index] += at_s - self._ready_s[index]
        self._push(at_s + self.cars[index].steps[self._steps[index]].work_s, _DONE, index)

    def _work_done(self, at_s: float, index: int) -> None:
        pool = self.cars[index].pool
        self._technicians[pool].busy -= 1
        self._serve(at_s, pool)
        self._steps[index] += 1
        self._begin_step(at_s, index)

    def _leave_bay(self, at_s: float, index: int) -> None:
        bays = self._bays[self.cars[index].bays]
        self._has_bay[index] = False
        bays.busy -= 1
        if (car := bays.next_in_queue()) is not None:
            self._has_bay[car] = True
            self._ask_for_technician(at_s, car)

    def _serve(self, at_s: float, pool: int) -> None:
        while (car := self._technicians[pool].next_in_queue()) is not None:
            self._work(at_s, car)
