"""The kind of a part's demand, by how often and how evenly it is asked for (Syntetos, Boylan and Croston 2005)."""

import numpy as np
from numpy.typing import NDArray

from fixtrail.parts.counts import Floats

TYPES = ("smooth", "intermittent", "erratic", "lumpy")
ADI_LIMIT, CV2_LIMIT = 1.32, 0.49


def interval_and_variation(demand: Floats, days: Floats) -> tuple[Floats, Floats]:
    """ADI (days of history / days with demand) and CV² (of what was asked for on those days, by n); NaN without any."""
    asked_on = (demand > 0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        average = demand.sum(axis=1) / asked_on
        squares = (demand * demand).sum(axis=1) / asked_on
        return np.where(asked_on, days / asked_on, np.nan), np.maximum(squares / average**2 - 1, 0.0)


def demand_types(interval: Floats, variation: Floats) -> NDArray[np.int8]:
    """Index in TYPES; -1 without demand."""
    kinds = np.where(interval >= ADI_LIMIT, 1, 0) + np.where(variation >= CV2_LIMIT, 2, 0)
    return np.where(np.isnan(interval), -1, kinds).astype(np.int8)
