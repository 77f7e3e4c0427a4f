"""At-least-once that holds: Faust's consumer hardened, and an outbox that writes in a fixed order.

Every rule here was seen to lose or double data when it was missing (faust-streaming 0.15.3).
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

import structlog
from aiokafka import AIOKafkaProducer, errors
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from aiokafka.protocol.produce import ProduceRequest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.futures import notify

from sinks.crash_point import crash_point

log = structlog.get_logger()

OWN_BUG = 70
STALLED = 75

# A key, a value (None deletes), and headers.
Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
Rows = dict[tuple[str, int], list[Row]]  # by (topic, partition)

_STILL_A_MEMBER = frozenset({errors.NoError.errno, errors.RebalanceInProgressError.errno})
_FENCED_INSTANCE_ID = 82  # not among aiokafka's errors
_NOT_A_MEMBER = frozenset({errors.UnknownMemberIdError.errno, errors.IllegalGenerationError.errno, _FENCED_INSTANCE_ID})


def fail_stop(reason: str, code: int = OWN_BUG) -> NoReturn:
    """End the process at once: nothing unfinished is acked, so it is done again after the restart."""
    log.critical("worker ends", reason=reason, exit_code=code)
    os._exit(code)


class Lease:
    """Whether the group still holds this process for the owner of its partitions.

    It does for a session's length after the last heartbeat that it answered was sent, less what a write may take. A
    process that stood still for longer (frozen, swapped out, cut off) must not write what it had prepared: the next
    owner may be further. Brokers cannot tell (their fencing of producers needs transactions), so the producer asks.
    """

    IN_FLIGHT_S = 1.0

    def __init__(self, session_s: float) -> None:
        self._holds_s = session_s - self.IN_FLIGHT_S
        self._until = time.monotonic() + self._holds_s
        self._lost = False

    def watch(self, consumer: Any) -> None:
        """Follow the answers to the heartbeats and joins that this consumer's client sends, from its thread."""
        send = consumer._client.send

        async def followed(node: int, request: Any, **options: Any) -> Any:
            sent_at = time.monotonic()
            answer = await send(node, request, **options)
            if isinstance(request, HeartbeatRequest):
                self.heard(sent_at, answer.error_code)
            elif isinstance(request, SyncGroupRequest) and answer.error_code == errors.NoError.errno:
                self.joined(sent_at)
            return answer

        consumer._client.send = followed

    def joined(self, sent_at: float) -> None:
        """The group takes the process for a member, by what it sent at `sent_at` (monotonic)."""
        self._until = sent_at + self._holds_s
        self._lost = False

    def heard(self, sent_at: float, error_code: int) -> None:
        """Take the group's answer to the heartbeat that was sent at `sent_at` (monotonic)."""
        if error_code in _STILL_A_MEMBER:
            self._until = sent_at + self._holds_s
        elif error_code in _NOT_A_MEMBER:
            self._lost = True

    def guard(self, producer: AIOKafkaProducer) -> None:
        """Let nothing out of this producer, first tries and further ones, but while the lease is held."""
        send = producer.client.send

        async def guarded(node: int, request: Any, **options: Any) -> Any:
            if isinstance(request, ProduceRequest):
                await self.held()
            return await send(node, request, **options)

        producer.client.send = guarded

    async def held(self) -> None:
        """Return once the lease is held, at once where it is; end the process where the partitions are gone."""
        while self._lost or time.monotonic() > self._until:
            if self._lost:
                fail_stop("the group took it for dead and may have given its partitions to another", STALLED)
            await asyncio.sleep(0.05)


class Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread with a shorter long poll, for topics that transactional producers may write, too.

    Faust hard-codes a long poll of 1.5 s; one idle partition's would hold up the busy ones of the same broker.
    `reached`: by partition, how far records were taken, and the read position behind which the next ones lie. What is
    between the two are markers of transactions and aborted records, which nobody sees and nobody can settle.
    """

    fetch_max_wait_ms = 100
    lease: Lease

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reached: dict[TP, tuple[int, int]] = {}

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self.fetch_max_wait_ms
        consumer._isolation_level = "read_committed"
        self.lease.watch(consumer)
        return consumer

    async def _fetch_records(self, consumer: Any, active_partitions: set[TP], **options: Any) -> Any:
        records = await super()._fetch_records(consumer, active_partitions, **options)
        # No await from here on: only taking records moves a position.
        for tp in active_partitions & self.reached.keys():
            state = _state_of(consumer, tp)
            if state is not None and state.has_valid_position:
                taken = records[tp][-1].offset + 1 if records.get(tp) else 0
                self.reached[tp] = max(taken, self.reached[tp][0]), state.position
        return records

    def highwater(self, tp: TP) -> int:
        """The end of what may be read: behind it is a transaction that is still open."""
        stable: int = self._ensure_consumer().last_stable_offset(tp)
        return stable


def _state_of(consumer: Any, tp: TP) -> Any:
    """aiokafka's own state of an assigned partition; None where it is not assigned."""
    subscription = consumer._subscription.subscription
    assignment = subscription and subscription.assignment
    return assignment.state_value(tp) if assignment and tp in assignment.tps else None


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer for batch events that are acked in order, one partition batch after the other.

    What may be committed is then simply the end of the newest acked batch; Faust's own search for gaps in single
    offsets can skip an unacked head, and counts a batch's records as gap.
    """

    replay_margin = 0
    lease: Lease

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settled: dict[TP, int] = {}
        # What is known to be committed, kept while partitions are revoked: Faust forgets it before the last commit.
        self._floor: dict[TP, int] = {}

    def _new_consumer_thread(self) -> Thread:
        thread = Thread(self, loop=self.loop, beacon=self.beacon)
        thread.lease = self.lease
        return thread

    def ack(self, message: Any) -> bool:
        """Note that all up to the end of this batch is done."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        if self.app.topics.acks_enabled_for(message.topic):
            self.settled[message.tp] = message.offset + 1
        notify(self._waiting_for_ack)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        return [tp for tp in self.settled if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        return self.settled.get(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Only ever forward: what the replay margin reads again lies behind the commit."""
        return offset > self._floor.get(tp, 0)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Compaction and transactions leave holes; acks in order need not know of them."""

    async def _commit(self, offsets: Any) -> bool:
        crash_point("worker.before_commit")
        committed: bool = await super()._commit(offsets)
        if committed:
            self._floor.update(offsets)
        crash_point("worker.committed")
        return committed

    def pass_over_holes(self) -> None:
        """Count the markers of transactions behind the last record as done, once that record is."""
        for tp, (taken, position) in list(self._thread.reached.items()):
            done = self.settled.get(tp, self._committed_offset[tp] or 0)
            if taken <= done < position and tp in self.assignment():
                self.settled[tp] = position
                notify(self._waiting_for_ack)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget what was acked of the partitions: their new owner starts from what was committed."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self.settled.pop(tp, None)

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, and `replay_margin` records further back.

        The flow is stopped first: records fetched while the seek is in flight would be thrown away with the queues
        when the flow resumes, though the read offset had moved past them. The margin repairs a changelog whose tail
        the broker lost; to read a record twice changes nothing.
        """
        crash_point("worker.before_seek")
        if self.flow_active:
            self.stop_flow()
        self.settled.clear()
        await super().perform_seek()
        ours = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        self._floor = {tp: self._committed_offset[tp] or 0 for tp in ours}
        earliest = await self.earliest_offsets(*ours) if ours else {}
        for tp in ours:
            # Where nothing was committed, aiokafka seeks nowhere, and what it had fetched meanwhile would be lost.
            start = max((self._committed_offset[tp] or 0) - self.replay_margin, earliest.get(tp) or 0)
            self._thread.seek(tp, start)
            self._read_offset[tp] = start or None
            taken, _ = self._thread.reached.get(tp, (start, 0))
            self._thread.reached[tp] = taken, 0


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with the consumer above."""

    Consumer = Consumer


class Outbox:
    """Writes what each batch comes to, in order: outputs acknowledged, then changelog acknowledged, then `done`.

    Two stages, each first in, first out, so that the loop never waits for an acknowledgement: while a batch's
    changelog is under way, the outputs of the next ones are. Any failed write ends the process before the ack.
    """

    def __init__(self, producer: AIOKafkaProducer, *, depth: int = 8) -> None:
        self._producer = producer
        self._room = asyncio.Semaphore(depth)
        self._depth = depth
        self._sent: asyncio.Queue[tuple[list[Awaitable[Any]], Rows, Callable[[], None]]] = asyncio.Queue()
        self._logged: asyncio.Queue[tuple[list[Awaitable[Any]], Callable[[], None]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to settle what is put in."""
        for stage in (self._settle_outputs, self._settle_changelog):
            self._tasks.append(asyncio.create_task(self._or_fail(stage), name=stage.__name__))

    async def stop(self) -> None:
        """Stop settling; what is not settled was never acked."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def put(self, outputs: Rows, changelog: Rows, done: Callable[[], None]) -> None:
        """Hand a batch over; waits only while `depth` batches are under way."""
        await self._room.acquire()
        crash_point("worker.before_outputs")
        futures = await self._ship(outputs)
        crash_point("worker.outputs_sent")
        self._sent.put_nowait((futures, changelog, done))

    def under_way(self) -> int:
        """How many batches are handed over and not yet done."""
        return self._depth - self._room._value

    async def drained(self) -> None:
        """Return once nothing is under way."""
        while self.under_way():
            await asyncio.sleep(0.005)

    async def _settle_outputs(self) -> None:
        while True:
            futures, changelog, done = await self._sent.get()
            for future in futures:
                await future
            crash_point("worker.outputs_acknowledged")
            futures = await self._ship(changelog)
            crash_point("worker.changelog_sent")
            self._logged.put_nowait((futures, done))

    async def _settle_changelog(self) -> None:
        while True:
            futures, done = await self._logged.get()
            for future in futures:
                await future
            crash_point("worker.changelog_acknowledged")
            done()
            crash_point("worker.acked")
            self._room.release()

    async def _ship(self, rows: Rows) -> list[Awaitable[Any]]:
        """Send the rows as whole record batches; the futures of their acknowledgements."""
        futures: list[Awaitable[Any]] = []
        for (topic, partition), each in rows.items():
            batch = self._producer.create_batch()
            for key, value, headers in each:
                if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    batch.close()
                    futures.append(await self._producer.send_batch(batch, topic, partition=partition))
                    batch = self._producer.create_batch()
                    batch.append(timestamp=None, key=key, value=value, headers=headers)
            batch.close()
            futures.append(await self._producer.send_batch(batch, topic, partition=partition))
        return futures

    async def _or_fail(self, stage: Callable[[], Awaitable[None]]) -> None:
        try:
            await stage()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("a write failed")
            fail_stop(f"a write failed: {type(error).__name__}")
