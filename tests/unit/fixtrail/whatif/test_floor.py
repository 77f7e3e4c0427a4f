"""The model's workshop serves who asks first, keeps a bay to the end of the visit, and queues as Erlang says."""

import random

import pytest

from fixtrail.reports.stats.queueing import erlang_c
from fixtrail.whatif.floor import Car, Floor, FloorStaff, FloorStep

MINUTE = 60.0
INFINITE = float("inf")


def waits(cars: list[Car], technicians: int, bays: float = INFINITE, until: float = 1e9) -> list[float]:
    staff = FloorStaff([(0.0, 0, technicians), (until, 0, 0), (1e10, 0, technicians)], [bays])
    return [wait / MINUTE for wait in Floor(cars, staff).run().waits]


def car(at_min: float, *steps: FloorStep) -> Car:
    last = max((number for number, step in enumerate(steps, 1) if step.work_s or not step.is_wait), default=0)
    return Car(at_min * MINUTE, 0, 0, steps, last)


def repair(minutes: float, delay_min: float = 0.0) -> FloorStep:
    return FloorStep(delay_min * MINUTE, minutes * MINUTE, is_repair=True)


def test_two_cars_and_one_technician():
    assert waits([car(0, repair(30)), car(10, repair(30))], technicians=1) == [0, 20]


def test_a_delay_of_its_own_runs_while_another_car_is_served():
    assert waits([car(0, repair(30)), car(10, repair(30, delay_min=15))], technicians=1) == [0, 20]
    assert waits([car(0, repair(30)), car(10, repair(30, delay_min=25))], technicians=1) == [0, 25]


def test_a_technician_more_helps_only_where_a_bay_is_free():
    cars = [car(0, repair(30)), car(0, repair(30))]

    assert waits(cars, technicians=2, bays=2) == [0, 0]
    assert waits(cars, technicians=2, bays=1) == [0, 30]


def test_a_car_keeps_its_bay_while_it_waits_for_a_part_and_is_checked():
    part, check = FloorStep(40 * MINUTE), FloorStep(5 * MINUTE, is_wait=False)
    first = car(0, repair(10), part, repair(10), check)

    assert waits([first, car(1, repair(10))], technicians=2, bays=1) == [40, 64]


def test_between_two_jobs_others_are_served_first():
    assert waits([car(0, repair(10), repair(10)), car(5, repair(20))], technicians=1) == [20, 5]


def test_who_comes_after_the_people_have_gone_waits_for_the_next_morning():
    staff = FloorStaff([(0.0, 0, 1), (600.0, 0, 0), (6000.0, 0, 1)], [INFINITE])
    floor = Floor([car(5, repair(30)), car(6, repair(30))], staff).run()

    assert floor.waits == [0, 6000 - 360]
    assert floor.is_done == [True, True]


def test_a_car_that_nobody_ever_serves_is_not_done():
    floor = Floor([car(0, repair(30))], FloorStaff([(0.0, 0, 0)], [INFINITE])).run()

    assert floor.is_done == [False]


def test_waits_are_those_of_erlangs_formula():
    """Poisson arrivals, exponential work, three technicians used to 80 %: mean wait C / (c − a) times the service."""
    draw, at, cars = random.Random(3), 0.0, []
    for _ in range(20_000):
        at += draw.expovariate(2.4 / 30)
        cars.append(car(at, repair(draw.expovariate(1 / 30))))
    expected = erlang_c(3, 2.4) * 30 / (3 - 2.4)

    drawn = waits(cars, technicians=3)

    assert sum(drawn) / len(drawn) == pytest.approx(expected, rel=0.15)
