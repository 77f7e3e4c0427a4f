"""Samples of whole vehicles, for what only the events tell: they are sorted by vehicle, those of a few soon read."""

KEYS = 2**32


def one_vehicle_in(orders: int, most: int) -> int:
    """Of how many vehicles one is taken, so that about `most` of these orders are left."""
    return max(1, -(-orders // most))


def end_key(one_in: int) -> str:
    """The key at which the sample ends, '' for all: keys are hashes in hex, those before it one in so many."""
    return "" if one_in == 1 else f"{KEYS // one_in:08x}"
