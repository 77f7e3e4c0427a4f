"""The parts store of a center: one-for-one replenishment, with levels that give the wanted share of stock-outs."""

import heapq
import random
from dataclasses import dataclass, field

from fixtrail.simulator.scenario import CenterProfile, Scenario


def erlang_loss(level: int, load: float) -> float:
    """Share of requests that find nothing on the shelf, of `level` pieces with `load` of them on order on average.

    Erlang's B formula: a piece taken comes back from the supplier after a while, and a request that finds
    nothing is met from elsewhere. It holds whatever the delivery times look like (Erlang 1917).
    """
    loss = 1.0
    for pieces in range(1, level + 1):
        loss = load * loss / (pieces + load * loss)
    return loss


def load_for(level: int, loss: float) -> float:
    """The mean number on order at which `level` pieces run out for `loss` of the requests."""
    low, high = 0.0, level / (1 - loss) + 1
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if erlang_loss(level, middle) < loss else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True, slots=True)
class Level:
    """How many pieces of a part a center holds, and how many working days the supplier takes for one."""

    pieces: int
    delivery_days: float


def level_for(demand_per_day: float, replenishment_days: float, loss: float) -> Level:
    """The most pieces with which deliveries may take `replenishment_days` at most, one at least.

    The days are then shortened until stock-outs happen for `loss` of the requests.
    """
    on_order = demand_per_day * replenishment_days
    pieces, loss_share = 0, 1.0
    while (loss_share := on_order * loss_share / (pieces + 1 + on_order * loss_share)) >= loss:
        pieces += 1
    pieces = max(pieces, 1)
    return Level(pieces, load_for(pieces, loss) / demand_per_day)


def demand_per_day(scenario: Scenario, profile: CenterProfile, load: float) -> dict[str, float]:
    """Requests a day by part number, as the scenario's shares let expect."""
    work = scenario.work
    reaches = (1 - work.cancelled_share) * (1 - work.declined_share * (1 - work.quick_share / 2))
    orders = scenario.arrivals.orders_per_day * load * (1 + profile.comeback_share) * reaches
    origins = {group.origin: 0.0 for group, _ in scenario.mix}
    for group, share in scenario.mix:
        origins[group.origin] += share
    demand: dict[str, float] = {}
    for group, share in scenario.mix:
        # A second fault is another one of the same origin.
        faults = orders * share * (1 + work.second_fault_share * (origins[group.origin] - share))
        for part in group.parts:
            demand[part.no] = demand.get(part.no, 0.0) + faults * part.need
    return {part_no: rate for part_no, rate in demand.items() if rate > 0}


@dataclass(slots=True)
class Shelf:
    """One part: a piece taken is on order until its time, kept as a heap of the times."""

    level: Level
    on_order: list[float] = field(default_factory=list)


class Stock:
    """The shelves of a center.

    Time is counted in working days, as customers ask only then. Asking in any but the order of time gives nonsense.
    """

    def __init__(self, scenario: Scenario, load: float, draw: random.Random) -> None:
        self._scenario, self._load = scenario, load
        self._draw = draw
        self._shelves: dict[str, Shelf] = {}
        self.keep_levels_of(scenario.baseline, now_day=0.0)

    def keep_levels_of(self, profile: CenterProfile, now_day: float) -> None:
        """From now on hold as many pieces as `profile.stockout_share` asks for."""
        for part_no, rate in demand_per_day(self._scenario, profile, self._load).items():
            level = level_for(rate, self._scenario.work.replenishment_days, profile.stockout_share)
            # Begins as if it had always been so: otherwise full shelves would hide the first days' stock-outs.
            self._shelves[part_no] = Shelf(level, self._usual_orders(level, rate, now_day))

    def remove(self, part_no: str, now_day: float) -> bool:
        """Take one set from the shelf and order it again; False if there is none."""
        shelf = self._shelves[part_no]
        while shelf.on_order and shelf.on_order[0] <= now_day:
            heapq.heappop(shelf.on_order)
        if len(shelf.on_order) >= shelf.level.pieces:
            return False
        heapq.heappush(shelf.on_order, now_day + self._draw.expovariate(1 / shelf.level.delivery_days))
        return True

    def _usual_orders(self, level: Level, rate: float, now_day: float) -> list[float]:
        """Pieces on order on any day: Poisson up to the level, the rest of their time exponential."""
        load = rate * level.delivery_days
        weights = [1.0]
        for pieces in range(1, level.pieces + 1):
            weights.append(weights[-1] * load / pieces)
        (count,) = self._draw.choices(range(level.pieces + 1), weights)
        return sorted(now_day + self._draw.expovariate(1 / level.delivery_days) for _ in range(count))
