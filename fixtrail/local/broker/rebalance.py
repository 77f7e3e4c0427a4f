"""The states that a rebalance passes through, and the vote of its members on a protocol."""

from collections.abc import Collection
from enum import StrEnum

from fixtrail.local.broker.member import Member


class State(StrEnum):
    """Names as DescribeGroups gives them."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


def common_protocols(members: Collection[Member]) -> set[str]:
    """The protocols that all members know."""
    return set.intersection(*({name for name, _ in member.protocols} for member in members))


def select_protocol(members: Collection[Member]) -> str:
    """The protocol that most members like best among those that all know."""
    common = common_protocols(members)
    votes: dict[str, int] = {}
    for member in members:
        choice = next(name for name, _ in member.protocols if name in common)
        votes[choice] = votes.get(choice, 0) + 1
    return max(votes, key=lambda name: votes[name])
