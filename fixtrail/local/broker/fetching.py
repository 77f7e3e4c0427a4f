"""Fetch: answering with batches as they lie in the log, or waiting at its end until there are any."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.log import BatchSlice, PartitionLog
from fixtrail.local.broker.records_wire import FetchAnswer, FetchPartition, FetchRequest, fetch_response
from fixtrail.local.broker.topics import BrokerTopics
from fixtrail.local.broker.wire import RequestHeader

MOST_BYTES = 8 << 20
"""No answer is larger, whatever the client asks for: a client that does not read costs this much memory at most."""

SMALL_BYTES = 64 << 10
REST_S = 0.005
"""A consumer at the end of a busy log gets small answers at most this often; what comes meanwhile goes along."""


@dataclass(frozen=True, slots=True)
class AvailableRecords:
    """The available records of one requested partition."""

    requested: FetchPartition
    log: PartitionLog | None
    error: ErrorCode
    part: BatchSlice | None

    @property
    def size(self) -> int:
        return self.part.size if self.part else 0

    def answer(self, *, committed: bool) -> FetchAnswer:
        """The answer, with the records read from the log."""
        topic, partition, offset, _ = self.requested
        log, part = self.log, self.part
        if log is None:
            return FetchAnswer(topic, partition, self.error, -1, -1, -1, [], b"")
        stable_end = log.stable_end
        aborted = log.producers.aborted_between(offset, stable_end) if part and committed else []
        records = part.read() if part else b""
        return FetchAnswer(topic, partition, self.error, log.end, stable_end, log.start, aborted, records)


def find(topics: BrokerTopics, request: FetchRequest) -> list[AvailableRecords]:
    """The available records of each requested partition; none is read yet."""
    answers = []
    room = min(request.max_bytes, MOST_BYTES)
    empty = True
    for requested in request.partitions:
        log = topics.log(requested.topic, requested.partition)
        error, part = ErrorCode.NONE, None
        if log is None:
            error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        elif not log.start <= requested.offset <= log.end:
            error = ErrorCode.OFFSET_OUT_OF_RANGE
        else:
            most = min(requested.max_bytes, room)
            part = log.slice(requested.offset, most, committed=request.committed, at_least_one=empty)
        available = AvailableRecords(requested, log, error, part)
        answers.append(available)
        room -= available.size
        empty = empty and part is None
    return answers


class PendingFetch:
    """One fetch request until it is answered."""

    def __init__(
        self,
        topics: BrokerTopics,
        header: RequestHeader,
        request: FetchRequest,
        answer: Callable[[list[bytes]], None],
        answered_at: float,
    ) -> None:
        """`answer` gets the response frame in pieces, once; `answered_at` is when the connection had its last one."""
        self._topics = topics
        self._header = header
        self._request = request
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._rested_at = answered_at + REST_S
        self._deadline = self._loop.time() + request.max_wait_s
        self._watched: list[PartitionLog] = []
        self._timer: asyncio.Handle | None = None
        self._woken = False
        self._done = False

    def look(self) -> None:
        """Answer if there is enough, an error, or no time left; wait otherwise."""
        if self._done:
            return
        self._woken = False
        available = find(self._topics, self._request)
        size = sum(partition.size for partition in available)
        now = self._loop.time()
        left_s = self._deadline - now
        if left_s <= 0 or any(partition.error for partition in available):
            self._respond(available)
        elif size < max(self._request.min_bytes, 1):
            self._watch(available)
            self._schedule(left_s)
        elif (
            size < SMALL_BYTES
            and now < self._rested_at
            and all(partition.part is None or partition.part.newest for partition in available)
        ):
            self._schedule(min(self._rested_at - now, left_s))
        else:
            self._respond(available)

    def hurry(self) -> None:
        """Answer with what there is: another request of the same connection waits behind this one."""
        self._deadline = 0.0
        self.look()

    def cancel(self) -> None:
        """The connection is gone."""
        self._done = True
        self._unwatch()

    def _respond(self, available: list[AvailableRecords]) -> None:
        self._done = True
        self._unwatch()
        answers = [partition.answer(committed=self._request.committed) for partition in available]
        self._answer(fetch_response(self._header, answers))

    def _watch(self, available: list[AvailableRecords]) -> None:
        if not self._watched:
            self._watched = [partition.log for partition in available if partition.log is not None]
            for log in self._watched:
                log.waiting.add(self._wake)

    def _unwatch(self) -> None:
        for log in self._watched:
            log.waiting.discard(self._wake)
        self._watched = []
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        # Later in the loop: one produce request often brings batches for several partitions.
        if not self._woken:
            self._woken = True
            self._schedule(max(self._rested_at - self._loop.time(), 0.0))

    def _schedule(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self.look) if delay_s > 0 else self._loop.call_soon(self.look)
