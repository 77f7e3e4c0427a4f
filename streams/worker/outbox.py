"""The outbox: writes the output of each batch in a fixed order.

Every rule here was seen to lose or double data when it was missing (faust-streaming 0.15.3).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from runtime.crash_point import crash_point
from runtime.failure import fail_stop
from runtime.kafka.topic_check import failure_text
from runtime.tasks import end_all

log = logging.getLogger(__name__)

# A key, a value (None deletes), and headers.
Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
Rows = dict[tuple[str, int], list[Row]]  # by (topic, partition)


class Outbox:
    """Writes the output of each batch, in order: outputs acknowledged, then changelog acknowledged, then `done`.

    Two stages, each first in, first out, so that the loop never waits for an acknowledgement: while a batch's
    changelog is under way, the outputs of the next ones are. Any failed write ends the process before the ack.
    `logged` is called with each acknowledgement of changelog records, before `done`.
    """

    def __init__(
        self, producer: AIOKafkaProducer, *, depth: int = 4, logged: Callable[[Any], object] = lambda metadata: None
    ) -> None:
        self._producer, self._note_logged = producer, logged
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
        await end_all(*self._tasks)

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
                self._note_logged(await future)
            crash_point("worker.changelog_acknowledged")
            done()
            crash_point("worker.acked")
            self._room.release()

    async def _ship(self, rows: Rows) -> list[Awaitable[Any]]:
        """Send the rows as whole record batches; the futures of their acknowledgements."""
        futures: list[Awaitable[Any]] = []
        for (topic, partition), partition_rows in rows.items():
            batch = self._producer.create_batch()
            for key, value, headers in partition_rows:
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
            fail_stop(f"a write failed: {failure_text(error)}")
