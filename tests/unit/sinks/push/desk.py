"""A lane of messages with its ledger, channels and customers, at a clock that the test sets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

from runtime.progress import Progress
from runtime.store import SqliteStore
from schemas.order_key import OrderKey
from sinks.push.channel import Accepted, Answer, ConsentNeeded, Message, Traits
from sinks.push.decide import Policy
from sinks.push.delivery_queue import PushContext
from sinks.push.delivery_queues import DeliveryQueues
from sinks.push.ledger import ledger
from sinks.push.ledger.group_commit import GroupCommitThread
from sinks.push.ledger.ledger import Send
from streams.journey.ready_setting import CheckHistory
from tests.providers.messages import CENTER, a_composer, a_fact, a_notice, a_send
from tests.unit.sinks.push.test_decide import at

NOON = at("12:00")


class Paper:
    """Keeps every message, and answers as the test wants: the next of `answers`, then Accepted."""

    name = "sms"

    def __init__(self, **traits: Any) -> None:
        self.traits = Traits(**{"style": "short", "timeout_s": 0.5, **traits})
        self.messages: list[Message] = []
        self.answers: list[Answer | Exception | float] = []
        self.needs: ConsentNeeded | None = None

    def lane(self, address: str) -> str:
        return ""

    def consent(self, milestone: str) -> ConsentNeeded | None:
        return self.needs

    async def send(self, message: Message) -> Answer:
        self.messages.append(message)
        answer = self.answers.pop(0) if self.answers else Accepted("ref")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return Accepted()
        return answer

    async def close(self) -> None:
        pass


class Facts:
    """The journeys as the test tells them."""

    def __init__(self) -> None:
        self.by_order: dict[str, dict[str, Any]] = {}
        self.is_current = True
        self.checks = CheckHistory()

    def fact(self, order: OrderKey) -> dict[str, Any] | None:
        return self.by_order.get(order.order_id)


class Desk:
    """An office with one channel, whose clock stands still until it is moved."""

    def __init__(self, clerk: GroupCommitThread, channel: Paper, policy: Policy) -> None:
        self.clerk, self.channel, self.facts, self.now = clerk, channel, Facts(), NOON
        self.office = PushContext(
            ledger_thread=clerk,
            journeys=self.facts,  # type: ignore[arg-type]
            composer=a_composer(),
            policy=policy,
            centers={"C1": CENTER},
            owner="me",
            progress=Progress(),
            clock=lambda: self.now,
            shards={0},
        )
        self.lanes = DeliveryQueues(self.office, {"sms": channel})

    async def tell(self, *milestones: str, order_id: str = "R1", at_ms: int | None = None, **fields: Any) -> list[Send]:
        """Plan sends of these milestones, one after the other in time, and let the journey show them."""
        first = self.now if at_ms is None else at_ms
        notices = [
            a_notice(name, order_id=order_id, at=first + number, not_before=first)
            for number, name in enumerate(milestones)
        ]
        sends = [
            a_send(item, **{"id": f"{order_id}-{item['milestone']}", "due_at": first, "planned_at": self.now, **fields})
            for item in notices
        ]
        for notice in notices:
            notice["superseded_by"] = []
        self.facts.by_order[order_id] = a_fact(order_id, *notices)
        await self.clerk.execute(partial(ledger.plan, sends=sends))
        return sends

    async def states(self, order_id: str = "R1") -> dict[str, tuple[str, str]]:
        """State and reason by milestone."""
        sends = await self.clerk.execute(partial(ledger.log_of, order=OrderKey("C1", order_id)))
        return {send.milestone: (send.state, send.reason) for send in sends}

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Return once something is so; wakes the lanes meanwhile, as the clock may have been moved."""
        for _ in range(200):
            await self.lanes.recover()
            await asyncio.sleep(0.02)
            result = is_so()
            if await result if asyncio.iscoroutine(result) else result:
                return
        raise TimeoutError(f"{await self.states()} {self.channel.messages}")

    async def settled(self, state: str, number: int = 1, order_id: str = "R1") -> None:
        """Return once so many sends of the order are in a state."""

        async def is_so() -> bool:
            return [stored for stored, _ in (await self.states(order_id)).values()].count(state) >= number

        await self.until(is_so)


@contextlib.asynccontextmanager
async def a_desk(folder: Path, policy: Policy | None = None, **traits: Any) -> AsyncIterator[Desk]:
    store = SqliteStore(folder / "ledger.sqlite3")
    store.begin()
    ledger.create_tables(store)
    store.commit()
    clerk = GroupCommitThread(store, Progress())
    desk = Desk(clerk, Paper(**traits), policy or Policy(gap_ms=0, settle_ms=1000))
    try:
        yield desk
    finally:
        assert not desk.office.failed.is_set()
        await desk.lanes.stop(1)
        await clerk.close()


def desk_final(desk: Desk, number: int) -> Callable[[], Any]:
    async def is_so() -> bool:
        states = [state for state, _ in (await desk.states()).values()]
        return len(states) == number and all(state in ledger.FINAL for state in states)

    return is_so
