"""A car whose part is there, or is missing, or that goes to the standard lane, becomes as such cars were."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from fixtrail.whatif.changes import QUICK, STANDARD, parse_changes
from fixtrail.whatif.delays import DelayDistribution
from fixtrail.whatif.donors import Donors
from fixtrail.whatif.history import PastStep, PastVisit, WhatIfHistory
from fixtrail.whatif.levers import Levers
from fixtrail.whatif.runs import DrawnRun, drawn_car
from tests.whatif_history import Workshop, history

FIFTEEN_MIN = 900.0
DELAYS = {(STANDARD, "first"): DelayDistribution((FIFTEEN_MIN,), (1.0,))}


def visit(work_s: float, stockouts: int = 0, lane: int = STANDARD, group: str = "oil", **about: bool) -> PastVisit:
    steps = (PastStep(60.0, 60.0, work_s, is_repair=True, stratum=(lane, "first")),)
    return PastVisit(lane, group, 0.0, 0, True, steps, 1, requests=1, stockouts=stockouts, **about)


def run_of(visits: Sequence[PastVisit]) -> DrawnRun:
    draw = random.Random(1)
    return DrawnRun([drawn_car(past, 0.0, 0, DELAYS, draw) for past in visits], [])


@pytest.fixture(scope="module")
def past() -> WhatIfHistory:
    return history(Workshop(weeks=2, cars_a_day=3.0), 1)


def changed(past: WhatIfHistory, change: str, visits: Sequence[PastVisit]) -> list[PastVisit]:
    levers = Levers(replace(past, visits=visits), parse_changes([change]), DELAYS, 1)
    return [car.visit for car in levers.changed(run_of(visits)).cars]


def test_a_car_whose_part_is_there_becomes_one_of_about_its_own_work():
    there, out = [visit(float(work)) for work in range(100)], visit(50.0, stockouts=1)
    donors, draw = Donors([*there, out]), random.Random(1)

    work = {donors.with_parts(out, is_out=False, draw=draw).work_s for _ in range(200)}

    assert work == set(map(float, range(46, 54)))


def test_with_nothing_out_of_stock_no_car_waits_for_a_part_that_is_not_there(past: WhatIfHistory):
    visits = [visit(float(n), stockouts=n % 4 == 0) for n in range(100)]

    assert not any(car.stockouts for car in changed(past, "stockout=0", visits))
    assert 35 <= sum(car.stockouts for car in changed(past, "stockout=0.5", visits)) <= 65
    assert 5 <= sum(car.stockouts for car in changed(past, "stockout=0.1", visits)) <= 17


def test_who_comes_again_for_a_part_does_so_as_much_less_or_more_often(past: WhatIfHistory):
    visits = [visit(float(n), stockouts=n % 2, comes_for_part=n % 5 == 0) for n in range(200)]

    def returns(change: str) -> int:
        return sum(car.comes_for_part for car in changed(past, change, visits))

    assert returns("stockout=0") == 0
    assert 12 <= returns("stockout=0.25") <= 28
    assert 60 <= returns("stockout=0.9") <= 84


def test_a_car_of_the_quick_lane_is_like_those_of_its_faults_in_the_standard_lane(past: WhatIfHistory):
    visits = [*(visit(600.0) for _ in range(8)), *(visit(240.0, lane=QUICK) for _ in range(8))]

    cars = changed(past, "quick_lane=off", visits)

    assert {(car.lane, car.work_s) for car in cars} == {(STANDARD, 600.0)}


def test_where_there_are_none_it_keeps_its_work_and_waits_as_cars_of_that_lane_do(past: WhatIfHistory):
    visits = [*(visit(600.0, group="brakes") for _ in range(8)), visit(240.0, lane=QUICK)]
    levers = Levers(replace(past, visits=visits), parse_changes(["quick_lane=off"]), DELAYS, 1)

    (step,) = levers.changed(run_of(visits)).cars[-1].steps

    assert (step.work_s, step.delay_s) == (240.0, FIFTEEN_MIN)


def test_without_a_lever_the_run_is_the_same(past: WhatIfHistory):
    run = run_of([visit(600.0), visit(240.0, lane=QUICK)])

    assert Levers(past, parse_changes(["technicians=+1"]), DELAYS, 1).changed(run) == run
