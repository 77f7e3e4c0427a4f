"""One delivery queue: the sends of one channel (of one host, where a channel has many), in turn, at their own pace.

Everything that waits stands in the ledger; a queue reads what is due, decides, writes INTENT, calls, writes outcomes.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import orjson

from runtime.clock import now_ms
from runtime.crash_point import crash_point
from runtime.progress import Progress
from runtime.store import Store
from schemas.centers import Center
from sinks.push.channel import Accepted, Answer, Channel, Message, NotSent, Rejected, Unclear
from sinks.push.decide import TO_DIGEST, Drop, Go, Hold, Policy, SendContext, decide
from sinks.push.journeys import NoticeJourneys
from sinks.push.ledger import ledger
from sinks.push.ledger.group_commit import GroupCommitThread
from sinks.push.ledger.ledger import DueSends, Send
from sinks.push.ledger.outcomes import MessageBatch, Outcomes, spend_of
from sinks.push.ledger.recipients import Preference
from sinks.push.pace import Breaker, Bucket
from sinks.push.words.compose import Composer
from streams.journey.ready_setting import ready_after_ms

log = logging.getLogger(__name__)

MESSAGED_SINCE_MS = 48 * 3600 * 1000
LOOK_AT_LEAST_EVERY_S = 5.0
GATHER_S = 0.02
NO_FACTS_PAUSE_S = 1.0
# Channels keep their own time; this much later a call is given up for one that does not.
CALL_MARGIN_S = 5.0


@dataclass(slots=True)
class PushContext:
    """Ledger, channels, settings and clock, shared by all delivery queues of a process.

    `owner` names this process in the ledger; `shards` are the partitions it has in hand.

    `failed` is set by what must end the process.
    """

    ledger_thread: GroupCommitThread
    journeys: NoticeJourneys
    composer: Composer
    policy: Policy
    centers: Mapping[str, Center]
    owner: str
    progress: Progress
    clock: Callable[[], int] = now_ms
    shards: set[int] = field(default_factory=set)
    failed: asyncio.Event = field(default_factory=asyncio.Event)


class DeliveryQueue:
    """Runs until cancelled, or until it has had nothing to do for a while: `run` returns then."""

    def __init__(self, name: str, channel: Channel, context: PushContext, idle_s: float = 60.0) -> None:
        self.name, self._channel, self._context, self._idle_s = name, channel, context, idle_s
        self._traits = channel.traits
        self._bucket, self._breaker = Bucket(self._traits.a_second), Breaker()
        self._calls: dict[asyncio.Task[None], list[str]] = {}
        self._claiming: set[str] = set()
        self._outcomes = Outcomes(context.ledger_thread, channel, context.clock, context.failed)
        # Held from looking at what is due until the calls for it have begun.
        self._turn = asyncio.Lock()
        self._wake, self._slot_free, self._stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @property
    def in_flight(self) -> set[str]:
        """The ids of the sends in this queue's hands: about to be called, or being called."""
        return self._claiming.union(self._outcomes.ids, *self._calls.values())

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more; `run` returns soon."""
        self._stop.set()
        self._wake.set()
        self._slot_free.set()

    async def run(self) -> None:
        busy_at = time.monotonic()
        while free_calls := await self._free_calls():
            self._wake.clear()
            async with self._turn:
                due = await self._context.ledger_thread.execute(partial(self._due, limit=free_calls))
                self._bucket.give_back(free_calls - await self._handle(due))
            if due.sends:
                busy_at = time.monotonic()
                continue
            if due.next_due is None and not self.in_flight and time.monotonic() - busy_at > self._idle_s:
                return
            await self._sleep(due.next_due)

    async def settle(self, limit_s: float) -> None:
        """Wait until what has been begun has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s), self._turn:
                while self._calls:
                    await asyncio.wait(list(self._calls))
                await self._outcomes.settle()

    # What to do next

    def _due(self, store: Store, limit: int) -> DueSends:
        now, messaged_since = self._context.clock(), None
        if self._traits.interrupts:
            messaged_since = now - MESSAGED_SINCE_MS
        return ledger.due_sends(store, self.name, self._context.shards, now, limit, messaged_since)

    async def _free_calls(self) -> int:
        """How many sends may be begun now: waits for slots, tokens, the breaker and the journeys. 0 to stop."""
        while not self._stop.is_set():
            await self._slots()
            if not self._context.journeys.is_current or self._context.progress.clock.is_settling:
                self._context.progress.moved += 1
                await self._pause(NO_FACTS_PAUSE_S)
                continue
            # What is begun and not called when the process is killed stays unknown, where it cannot be sent again.
            free = self._traits.concurrency - len(self._calls) if self._traits.idempotent else 1
            allowed = self._breaker.allow(free)
            if self._breaker.is_open and self._calls:
                allowed = 0
            if allowed and (granted := self._bucket.acquire(allowed)):
                return granted
            await self._pause(max(self._breaker.wait_s, self._bucket.wait_s) or GATHER_S)
        return 0

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, LOOK_AT_LEAST_EVERY_S)):
                await self._stop.wait()

    async def _slots(self) -> None:
        """Returns once a good part of the slots is free, or one is and the others take their time."""
        size = self._traits.concurrency
        while len(self._calls) >= size and not self._stop.is_set():
            self._slot_free.clear()
            await self._slot_free.wait()
        if size - len(self._calls) < size // 4:
            await asyncio.sleep(GATHER_S)

    async def _sleep(self, next_due: int | None) -> None:
        """Sleep until a send is due or a new one arrives."""
        pause = LOOK_AT_LEAST_EVERY_S
        if next_due is not None:
            pause = min(pause, max(0.0, (next_due - self._context.clock()) / 1000) + 0.001)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    # Decide

    async def _handle(self, due: DueSends) -> int:
        """Decide about what is due, write that down, and call for what goes; the number of calls."""
        groups: list[list[Send]] = []
        verdicts: list[tuple[Send, Hold | Drop]] = []
        handled: set[str] = set()
        for send in due.sends:
            if send.id in handled:
                continue
            group = self._group(send, due)
            ready = self._ready_sends(group, due, verdicts)
            handled.update(member.id for member in group)
            if ready:
                groups.append(ready)
                # The others of this batch must know of it.
                due.messaged_at.setdefault(send.person, []).append(self._context.clock())
        batches = [batch for sends in groups if (batch := self._compose(sends, verdicts)) is not None]
        if not verdicts and not batches:
            return 0
        self._claiming.update(send_id for batch in batches for send_id in batch.ids)
        try:
            claimed = await self._context.ledger_thread.execute(partial(self._write, verdicts, batches))
            for batch in claimed:
                crash_point("push.intent")
                task = asyncio.create_task(self._deliver(batch))
                self._calls[task] = batch.ids
                task.add_done_callback(self._ended)
        finally:
            self._claiming.clear()
        return len(claimed)

    def _group(self, send: Send, due: DueSends) -> list[Send]:
        """The send and those that go in the same message: what was put off with it, or went with it before."""
        group = due.groups.get(send.id, [])
        if send.state == ledger.RETRY:
            return [member for member in group if member.state == send.state and member.carrier == send.carrier] or [
                send
            ]
        if send.state == ledger.HELD and send.held_for:
            return [member for member in group if member.state == send.state and member.held_for] or [send]
        return [send]

    def _ready_sends(
        self, sends: Sequence[Send], due: DueSends, verdicts: list[tuple[Send, Hold | Drop]]
    ) -> list[Send]:
        """The sends that go now, as one message; the verdicts on the others are added to `verdicts`."""
        decisions = [(send, self._decision(send, due)) for send in sends]
        if sends[0].state == ledger.RETRY and len({type(decision) for _, decision in decisions}) > 1:
            # Without some of them it is not the same message any more, so it cannot go under the same id.
            unknown_outcome = Drop(ledger.UNKNOWN, "no clear answer, and then part of it was not to be sent again")
            verdicts += [(send, unknown_outcome) for send in sends]
            return []
        ready = [send for send, decision in decisions if isinstance(decision, Go)]
        verdicts += [(send, decision) for send, decision in decisions if not isinstance(decision, Go)]
        if len(ready) > 1 and not self._traits.digests and ready[0].state != ledger.RETRY:
            newest = max(ready, key=lambda send: (send.occurred_at, send.id))
            replaced = Drop(ledger.SUPERSEDED, f"put off, and then told by a newer message: {newest.milestone}")
            verdicts += [(send, replaced) for send in ready if send is not newest]
            return [newest]
        return ready

    def _decision(self, send: Send, due: DueSends) -> Go | Hold | Drop:
        context = self._context
        try:
            notice = orjson.loads(send.notice or "{}")
            center_id, now = notice["center_id"], context.clock()
            center = context.centers.get(center_id or "")
            send_context = SendContext(
                context.journeys.fact(send.order),
                due.preferences.get(send.person, Preference()),
                due.messaged_at.get(send.person, ()),
                center,
                due.delivered_events.get((send.person, send.order, send.milestone), ()),
                ready_after_ms(center, center_id, context.journeys.checks, now),
            )
            return decide(send, notice, send_context, context.policy, now, interrupts=self._traits.interrupts)
        except (ValueError, LookupError, TypeError) as error:
            log.exception("nothing could be decided about milestone %s", send.milestone)
            return Drop(ledger.REJECTED, f"nothing could be decided: {type(error).__name__}")

    def _compose(self, sends: list[Send], verdicts: list[tuple[Send, Hold | Drop]]) -> MessageBatch | None:
        """The message; None where there are no words for it, which is a fault of a template and stops nothing else."""
        # What is tried again has its id already; else the newest gives it.
        is_retry = sends[0].state == ledger.RETRY
        sends = sorted(sends, key=lambda send: (is_retry and send.id != send.carrier, -send.occurred_at, send.id))
        fact = self._context.journeys.fact(sends[0].order)
        try:
            message = self._context.composer.message(sends, fact, self._traits.style)
            return MessageBatch(sends, message, message.words.title)
        except Exception as error:
            # Where the machine has no more memory or files no template is at fault, and the message must not be lost.
            # An OSError without a number is Jinja's, of a template that another one includes.
            if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
                raise
            log.exception("no message could be made of milestone %s", sends[0].milestone)
            drop = Drop(ledger.REJECTED, f"no message could be made: {type(error).__name__}")
            verdicts += [(send, drop) for send in sends]
            return None

    def _write(
        self, verdicts: list[tuple[Send, Hold | Drop]], batches: list[MessageBatch], store: Store
    ) -> list[MessageBatch]:
        """The batches whose INTENT is written; one transaction with all verdicts."""
        now = self._context.clock()
        for send, verdict in verdicts:
            match verdict:
                case Hold(until, reason, state):
                    held_for = reason if reason in TO_DIGEST else None
                    ledger.hold(store, [send.id], state, reason, until, held_for)
                case Drop(state, reason):
                    ledger.finish(store, [send.id], state, reason, now)
                    self._context.progress.counts["dropped", self._channel.name, state] += 1
        crash_point("push.before_intent")
        return [
            batch
            for batch in batches
            if ledger.claim(store, batch.sends, batch.title, self._context.owner, now, spend_of(self._channel, batch))
        ]

    # Call

    async def _deliver(self, batch: MessageBatch) -> None:
        context, began = self._context, time.monotonic()
        if (wait_s := self._breaker.asked_wait_s) > 0:
            # Asked by the answer to a call that was under way when this one was claimed.
            self._outcomes.add(batch, NotSent("the receiver asked for a pause", wait_s))
            return
        answer = await self._call(batch.message)
        crash_point("push.called")
        took_s = time.monotonic() - began
        self._outcomes.add(batch, answer)
        if isinstance(answer, Accepted | Rejected):
            self._breaker.answered()
        else:
            self._breaker.failed(answer.retry_after_s)
        if not self._traits.idempotent:
            # Until its outcome is durable it counts as a call: a kill leaves no more UNKNOWN than calls at once.
            await self._outcomes.settle()
        name, kind = self._channel.name, type(answer).__name__
        context.progress.observe(("call_seconds", name), [took_s])
        context.progress.counts["answers", name, kind] += 1
        context.progress.moved += 1

    async def _call(self, message: Message) -> Answer:
        try:
            async with asyncio.timeout(self._traits.timeout_s + CALL_MARGIN_S):
                return await self._channel.send(message)
        except TimeoutError:
            return Unclear("no answer in time")
        except Exception as error:
            # Not the error's own text, which may hold the address.
            log.error("channel %s failed: %s", self._channel.name, type(error).__name__)
            return Unclear(f"the channel failed: {type(error).__name__}")

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls.pop(task, None)
        self._slot_free.set()
        if not task.cancelled() and task.exception() is not None:
            log.critical("a call failed in a way that none should", exc_info=task.exception())
            self._context.failed.set()
