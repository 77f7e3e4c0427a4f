"""At-least-once that holds: Faust's consumer hardened, and an outbox that writes in a fixed order.

Every rule here was seen to lose or double data when it was missing (faust-streaming 0.15.3).
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

import structlog
from aiokafka import AIOKafkaProducer
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


def fail_stop(reason: str, code: int = OWN_BUG) -> NoReturn:
    """End the process at once: nothing unfinished is acked, so it is done again after the restart."""
    log.critical("worker ends", reason=reason, exit_code=code)
    os._exit(code)


class Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread with a shorter long poll.

    Faust hard-codes 1.5 s; one idle partition's long poll would hold up the busy ones of the same broker.
    """

    fetch_max_wait_ms = 100

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self.fetch_max_wait_ms
        return consumer


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer for batch events that are acked in order, one partition batch after the other.

    What may be committed is then simply the end of the newest acked batch; Faust's own search for gaps in single
    offsets can skip an unacked head, and counts a batch's records as gap.
    """

    replay_margin = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settled: dict[TP, int] = {}

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

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

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Compaction and transactions leave holes; acks in order need not know of them."""

    async def _commit(self, offsets: Any) -> bool:
        crash_point("worker.before_commit")
        committed: bool = await super()._commit(offsets)
        crash_point("worker.committed")
        return committed

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
        earliest = await self.earliest_offsets(*ours) if ours else {}
        for tp in ours:
            # Where nothing was committed, aiokafka seeks nowhere, and what it had fetched meanwhile would be lost.
            start = max((self._committed_offset[tp] or 0) - self.replay_margin, earliest.get(tp) or 0)
            self._thread.seek(tp, start)
            self._read_offset[tp] = start or None


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with the consumer above."""

    Consumer = Consumer


class Outbox:
    """Writes what each batch comes to, in order: outputs acknowledged, then changelog acknowledged, then `done`.

    Two stages, each first in, first out, so that the loop never waits for an acknowledgement: while a batch's
    changelog is under way, the outputs of the next ones are. Any failed write ends the process before the ack.
    `lease_s`: a process that stood still for longer may have lost its partitions, so it ends rather than to write.
    """

    def __init__(self, producer: AIOKafkaProducer, *, depth: int = 8, lease_s: float = 10.0) -> None:
        self._producer = producer
        self._room = asyncio.Semaphore(depth)
        self._depth = depth
        self._lease_s = lease_s
        self._beat_at = time.monotonic()
        self._sent: asyncio.Queue[tuple[list[Awaitable[Any]], Rows, Callable[[], None]]] = asyncio.Queue()
        self._logged: asyncio.Queue[tuple[list[Awaitable[Any]], Callable[[], None]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to settle what is put in."""
        self._beat_at = time.monotonic()
        for stage in (self._settle_outputs, self._settle_changelog, self._beat):
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

    async def _beat(self) -> None:
        while True:
            self._check_lease()
            self._beat_at = time.monotonic()
            await asyncio.sleep(0.5)

    def _check_lease(self) -> None:
        if (stood := time.monotonic() - self._beat_at) > self._lease_s:
            fail_stop(f"stood still for {stood:.1f} s and may have lost its partitions", STALLED)

    async def _ship(self, rows: Rows) -> list[Awaitable[Any]]:
        """Send the rows as whole record batches; the futures of their acknowledgements."""
        self._check_lease()
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
