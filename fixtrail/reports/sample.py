"""Samples of whole vehicles, for what only the events tell: they are sorted by vehicle, those of a few soon read."""

from typing import Any

from fixtrail.reports.options import Options
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.queries import Ask

KEYS = 2**32
# So many orders are soon read.
MOST_ORDERS = 200_000


def ask_sample(ask: Ask, options: Options, most: int = MOST_ORDERS) -> tuple[dict[str, Any], int]:
    """(what a query asks for within --from and --to, of about `most` orders; of how many vehicles one is taken)."""
    parameters, handed_off = ask_scope(ask, options)
    one_in = one_vehicle_in(handed_off, most)
    return {**parameters, "end_key": end_key(one_in)}, one_in


def one_vehicle_in(orders: int, most: int) -> int:
    """Of how many vehicles one is taken, so that about `most` of these orders are left."""
    return max(1, -(-orders // most))


def end_key(one_in: int) -> str:
    """The key at which the sample ends, '' for all: keys are hashes in hex, those before it one in so many."""
    return "" if one_in == 1 else f"{KEYS // one_in:08x}"
