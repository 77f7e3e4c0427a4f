"""How a lane works through what is due: a real ledger, a clock that the test moves, a channel made of paper."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runtime.progress import Progress
from runtime.store import SqliteStore
from schemas.order_key import OrderKey
from sinks.push.channels.channel import Accepted, Answer, ConsentNeeded, Message, NotSent, Rejected, Traits, Unclear
from sinks.push.decide import QUIET, Policy
from sinks.push.delivery_queue import CALL_MARGIN_S, PushContext
from sinks.push.delivery_queues import PROCESS_ENDED, ROOM_MS, DeliveryQueues
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.group_commit import GroupCommitThread
from sinks.push.ledger.ledger import HELD, INTENT, REJECTED, RETRY, SENT, SUPERSEDED, SUPPRESSED, UNKNOWN, Send
from streams.journey.ready_setting import CheckHistory
from tests.providers.messages import CENTER, HOUR, MINUTE, a_composer, a_fact, a_notice, a_send
from tests.unit.sinks.push.test_decide import at
from tests.workshop import R1

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
            a_send(each, **{"id": f"{order_id}-{each['milestone']}", "due_at": first, "planned_at": self.now, **fields})
            for each in notices
        ]
        for each in notices:
            each["superseded_by"] = []
        self.facts.by_order[order_id] = a_fact(order_id, *notices)
        await self.clerk.execute(partial(ledger.plan, sends=sends))
        return sends

    async def states(self, order_id: str = "R1") -> dict[str, tuple[str, str]]:
        """State and reason by milestone."""
        sends = await self.clerk.execute(partial(ledger.log_of, order=OrderKey("C1", order_id)))
        return {each.milestone: (each.state, each.reason) for each in sends}

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
            return [found for found, _ in (await self.states(order_id)).values()].count(state) >= number

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


async def test_what_is_due_is_sent_once(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        await desk.tell("repair_started")
        await desk.settled(SENT)
        await desk.lanes.recover()

        assert [message.milestone for message in desk.channel.messages] == ["repair_started"]


async def test_what_was_told_is_not_told_again_when_a_late_event_proves_it(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        await desk.tell("repair_started")
        await desk.settled(SENT)
        earlier = a_notice("repair_started", at=desk.now - MINUTE, event_id="late-event")
        desk.facts.by_order["R1"] = a_fact("R1", earlier)
        again = a_send(earlier, id="again", due_at=desk.now, planned_at=desk.now)
        await desk.clerk.execute(partial(ledger.plan, sends=[again]))
        states: dict[str, str] = {}

        async def are_final() -> bool:
            sends = await desk.clerk.execute(partial(ledger.log_of, order=R1))
            states.update({each.id: each.state for each in sends})
            return set(states.values()) <= set(ledger.FINAL)

        await desk.until(are_final)
        assert states == {"R1-repair_started": SENT, "again": SUPERSEDED}
        assert len(desk.channel.messages) == 1


async def test_nothing_goes_before_it_is_due(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        await desk.tell("repair_started", due_at=NOON + HOUR)
        await desk.lanes.recover()
        await asyncio.sleep(0.1)
        assert desk.channel.messages == []

        desk.now += HOUR
        await desk.settled(SENT)


async def test_nothing_goes_while_the_journeys_are_not_known(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.facts.is_current = False
        await desk.tell("repair_started")
        await desk.lanes.recover()
        await asyncio.sleep(0.1)

        assert desk.channel.messages == []


async def test_what_was_held_at_night_is_one_message_in_the_morning(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.now = at("23:00")
        await desk.tell("part_delayed", "promise_changed", "quote_ready")
        await desk.settled(HELD, 3)
        assert {reason for _, reason in (await desk.states()).values()} == {QUIET}

        desk.now = at("08:00", day=3)
        await desk.settled(SENT, 3)

        (message,) = desk.channel.messages
        assert message.words.title == "3 news of your car"
        assert sorted(reason for _, reason in (await desk.states()).values()) == [
            "",
            "told with others",
            "told with others",
        ]


async def test_of_what_was_held_only_what_is_still_true_is_told(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.now = at("23:00")
        sends = await desk.tell("part_delayed", "promise_changed")
        await desk.settled(HELD, 2)
        (changed,) = [each for each in sends if each.milestone == "promise_changed"]
        shown = a_notice("promise_changed", at=changed.occurred_at)
        desk.facts.by_order["R1"] = a_fact("R1", shown)

        desk.now = at("08:00", day=3)
        await desk.settled(SENT)

        assert [message.words.title for message in desk.channel.messages] == ["New time for your car"]
        assert (await desk.states())["part_delayed"][0] == SUPERSEDED


async def test_who_opts_out_at_night_hears_nothing_in_the_morning(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.now = at("23:00")
        (send,) = await desk.tell("promise_changed")
        await desk.settled(HELD)
        gone = recipients.Preference(opted_out=True)
        await desk.clerk.execute(partial(recipients.set_preference, person=send.person, preference=gone, now=desk.now))

        desk.now = at("08:00", day=3)
        await desk.settled(SUPPRESSED)

        assert desk.channel.messages == []


async def test_where_messages_cannot_be_joined_the_newest_one_is_told(tmp_path: Path):
    async with a_desk(tmp_path, digests=False) as desk:
        desk.now = at("23:00")
        await desk.tell("part_delayed", "promise_changed")
        await desk.settled(HELD, 2)
        desk.now = at("08:00", day=3)
        await desk.settled(SENT)

        assert [message.milestone for message in desk.channel.messages] == ["promise_changed"]
        assert await desk.states() == {
            "promise_changed": (SENT, ""),
            "part_delayed": (SUPERSEDED, "put off, and then told by a newer message: promise_changed"),
        }


async def test_two_messages_to_one_person_keep_their_distance_and_the_second_is_not_lost(tmp_path: Path):
    async with a_desk(tmp_path, Policy(gap_ms=MINUTE)) as desk:
        await desk.tell("repair_started")
        await desk.tell("repair_started", order_id="R2")
        await desk.settled(SENT)
        await desk.settled(HELD, order_id="R2")

        desk.now += MINUTE
        await desk.settled(SENT, order_id="R2")


async def test_an_unclear_answer_is_final_where_the_message_cannot_be_told_apart(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.channel.answers = [Unclear("no answer")]
        await desk.tell("repair_started")
        await desk.settled(UNKNOWN)
        desk.now += HOUR
        await desk.lanes.recover()
        await asyncio.sleep(0.1)

        assert len(desk.channel.messages) == 1
        assert (await desk.states())["repair_started"] == (UNKNOWN, "no answer")


async def test_an_unclear_answer_is_asked_again_with_the_same_id_where_it_can(tmp_path: Path):
    async with a_desk(tmp_path, idempotent=True) as desk:
        desk.channel.answers = [Unclear("no answer")]
        await desk.tell("repair_started")
        await desk.settled(RETRY)
        desk.now += MINUTE
        await desk.settled(SENT)

        first, second = desk.channel.messages
        assert first.id == second.id


async def test_a_digest_whose_outcome_is_unclear_is_asked_again_as_it_was(tmp_path: Path):
    async with a_desk(tmp_path, idempotent=True) as desk:
        desk.now = at("23:00")
        await desk.tell("part_delayed", "promise_changed")
        await desk.settled(HELD, 2)
        desk.channel.answers = [Unclear("no answer")]
        desk.now = at("08:00", day=3)
        await desk.settled(RETRY, 2)
        desk.now += MINUTE
        await desk.settled(SENT, 2)

        first, second = desk.channel.messages
        assert (first.id, first.words.short) == (second.id, second.words.short)


async def test_a_digest_that_is_no_longer_all_true_cannot_be_asked_for_again(tmp_path: Path):
    async with a_desk(tmp_path, idempotent=True) as desk:
        desk.now = at("23:00")
        sends = await desk.tell("part_delayed", "promise_changed")
        await desk.settled(HELD, 2)
        desk.channel.answers = [Unclear("no answer")]
        desk.now = at("08:00", day=3)
        await desk.settled(RETRY, 2)
        (changed,) = [each for each in sends if each.milestone == "promise_changed"]
        desk.facts.by_order["R1"] = a_fact("R1", a_notice("promise_changed", at=changed.occurred_at))
        desk.now += MINUTE
        await desk.settled(UNKNOWN, 2)

        assert len(desk.channel.messages) == 1


async def test_what_was_surely_not_sent_is_sent_later(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.channel.answers = [NotSent("not reached")]
        await desk.tell("repair_started")
        await desk.settled(HELD)
        desk.now += MINUTE
        await desk.settled(SENT)

        assert len(desk.channel.messages) == 2


@pytest.mark.parametrize(("idempotent", "becomes"), [(False, UNKNOWN), (True, RETRY)])
async def test_a_channel_that_breaks_or_hangs_stops_nothing(tmp_path: Path, idempotent: bool, becomes: str):
    async with a_desk(tmp_path, idempotent=idempotent) as desk:
        desk.channel.answers = [ValueError("address 77")]
        await desk.tell("repair_started")
        await desk.settled(becomes)

        assert (await desk.states())["repair_started"] == (becomes, "the channel failed: ValueError")


async def test_a_milestone_without_words_stops_nothing(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        await desk.tell("teleported", "repair_started")
        await desk.settled(SENT)

        assert (await desk.states())["teleported"] == (REJECTED, "no message could be made: MissingTemplateError")


async def test_one_consent_is_one_message(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.channel.needs = ConsentNeeded("progress", keep=0)
        (send, _) = await desk.tell("repair_started", "promise_changed")
        await desk.clerk.execute(
            partial(recipients.add_consents, person=send.person, kind="progress", number=1, now=NOON)
        )
        await desk.until(desk_final(desk, 2))

        assert len(desk.channel.messages) == 1
        assert sorted(state for state, _ in (await desk.states()).values()) == [SENT, SUPPRESSED]


async def test_the_last_consent_is_kept_for_what_matters_more(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.channel.needs = ConsentNeeded("progress", keep=1)
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(
            partial(recipients.add_consents, person=send.person, kind="progress", number=1, now=NOON)
        )
        await desk.settled(SUPPRESSED)

        assert (await desk.states())["repair_started"][1] == "no consent left for this kind of message"
        assert await desk.clerk.execute(partial(recipients.consents_of, person=send.person)) == {"progress": 1}


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (Rejected("47003"), 3),
        (Rejected("43101", no_consent=True), 0),
        (NotSent("busy"), 3),
        (Unclear("lost"), 2),
        (Accepted(), 2),
    ],
)
async def test_a_consent_is_given_back_only_if_it_was_surely_not_used(tmp_path: Path, answer: Answer, left: int):
    async with a_desk(tmp_path) as desk:
        desk.channel.needs, desk.channel.answers = ConsentNeeded("progress", keep=0), [answer]
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(
            partial(recipients.add_consents, person=send.person, kind="progress", number=3, now=NOON)
        )

        async def is_noted() -> bool:
            state = (await desk.states())["repair_started"][0]
            return bool(desk.channel.messages) and state not in (INTENT, "PLANNED")

        await desk.until(is_noted)
        assert await desk.clerk.execute(partial(recipients.consents_of, person=send.person)) == {"progress": left}


async def test_a_subscription_that_is_gone_is_forgotten(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(
            partial(recipients.subscribe, person=send.person, order=R1, address="webpush:{}", now=NOON)
        )
        desk.channel.answers = [Rejected("HTTP 410", gone=True)]
        await desk.settled(REJECTED)

        assert await desk.clerk.execute(partial(recipients.subscriptions_of, orders=[R1])) == {}


@pytest.mark.parametrize(("idempotent", "becomes"), [(False, UNKNOWN), (True, SENT)])
async def test_what_a_killed_process_had_begun_is_settled_by_the_next(tmp_path: Path, idempotent: bool, becomes: str):
    async with a_desk(tmp_path, idempotent=idempotent) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(lambda store: ledger.claim(store, [send], "", "me", NOON, None))
        await desk.settled(becomes)

        assert len(desk.channel.messages) == (becomes == SENT)
        assert idempotent or (await desk.states())["repair_started"][1] == PROCESS_ENDED


async def test_what_another_process_has_begun_is_its_own_until_it_cannot_be_alive(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(lambda store: ledger.claim(store, [send], "", "another process", NOON, None))
        await desk.lanes.recover()
        assert (await desk.states())["repair_started"][0] == INTENT

        desk.now += round(1000 * (desk.channel.traits.timeout_s + CALL_MARGIN_S)) + ROOM_MS
        await desk.settled(UNKNOWN)


async def test_what_a_former_owner_ends_after_all_is_corrected(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(lambda store: ledger.claim(store, [send], "", "another process", NOON, None))
        desk.now += HOUR
        await desk.settled(UNKNOWN)
        await desk.clerk.execute(lambda store: ledger.finish(store, [send.id], SENT, "", desk.now))

        assert (await desk.states())["repair_started"][0] == SENT


async def test_a_stamp_of_a_clock_that_is_hours_ahead_holds_nothing_up(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(lambda store: ledger.claim(store, [send], "", "another process", NOON + HOUR, None))

        await desk.settled(UNKNOWN)


async def test_a_stop_waits_for_what_is_under_way(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.channel.answers = [0.3]
        await desk.tell("repair_started")
        await desk.until(lambda: desk.channel.messages)
        await desk.lanes.stop(5)

        assert (await desk.states())["repair_started"][0] == SENT


async def test_what_waits_for_a_channel_that_was_taken_away_is_settled(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        await desk.tell("repair_started", channel="pager", lane="pager")
        await desk.settled(SUPPRESSED)

        assert (await desk.states())["repair_started"][1] == "channel pager is not set up any more"


async def test_no_more_calls_at_once_than_a_channel_bears(tmp_path: Path):
    async with a_desk(tmp_path, concurrency=2, interrupts=False) as desk:
        desk.channel.answers = [0.15] * 6
        for number in range(6):
            await desk.tell("repair_started", order_id=f"R{number}")
        await desk.until(lambda: len(desk.channel.messages) >= 2)

        assert len(desk.channel.messages) <= 4
        await desk.settled(SENT, order_id="R5")


def desk_final(desk: Desk, number: int) -> Callable[[], Any]:
    async def is_so() -> bool:
        states = [state for state, _ in (await desk.states()).values()]
        return len(states) == number and all(state in ledger.FINAL for state in states)

    return is_so


@pytest.mark.parametrize("answer", [NotSent("HTTP 429", 60.0), Unclear("HTTP 503", 60.0)])
async def test_a_receiver_that_asks_for_a_pause_is_not_called_for_any_notice(tmp_path: Path, answer: Answer):
    async with a_desk(tmp_path, idempotent=True) as desk:
        desk.channel.answers = [answer]
        await desk.tell("repair_started")
        await desk.until(lambda: desk.channel.messages)
        await desk.tell("repair_started", order_id="R2")
        for _ in range(10):
            await desk.lanes.recover()
            await asyncio.sleep(0.02)

        assert len(desk.channel.messages) == 1
        state, _ = (await desk.states())["repair_started"]
        assert state == (HELD if isinstance(answer, NotSent) else RETRY)
