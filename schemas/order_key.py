"""What an order is: its center and the number that the center gave it, together (CONTRACT section 1)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson


class OrderKey(NamedTuple):
    """An order. Two centers may use the same number; an order is never looked for by its number alone."""

    center_id: str
    order_id: str

    def __str__(self) -> str:
        return f"{self.order_id} ({self.center_id})" if self.center_id else self.order_id

    def encode(self) -> bytes:
        """The order as bytes, the record key in topic `notices`: a JSON array of center and number."""
        return orjson.dumps(tuple(self))

    @classmethod
    def decode(cls, text: bytes | str) -> "OrderKey":
        """The order that `encode` wrote. Raises ValueError or TypeError for anything else."""
        return cls(*orjson.loads(text))

    @classmethod
    def of(cls, fact: Mapping[str, Any]) -> "OrderKey":
        """The order that a fact or a notice (as a dict) is about.

        Of an order without check-in facts of earlier versions name no center: it is the empty text here.
        """
        return cls(fact["center_id"] or "", fact["order_id"])


def journey_key(order: OrderKey, vehicle_id: str) -> bytes:
    """The record key in topic `journeys`: a JSON array of center, number and vehicle."""
    return orjson.dumps((*order, vehicle_id))
