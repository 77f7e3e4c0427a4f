"""Writes the outcomes of a queue's calls into the ledger: many at once, in the order in which they ended."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from runtime.crash_point import crash_point
from runtime.store import Store
from sinks.push.channel import Accepted, Answer, Channel, Message, NotSent, Rejected, Unclear
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.group_commit import GroupCommitThread
from sinks.push.ledger.ledger import Send
from sinks.push.ledger.recipients import Spend

log = logging.getLogger(__name__)

FIRST_RETRY_MS, LONGEST_RETRY_MS = 1_000, 300_000


@dataclass(slots=True)
class MessageBatch:
    """Sends that go as one message; the first one's id is the message's."""

    sends: list[Send]
    message: Message
    title: str

    @property
    def ids(self) -> list[str]:
        return [send.id for send in self.sends]


class Outcomes:
    """Collects answers. While one batch of them is being written, the next one fills."""

    def __init__(
        self, clerk: GroupCommitThread, channel: Channel, clock: Callable[[], int], failed: asyncio.Event
    ) -> None:
        self._ledger_thread, self._channel, self._clock, self._failed = clerk, channel, clock, failed
        self._waiting: list[tuple[MessageBatch, Answer]] = []
        self._under_way: list[tuple[MessageBatch, Answer]] = []
        self._writer: asyncio.Task[None] | None = None

    @property
    def ids(self) -> set[str]:
        """The sends whose outcome is known and not durable yet."""
        return {send_id for batch, _ in (*self._waiting, *self._under_way) for send_id in batch.ids}

    def add(self, batch: MessageBatch, answer: Answer) -> None:
        """Write it down, soon."""
        self._waiting.append((batch, answer))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
            self._writer.add_done_callback(self._ended)

    async def settle(self) -> None:
        """Returns once all that was added is durable, or cannot be written."""
        while (writer := self._writer) is not None:
            await asyncio.wait([writer])

    async def _write(self) -> None:
        try:
            while self._waiting:
                self._under_way, self._waiting = self._waiting, []
                await self._ledger_thread.execute(partial(self._note_all, self._under_way))
                self._under_way = []
                crash_point("push.noted")
        finally:
            # Here and not in a callback: what is added from now on needs a new writer.
            self._writer = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            # What was called and cannot be written down must not be called again by this process.
            log.critical("an outcome could not be written", exc_info=task.exception())
            self._failed.set()

    def _note_all(self, outcomes: Sequence[tuple[MessageBatch, Answer]], store: Store) -> None:
        now = self._clock()
        for batch, answer in outcomes:
            self._note(store, batch, answer, now)

    def _note(self, store: Store, batch: MessageBatch, answer: Answer, now: int) -> None:
        ids, first = batch.ids, batch.sends[0]
        pause = min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** min(first.attempts, 12))
        match answer:
            case Accepted(reference):
                ledger.finish(store, ids[:1], ledger.SENT, "", now, reference)
                ledger.finish(store, ids[1:], ledger.SENT, "told with others", now, reference)
            case Rejected(reason):
                ledger.finish(store, ids, ledger.REJECTED, reason, now)
                self._learn(store, batch, answer, now)
            case NotSent(reason, retry_after_s):
                self._give_back_consent(store, batch, now)
                until = now + max(pause, _ms(retry_after_s))
                state = ledger.RETRY if first.state == ledger.RETRY else ledger.HELD
                ledger.hold(store, ids, state, reason, until)
            case Unclear(reason, retry_after_s) if self._channel.traits.idempotent:
                ledger.hold(store, ids, ledger.RETRY, reason, now + max(pause, _ms(retry_after_s)))
            case Unclear(reason):
                ledger.finish(store, ids, ledger.UNKNOWN, reason, now)

    def _learn(self, store: Store, batch: MessageBatch, answer: Rejected, now: int) -> None:
        """Store what a refusal says about the person: address gone, consent gone."""
        person = batch.sends[0].person
        if answer.gone:
            recipients.unsubscribe(store, person)
        if answer.no_consent and (consent := self._channel.consent(batch.message.milestone)):
            recipients.drop_consents(store, person, consent.kind, now)
        else:
            self._give_back_consent(store, batch, now)

    def _give_back_consent(self, store: Store, batch: MessageBatch, now: int) -> None:
        # What is tried again has not used a second one.
        if (spend := spend_of(self._channel, batch)) and batch.sends[0].state != ledger.RETRY:
            recipients.add_consents(store, spend.person, spend.kind, 1, now)


def _ms(pause_s: float | None) -> int:
    return round(1000 * (pause_s or 0))


def spend_of(channel: Channel, batch: MessageBatch) -> Spend | None:
    """The consent that a message uses up."""
    consent = channel.consent(batch.message.milestone)
    return Spend(batch.sends[0].person, consent.kind, consent.keep) if consent else None
