"""Ids of a file that are likely to be one: written in two ways, or put where another belongs."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pandas as pd

from fixtrail.reports.data.flaws import ID_COLUMNS
from schemas.events import Event

_BETWEEN = re.compile(r"[\s._-]+")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
# A VIN has none of these letters, which look like digits.
_VIN_LETTERS, _VIN_LENGTH = str.maketrans("IOQ", "100"), 17


def identities(events: Iterable[Event]) -> pd.DataFrame:
    """Of each center: orders whose vehicle has the order's or customer's number, and ids that come in several ways."""
    orders: dict[str, dict[str, bool]] = defaultdict(dict)
    vehicles: dict[str, set[str]] = defaultdict(set)
    technicians: dict[str, set[str]] = defaultdict(set)
    for event in events:
        center, vehicle = event.center_id, event.vehicle_id
        vehicles[center].add(vehicle)
        others = (event.order_id, getattr(event, "customer_id", None))
        orders[center][event.order_id] = orders[center].get(event.order_id, False) or vehicle in others
        technician = getattr(event, "technician_id", None)
        if technician is not None:
            technicians[center].add(technician)
    rows: list[dict[str, Any]] = [
        {
            **{"center_id": center, "orders": len(own), "vehicle_of_order": sum(own.values())},
            **{"vehicles": len(vehicles[center]), "vehicle_spelling": alike(vehicles[center])},
            **{"technicians": len(technicians[center]), "technician_spelling": alike(technicians[center])},
        }
        for center, own in sorted(orders.items())
    ]
    return pd.DataFrame(rows, columns=list(ID_COLUMNS))


def alike(ids: Iterable[str]) -> int:
    """How many ids have another one beside them that is the same but for case, width, blanks, signs and zeros."""
    spellings: dict[str, int] = defaultdict(int)
    for text in ids:
        spellings[_plain(text)] += 1
    return sum(count for count in spellings.values() if count > 1)


def _plain(text: str) -> str:
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()
    return plain.translate(_VIN_LETTERS) if len(plain) == _VIN_LENGTH else _LEADING_ZEROS.sub("", plain)
