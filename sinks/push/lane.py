"""One lane: the sends of one channel (of one host, where a channel has many), in turn and at their own pace.

Everything that waits stands in the ledger; a lane takes what is due, decides, writes INTENT, calls, writes the outcome.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import orjson

from runtime.crash_point import crash_point
from runtime.progress import Progress
from runtime.store import Store
from schemas.centers import Center
from sinks.push.channels.channel import Accepted, Answer, Channel, Message, NotSent, Rejected, Unclear
from sinks.push.decide import TO_DIGEST, Drop, Go, Hold, Known, Policy, decide
from sinks.push.journeys import Journeys
from sinks.push.ledger import ledger
from sinks.push.ledger.audience import Preference
from sinks.push.ledger.clerk import Clerk
from sinks.push.ledger.ledger import Found, Send
from sinks.push.ledger.outcomes import Outcomes, Parcel, spend_of
from sinks.push.pace import Breaker, Bucket
from sinks.push.words.compose import Composer
from streams.journey.ready_setting import ready_after_ms

log = logging.getLogger(__name__)

TOLD_SINCE_MS = 48 * 3600 * 1000
LOOK_AT_LEAST_EVERY_S = 5.0
GATHER_S = 0.02
NO_FACTS_PAUSE_S = 1.0
# Channels keep their own time; this much later a call is given up for one that does not.
CALL_MARGIN_S = 5.0


@dataclass(slots=True)
class Office:
    """What all lanes share.

    `owner` names this process in the ledger; `shards` are the partitions it has in hand.

    `failed` is set by what must end the process.
    """

    clerk: Clerk
    journeys: Journeys
    composer: Composer
    policy: Policy
    centers: Mapping[str, Center]
    owner: str
    progress: Progress
    clock: Callable[[], int] = lambda: int(time.time() * 1000)
    shards: set[int] = field(default_factory=set)
    failed: asyncio.Event = field(default_factory=asyncio.Event)


class Lane:
    """Runs until cancelled, or until it has had nothing to do for a while: `run` returns then."""

    def __init__(self, name: str, channel: Channel, office: Office, idle_s: float = 60.0) -> None:
        self.name, self._channel, self._office, self._idle_s = name, channel, office, idle_s
        self._traits = channel.traits
        self._bucket, self._breaker = Bucket(self._traits.a_second), Breaker()
        self._calls: dict[asyncio.Task[None], list[str]] = {}
        self._claiming: set[str] = set()
        self._outcomes = Outcomes(office.clerk, channel, office.clock, office.failed)
        # Held from looking at what is due until the calls for it have begun.
        self._turn = asyncio.Lock()
        self._wake, self._slot_free, self._stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @property
    def in_flight(self) -> set[str]:
        """The ids of the sends that this lane answers for: about to be called, or being called."""
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
        while room := await self._room():
            self._wake.clear()
            async with self._turn:
                found = await self._office.clerk.do(partial(self._look, limit=room))
                self._bucket.give_back(room - await self._handle(found))
            if found.sends:
                busy_at = time.monotonic()
                continue
            if found.next_due is None and not self.in_flight and time.monotonic() - busy_at > self._idle_s:
                return
            await self._sleep(found.next_due)

    async def settle(self, limit_s: float) -> None:
        """Wait until what has been begun has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s), self._turn:
                while self._calls:
                    await asyncio.wait(list(self._calls))
                await self._outcomes.settle()

    # What to do next

    def _look(self, store: Store, limit: int) -> Found:
        now, told_since = self._office.clock(), None
        if self._traits.rings:
            told_since = now - TOLD_SINCE_MS
        return ledger.look(store, self.name, self._office.shards, now, limit, told_since)

    async def _room(self) -> int:
        """How many sends may be begun now: waits for slots, tokens, the breaker and the journeys. 0 to stop."""
        while not self._stop.is_set():
            await self._slots()
            if not self._office.journeys.is_current:
                self._office.progress.moved += 1
                await self._pause(NO_FACTS_PAUSE_S)
                continue
            # What is begun and not called when the process is killed stays unknown, where it cannot be sent again.
            free = self._traits.concurrency - len(self._calls) if self._traits.idempotent else 1
            allowed = self._breaker.allow(free)
            if self._breaker.is_open and self._calls:
                allowed = 0
            if allowed and (granted := self._bucket.take(allowed)):
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
        """Until something is due or new."""
        pause = LOOK_AT_LEAST_EVERY_S
        if next_due is not None:
            pause = min(pause, max(0.0, (next_due - self._office.clock()) / 1000) + 0.001)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    # Decide

    async def _handle(self, found: Found) -> int:
        """Decide about what is due, write that down, and call for what goes; the number of calls."""
        parcels: list[list[Send]] = []
        verdicts: list[tuple[Send, Hold | Drop]] = []
        taken: set[str] = set()
        for send in found.sends:
            if send.id in taken:
                continue
            together = self._together(send, found)
            going = self._going(together, found, verdicts)
            taken.update(each.id for each in together)
            if going:
                parcels.append(going)
                # The others of this batch must know of it.
                found.told_at.setdefault(send.person, []).append(self._office.clock())
        made = [parcel for sends in parcels if (parcel := self._compose(sends, verdicts)) is not None]
        if not verdicts and not made:
            return 0
        self._claiming.update(each for parcel in made for each in parcel.ids)
        try:
            claimed = await self._office.clerk.do(partial(self._write, verdicts, made))
            for parcel in claimed:
                crash_point("push.intent")
                task = asyncio.create_task(self._deliver(parcel))
                self._calls[task] = parcel.ids
                task.add_done_callback(self._ended)
        finally:
            self._claiming.clear()
        return len(claimed)

    def _together(self, send: Send, found: Found) -> list[Send]:
        """The send and what belongs into the same message: what was put off with it, or went with it before."""
        waiting = found.together.get(send.id, [])
        if send.state == ledger.RETRY:
            return [each for each in waiting if each.state == send.state and each.carrier == send.carrier] or [send]
        if send.state == ledger.HELD and send.held_for:
            return [each for each in waiting if each.state == send.state and each.held_for] or [send]
        return [send]

    def _going(self, sends: Sequence[Send], found: Found, verdicts: list[tuple[Send, Hold | Drop]]) -> list[Send]:
        """Those that go now, as one message; the verdict on each of the others is added."""
        decided = [(send, self._decision(send, found)) for send in sends]
        if sends[0].state == ledger.RETRY and len({type(decision) for _, decision in decided}) > 1:
            # Without some of them it is not the same message any more, so it cannot go under the same id.
            lost = Drop(ledger.UNKNOWN, "no clear answer, and then part of it was not to be sent again")
            verdicts += [(send, lost) for send in sends]
            return []
        going = [send for send, decision in decided if isinstance(decision, Go)]
        verdicts += [(send, decision) for send, decision in decided if not isinstance(decision, Go)]
        if len(going) > 1 and not self._traits.digests and going[0].state != ledger.RETRY:
            newest = max(going, key=lambda send: (send.occurred_at, send.id))
            told = Drop(ledger.SUPERSEDED, f"put off, and then told by a newer message: {newest.milestone}")
            verdicts += [(send, told) for send in going if send is not newest]
            return [newest]
        return going

    def _decision(self, send: Send, found: Found) -> Go | Hold | Drop:
        office = self._office
        try:
            notice = orjson.loads(send.notice or "{}")
            center_id, now = notice["center_id"], office.clock()
            center = office.centers.get(center_id or "")
            known = Known(
                office.journeys.fact(send.order),
                found.preferences.get(send.person, Preference()),
                found.told_at.get(send.person, ()),
                center,
                found.told_by.get((send.person, send.order, send.milestone), ()),
                ready_after_ms(center, center_id, office.journeys.checks, now),
            )
            return decide(send, notice, known, office.policy, now, rings=self._traits.rings)
        except (ValueError, LookupError, TypeError) as error:
            log.exception("nothing could be decided about milestone %s", send.milestone)
            return Drop(ledger.REJECTED, f"nothing could be decided: {type(error).__name__}")

    def _compose(self, sends: list[Send], verdicts: list[tuple[Send, Hold | Drop]]) -> Parcel | None:
        """The message; None where there are no words for it, which is a fault of a template and stops nothing else."""
        # What is tried again has its id already; else the newest gives it.
        again = sends[0].state == ledger.RETRY
        sends = sorted(sends, key=lambda send: (again and send.id != send.carrier, -send.occurred_at, send.id))
        fact = self._office.journeys.fact(sends[0].order)
        try:
            message = self._office.composer.message(sends, fact, self._traits.style)
            return Parcel(sends, message, message.words.title)
        except Exception as error:
            log.exception("no message could be made of milestone %s", sends[0].milestone)
            drop = Drop(ledger.REJECTED, f"no message could be made: {type(error).__name__}")
            verdicts += [(send, drop) for send in sends]
            return None

    def _write(self, verdicts: list[tuple[Send, Hold | Drop]], parcels: list[Parcel], store: Store) -> list[Parcel]:
        """The parcels whose INTENT is written; one transaction with all verdicts."""
        now = self._office.clock()
        for send, verdict in verdicts:
            match verdict:
                case Hold(until, reason, state):
                    held_for = reason if reason in TO_DIGEST else None
                    ledger.hold(store, [send.id], state, reason, until, held_for)
                case Drop(state, reason):
                    ledger.finish(store, [send.id], state, reason, now)
                    self._office.progress.counts["dropped", self._channel.name, state] += 1
        crash_point("push.before_intent")
        return [
            parcel
            for parcel in parcels
            if ledger.claim(store, parcel.sends, parcel.told, self._office.owner, now, spend_of(self._channel, parcel))
        ]

    # Call

    async def _deliver(self, parcel: Parcel) -> None:
        office, began = self._office, time.monotonic()
        answer = await self._call(parcel.message)
        crash_point("push.called")
        took_s = time.monotonic() - began
        self._outcomes.add(parcel, answer)
        if isinstance(answer, Accepted | Rejected):
            self._breaker.answered()
        else:
            self._breaker.failed(answer.retry_after_s if isinstance(answer, NotSent) else None)
        if not self._traits.idempotent:
            # Until its outcome is durable it counts as a call: a kill leaves no more UNKNOWN than calls at once.
            await self._outcomes.settle()
        name, kind = self._channel.name, type(answer).__name__
        office.progress.observe(("call_seconds", name), [took_s])
        office.progress.counts["answers", name, kind] += 1
        office.progress.moved += 1

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
            self._office.failed.set()
