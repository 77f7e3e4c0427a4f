"""Classes A, B and C by cumulated share: A up to 80 %, B up to 95 %, C the rest (Dickie 1951, as usual today)."""

import numpy as np
from numpy.typing import NDArray

from fixtrail.parts.counts import Floats

CLASSES = ("A", "B", "C")
A_UP_TO, B_UP_TO = 0.80, 0.95


def classes(amounts: Floats, names: "NDArray[np.str_]") -> NDArray[np.int8]:
    """Index in CLASSES for each amount: by the share of the whole that the larger ones before it have; ties by name.

    So the largest is always A, and one that begins below 80 % and ends above it is A still. What is worth nothing is C.
    """
    order = np.lexsort((names, -amounts))
    ranked = amounts[order]
    total = ranked.sum()
    before = (np.cumsum(ranked) - ranked) / total if total else np.ones(len(ranked))
    # Rounding of the sums must not decide where a share is exactly on a limit.
    limits = np.array([A_UP_TO, B_UP_TO]) - 1e-12
    kinds = np.empty(len(ranked), dtype=np.int8)
    kinds[order] = np.where(ranked > 0, np.searchsorted(limits, before, side="right"), 2)
    return kinds
