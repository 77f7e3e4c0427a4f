"""How many pieces to keep on the shelf: the smallest number that meets demand until the delivery often enough."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixtrail.parts.classes import CLASSES
from fixtrail.parts.counts import Floats, quantile, shortage
from fixtrail.parts.plan import REVIEW_DAYS, SERVICE_LEVELS

DAYS_A_MONTH = 30
# Fewer requests a year than this, and of class C by value: not worth a shelf.
LEAST_REQUESTS = 2


@dataclass(frozen=True, slots=True)
class Shelf:
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


def shelf(rate: Floats, k: Floats, lead: Floats, service: Floats, on_demand: NDArray[np.bool_]) -> Shelf:
    """The suggestion: P(demand in the days to be covered <= level) is at least the service level.

    What is missing a month follows from the demand between an order's arrival and the next one's, at that level.
    """
    cover = np.ceil(REVIEW_DAYS + lead)
    mean = rate * cover
    level = np.where(on_demand, 0.0, quantile(service, mean, k))
    cycles = DAYS_A_MONTH / REVIEW_DAYS
    missing = shortage(level, mean, k) - shortage(level, rate * (cover - REVIEW_DAYS), k)
    return Shelf(service, lead, cover, mean, level, np.maximum(missing, 0.0) * cycles, on_demand)
