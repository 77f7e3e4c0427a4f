"""Faust's consumer, hardened for at-least-once delivery.

Every rule here was seen to lose or double data when it was missing (faust-streaming 0.15.3).
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.futures import notify

from runtime.crash_point import crash_point
from runtime.failure import REFUSED, STALLED, fail_stop
from runtime.kafka.lost_records import LostRecords
from runtime.kafka.moved_brokers import follow_moved_brokers
from runtime.kafka.reading import read_anything
from runtime.kafka.topic_check import other_partitions
from streams.worker.lease import Lease

log = logging.getLogger(__name__)

# A new leader tells an end that is too low until a follower has asked it (KIP-207; aiokafka lacks the check).
END_ATTEMPTS, END_PAUSE_S = 10, 1.0


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
        read_anything()
        follow_moved_brokers()
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
                end_offset = records[tp][-1].offset + 1 if records.get(tp) else 0
                self.reached[tp] = max(end_offset, self.reached[tp][0]), state.position
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
    partitions = 0
    events_topic = ""
    lease: Lease
    lost: LostRecords

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settled: dict[TP, int] = {}
        # What is known to be committed, kept while partitions are revoked: Faust forgets it before the last commit.
        self._floor: dict[TP, int] = {}

    @property
    def refusal(self) -> Exception | None:
        """Why Kafka lets this worker not join its group; aiokafka tells only those who read, and nobody reads yet."""
        coordinator = getattr(self._thread._consumer, "_coordinator", None)
        error: Exception | None = getattr(coordinator, "_pending_exception", None)
        return error

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
            self._end_if_read_anew(message.tp)
        notify(self._waiting_for_ack)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        return [tp for tp in self.settled if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        return self.settled.get(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Commit only forward: records of the replay margin lie behind the commit."""
        return offset > self._floor.get(tp, 0)

    def _end_if_read_anew(self, tp: TP) -> None:
        """End the worker where records come from further back than the margin, though nothing was sought there.

        A broker said that there is no record at the position, and aiokafka began at the oldest one. The next start asks
        several times whether the topic was made again, or a new leader only did not know its end yet.
        """
        settled, committed = self.settled[tp], self._floor.get(tp, 0)
        if settled + self.replay_margin < committed:
            fail_stop(
                f"partition {tp.partition} of {tp.topic} was read up to {settled} from its beginning, though "
                f"{committed} was committed: a broker had no record there",
                STALLED,
            )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignore holes in offsets (compaction, transactions): acks are in order and do not need them."""

    async def _commit(self, offsets: Any) -> bool:
        crash_point("worker.before_commit")
        committed: bool = await super()._commit(offsets)
        if committed:
            self._floor.update(offsets)
        crash_point("worker.committed")
        return committed

    def skip_control_records(self) -> None:
        """Settle the transaction markers after the last record, once that record is settled."""
        for tp, (end_offset, position) in list(self._thread.reached.items()):
            settled_offset = self.settled.get(tp, self._committed_offset[tp] or 0)
            if end_offset <= settled_offset < position and tp in self.assignment():
                self.settled[tp] = position
                notify(self._waiting_for_ack)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Refuse a partition that the worker's state has no place for."""
        grown = [tp.partition for tp in assigned if tp.topic == self.events_topic and tp.partition >= self.partitions]
        if grown:
            fail_stop(other_partitions(self.events_topic, max(grown) + 1, self.partitions), REFUSED)
        await super().on_partitions_assigned(assigned, generation_id)

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
        partitions = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        self._floor = {tp: self._committed_offset[tp] or 0 for tp in partitions}
        earliest = await self.earliest_offsets(*partitions) if partitions else {}
        ends = await self._ends_of(partitions)
        committed = {TopicPartition(*tp): self._committed_offset[tp] for tp in partitions}
        self.lost.note(committed, _offsets(earliest), _offsets(ends))
        for tp in partitions:
            # Where nothing was committed, aiokafka seeks nowhere, and what it had fetched meanwhile would be lost.
            if self._floor[tp] > (ends.get(tp) or 0):
                # Made again since the commit.
                self._floor[tp], self._committed_offset[tp] = 0, None
            start = max((self._committed_offset[tp] or 0) - self.replay_margin, earliest.get(tp) or 0)
            self._thread.seek(tp, start)
            self._read_offset[tp] = start or None
            end_offset, _ = self._thread.reached.get(tp, (start, 0))
            self._thread.reached[tp] = end_offset, 0
            self._settle_lost(tp, start)

    async def _ends_of(self, partitions: list[TP]) -> dict[TP, int]:
        """The end of each partition; an end before the commit is asked for twice."""
        ends: dict[TP, int] = {}
        for attempt in range(END_ATTEMPTS):
            low = [tp for tp in partitions if tp not in ends or ends[tp] < self._floor[tp]]
            if not low:
                break
            if attempt:
                await asyncio.sleep(END_PAUSE_S)
            ends.update({tp: end or 0 for tp, end in (await self.highwaters(*low)).items()})
        return ends

    def _settle_lost(self, tp: TP, start: int) -> None:
        """Commit past records that the broker deleted unread; else every start would count them again."""
        if 0 < self._floor[tp] < start:
            self.settled[tp] = start


def _offsets(by_partition: Mapping[TP, int | None]) -> dict[TopicPartition, int]:
    return {TopicPartition(*tp): offset or 0 for tp, offset in by_partition.items()}


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with the consumer above."""

    Consumer = Consumer
