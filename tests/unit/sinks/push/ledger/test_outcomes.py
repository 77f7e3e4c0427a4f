"""Outcomes are written in lots: none is left behind, whenever it comes."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from sinks.push.channel import Accepted
from sinks.push.ledger.outcomes import MessageBatch, Outcomes
from tests.providers.messages import a_message, a_notice, a_send


class Clerk:
    """Does what it is asked at once, or after a few turns of the loop, as a thread that has been waited for."""

    def __init__(self, chance: Random) -> None:
        self._chance, self.lots = chance, 0

    async def execute(self, work: Callable[[Any], Any]) -> None:
        self.lots += 1
        for _ in range(self._chance.randrange(3)):
            await asyncio.sleep(0)
        work(Store())


class Store:
    def run_many(self, sql: str, rows: Any) -> int:
        return len(rows)


class Broken(Clerk):
    async def execute(self, work: Callable[[Any], Any]) -> None:
        raise OSError("no space left on device")


def outcomes_by(clerk: Any) -> tuple[Outcomes, asyncio.Event]:
    failed = asyncio.Event()
    return Outcomes(clerk, None, lambda: 0, failed), failed  # type: ignore[arg-type]


def a_parcel(number: int = 0) -> MessageBatch:
    return MessageBatch([a_send(a_notice(order_id=f"R{number}"), id=f"s{number}")], a_message("short", "+861"), "")


async def test_whenever_an_answer_comes_it_is_written_down():
    """A writer that has just looked and found nothing must not be relied upon by what comes then."""
    chance = Random(7)
    outcomes, failed = outcomes_by(Clerk(chance))

    for number in range(300):
        outcomes.add(a_parcel(number), Accepted())
        for _ in range(chance.randrange(5)):
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            await outcomes.settle()
            assert outcomes.ids == set()
    await outcomes.settle()

    assert outcomes.ids == set()
    assert not failed.is_set()


async def test_what_comes_while_one_lot_is_written_goes_as_one_lot():
    clerk = Clerk(Random(1))
    outcomes, _ = outcomes_by(clerk)
    for number in range(50):
        outcomes.add(a_parcel(number), Accepted())
    assert outcomes.ids == {f"s{number}" for number in range(50)}
    await outcomes.settle()

    assert clerk.lots == 1


async def test_an_outcome_that_cannot_be_written_ends_the_process_and_is_not_forgotten():
    outcomes, failed = outcomes_by(Broken(Random(1)))
    outcomes.add(a_parcel(), Accepted())
    await outcomes.settle()
    await asyncio.sleep(0)

    assert failed.is_set()
    assert outcomes.ids == {"s0"}
