"""`fixtrail send`: lines of a file to their topic, personal fields sealed, as fast as Kafka takes them."""

import asyncio
import queue
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from fixtrail.operations.topics import require_topic
from fixtrail.sealing import Seal, sealer_of
from fixtrail.settings import SendingSettings, client_options, tracing_of
from runtime.clock import now_ms
from runtime.failure import ExitError
from runtime.kafka.partitioner import partition_of
from runtime.kafka.producer import open_producer
from schemas.decode import EventError
from schemas.event_topics import ALL_TYPES, SERVICE, EventTopic
from schemas.times import to_ms
from schemas.topics import MAX_SENT_BYTES
from schemas.version import SCHEMA_HEADER

if TYPE_CHECKING:
    from runtime.tracing import Sending, Tracing

Result = TypeVar("Result")

CHUNK_BYTES = 1 << 20
BATCH_BYTES = 512 * 1024
LINGER_S = 0.1
SHOWN_TRACES = 5
SEALED_AT_ONCE = 1000
_KNOWN_TYPE = re.compile(rb'"type"\s*:\s*"(?:%s)"' % "|".join(ALL_TYPES).encode())


@dataclass(slots=True)
class Sent:
    """The outcome of the lines: each is acknowledged, empty, too long, or failed."""

    acknowledged: int = 0
    failed: int = 0
    empty: int = 0
    too_long: list[int] = field(default_factory=list)
    without_key: int = 0
    bytes: int = 0
    seconds: float = 0.0
    error: str | None = None
    # The first ones, where traces are on.
    traces: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.failed and not self.too_long and self.error is None


async def send_lines(
    settings: SendingSettings,
    source: BinaryIO,
    *,
    topic: EventTopic = SERVICE,
    rate: float | None = None,
    moved: Callable[[int], object] = lambda _: None,
) -> Sent:
    """Send each line of `source` and wait until Kafka has acknowledged all of them.

    `rate` limits to so many events per second; `moved` is told how many bytes were read. A key's lines stay in order.
    Raises ExitError where Kafka is not there or has no such topic.
    """
    async with open_sender(settings, topic) as lanes:
        await _send_all(lanes, source, rate, moved)
    return lanes.sent


@asynccontextmanager
async def open_sender(settings: SendingSettings, topic: EventTopic = SERVICE) -> AsyncIterator["PartitionedSender"]:
    """A producer of events; on leaving, what was put is sent and `lanes.sent` says whether all was acknowledged.

    Raises ExitError where Kafka has no such topic.
    """
    tracing = tracing_of(settings, "send")
    partitions = await require_topic(settings, topic.name)
    async with open_producer(
        client_options(settings),
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * MAX_SENT_BYTES,
        request_timeout_ms=60_000,
    ) as producer:
        seal = sealer_of(settings) if topic.is_sealed else None
        lanes = PartitionedSender(producer, partitions, tracing, seal, topic)
        began = time.monotonic()
        try:
            yield lanes
            await lanes.flush()
        finally:
            await lanes.settle()
            lanes.sent.seconds = time.monotonic() - began


async def send_from(
    settings: SendingSettings,
    produce: Callable[[Callable[[bytes, bytes], object]], Result],
    topic: EventTopic = SERVICE,
) -> tuple[Result, Sent]:
    """What `produce` returns, and what became of the records it gave to the function (value, key) it is called with.

    `produce` runs on a thread of its own, at its own pace; it is held up while Kafka does not keep up.
    """
    waiting: queue.Queue[tuple[bytes, bytes]] = queue.Queue(maxsize=20_000)
    async with open_sender(settings, topic) as lanes:
        producing = asyncio.ensure_future(asyncio.to_thread(produce, lambda value, key: waiting.put((value, key))))
        while not (producing.done() and waiting.empty()):
            for _ in range(waiting.qsize()):
                await lanes.put(*waiting.get_nowait())
            await lanes.flush()
            await asyncio.sleep(LINGER_S / 5)
    return await producing, lanes.sent


async def _send_all(
    lanes: "PartitionedSender", source: BinaryIO, rate: float | None, moved: Callable[[int], object]
) -> None:
    number = 0
    began = time.monotonic()
    async for lines, size in _read(source, lanes.flush, CHUNK_BYTES if rate is None else 4096):
        for line in lines:
            number += 1
            await lanes.add(number, line)
            if rate is not None and number / rate > time.monotonic() - began + LINGER_S:
                await lanes.flush()
                await asyncio.sleep(max(0.0, number / rate - (time.monotonic() - began)))
        moved(size)
        if lanes.sent.error:
            return


async def _read(source: BinaryIO, idle: Callable[[], Any], chunk_bytes: int) -> AsyncIterator[tuple[list[bytes], int]]:
    """Lines without their newline, in lists, and the number of bytes read for them.

    While nothing more arrives (somebody types, or `tail -f`), `idle` is called so that what is there goes out.
    """
    pending: list[bytes] = []
    read = getattr(source, "read1", source.read)
    while True:
        reading = asyncio.ensure_future(asyncio.to_thread(read, chunk_bytes))
        while not (await asyncio.wait([reading], timeout=LINGER_S))[0]:
            await idle()
        chunk = reading.result()
        if not chunk:
            break
        first, *complete = chunk.split(b"\n")
        pending.append(first)
        if complete:
            yield [b"".join(pending), *complete[:-1]], len(chunk)
            pending = [complete[-1]]
        else:
            yield [], len(chunk)
    last = b"".join(pending)
    yield [last] if last else [], 0


class PartitionedSender:
    """One record batch being filled per partition; with `tracing` each is a span, and its records carry the trace."""

    def __init__(
        self,
        producer: Any,
        partitions: list[int],
        tracing: "Tracing | None" = None,
        seal: Seal | None = None,
        topic: EventTopic = SERVICE,
    ) -> None:
        self.sent = Sent()
        self._topic = topic
        self._seal = seal
        self._unsealed: list[tuple[bytes | None, int, bytes]] = []
        self._tracing = tracing
        self._spans: dict[int, Sending] = {}
        self._producer = producer
        self._partitions = partitions
        self._batches: dict[int, Any] = {}
        self._partition_of: dict[str, tuple[bytes, int]] = {}
        self._keyless = cycle(partitions)
        self._in_flight: set[asyncio.Task[None]] = set()

    async def add(self, number: int, line: bytes) -> None:
        """Put a line into its partition's batch; full batches are sent."""
        if not line or line == b"\r":
            self.sent.empty += 1
            return
        if len(line) > MAX_SENT_BYTES:
            self.sent.too_long.append(number)
            return
        key = self._topic.key_in(line)
        if key is None:
            self.sent.without_key += 1
            await self._enqueue(None, next(self._keyless), line)
        else:
            await self._enqueue(*self._key_and_partition(key), line)

    async def put(self, value: bytes, key: bytes) -> None:
        """Put one record with its own key."""
        await self._enqueue(*self._key_and_partition(key.decode()), value)

    async def mark(self, key: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Put a record without value behind what was put before."""
        await self._seal_enqueued()
        await self._append(*self._key_and_partition(key.decode()), None, headers)

    async def _enqueue(self, key: bytes | None, partition: int, line: bytes) -> None:
        self._unsealed.append((key, partition, line))
        if len(self._unsealed) >= SEALED_AT_ONCE:
            await self._seal_enqueued()

    async def _seal_enqueued(self) -> None:
        """Seal what is waiting for it and put it into the batches, in the order in which it came."""
        waiting, self._unsealed = self._unsealed, []
        lines: list[bytes] = [line for _, _, line in waiting]
        if self._seal is not None and lines:
            try:
                lines = await asyncio.to_thread(self._seal, lines)
            except ExitError as error:
                self.sent.failed += len(lines)
                self.sent.error = self.sent.error or str(error)
                return
        for (key, partition, _), line in zip(waiting, lines, strict=True):
            await self._append(key, partition, line, [])

    async def _append(
        self, key: bytes | None, partition: int, line: bytes | None, more: list[tuple[str, bytes]]
    ) -> None:
        now, value = now_ms(), line or b""
        batch = self._batches.get(partition) or self._new_batch(partition)
        headers = [*self._headers(partition, value), *more]
        if batch.append(key=key, value=line, timestamp=now, headers=headers) is None:
            await self._send(partition)
            batch = self._new_batch(partition)
            headers = [*self._headers(partition, value), *more]
            batch.append(key=key, value=line, timestamp=now, headers=headers)
        self.sent.bytes += len(value)

    def _headers(self, partition: int, line: bytes) -> list[tuple[str, bytes]]:
        # Only of what this version knows: a reader that does not know it then is an older one.
        schema = [SCHEMA_HEADER] if _KNOWN_TYPE.search(line) else []
        return [*schema, *self._spans[partition].headers] if self._spans else schema

    def _key_and_partition(self, name: str) -> tuple[bytes, int]:
        """Key and partition of a vehicle or a center, the partition as Kafka's default partitioner chooses it."""
        key_and_partition = self._partition_of.get(name)
        if key_and_partition is None:
            if len(self._partition_of) > 1_000_000:
                self._partition_of.clear()
            key = name.encode()
            partition = self._partitions[partition_of(key, len(self._partitions))]
            key_and_partition = self._partition_of[name] = key, partition
        return key_and_partition

    def _new_batch(self, partition: int) -> Any:
        batch = self._batches[partition] = self._producer.create_batch()
        if self._tracing:
            span = self._spans[partition] = self._tracing.send(self._topic.name, partition)
            self.sent.traces = [*self.sent.traces, span.trace_id][:SHOWN_TRACES]
        return batch

    async def flush(self) -> None:
        await self._seal_enqueued()
        for partition in list(self._batches):
            await self._send(partition)

    async def settle(self) -> None:
        """Wait until every batch is acknowledged or has failed."""
        while self._in_flight:
            await asyncio.wait(set(self._in_flight))

    async def _send(self, partition: int) -> None:
        """Hand the partition's batch over; waits while the one before it is still queued, so memory is bounded."""
        batch, span = self._batches.pop(partition), self._spans.pop(partition, None)
        count = batch.record_count()
        if error := self.sent.error or self._other_partitions():
            self._count_failed(count, error, span)
            return
        try:
            future = await self._producer.send_batch(batch, self._topic.name, partition=partition)
        except Exception as error:
            self._count_failed(count, f"{type(error).__name__}: {error}", span)
            return
        task = asyncio.ensure_future(self._acknowledged(future, count, span))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    def _other_partitions(self) -> str | None:
        """Why nothing more can be sent: each vehicle's events belong elsewhere by now."""
        partitions = self._producer.client.cluster.partitions_for_topic(self._topic.name)
        if not partitions or len(partitions) == len(self._partitions):
            return None
        return f"topic {self._topic.name} has {len(partitions)} partitions by now: send it again, nothing counts twice"

    async def _acknowledged(self, future: "asyncio.Future[object]", count: int, span: "Sending | None") -> None:
        try:
            await future
        except Exception as error:
            self._count_failed(count, f"{type(error).__name__}: {error}", span)
        else:
            self.sent.acknowledged += count
            if span:
                span.end(count)

    def _count_failed(self, count: int, error: str, span: "Sending | None") -> None:
        self.sent.failed += count
        self.sent.error = self.sent.error or error
        if span:
            span.end(count, error)


@dataclass(slots=True)
class CheckResult:
    """What `send --check` found: counts by type, by code, and of unknown field names."""

    lines: int = 0
    empty: int = 0
    types: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    extra_fields: Counter[str] = field(default_factory=Counter)

    @property
    def bad(self) -> int:
        return self.codes.total()

    def as_json(self) -> dict[str, Any]:
        """The counts for scripts."""
        counts = {name: dict(getattr(self, name)) for name in ("types", "codes", "extra_fields")}
        return {"lines": self.lines, "empty": self.empty, "bad": self.bad, **counts}


def check_lines(
    source: BinaryIO,
    result: CheckResult,
    *,
    max_bytes: int,
    latest_ms: int,
    topic: EventTopic = SERVICE,
    moved: Callable[[int], object] = lambda _: None,
    accepted: Callable[[Any], object] = lambda _: None,
    refused: Callable[[EventError, bytes], object] = lambda *_: None,
) -> Iterator[tuple[int, EventError]]:
    """The lines that are no event: line number and reason; `result` counts the rest as the lines go by.

    What is stamped after `latest_ms` would be refused if it were sent now. `accepted` is given each event, `refused`
    each error with its line.
    """
    for number, line in enumerate(source, 1):
        moved(len(line))
        value = line.removesuffix(b"\n")
        if not value or value == b"\r":
            result.empty += 1
            continue
        result.lines += 1
        try:
            event, extras = topic.decoder.decode(value, max_bytes=max_bytes)
            if to_ms(event.occurred_at) > latest_ms:
                raise EventError("too_far_ahead", "occurred_at lies in the future")
        except EventError as error:
            result.codes[error.code] += 1
            refused(error, value)
            yield number, error
        else:
            result.types[event.type] += 1
            result.extra_fields.update(extras)
            accepted(event)


def size_of(source: Path) -> int | None:
    """Bytes of a file, for a progress bar; None where it cannot be told (a pipe)."""
    return source.stat().st_size if source.is_file() else None
