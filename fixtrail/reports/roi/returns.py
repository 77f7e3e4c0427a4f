"""What a rollout returns: the pilot's effects times what they are worth, beside what it cost. Pure.

Return on investment is (benefit - cost) / cost over the months of the plan. Its range comes of 10,000 seeded draws:
each effect from the normal distribution of its 95 % interval, each value from the triangle of its low, likely and high.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fixtrail.reports.periods import DAYS_A_MONTH
from fixtrail.reports.roi.assumptions import Assumptions, Benefit, Value

Vector = NDArray[np.float64]
Money = TypeVar("Money", float, Vector)

DRAWS = 10_000
SEED = 20261129
# Half the width of a 95 % interval of the normal distribution, in standard deviations.
_DEVIATIONS = 1.959963984540054
_RANGE = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class PerOrder:
    """By how much less of a thing there is per order, with its 95 % interval; negative where there is more."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Range:
    """A result with the range in which 95 % of the draws lie; None for never."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Swing:
    """The return with one assumption at its low and at its high end, all others as they are likely."""

    of: Benefit
    assumption: str
    at_low: float
    at_high: float

    @property
    def width(self) -> float:
        return abs(self.at_high - self.at_low)


@dataclass(frozen=True, slots=True)
class Returns:
    """The result: money a month by benefit, the return, the month of payback, and what matters most."""

    benefits: Mapping[Benefit, Range]
    monthly: Range
    roi: Range
    payback: Range
    share_paid_back: float
    cost: float
    swings: tuple[Swing, ...]


def returns_of(plan: Assumptions, effects: Mapping[Benefit, PerOrder], orders_a_month: float, start: date) -> Returns:
    """The returns of these effects. Benefits without an effect (not estimable) are worth nothing here."""
    values = {value.of: value for value in plan.values if value.of in effects}
    draw = np.random.default_rng(SEED)
    drawn = {
        of: orders_a_month * _effects_drawn(draw, effects[of]) * _values_drawn(draw, value)
        for of, value in values.items()
    }
    likely = {of: orders_a_month * effects[of].value * value.value for of, value in values.items()}
    costs = costs_by_month(plan, start)
    monthly = np.sum([*drawn.values()], axis=0) if drawn else np.zeros(DRAWS)
    paid = np.array([payback_month(benefit, costs) for benefit in monthly])
    total = float(costs.sum())
    return Returns(
        {of: _range(likely[of], drawn[of]) for of in values},
        _range(sum(likely.values()), monthly),
        _range(roi_of(sum(likely.values()), plan.months, total), roi_of(monthly, plan.months, total)),
        _payback(payback_month(sum(likely.values()), costs), paid),
        float(np.mean(np.isfinite(paid))),
        total,
        tuple(sorted(_swings(plan, effects, values, orders_a_month, total), key=lambda swing: -swing.width)),
    )


def roi_of(monthly: Money, months: int, cost: float) -> Money:
    """(benefit - cost) / cost."""
    return (monthly * months - cost) / cost


def costs_by_month(plan: Assumptions, start: date) -> Vector:
    """What is spent in each month of the plan, counted from `start`; what was spent before stands in the first."""
    costs = np.zeros(plan.months)
    for cost in plan.costs:
        month = max(0, int((cost.day - start).days // DAYS_A_MONTH))
        if cost.monthly:
            costs[month:] += cost.amount
        elif month < plan.months:
            costs[month] += cost.amount
    return costs


def payback_month(monthly: float, costs: Vector) -> float:
    """The month at whose end as much has come back as was spent, and stays so; infinite where it is none of these."""
    balance = monthly * np.arange(1, len(costs) + 1) - np.cumsum(costs)
    short = np.flatnonzero(balance < 0)
    if len(short) == 0:
        return 1.0
    return float("inf") if short[-1] == len(costs) - 1 else float(short[-1] + 2)


def _effects_drawn(draw: np.random.Generator, effect: PerOrder) -> Vector:
    return draw.normal(effect.value, (effect.high - effect.low) / (2 * _DEVIATIONS), DRAWS)


def _values_drawn(draw: np.random.Generator, value: Value) -> Vector:
    if value.low == value.high:
        return np.full(DRAWS, value.value)
    return draw.triangular(value.low, value.value, value.high, DRAWS)


def _range(likely: float, drawn: Vector) -> Range:
    low, high = np.percentile(drawn, _RANGE)
    return Range(likely, float(low), float(high))


def _payback(likely: float, drawn: Vector) -> Range:
    # Of infinite numbers there is no mean to go between two of them.
    low, high = np.percentile(drawn, _RANGE, method="higher")
    return Range(*(float(month) if np.isfinite(month) else None for month in (likely, low, high)))


def _swings(
    plan: Assumptions,
    effects: Mapping[Benefit, PerOrder],
    values: Mapping[Benefit, Value],
    orders_a_month: float,
    cost: float,
) -> Iterator[Swing]:
    money = {of: effects[of].value * value.value for of, value in values.items()}

    def roi_with(of: Benefit, worth: float) -> float:
        return roi_of(orders_a_month * (sum(money.values()) - money[of] + worth), plan.months, cost)

    for of, value in values.items():
        effect = effects[of]
        yield Swing(of, "effect", roi_with(of, effect.low * value.value), roi_with(of, effect.high * value.value))
        if value.low < value.high:
            yield Swing(of, "value", roi_with(of, effect.value * value.low), roi_with(of, effect.value * value.high))
