"""Removes from an order's fields what they say of the vehicle's orders at other centers."""

from collections.abc import Collection, Mapping
from typing import Any


def without_other_centers(order: Mapping[str, Any], centers: Collection[str] | None) -> dict[str, Any]:
    """The fields of an order, or of a row of view `orders`, for who may see `centers` alone; None for all of them.

    Its comeback at another center has no name. Its `version` is the number of its own events: that of the fact grows
    with the vehicle's events at every center, so it would tell when a car is elsewhere.
    """
    if centers is None:
        return dict(order)
    limited = dict(order)
    if limited["comeback_center_id"] not in (None, *centers):
        limited |= {"comeback_order_id": None, "comeback_center_id": None}
    return limited | {"version": limited["event_count"]}
