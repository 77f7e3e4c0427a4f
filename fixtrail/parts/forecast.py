"""The forecast of every part at every center: the distribution of the next days' demand, and what to keep in stock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixtrail.parts.choose import Choice, MethodLoss, choice_of, losses, spread_out
from fixtrail.parts.classes import CLASSES, classes
from fixtrail.parts.counts import Floats, dispersion, quantile, shortage
from fixtrail.parts.demand import Demand
from fixtrail.parts.plan import QUANTILES, REVIEW_DAYS, SERVICE_LEVELS, ForecastPlan
from fixtrail.parts.rates import Ints
from fixtrail.parts.walk import Origin, walk

DAYS_A_MONTH = 30
# Fewer requests a year than this, and of class C by value: not worth a shelf.
LEAST_REQUESTS = 2


@dataclass(frozen=True, slots=True)
class StockSuggestion:
    """The suggestion for every row, with its arithmetic.

    `cover`: days from one look at the shelf to the delivery after the next one. `mean`: pieces asked for in that time.
    `level` is 0 where it is to be ordered on demand. `short`: pieces missing a month, on average.
    """

    service: Floats
    lead: Floats
    cover: Floats
    mean: Floats
    level: Floats
    short: Floats
    on_demand: NDArray[np.bool_]


def service_of(by_hits: NDArray[np.int8]) -> Floats:
    """The service level of each class by requests."""
    return np.array([SERVICE_LEVELS[name] for name in CLASSES])[by_hits]


def shelf(rate: Floats, k: Floats, lead: Floats, service: Floats, on_demand: NDArray[np.bool_]) -> StockSuggestion:
    """The suggestion: P(demand in the days to be covered <= level) is at least the service level.

    What is missing a month follows from the demand between an order's arrival and the next one's, at that level.
    """
    cover = np.ceil(REVIEW_DAYS + lead)
    mean = rate * cover
    level = np.where(on_demand, 0.0, quantile(service, mean, k))
    cycles = DAYS_A_MONTH / REVIEW_DAYS
    missing = shortage(level, mean, k) - shortage(level, rate * (cover - REVIEW_DAYS), k)
    return StockSuggestion(service, lead, cover, mean, level, np.maximum(missing, 0.0) * cycles, on_demand)


@dataclass(frozen=True, slots=True)
class Supply:
    """By row of the demand: the last price (NaN for none), the days that a delivery takes, and of whom these are."""

    price: Floats
    lead: Floats
    lead_of: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class PartClasses:
    """Of each row: its part's classes by requests and by value over all centers, and its own requests."""

    by_hits: NDArray[np.int8]
    by_value: NDArray[np.int8]
    requests: Floats


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast at one origin, by row of the demand; rows that are not usable have no meaning.

    `by_hits` and `by_value` are the part's classes over all centers; `shelf` is its suggestion.
    """

    origin: Origin
    method: Ints
    mean: Floats
    k: Floats
    middle: Floats
    high: Floats
    by_hits: NDArray[np.int8]
    by_value: NDArray[np.int8]
    shelf: StockSuggestion


@dataclass(frozen=True, slots=True)
class Forecast:
    """All outlooks, past ones first and the present one last, with the losses that decided on the methods."""

    demand: Demand
    plan: ForecastPlan
    regions: tuple[str, ...]
    region: Ints
    judged: Sequence[MethodLoss]
    choice: Choice
    supply: Supply
    outlooks: Sequence[Outlook]

    @property
    def now(self) -> Outlook:
        return self.outlooks[-1]


def forecast(demand: Demand, plan: ForecastPlan, region_of: Mapping[str, str], supply: Supply) -> Forecast:
    """The forecast from the demand; `region_of` names each center's region."""
    regions = tuple(sorted({region_of.get(center, "-") for center in demand.centers})) or ("-",)
    of_center = np.array([regions.index(region_of.get(center, "-")) for center in demand.centers], dtype=np.int64)
    region = of_center[demand.center] if demand.size else np.zeros(0, dtype=np.int64)
    origins = walk(demand, plan)
    ranks = [part_classes(demand, origin.column, plan.window, supply.price) for origin in origins]
    judged = losses(origins, region, len(regions), plan)
    choice = choice_of(judged, origins, [service_of(rank.by_hits) for rank in ranks], region, len(regions), plan)
    methods = [choice.of(origin.kind, region) for origin in origins]
    outlooks = [
        _outlook(origin, rank, method, spread, plan, supply)
        for origin, rank, (method, spread) in zip(origins, ranks, methods, strict=True)
    ]
    return Forecast(demand, plan, regions, region, judged, choice, supply, outlooks)


def _outlook(
    origin: Origin, rank: PartClasses, method: Ints, spread: Floats, plan: ForecastPlan, supply: Supply
) -> Outlook:
    rate = origin.rates[np.arange(len(method)), method]
    k = spread_out(dispersion(origin.own, np.nan_to_num(origin.pooled, nan=1.0)), spread)
    mean = rate * plan.horizon
    middle, high = (quantile(share, mean, k) for share in QUANTILES)
    a_year = rank.requests * 365 / np.maximum(np.minimum(origin.age, plan.window), 1)
    on_demand = (rank.by_value == 2) & (a_year < LEAST_REQUESTS)
    suggestion = shelf(rate, k, supply.lead, service_of(rank.by_hits), on_demand)
    return Outlook(origin, method, mean, k, middle, high, rank.by_hits, rank.by_value, suggestion)


def part_classes(demand: Demand, column: int, window: int, price: Floats) -> PartClasses:
    """The classes in the window before a column."""
    since = max(column - window, 0)
    hits, pieces = demand.requests(since, column), demand.pieces(since, column)
    names = np.array(demand.parts, dtype=np.str_)
    by_part = (
        np.bincount(demand.part, amounts, minlength=len(names)).astype(np.float64)
        for amounts in (hits, pieces * np.nan_to_num(price))
    )
    by_hits, by_value = (classes(amounts, names)[demand.part] for amounts in by_part)
    return PartClasses(by_hits, by_value, hits)
