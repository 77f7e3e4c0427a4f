"""Fetch: answering with batches as they lie in the log, or waiting at its end until there are any."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.log import PartitionLog, Slice
from fixtrail.local.broker.records_wire import FetchAnswer, FetchPartition, FetchRequest, fetch_response
from fixtrail.local.broker.topics import Topics
from fixtrail.local.broker.wire import RequestHeader

MOST_BYTES = 8 << 20
"""No answer is larger, whatever the client asks for: a client that does not read costs this much memory at most."""

SMALL_BYTES = 64 << 10
REST_S = 0.005
"""A consumer at the end of a busy log gets small answers at most this often; what comes meanwhile goes along."""


class PendingFetch:
    """One fetch request until it is answered."""

    def __init__(
        self,
        topics: Topics,
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
        found, error, size = self._find()
        now = self._loop.time()
        left_s = self._deadline - now
        enough = size >= max(self._request.min_bytes, 1)
        if enough and size < SMALL_BYTES and now < self._rested_at and left_s > 0:
            self._schedule(min(self._rested_at - now, left_s))
        elif enough or error or left_s <= 0:
            self._respond(found)
        else:
            self._watch(found)
            self._schedule(left_s)

    def hurry(self) -> None:
        """Answer with what there is: another request of the same connection waits behind this one."""
        self._deadline = 0.0
        self.look()

    def cancel(self) -> None:
        """The connection is gone."""
        self._done = True
        self._unwatch()

    def _find(self) -> tuple[list[tuple[FetchPartition, PartitionLog | None, ErrorCode, Slice | None]], bool, int]:
        found = []
        size, room, failed = 0, min(self._request.max_bytes, MOST_BYTES), False
        for wanted in self._request.partitions:
            log = self._topics.log(wanted.topic, wanted.partition)
            error, part = ErrorCode.NONE, None
            if log is None:
                error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            elif not log.start <= wanted.offset <= log.end:
                error = ErrorCode.OFFSET_OUT_OF_RANGE
            else:
                most = min(wanted.max_bytes, room - size)
                part = log.slice(wanted.offset, most, committed=self._request.committed, at_least_one=size == 0)
                size += part.size if part else 0
            failed = failed or error is not ErrorCode.NONE
            found.append((wanted, log, error, part))
        return found, failed, size

    def _respond(self, found: list[tuple[FetchPartition, PartitionLog | None, ErrorCode, Slice | None]]) -> None:
        self._done = True
        self._unwatch()
        answers = []
        for wanted, log, error, part in found:
            if log is None:
                answers.append(FetchAnswer(wanted.topic, wanted.partition, error, -1, -1, -1, [], b""))
                continue
            stable_end = log.stable_end
            aborted = (
                log.producers.aborted_between(wanted.offset, stable_end) if part and self._request.committed else []
            )
            records = part.read() if part else b""
            answers.append(
                FetchAnswer(wanted.topic, wanted.partition, error, log.end, stable_end, log.start, aborted, records)
            )
        self._answer(fetch_response(self._header, answers))

    def _watch(self, found: list[tuple[FetchPartition, PartitionLog | None, ErrorCode, Slice | None]]) -> None:
        if not self._watched:
            self._watched = [log for _, log, _, _ in found if log is not None]
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
