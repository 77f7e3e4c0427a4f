"""Samples of whole vehicles, and all of them in ranges: events are sorted by vehicle, those of a few soon read."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from fixtrail.reports.options import Options
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.queries import Ask

KEYS = 2**32
# So many orders are soon read.
MOST_ORDERS = 200_000
# So many orders are joined, and so many events sorted out, within the memory that a reader may have.
MOST_AT_ONCE, MOST_EVENTS_AT_ONCE = 500_000, 2_000_000


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


def key_ranges(number: int) -> Iterator[tuple[str, str]]:
    """So many ranges of vehicle keys, all as large: the first key and the one before which it ends, '' for no end."""
    bounds = [f"{KEYS * position // number:08x}" for position in range(1, number)]
    return zip(["", *bounds], [*bounds, ""], strict=True)


def ask_by_vehicles(ask: Ask, query: str, orders: int, /, **parameters: Any) -> pd.DataFrame:
    """The answers of a query on so many orders and on events, range after range of vehicles, below each other."""
    ranges = key_ranges(ranges_of(orders, events_of(ask)))
    return rows_of([ask(query, first_key=first, end_key=end, **parameters) for first, end in ranges])


def events_of(ask: Ask) -> int:
    """How many events there are, those that came twice counted twice."""
    return int(ask("events_size").iloc[0]["arrivals"])


def ranges_of(orders: int, events: int) -> int:
    """In how many ranges of vehicles so many orders, with all events that there are, are asked for."""
    return max(1, -(-orders // MOST_AT_ONCE), -(-events // MOST_EVENTS_AT_ONCE))


def rows_of(answers: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows of some answers of one query, at least one of them."""
    # One without rows has columns of other types.
    filled = [answer for answer in answers if len(answer)] or answers[:1]
    return pd.concat(filled, ignore_index=True)
