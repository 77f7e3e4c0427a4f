"""One simulated center: its people, bays and parts, its customers by the hour, and the feed of its events."""

import heapq
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import exp
from typing import Any, TypeVar

import simpy

from fixtrail.simulator.calendar import Calendar, OpenDay, improved_from_s
from fixtrail.simulator.fault_waves import arrivals, share_of_cars, wave_vehicle
from fixtrail.simulator.feed import Event, Feed, FeedOrder
from fixtrail.simulator.identity import Registry, SimulatedVehicle
from fixtrail.simulator.scenario import CenterProfile, FaultGroup, FaultWave, Lane, Scenario, ScenarioCenter, first_part
from fixtrail.simulator.stock import Stock
from fixtrail.simulator.voice import CustomerReactions
from schemas.times import DAY_S, HOUR_S

STEP_S = 6 * HOUR_S
# A vehicle that comes by itself comes after the 30 days in which it would count as a comeback.
SOONEST_RETURN_DAYS, LATEST_RETURN_DAYS = 45, 180
COMEBACK_DAYS = 27
# A day's customers are known this long before it: less than a vehicle stays away that comes by itself.
BOOKING_S = 7 * DAY_S
ADVISORS = ("王芳 Wang Fang", "李强 Li Qiang", "张敏 Zhang Min", "刘洋 Liu Yang", "陈静 Chen Jing", "赵磊 Zhao Lei")

T = TypeVar("T")
Steps = Generator[simpy.Event, Any, T]


@dataclass(frozen=True, slots=True)
class WorkshopContext:
    """A center's context in its run: its random streams and its neighbour depend on it."""

    run: str
    seed: int
    number: int
    center: ScenarioCenter
    neighbour: str | None
    partner: str | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a vehicle comes: with which faults, into which lane; a comeback knows its odometer of last time."""

    vehicle: SimulatedVehicle
    groups: tuple[FaultGroup, ...]
    lane: Lane
    center_id: str
    part_is_there: bool = False
    # Of a customer who booked before: the order that the booking opened.
    booking: FeedOrder | None = None
    last_odometer_km: int | None = None


class Workshop:
    """The center as its visits use it; `visit` is the SimPy process of one, from check-in to handoff."""

    def __init__(
        self,
        scenario: Scenario,
        context: WorkshopContext,
        start: datetime,
        days: int,
        visit: Callable[["Workshop", Reason], Steps[None]],
    ) -> None:
        center, self._visit = context.center, visit
        self.scenario, self.context, self.center = scenario, context, center
        self.env = simpy.Environment()
        self.end_s = days * DAY_S
        self.calendar = Calendar(center, start, days)
        # One stream for each subject, so that a change of one does not shuffle the others.
        self.draw = self._stream("visits")
        self._arrival_draw = self._stream("arrivals")
        traits = self._stream("traits")
        spread = scenario.spread
        self.slowness = _around_one(traits, spread.center_delays)
        self.technician_factors = _mean_one(
            [_around_one(traits, spread.technician_rework) for _ in range(scenario.crew.technicians)]
        )
        self.score_offset = traits.gauss(0, 1) * spread.center_score
        self.reactions = CustomerReactions(scenario.score, scenario.complaint, self.score_offset, self._stream("voice"))
        self.stock = Stock(scenario, center.load, self._stream("stock"))
        self.further = self._stream("further")
        further_feed = self._stream("further feed")
        self.feed = Feed(scenario.anomalies, start, self._stream("feed"), further_feed, context.neighbour)
        self._registry = Registry(context.run, context.number, center.id, scenario.work.english_share)
        self._waves = WaveCustomers(scenario, context.run, context.number, center.id, self._stream("fault waves"))
        self._improved_from_s = improved_from_s(scenario, center, start)
        crew = scenario.crew
        self.advisors = simpy.Resource(self.env, crew.advisors)
        self.inspectors = simpy.Resource(self.env, crew.inspectors)
        self.technicians = {
            "standard": _shelf_of(self.env, 1, crew.technicians),
            "quick": _shelf_of(self.env, crew.technicians + 1, crew.quick_technicians),
        }
        self.bays = {
            "standard": _shelf_of(self.env, 1, crew.bays),
            "quick": _shelf_of(self.env, crew.bays + 1, crew.quick_bays),
        }
        self._orders = self._received = 0
        self._returning: list[tuple[float, int, SimulatedVehicle]] = []
        self._groups = [group for group, _ in scenario.mix]
        self._group_weights = [share for _, share in scenario.mix]

    def events(self) -> Iterator[tuple[int, int, int, Event]]:
        """(arrival in ms since 1970, center, number, event) up to the end of the run, in order of arrival."""
        self.env.process(self._customers())
        if self._improved_from_s < self.end_s:
            self.env.process(self._change_over())
        now_s = 0.0
        while now_s < self.end_s:
            now_s = min(now_s + STEP_S, self.end_s)
            self.env.run(until=now_s)
            for arrived_ms, number, event in self.feed.arrived_before(now_s):
                yield arrived_ms, self.context.number, number, event

    def profile(self) -> CenterProfile:
        """How the center works now."""
        return self.scenario.improved if self.env.now >= self._improved_from_s else self.scenario.baseline

    def rework_factor(self, technician: int) -> float:
        """How much more often than others this technician's work has to be done again."""
        return self.technician_factors[technician - 1] if technician <= len(self.technician_factors) else 1.0

    def next_order_id(self) -> str:
        self._orders += 1
        return f"{self.context.run}-{self.center.id}-{self._orders:05}"

    def next_advisor(self) -> str:
        """Who takes the next customer on: the center's advisors take turns."""
        self._received += 1
        return ADVISORS[(self.context.number * 3 + self._received % self.scenario.crew.advisors) % len(ADVISORS)]

    def expect_back(self, reason: Reason, days: float) -> None:
        """The vehicle comes again for the same fault, in opening hours `days` from now or a little later."""
        self.env.process(self._comes_back(reason, days))

    def remember(self, vehicle: SimulatedVehicle) -> None:
        """The vehicle may come again by itself, in months."""
        days = SOONEST_RETURN_DAYS + self.draw.random() * (LATEST_RETURN_DAYS - SOONEST_RETURN_DAYS)
        heapq.heappush(self._returning, (self.env.now + days * DAY_S, self._orders, vehicle))

    def _stream(self, subject: str) -> random.Random:
        return random.Random(f"{self.context.seed}/{self.center.id}/{subject}")

    def _change_over(self) -> Steps[None]:
        yield self.env.timeout(max(self._improved_from_s, 0.0))
        self.stock.keep_levels_of(self.scenario.improved, self.calendar.working_day(self.env.now))

    def _customers(self) -> Steps[None]:
        """Arrivals: Poisson, with the rate of the hour and the weekday."""
        for day in self.calendar.days:
            known_s = max(day.opens_s - BOOKING_S, 0.0)
            if known_s >= self.end_s:
                return
            yield self.env.timeout(max(known_s - self.env.now, 0.0))
            for at_s, reason in self._customers_of(day):
                if at_s >= 0:
                    self.env.process(self._arrive(at_s, reason))

    def _customers_of(self, day: OpenDay) -> Iterator[tuple[float, Reason]]:
        draw = self._arrival_draw
        for begins_s, ends_s, rate in self._hours(day):
            at_s = begins_s
            while (at_s := at_s + draw.expovariate(rate)) < ends_s:
                yield at_s, self._drawn_reason(at_s)
            for at_s, vehicle, group in self._waves.between(begins_s, ends_s, rate):
                yield at_s, Reason(vehicle, (group,), "standard", self.center.id)

    def _arrive(self, at_s: float, reason: Reason) -> Steps[None]:
        """One customer: books, perhaps, and comes at `at_s`."""
        booked_s = self._booked_s(at_s)
        if booked_s is not None:
            yield self.env.timeout(booked_s - self.env.now)
            order = FeedOrder(self.next_order_id(), reason.vehicle.vehicle_id, reason.center_id, at_s)
            self._book(order, reason)
            reason = replace(reason, booking=order)
        yield self.env.timeout(at_s - self.env.now)
        yield from self._visit(self, reason)

    def _booked_s(self, at_s: float) -> float | None:
        """When the customer who comes at `at_s` booked; None for one who did not, or before all that is told."""
        service, draw = self.scenario.service, self.further
        ahead_s = 0.5 * HOUR_S + draw.expovariate(1.0) * service.appointment_hours * HOUR_S
        is_booked = draw.random() < service.appointment_share and at_s - ahead_s >= self.env.now
        return at_s - ahead_s if is_booked else None

    def _book(self, order: FeedOrder, reason: Reason) -> None:
        """Say the appointment, moved or taken back and made again at times, with the times that it was for."""
        service, draw = self.scenario.service, self.further
        booked_s, at_s = self.env.now, order.checked_in_s
        wish = {"contact": reason.vehicle.contact, "fault_groups": [group.name for group in reason.groups]}
        starts_at = self.feed.stamp(self.feed.next_five_minutes(at_s))
        chance, second_s = draw.random(), booked_s + (at_s - booked_s) * (0.1 + 0.6 * draw.random())
        if chance >= service.moved_share + service.rebooked_share:
            self.feed.say_further(order, "appointment", booked_s, phase="booked", starts_at=starts_at, **wish)
            return
        earlier = self.feed.stamp(self.feed.next_five_minutes(at_s - 2 * HOUR_S))
        self.feed.say_further(order, "appointment", booked_s, phase="booked", starts_at=earlier, **wish)
        if chance < service.moved_share:
            self.feed.say_further(order, "appointment", second_s, phase="moved", starts_at=starts_at, **wish)
            return
        self.feed.say_further(order, "appointment", second_s, phase="cancelled", starts_at=earlier)
        self.feed.say_further(order, "appointment", second_s + 60, phase="booked", starts_at=starts_at, **wish)

    def _hours(self, day: OpenDay) -> list[tuple[float, float, float]]:
        """(from, to, arrivals per second) for the hours of the day in which there are any."""
        arrivals = self.scenario.arrivals
        weights = [arrivals.by_weekday[weekday - 1] for weekday in self.center.weekdays]
        expected = arrivals.orders_per_day * self.center.load
        expected *= arrivals.by_weekday[day.weekday] * len(weights) / (sum(weights) or 1)
        last_s = day.closes_s - self.scenario.work.last_check_in_before_close_min * 60
        pieces: list[tuple[float, float, float]] = []
        begins_s, hour = day.opens_s, day.first_hour
        while begins_s < last_s:
            ends_s = min(begins_s + (int(hour) + 1 - hour) * HOUR_S, last_s)
            pieces.append((begins_s, ends_s, arrivals.by_hour[int(hour) % 24]))
            begins_s, hour = ends_s, float(int(hour) + 1)
        total = sum((ends_s - begins_s) * weight for begins_s, ends_s, weight in pieces)
        return [(b, e, weight * expected / total) for b, e, weight in pieces if total and weight * expected > 0]

    def _drawn_reason(self, at_s: float) -> Reason:
        draw, work = self._arrival_draw, self.scenario.work
        groups = draw.choices(self._groups, self._group_weights)
        lane: Lane = "standard"
        if draw.random() < work.second_fault_share:
            second = draw.choices(self._groups, self._group_weights)[0]
            if second.name != groups[0].name and second.origin == groups[0].origin:
                groups.append(second)
        chance = draw.random()
        if groups[0].quick_repair_min is not None and len(groups) == 1 and chance < work.quick_share:
            lane = "quick"
        return Reason(self._vehicle(at_s), tuple(groups), lane, self.center.id)

    def _vehicle(self, at_s: float) -> SimulatedVehicle:
        is_known = self._arrival_draw.random() < self.scenario.work.known_vehicle_share
        if is_known and self._returning and self._returning[0][0] <= at_s:
            return heapq.heappop(self._returning)[2]
        return self._registry.new_vehicle(at_s)

    def _comes_back(self, reason: Reason, days: float) -> Steps[None]:
        wanted_s = self.env.now + min(days, COMEBACK_DAYS) * DAY_S
        margin_s = self.scenario.work.last_check_in_before_close_min * 60
        day = self.calendar.at_or_after(wanted_s, margin_s)
        longest_s = max(day.closes_s - margin_s - day.opens_s, 60.0)
        at_s = wanted_s if wanted_s > day.opens_s else day.opens_s + self.draw.random() * longest_s
        if at_s < self.end_s:
            yield self.env.timeout(max(at_s - self.env.now, 0.0))
            yield self.env.process(self._visit(self, reason))


def _shelf_of(env: simpy.Environment, first: int, count: int) -> simpy.Store:
    store = simpy.Store(env)
    store.items.extend(range(first, first + count))
    return store


def _around_one(draw: random.Random, sd: float) -> float:
    """Log-normal with mean 1."""
    return exp(draw.gauss(0, 1) * sd - sd * sd / 2)


def _mean_one(values: list[float]) -> list[float]:
    mean = sum(values) / len(values)
    return [value / mean for value in values]


class WaveCustomers:
    """Draws from a stream of its own, and its cars have a registry of their own: who comes anyway is the same."""

    def __init__(self, scenario: Scenario, run: str, number: int, center_id: str, draw: random.Random) -> None:
        self._draw = draw
        self._registry = Registry(f"{run}-w", number, center_id, scenario.work.english_share)
        shares = {group.name: share for group, share in scenario.mix}
        self._waves: list[tuple[FaultWave, FaultGroup, float]] = [
            (wave, group, (wave.factor - 1) * shares.get(group.name, 0.0) * share_of_cars(wave, first_part(group)))
            for wave in scenario.fault_wave
            for group in scenario.groups_of(wave)
        ]

    def between(
        self, begins_s: float, ends_s: float, rate: float
    ) -> Iterator[tuple[float, SimulatedVehicle, FaultGroup]]:
        """(when, car, fault) of a stretch of a day in which `rate` customers a second come anyway."""
        for wave, group, share in self._waves:
            if begins_s >= wave.from_day * DAY_S:
                for at_s in arrivals(self._draw, begins_s, ends_s, rate * share):
                    yield at_s, wave_vehicle(self._registry, wave, first_part(group), at_s), group
