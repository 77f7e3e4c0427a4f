"""Sharing a whole among causes that overlap: Shapley's value, and Owen's where some causes belong together."""

from collections.abc import Callable, Mapping, Sequence
from math import factorial

import numpy as np
from numpy.typing import NDArray

Worth = Callable[[frozenset[int]], NDArray[np.float64]]


def shapley(players: int, worth: Worth) -> NDArray[np.float64]:
    """Each player's mean gain over every order in which they could come (Shapley 1953): one row each.

    The rows add up to worth(all) - worth(none). `worth` gives a vector, each component of which is shared out alone,
    and is asked once for each of the 2**players subsets.
    """
    worths = {members: worth(members) for members in _coalitions(range(players))}
    weight = {size: factorial(size) * factorial(players - size - 1) / factorial(players) for size in range(players)}
    return np.array(
        [
            sum(
                (
                    weight[len(before)] * (worths[before | {player}] - value)
                    for before, value in worths.items()
                    if player not in before
                ),
                np.zeros_like(worths[frozenset()]),
            )
            for player in range(players)
        ]
    )


def owen(groups: Sequence[Sequence[int]], worth: Worth) -> Mapping[int, NDArray[np.float64]]:
    """Each player's mean gain over the orders in which the members of a group come one after the other.

    Owen, Values of games with a priori unions (1977). A group's players add up to its Shapley value among the groups.
    """
    worths: dict[frozenset[int], NDArray[np.float64]] = {}

    def cached(members: frozenset[int]) -> NDArray[np.float64]:
        if members not in worths:
            worths[members] = worth(members)
        return worths[members]

    values: dict[int, NDArray[np.float64]] = {}
    for index, group in enumerate(groups):
        other_groups = [group_number for number, group_number in enumerate(groups) if number != index]
        for player in group:
            mates = [mate for mate in group if mate != player]
            value = np.zeros_like(cached(frozenset()))
            for earlier in _coalitions(range(len(other_groups))):
                outside = frozenset(member for number in earlier for member in other_groups[number])
                share = _order_share(len(earlier), len(groups))
                for inside in _coalitions(mates):
                    before = outside | inside
                    gain = cached(before | {player}) - cached(before)
                    value = value + share * _order_share(len(inside), len(group)) * gain
            values[player] = value
    return values


def _order_share(before: int, size: int) -> float:
    """The share of all orders of `size` in which exactly these `before` come first and then the one looked at."""
    return factorial(before) * factorial(size - before - 1) / factorial(size)


def _coalitions(members: Sequence[int]) -> list[frozenset[int]]:
    return [
        frozenset(member for bit, member in enumerate(members) if code >> bit & 1) for code in range(1 << len(members))
    ]
