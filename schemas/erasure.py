"""An erasure: a record without value on `service-events` that has the worker forget who an order was about.

It is sent by `fixtrail person erase`, keyed by the vehicle as the order's events are, so it stands behind them, also
when they are read again from the beginning. It names nobody: customers are pseudonyms already.
"""

from dataclasses import dataclass, field

import orjson

from schemas.decode import RecordBytes

HEADER = "fixtrail-erase"


@dataclass(frozen=True, slots=True)
class Erasure:
    """Which order; `customers`: by the check-in's event id, the pseudonym that stands for its customer from now on."""

    vehicle_id: str
    center_id: str
    order_id: str
    customers: dict[str, str] = field(default_factory=dict)

    def headers(self) -> list[tuple[str, bytes]]:
        """The headers that make a record without value an erasure."""
        content = {"center_id": self.center_id, "order_id": self.order_id, "customers": self.customers}
        return [(HEADER, orjson.dumps(content))]


def read_erasure(record: RecordBytes) -> Erasure | None:
    """The erasure in a record, None where it is none."""
    if record.value is not None or record.key is None:
        return None
    for name, value in record.headers:
        if name == HEADER:
            try:
                content = orjson.loads(value)
                return Erasure(
                    record.key.decode(), content["center_id"], content["order_id"], dict(content["customers"])
                )
            except (ValueError, LookupError, TypeError):
                return None
    return None
