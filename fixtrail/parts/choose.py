"""Which method forecasts the parts of a type in a region: the best one at past origins, of all of them together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixtrail.parts.counts import Floats, dispersion, pinball, quantile
from fixtrail.parts.plan import QUANTILES, ForecastPlan
from fixtrail.parts.rates import METHODS
from fixtrail.parts.types import TYPES
from fixtrail.parts.walk import Origin

# With fewer past forecasts a type and region do not choose for themselves but with the type's other regions.
LEAST_FORECASTS = 30
# How much of the measured spread beyond Poisson's is believed: none, which is least stock, to all of it.
SPREADS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class MethodLoss:
    """How a method did for the parts of a type in a region, over `n` past forecasts.

    `pinball`: mean pinball loss at .5 and .95 together, as a share of what was asked for. `rmsse`: root of the mean
    squared error, beside that of a naive forecast. The smallest sum of both is chosen.
    """

    kind: int
    region: int
    method: int
    n: int
    pinball: float
    rmsse: float
    is_chosen: bool = False

    @property
    def loss(self) -> float:
        return self.pinball + self.rmsse


def losses(
    origins: Sequence[Origin], region: "NDArray[np.int64]", regions: int, plan: ForecastPlan
) -> list[MethodLoss]:
    """The losses of every type, region and method at the past origins, with what is chosen marked."""
    sums = np.zeros((len(METHODS), len(TYPES), regions, 5))
    for origin in origins[:-1]:
        for method in range(len(METHODS)):
            _add(sums[method], origin, region, method, plan)
    return list(_judged(sums))


def _add(sums: Floats, origin: Origin, region: "NDArray[np.int64]", method: int, plan: ForecastPlan) -> None:
    """Adds one origin's losses: forecasts, pinball, pieces, squared errors, squared errors of the naive forecast."""
    rows = np.flatnonzero(origin.is_usable & ~np.isnan(origin.squares))
    mean, actual = origin.rates[rows, method] * plan.horizon, origin.actual[rows]
    k = dispersion(origin.own[rows], origin.pooled[rows])
    lost = sum(pinball(actual, quantile(share, mean, k), share) for share in QUANTILES)
    values = np.stack([np.ones(len(rows)), lost, actual, (actual - mean) ** 2, origin.squares[rows]], axis=-1)
    np.add.at(sums, (origin.kind[rows], region[rows]), values)


def _judged(sums: Floats) -> Iterator[MethodLoss]:
    for kind, region in np.ndindex(sums.shape[1:3]):
        own = [_loss(sums[method, kind, region], kind, region, method) for method in range(len(METHODS))]
        if not own[0].n:
            continue
        pooled = own
        if own[0].n < LEAST_FORECASTS:
            pooled = [_loss(sums[method, kind].sum(axis=0), kind, region, method) for method in range(len(METHODS))]
        best = min(range(len(METHODS)), key=lambda method: pooled[method].loss)
        for loss in own:
            yield MethodLoss(kind, region, loss.method, loss.n, loss.pinball, loss.rmsse, loss.method == best)


def _loss(sums: Floats, kind: int, region: int, method: int) -> MethodLoss:
    n, lost, pieces, errors, naive = sums
    return MethodLoss(
        kind,
        region,
        method,
        int(n),
        lost / pieces if pieces else lost,
        float(np.sqrt(errors / naive)) if naive else float(np.sqrt(errors)),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """What forecasts each type (row) in each region (column): a method, and how much of its spread beyond Poisson's."""

    methods: "NDArray[np.int64]"
    spreads: Floats

    def of(self, kind: "NDArray[np.int8]", region: "NDArray[np.int64]") -> "tuple[NDArray[np.int64], Floats]":
        """Method and spread of each row; a row without demand has the long mean."""
        is_asked_for = kind >= 0
        methods = np.where(is_asked_for, self.methods[kind, region], 0)
        return methods, np.where(is_asked_for, self.spreads[kind, region], 1.0)


def choice_of(
    judged: Sequence[MethodLoss],
    origins: Sequence[Origin],
    service: Sequence[Floats],
    region: "NDArray[np.int64]",
    regions: int,
    plan: ForecastPlan,
) -> Choice:
    """The methods with the smallest losses, and for these the spread; `service`: each row's level at each origin."""
    methods = np.full((len(TYPES), regions), -1, dtype=np.int64)
    for loss in judged:
        if loss.is_chosen:
            methods[loss.kind, loss.region] = loss.method
    for row in methods:
        # A region that never had a forecast of a type takes the method of the first one that had.
        row[row < 0] = row[row >= 0][0] if (row >= 0).any() else 0
    return Choice(methods, _best_spreads(methods, origins, service, region, plan))


def _best_spreads(
    methods: "NDArray[np.int64]",
    origins: Sequence[Origin],
    service: Sequence[Floats],
    region: "NDArray[np.int64]",
    plan: ForecastPlan,
) -> Floats:
    """The smallest share of what k has above 1 with which the service levels were reached; all of it where none did.

    A level counts as reached where demand was at most its quantile as often as the level says, over all parts together.
    """
    reached, aimed, n = np.zeros((len(SPREADS), *methods.shape)), np.zeros(methods.shape), np.zeros(methods.shape)
    for origin, levels in zip(origins[:-1], service[:-1], strict=True):
        rows = np.flatnonzero(origin.is_usable & ~np.isnan(origin.squares))
        at = origin.kind[rows], region[rows]
        mean = origin.rates[rows, methods[at]] * plan.horizon
        k = dispersion(origin.own[rows], origin.pooled[rows])
        np.add.at(n, at, 1)
        np.add.at(aimed, at, levels[rows])
        for number, spread in enumerate(SPREADS):
            np.add.at(reached[number], at, origin.actual[rows] <= quantile(levels[rows], mean, spread_out(k, spread)))
    is_few = n < LEAST_FORECASTS
    reached, aimed = (np.where(is_few, sums.sum(axis=-1, keepdims=True), sums) for sums in (reached, aimed))
    is_enough = reached >= aimed
    best = np.where(is_enough.any(axis=0), np.array(SPREADS)[is_enough.argmax(axis=0)], SPREADS[-1])
    return np.where(n.sum(axis=1, keepdims=True) > 0, best, SPREADS[-1])


def spread_out(k: Floats, spread: Floats | float) -> Floats:
    """k with so much of what it has above 1."""
    return np.asarray(1 + spread * (k - 1))
