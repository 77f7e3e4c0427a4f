"""One client connection: frames in, answers out in the same order, one request at a time."""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from fixtrail.local.broker import api_groups, api_topics, api_transactions
from fixtrail.local.broker.broker import Broker
from fixtrail.local.broker.fetching import PendingFetch
from fixtrail.local.broker.producing import produce
from fixtrail.local.broker.records_wire import read_fetch
from fixtrail.local.broker.wire import (
    API_VERSIONS,
    FETCH,
    PRODUCE,
    Fields,
    MalformedRequestError,
    RequestHeader,
    api_versions_bytes,
    read_fields,
    read_request_header,
    response_bytes,
)

log = logging.getLogger(__name__)

LONGEST_FRAME = 100 << 20
"""As socket.request.max.bytes of Kafka; a longer one is no Kafka request (an HTTP request reads as 1.2 GB)."""

MOST_WAITING = 32
WRITE_BUFFER = 1 << 20

Handler = Callable[[Broker, RequestHeader, Fields], Fields | Awaitable[Fields]]

HANDLERS: dict[int, Handler] = {
    2: api_topics.list_offsets,
    3: api_topics.metadata,
    8: api_groups.offset_commit,
    9: api_groups.offset_fetch,
    10: api_groups.find_coordinator,
    11: api_groups.join_group,
    12: api_groups.heartbeat,
    13: api_groups.leave_group,
    14: api_groups.sync_group,
    15: api_groups.describe_groups,
    16: api_groups.list_groups,
    19: api_topics.create_topics,
    20: api_topics.delete_topics,
    21: api_topics.delete_records,
    22: api_transactions.init_producer_id,
    24: api_transactions.add_partitions_to_txn,
    25: api_transactions.add_offsets_to_txn,
    26: api_transactions.end_txn,
    28: api_transactions.txn_offset_commit,
    32: api_topics.describe_configs,
    33: api_topics.alter_configs,
    37: api_topics.create_partitions,
    42: api_groups.delete_groups,
}


class Connection(asyncio.Protocol):
    """Serves one client.

    While an answer waits (a fetch at the log's end, a join) or the client does not read its answers, further requests
    are left in the socket, so that a client that stands still costs one answer's memory and nobody else's time.
    """

    def __init__(self, broker: Broker, connections: "set[Connection]") -> None:
        self._broker = broker
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._frames: deque[bytearray] = deque()
        self._busy = False
        self._working = False
        self._reading_paused = False
        self._writing_paused = False
        self._fetch: PendingFetch | None = None
        self._task: asyncio.Task[Fields] | None = None
        self._answered_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        self._frames.clear()
        self._buffer.clear()
        if self._fetch is not None:
            self._fetch.cancel()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._work()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= 4:
            length = int.from_bytes(buffer[:4], "big", signed=True)
            if not 8 <= length <= LONGEST_FRAME:
                self._refuse(f"a frame of {length} bytes")
                return
            if len(buffer) < 4 + length:
                break
            self._frames.append(buffer[4 : 4 + length])
            del buffer[: 4 + length]
        if self._frames:
            self._work()

    def close(self) -> None:
        """Close after what is being written."""
        if self._transport is not None:
            self._transport.close()

    def _work(self) -> None:
        if self._working:
            return
        self._working = True
        while self._frames and not self._busy and not self._writing_paused and self._transport is not None:
            self._handle(self._frames.popleft())
        self._working = False
        if self._frames and self._fetch is not None:
            self._hurry_fetch()
        self._pause_or_resume_reading()

    def _pause_or_resume_reading(self) -> None:
        too_many = len(self._frames) >= MOST_WAITING or (self._writing_paused and bool(self._frames))
        if self._transport is not None and too_many != self._reading_paused:
            self._reading_paused = too_many
            if too_many:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _hurry_fetch(self) -> None:
        # Kafka lets the next request wait behind a long poll. Answering the poll early is allowed and saves that time;
        # not for a fetch behind a fetch, with which two of them would chase each other.
        next_key = int.from_bytes(self._frames[0][:2], "big")
        if next_key != FETCH and self._fetch is not None:
            asyncio.get_running_loop().call_soon(self._fetch.hurry)

    def _handle(self, frame: bytearray) -> None:
        try:
            header = read_request_header(frame)
            if header.api_key == API_VERSIONS:
                self._write(api_versions_bytes(header))
            elif not header.supported:
                self._refuse(f"request {header.api_key} version {header.version}, which is not served")
            elif header.api_key == PRODUCE:
                self._write(produce(self._broker, header, memoryview(frame)))
            elif header.api_key == FETCH:
                self._start_fetch(header, frame)
            else:
                self._handle_fields(header, frame)
        except MalformedRequestError as error:
            self._refuse(f"a request that cannot be read ({error})")
        except Exception:
            # One broken request must not take the broker down.
            log.exception("a request failed; closing its connection")
            self.close()

    def _start_fetch(self, header: RequestHeader, frame: bytearray) -> None:
        request = read_fetch(header, memoryview(frame))
        self._busy = True
        self._fetch = PendingFetch(self._broker.topics, header, request, self._answer_fetch, self._answered_at)
        self._fetch.look()

    def _answer_fetch(self, pieces: list[bytes]) -> None:
        self._fetch = None
        self._busy = False
        self._answered_at = asyncio.get_running_loop().time()
        if self._transport is not None:
            self._transport.writelines(pieces)
        self._work()

    def _handle_fields(self, header: RequestHeader, frame: bytearray) -> None:
        answer = HANDLERS[header.api_key](self._broker, header, read_fields(header, frame))
        if not inspect.iscoroutine(answer):
            assert isinstance(answer, dict)
            self._write(response_bytes(header, answer))
            return
        self._busy = True
        self._task = asyncio.get_running_loop().create_task(answer)
        self._task.add_done_callback(lambda task: self._answer_task(header, task))

    def _answer_task(self, header: RequestHeader, task: asyncio.Task[Fields]) -> None:
        self._task = None
        self._busy = False
        if task.cancelled():
            return
        if task.exception() is not None:
            log.error("a request failed; closing its connection", exc_info=task.exception())
            self.close()
            return
        self._write(response_bytes(header, task.result()))
        self._work()

    def _write(self, frame: bytes | None) -> None:
        if frame is not None and self._transport is not None:
            self._transport.write(frame)

    def _refuse(self, content: str) -> None:
        log.warning("closing a connection that sent %s", content)
        self._frames.clear()
        self._buffer.clear()
        self.close()
