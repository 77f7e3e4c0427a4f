"""What simulated centers tell beside their orders: stocks, shifts, grades, the staff's answers and ideas, prices.

It draws from streams of its own, so the orders of a run are the same with it and without it.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fixtrail.simulator.calendar import Calendar, OpenDay, centers_of
from fixtrail.simulator.feed import Event
from fixtrail.simulator.run import run_tag
from fixtrail.simulator.scenario import Scenario, ScenarioCenter
from fixtrail.simulator.stock import demand_per_day, level_for
from schemas.times import DAY_S, HOUR_S, MINUTE_S, rfc3339

PLANNED_AHEAD_S = 7 * DAY_S
SURVEY_EVERY_DAYS, PRICES_EVERY_DAYS = 28, 90
LATE_SHARE, TWICE_SHARE = 0.02, 0.01
ABSENT_SHARE, ANSWER_SHARE = 0.04, 0.8
SUGGESTIONS_A_WEEK = 0.8
GRADES = ("junior", "senior", "master")
# (seconds from the start, type, its fields)
Telling = tuple[float, str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SimulatedEmployee:
    staff_id: str
    role: str


def reference_events(
    scenario: Scenario, seed: int, days: int, centers: int | None, start: datetime
) -> Iterator[tuple[datetime, Event]]:
    """(arrival, event) in order of arrival, from `start` for `days` times 24 hours; the same for the same arguments."""
    start = start.astimezone(UTC)
    run = run_tag(scenario, seed, start)
    chosen = centers_of(scenario, centers)
    desks = [_Desk(scenario, center, seed, days, start, run) for center in chosen]
    streams = [_arrivals(f"{run}-{desk.center.id}", desk.draw, desk.tellings(), days) for desk in desks]
    head = random.Random(f"{seed}/head office/reference")
    streams.append(_arrivals(f"{run}-all", head, _price_lists(scenario, days, start), days))
    for arrived_s, _, event in heapq.merge(*streams, key=lambda item: item[:2]):
        stamped = {**event, "occurred_at": _stamp(start, event["occurred_at"])}
        yield start + timedelta(seconds=arrived_s), stamped


def _arrivals(
    name: str, draw: random.Random, tellings: Iterator[Telling], days: int
) -> list[tuple[float, str, dict[str, Any]]]:
    """The events as they arrive: some late, some twice; what happens outside of the run is left out."""
    arrivals = []
    in_order = sorted(tellings, key=lambda telling: telling[0])
    for number, (at_s, kind, fields) in enumerate(in_order, 1):
        if not 0 <= at_s < days * DAY_S:
            continue
        event_id = f"{name}-ref-{number:06}"
        event = {"event_id": event_id, "type": kind, "occurred_at": at_s, **fields}
        delay_s = 30 * draw.expovariate(1.0) + (draw.random() < LATE_SHARE) * draw.random() * 12 * HOUR_S
        arrivals.append((at_s + delay_s, event_id, event))
        if draw.random() < TWICE_SHARE:
            arrivals.append((at_s + delay_s + HOUR_S * draw.random(), event_id, event))
    return sorted(arrivals, key=lambda arrival: arrival[:2])


def _stamp(start: datetime, at_s: float) -> str:
    return rfc3339(start + timedelta(milliseconds=int(at_s * 1000)))


class _Desk:
    """The back office of one center."""

    def __init__(
        self, scenario: Scenario, center: ScenarioCenter, seed: int, days: int, start: datetime, run: str
    ) -> None:
        self.scenario, self.center, self.days, self.start, self.run = scenario, center, days, start, run
        self.draw = random.Random(f"{seed}/{center.id}/reference")
        self.calendar = Calendar(center, start, days)
        self.staff = list(_staff(scenario, center.id))

    def tellings(self) -> Iterator[Telling]:
        """The reference events of the run, center by center."""
        for kind, tellings in (
            ("staff_grade", self._grades()),
            ("staff_shift", self._shifts()),
            ("stock_level", self._stocks()),
            ("staff_survey", self._answers()),
            ("suggestion", self._suggestions()),
        ):
            for at_s, fields in tellings:
                yield at_s, kind, {"center_id": self.center.id, **fields}

    def _grades(self) -> Iterator[tuple[float, dict[str, Any]]]:
        faults = [group.name for group, _ in self.scenario.mix]
        for person in self.staff:
            if person.role != "technician":
                continue
            grade = self.draw.choices(range(len(GRADES)), (4, 4, 2))[0]
            skills = sorted(self.draw.sample(faults, min(len(faults), 2 + 2 * grade)))
            first = self._day(0.0)
            yield 0.0, {"staff_id": person.staff_id, "grade": GRADES[grade], "skills": skills, "from": first}
            if grade + 1 < len(GRADES) and self.draw.random() < 0.15:
                at_s = self.days * DAY_S * self.draw.random()
                promoted = {"grade": GRADES[grade + 1], "skills": faults[: 4 + 2 * grade], "from": self._day(at_s)}
                yield at_s, {"staff_id": person.staff_id, **promoted}

    def _shifts(self) -> Iterator[tuple[float, dict[str, Any]]]:
        for day in self.calendar.days:
            for person in self.staff:
                # Everybody has one day of the week off.
                if (day.weekday + int(person.staff_id.rpartition("-")[2][1:])) % 7 != 6:
                    yield from self._shift(person, day)

    def _shift(self, person: SimulatedEmployee, day: OpenDay) -> Iterator[tuple[float, dict[str, Any]]]:
        staff = {"staff_id": person.staff_id, "role": person.role}
        planned = {**staff, "starts_at": _stamp(self.start, day.opens_s), "ends_at": _stamp(self.start, day.closes_s)}
        planned_s = day.opens_s - PLANNED_AHEAD_S
        # What was planned before the run began is told at its beginning.
        yield max(planned_s, min(1.0, day.opens_s)), {**planned, "phase": "planned"}
        if self.draw.random() < ABSENT_SHARE:
            yield day.opens_s - HOUR_S * (1 + 10 * self.draw.random()), {**planned, "phase": "cancelled"}
            return
        starts_s = day.opens_s + MINUTE_S * self.draw.gauss(0, 5)
        ends_s = day.closes_s + MINUTE_S * abs(self.draw.gauss(0, 20))
        worked = {**staff, "starts_at": _stamp(self.start, starts_s), "ends_at": _stamp(self.start, ends_s)}
        yield ends_s + MINUTE_S, {**worked, "phase": "actual"}

    def _stocks(self) -> Iterator[tuple[float, dict[str, Any]]]:
        """Every shelf is counted before the center opens."""
        work, profile = self.scenario.work, self.scenario.baseline
        levels = {
            part_no: (level_for(rate, work.replenishment_days, profile.stockout_share), rate)
            for part_no, rate in demand_per_day(self.scenario, profile, self.center.load).items()
        }
        for day in self.calendar.days:
            for part_no, (level, rate) in levels.items():
                on_order = min(level.pieces, _poisson(self.draw, rate * level.delivery_days))
                stock = {"part_no": part_no, "on_hand": level.pieces - on_order, "on_order": on_order}
                yield day.opens_s - HOUR_S, stock

    def _answers(self) -> Iterator[tuple[float, dict[str, Any]]]:
        mood = 70 + 8 * self.draw.gauss(0, 1)
        for first in range(0, self.days, SURVEY_EVERY_DAYS):
            number = 1 + first // SURVEY_EVERY_DAYS
            for person in self.staff:
                answered_s = (first + 2 + 5 * self.draw.random()) * DAY_S
                score = min(max(round(mood + number + 12 * self.draw.gauss(0, 1)), 0), 100)
                if self.draw.random() < ANSWER_SHARE:
                    respondent = f"r-{self.draw.getrandbits(48):012x}"
                    answer = {"role": person.role, "respondent_key": respondent, "score": score}
                    yield answered_s, {"round": f"round-{number}", **answer}

    def _suggestions(self) -> Iterator[tuple[float, dict[str, Any]]]:
        at_s, number = 0.0, 0
        while (at_s := at_s + self.draw.expovariate(SUGGESTIONS_A_WEEK / 7) * DAY_S) < self.days * DAY_S:
            number += 1
            about = {
                "suggestion_id": f"{self.run}-{self.center.id}-s{number}",
                "role": self.draw.choice(self.staff).role,
            }
            later_s = at_s
            for phase in _course(self.draw):
                yield later_s, {**about, "phase": phase}
                later_s += (1 + self.draw.expovariate(1 / 5)) * DAY_S

    def _day(self, at_s: float) -> str:
        return (self.start + timedelta(seconds=at_s)).date().isoformat()


def _staff(scenario: Scenario, center_id: str) -> Iterator[SimulatedEmployee]:
    """Who works in a center; technicians are called as in the events of its orders."""
    crew = scenario.crew
    numbers = (
        ("technician", crew.technicians + crew.quick_technicians),
        ("advisor", crew.advisors),
        ("inspector", crew.inspectors),
    )
    for role, number in numbers:
        for index in range(1, number + 1):
            yield SimulatedEmployee(f"{center_id}-{role[0]}{index}", role)


def _course(draw: random.Random) -> list[str]:
    """The course of a suggestion; some are never answered."""
    chance = draw.random()
    if chance < 0.15:
        return ["submitted"]
    if chance < 0.45:
        return ["submitted", "declined"]
    return ["submitted", "accepted", "adopted", "rewarded"][: 2 + draw.randrange(3)]


def _price_lists(scenario: Scenario, days: int, start: datetime) -> Iterator[Telling]:
    """The list of all centers, and a dearer one every quarter."""
    parts = {part.no: part for group, _ in scenario.mix for part in group.parts}
    for number, day in enumerate(range(0, days, PRICES_EVERY_DAYS)):
        dearer = 1 + 0.02 * number
        labour = [
            {"code": group.name, "name": group.labour or group.name, "standard_hours": round(group.repair_min / 60, 2)}
            for group, _ in scenario.mix
        ]
        listed = [
            {"part_no": part.no, "name": part.name or part.no, "price": round(part.price * dearer, 2)}
            for part in parts.values()
        ]
        valid_from: date = (start + timedelta(days=day)).date()
        prices = {"labour": labour, "parts": listed, "currency": scenario.work.currency}
        yield day * DAY_S, "price_list", {"valid_from": valid_from.isoformat(), **prices}


def _poisson(draw: random.Random, mean: float) -> int:
    """How many of a kind come in a while in which `mean` come on average."""
    count, gap = 0, draw.expovariate(1.0)
    while gap < mean:
        count += 1
        gap += draw.expovariate(1.0)
    return count
