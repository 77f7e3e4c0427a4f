"""How a lane works through what is due: a real ledger, a clock that the test moves, a channel made of paper."""

import asyncio
import errno
from functools import partial
from pathlib import Path

import pytest

from sinks.push.channel import Accepted, Answer, ConsentNeeded, NotSent, Rejected, Unclear
from sinks.push.decide import QUIET, Policy
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.ledger import HELD, INTENT, PLANNED, REJECTED, RETRY, SENT, SUPERSEDED, SUPPRESSED, UNKNOWN
from sinks.push.words.compose import Composer
from tests.providers.messages import HOUR, MINUTE, a_fact, a_notice, a_send
from tests.unit.sinks.push.desk import NOON, a_desk, desk_final
from tests.unit.sinks.push.test_decide import at
from tests.workshop import R1


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
            states.update({send.id: send.state for send in sends})
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
        (changed,) = [send for send in sends if send.milestone == "promise_changed"]
        notice = a_notice("promise_changed", at=changed.occurred_at)
        desk.facts.by_order["R1"] = a_fact("R1", notice)

        desk.now = at("08:00", day=3)
        await desk.settled(SENT)

        assert [message.words.title for message in desk.channel.messages] == ["New time for your car"]
        assert (await desk.states())["part_delayed"][0] == SUPERSEDED


async def test_who_opts_out_at_night_hears_nothing_in_the_morning(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        desk.now = at("23:00")
        (send,) = await desk.tell("promise_changed")
        await desk.settled(HELD)
        preference = recipients.Preference(opted_out=True)
        await desk.clerk.execute(
            partial(recipients.set_preference, person=send.person, preference=preference, now=desk.now)
        )

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
        (changed,) = [send for send in sends if send.milestone == "promise_changed"]
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


async def test_a_machine_without_files_or_memory_loses_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A time zone that cannot be opened is no fault of the message: the process ends, and the next one sends it."""

    def no_files(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async with a_desk(tmp_path) as desk:
        monkeypatch.setattr(Composer, "message", no_files)
        await desk.tell("repair_started")
        await desk.until(desk.office.failed.is_set)

        assert (await desk.states())["repair_started"][0] == PLANNED
        desk.office.failed.clear()


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
    ("answer", "uses_left"),
    [
        (Rejected("47003"), 3),
        (Rejected("43101", no_consent=True), 0),
        (NotSent("busy"), 3),
        (Unclear("lost"), 2),
        (Accepted(), 2),
    ],
)
async def test_a_consent_is_given_back_only_if_it_was_surely_not_used(tmp_path: Path, answer: Answer, uses_left: int):
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
        assert await desk.clerk.execute(partial(recipients.consents_of, person=send.person)) == {"progress": uses_left}


async def test_a_subscription_that_is_gone_is_forgotten(tmp_path: Path):
    async with a_desk(tmp_path) as desk:
        (send,) = await desk.tell("repair_started")
        await desk.clerk.execute(
            partial(recipients.subscribe, person=send.person, order=R1, address="webpush:{}", now=NOON)
        )
        desk.channel.answers = [Rejected("HTTP 410", gone=True)]
        await desk.settled(REJECTED)

        assert await desk.clerk.execute(partial(recipients.subscriptions_of, orders=[R1])) == {}


async def test_no_more_calls_at_once_than_a_channel_bears(tmp_path: Path):
    async with a_desk(tmp_path, concurrency=2, interrupts=False) as desk:
        desk.channel.answers = [0.15] * 6
        for number in range(6):
            await desk.tell("repair_started", order_id=f"R{number}")
        await desk.until(lambda: len(desk.channel.messages) >= 2)

        assert len(desk.channel.messages) <= 4
        await desk.settled(SENT, order_id="R5")


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
