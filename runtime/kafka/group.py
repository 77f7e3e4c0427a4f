"""The consumer loop under every box that shares partitions: joining, reading, committing, dead letters, stopping.

Auto-commit is off: a box commits through `ConsumerGroup.commit` once its target has acknowledged, so a crash anywhere
repeats records and never drops any.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from runtime.kafka.client import new_consumer, stop_client
from runtime.kafka.dead_letters import DeadLetters
from runtime.kafka.lag import Delivered, show_lag
from runtime.kafka.lost_records import LostRecords
from runtime.progress import Progress
from runtime.retry import Retry, StopRequestedError
from runtime.tasks import end_all, end_if_cancelled
from schemas.version import require_known

log = logging.getLogger(__name__)

POLL_S = 0.25
POLL_RECORDS = 2000
# A flush that takes longer goes on while the loop polls with all partitions paused, or Kafka takes them away.
FLUSH_ALONE_S = 2.0
COMMIT_LIMIT_S = 30.0
BOUNDS_LIMIT_S = 5.0
MARKERS_EVERY_S = 1.0
# From a stop until the group is left, whatever does not answer: `fixtrail up` kills a box after 15 s.
STOP_LIMIT_S, CLOSE_LIMIT_S = 8.0, 2.0
# Members by the same name throw each other out by turns; after a failed poll or that, ready means that it lasts.
STEADY_S = 15.0


class Box:
    """What a consumer does with its records, called by its group. What a box does not need it leaves as it is."""

    async def assigned(self, partitions: set[TopicPartition]) -> None:
        """These partitions are in hand from now on. It may seek; it must not wait for its target."""

    async def revoked(self, partitions: set[TopicPartition]) -> None:
        """They are in hand no longer: drop what was read and is not delivered."""

    def apply(self, tp: TopicPartition, records: list[Any]) -> None:
        """Take records of one partition, in order. No await, so a rebalance finds them unread or taken."""

    async def flush(self) -> None:
        """Deliver what is due and commit it; called after each poll, also one that gave nothing.

        It may take as long as the target is away, during which the group stays a member; then more may be applied.
        """

    async def finish(self) -> None:
        """Deliver what was read before the stop; cancelled where that takes too long."""

    @property
    def is_ready(self) -> bool:
        """Whether the box has what it needs besides its partitions."""
        return True

    @property
    def poll_s(self) -> float:
        """How long a poll may wait for records."""
        return POLL_S


@dataclass(frozen=True, slots=True)
class Membership:
    """How a box is a member of its group. `kafka` are the connection arguments of an aiokafka client.

    `instance` makes a static member: a restart within the session time-out moves no partitions. With
    `same_partitions` a member has the same partitions of every topic. `commits` is False where whoever gets a
    partition reads it from its beginning.
    """

    kafka: Mapping[str, Any] = field(repr=False)
    topics: tuple[str, ...]
    group: str
    instance: str | None = None
    same_partitions: bool = False
    commits: bool = True
    poll_records: int = POLL_RECORDS


class ConsumerGroup(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of a consumer group and the loop that drives its box.

    The box is ready while it has its partitions, polls succeed and nothing is being tried again.
    """

    def __init__(self, membership: Membership, box: Box, stop: asyncio.Event, progress: Progress) -> None:
        self.retry = Retry(stop, progress)
        self.dead_letters = DeadLetters(membership.kafka, self.retry, progress)
        self.consumer: Any = None
        self.polled_at = time.monotonic()
        # By partition: up to where all is delivered. What is not in it was not committed since the assignment.
        self.delivered: dict[TopicPartition, int] = {}
        self._read: dict[TopicPartition, int] = {}
        self._membership, self._box, self._stop, self._progress = membership, box, stop, progress
        self._has_joined = False
        self._member_id: str | None = None
        self._steady_at = self._markers_at = 0.0
        # How often partitions were taken away: in all, and before what is being delivered was read.
        self._revocations = self._revocations_before = 0
        self._committing: set[asyncio.Task[None]] = set()
        self._listener_error: Exception | None = None
        self._lost = LostRecords(progress)

    async def run(self) -> None:
        """Read until asked to stop, then let the box finish. Raises what the box raises.

        From the stop on all that is under way has `STOP_LIMIT_S` together, whatever it waits for.
        """
        lag = asyncio.create_task(
            show_lag(self._membership.kafka, self._progress, self._delivered_by_partition, self._lost)
        )
        working = asyncio.create_task(self._work())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({working}, timeout=STOP_LIMIT_S)
            if working.done():
                working.result()
            else:
                log.warning("not all that was read could be committed within %.0f s of the stop", STOP_LIMIT_S)
        finally:
            await end_all(working, stopping)
            self._progress.ready = self._progress.waiting = False
            lag.cancel()

    async def close(self) -> None:
        """Leave the group; what was not committed is read again by the next one."""
        if self.consumer is not None:
            await stop_client(self.consumer, CLOSE_LIMIT_S)
        await self.dead_letters.close()

    async def read(self) -> bool:
        """Poll once and let the box take what there is; whether there was anything."""
        options = {"timeout_ms": int(1000 * self._box.poll_s), "max_records": self._membership.poll_records}
        records = await self.retry.until_done(
            partial(self._poll, **options), (KafkaError,), "Kafka does not give records"
        )
        # Nothing else runs since aiokafka took them: a rebalance finds the records either unread or taken.
        self._apply(records)
        return bool(records)

    def is_level(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether there was no more in these partitions when they had been read up to `ends`."""
        assigned = self.consumer.assignment()
        return all(tp in assigned and end >= (self.consumer.highwater(tp) or 0) for tp, end in ends.items())

    async def commit(self, ends: dict[TopicPartition, int]) -> None:
        """Returns once Kafka has it, or the partitions were taken away: their new owner repeats what was delivered.

        They may have come back meanwhile, and their owner in between have committed more.
        """
        await self.retry.until_done(partial(self._commit, ends), (KafkaError, TimeoutError), "the commit failed")

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Called by aiokafka before a rebalance, with all partitions that were in hand."""
        self._progress.ready = self._has_joined = False
        try:
            await self._box.revoked(set(revoked))
        except Exception as error:
            self._listener_error = error
        # One that waits for a broker would be sent once the group has new members, and as one of theirs.
        self._revocations += 1
        for committing in self._committing:
            committing.cancel()
        self.delivered.clear()
        self._progress.forget_heartbeats()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Called by aiokafka after a rebalance, with all partitions that are in hand."""
        try:
            await self._box.assigned(set(assigned))
        except Exception as error:
            self._listener_error = error
        await self._note_lost(assigned)
        self._note_membership()
        log.info("assigned %d partitions", len(assigned))

    async def _note_lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Count what was deleted since the group's commits; where Kafka does not answer, the look at the lag does."""
        if not (self._membership.commits and partitions):
            return
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(BOUNDS_LIMIT_S):
                starts = await self.consumer.beginning_offsets(partitions)
                ends = await self.consumer.end_offsets(partitions)
                self._lost.note({tp: await self.consumer.committed(tp) for tp in partitions}, starts, ends)

    def _note_membership(self) -> None:
        """A member with a new id was thrown out: after a while of silence, or by another process of the same name."""
        self._has_joined = True
        before, coordinator = self._member_id, getattr(self.consumer, "_coordinator", None)
        self._member_id = getattr(coordinator, "member_id", None)
        if before not in (None, self._member_id):
            log.warning("this member was thrown out of its group: is another process running by its name?")
            self._steady_at = time.monotonic() + STEADY_S

    def show_ready(self) -> None:
        """Say in the progress whether the box is ready: it reads, and what it read gets where it belongs."""
        is_reading = self._has_joined and time.monotonic() >= self._steady_at
        self._progress.ready = is_reading and not self._progress.outages and self._box.is_ready

    async def _work(self) -> None:
        with suppress(StopRequestedError):
            await self._connect_unless_stopped()
            self._progress.waiting = True
            while not self._stop.is_set():
                await self._turn()
            self._revocations_before = self._revocations
            await self._box.finish()

    async def _turn(self) -> None:
        has_records = await self.read()
        await self._flush()
        if self._membership.commits and not has_records:
            await self._commit_markers()
        if self._listener_error is not None:
            # aiokafka only logs what its listener raises.
            raise self._listener_error
        self.show_ready()
        self._progress.moved += 1

    async def _connect_unless_stopped(self) -> None:
        """Raises StopRequestedError at a stop: an attempt alone waits 40 s for topics that are missing."""
        attempts = self.retry.until_done(self._connect, (KafkaError, OSError), "Kafka cannot be reached")
        connecting = asyncio.create_task(attempts)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise StopRequestedError("Kafka was not reached")
            connecting.result()
        finally:
            await end_all(connecting, stopping)

    async def _connect(self) -> None:
        membership = self._membership
        self.consumer = new_consumer(
            **membership.kafka,
            group_id=membership.group,
            group_instance_id=membership.instance,
            partition_assignment_strategy=(
                RangePartitionAssignor if membership.same_partitions else RoundRobinPartitionAssignor,
            ),
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            metadata_max_age_ms=30_000,
        )
        self.consumer.subscribe(membership.topics, listener=self)
        try:
            await self.consumer.start()
        except BaseException:
            consumer, self.consumer = self.consumer, None
            await stop_client(consumer, CLOSE_LIMIT_S)
            raise

    async def _poll(self, **options: int) -> dict[TopicPartition, list[Any]]:
        try:
            records: dict[TopicPartition, list[Any]] = await self.consumer.getmany(**options)
        except KafkaError:
            self._steady_at = time.monotonic() + STEADY_S
            raise
        self.polled_at = time.monotonic()
        return records

    def _apply(self, records: Mapping[TopicPartition, list[Any]]) -> None:
        for tp, batch in records.items():
            for record in batch:
                require_known(tp.topic, tp.partition, record.offset, record.headers)
            self._box.apply(tp, batch)
            self._read[tp] = max(batch[-1].offset + 1, self._read.get(tp, 0))
            self._progress.count("records", tp.topic, len(batch))

    async def _flush(self) -> None:
        """Let the box deliver, and stay a member meanwhile."""
        self._revocations_before = self._revocations
        flush = asyncio.create_task(self._box.flush())
        try:
            await asyncio.wait({flush}, timeout=FLUSH_ALONE_S)
            while not flush.done() and not self._stop.is_set():
                self.show_ready()
                await self._poll_paused()
                await asyncio.wait({flush}, timeout=1.0)
            await flush
        finally:
            await end_all(flush)
            self.consumer.resume(*self.consumer.assignment())

    async def _poll_paused(self) -> None:
        self.consumer.pause(*self.consumer.assignment())
        with suppress(KafkaError):
            # After a rebalance partitions are not paused: what they give must not be lost.
            self._apply(await self._poll(timeout_ms=0))

    async def _commit(self, ends: dict[TopicPartition, int]) -> None:
        try:
            await self._commit_what_is_in_hand(ends)
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("commit refused, the partitions were taken away: %s", error)
            self._progress.count("lost_commits", "")
        else:
            self._progress.count("commits", "")
            self.delivered.update(ends)

    async def _commit_what_is_in_hand(self, ends: dict[TopicPartition, int]) -> None:
        """Raises IllegalStateError where a rebalance lies between the reading and the commit."""
        if self._revocations != self._revocations_before:
            raise IllegalStateError("they were read before a rebalance")
        committing = asyncio.create_task(self.consumer.commit(ends))
        self._committing.add(committing)
        try:
            await asyncio.wait_for(committing, COMMIT_LIMIT_S)
        except asyncio.CancelledError:
            end_if_cancelled()
            raise IllegalStateError("a rebalance came before the commit") from None
        finally:
            self._committing.discard(committing)

    async def _commit_markers(self) -> None:
        """Commit the markers of transactions behind the last record, which nobody sees, once that record is committed.

        That nothing was read just now is not enough: a rebalance drops what was read, and until it is through the
        read position is still behind that.
        """
        if time.monotonic() < self._markers_at:
            return
        self._markers_at = time.monotonic() + MARKERS_EVERY_S
        ends: dict[TopicPartition, int] = {}
        with suppress(KafkaError, IllegalStateError, TimeoutError):
            async with asyncio.timeout(COMMIT_LIMIT_S):
                for tp in self.consumer.assignment():
                    delivered = self.delivered.get(tp) or await self.consumer.committed(tp) or 0
                    position = await self.consumer.position(tp)
                    if self._read.get(tp, 0) <= delivered < position:
                        ends[tp] = position
        if ends:
            await self.commit(ends)

    async def _delivered_by_partition(self) -> Delivered:
        """How far each partition in hand is delivered; nothing before the group was joined."""
        if self.consumer is None:
            return {}
        return {
            tp: self.delivered[tp] if tp in self.delivered else await self.consumer.committed(tp)
            for tp in self.consumer.assignment()
        }
