"""Produce and Fetch, coded by hand: they are the broker's load, and records go through as slices of the frame."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.producers import Aborted
from fixtrail.local.broker.wire import MalformedRequestError, RequestHeader

_SHORT = struct.Struct(">h")
_INT = struct.Struct(">i")
_INT_INT = struct.Struct(">ii")
_FETCH_HEAD = struct.Struct(">iiiib")
_PART_V4 = struct.Struct(">iqi")
_PART_V5 = struct.Struct(">iqqi")
_PART_V9 = struct.Struct(">iiqqi")
_ANSWER_V4 = struct.Struct(">ihqqi")
_ANSWER_V5 = struct.Struct(">ihqqqi")
_PRODUCED_V3 = struct.Struct(">ihqq")
_PRODUCED_V5 = struct.Struct(">ihqqq")

T = TypeVar("T")


class ProducedBatch(NamedTuple):
    """Records for one partition, a view into the request's frame."""

    topic: str
    partition: int
    records: memoryview


@dataclass(frozen=True, slots=True)
class ProduceRequest:
    transactional_id: str | None
    acks: int
    batches: list[ProducedBatch]


class ProducedAnswer(NamedTuple):
    """What became of the batch for one partition; offset -1 on an error, append time -1 with the producer's times."""

    topic: str
    partition: int
    error: ErrorCode
    offset: int
    append_time: int
    log_start: int


class FetchPartition(NamedTuple):
    topic: str
    partition: int
    offset: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class FetchRequest:
    max_wait_s: float
    min_bytes: int
    max_bytes: int
    committed: bool
    partitions: list[FetchPartition]


class FetchAnswer(NamedTuple):
    """Records of one partition, as the batches lie in the log."""

    topic: str
    partition: int
    error: ErrorCode
    end: int
    stable_end: int
    log_start: int
    aborted: list[Aborted]
    records: bytes


class _Reader:
    """Takes values off a frame from `at` on."""

    def __init__(self, frame: memoryview, at: int) -> None:
        self._frame = frame
        self._at = at

    def values(self, layout: struct.Struct) -> tuple[int, ...]:
        values = layout.unpack_from(self._frame, self._at)
        self._at += layout.size
        return values

    def text(self) -> str | None:
        (length,) = self.values(_SHORT)
        return None if length < 0 else str(self.view(length), "utf-8")

    def data(self) -> memoryview:
        (length,) = self.values(_INT)
        return self.view(max(length, 0))

    def view(self, length: int) -> memoryview:
        end = self._at + length
        if end > len(self._frame):
            raise MalformedRequestError("a value is longer than the request")
        view = self._frame[self._at : end]
        self._at = end
        return view

    def count(self) -> int:
        """How many elements an array has, which cannot be null."""
        (count,) = self.values(_INT)
        if not 0 <= count <= len(self._frame):
            raise MalformedRequestError(f"an array of {count} elements")
        return count


def read_produce(header: RequestHeader, frame: memoryview) -> ProduceRequest:
    """A Produce request, version 3 to 7. Raises MalformedRequestError."""
    reader = _Reader(frame, header.body_at)
    batches: list[ProducedBatch] = []

    try:
        transactional_id = reader.text()
        (acks,) = reader.values(_SHORT)
        reader.values(_INT)
        for _ in range(reader.count()):
            topic = reader.text() or ""
            for _ in range(reader.count()):
                batches.append(ProducedBatch(topic, reader.values(_INT)[0], reader.data()))
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedRequestError(str(error)) from error
    return ProduceRequest(transactional_id, acks, batches)


def produce_response(header: RequestHeader, answers: list[ProducedAnswer]) -> bytes:
    """The response frame; answers of one topic stand together."""
    body = [_INT.pack(header.correlation_id)]
    groups = _by_topic(answers, lambda answer: answer.topic)
    body.append(_INT.pack(len(groups)))
    for topic, group in groups:
        body.append(_text(topic) + _INT.pack(len(group)))
        for answer in group:
            fields = (answer.partition, answer.error, answer.offset, answer.append_time)
            if header.version >= 5:
                body.append(_PRODUCED_V5.pack(*fields, answer.log_start))
            else:
                body.append(_PRODUCED_V3.pack(*fields))
    body.append(_INT.pack(0))
    return _framed(body)


def read_fetch(header: RequestHeader, frame: memoryview) -> FetchRequest:
    """A Fetch request, version 4 to 11; fetch sessions are not kept, so it names all its partitions.

    Raises MalformedRequestError.
    """
    reader = _Reader(frame, header.body_at)
    version = header.version
    layout = _PART_V9 if version >= 9 else _PART_V5 if version >= 5 else _PART_V4
    partitions: list[FetchPartition] = []

    try:
        _, max_wait_ms, min_bytes, max_bytes, isolation = reader.values(_FETCH_HEAD)
        if version >= 7:
            reader.values(_INT_INT)
        for _ in range(reader.count()):
            topic = reader.text() or ""
            for _ in range(reader.count()):
                values = reader.values(layout)
                offset = values[2] if version >= 9 else values[1]
                partitions.append(FetchPartition(topic, values[0], offset, values[-1]))
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedRequestError(str(error)) from error
    return FetchRequest(max(max_wait_ms, 0) / 1000, min_bytes, max_bytes, isolation == 1, partitions)


def fetch_response(header: RequestHeader, answers: list[FetchAnswer]) -> list[bytes]:
    """The response frame in pieces, so that the records need not be copied into one."""
    version = header.version
    head = [_INT_INT.pack(header.correlation_id, 0)]
    if version >= 7:
        head.append(struct.pack(">hi", 0, 0))
    groups = _by_topic(answers, lambda answer: answer.topic)
    head.append(_INT.pack(len(groups)))
    pieces = [b"".join(head)]
    for topic, group in groups:
        pieces.append(_text(topic) + _INT.pack(len(group)))
        for answer in group:
            pieces.append(_answer_head(version, answer))
            pieces.append(answer.records)
    pieces.insert(0, _INT.pack(sum(map(len, pieces))))
    return pieces


def _answer_head(version: int, answer: FetchAnswer) -> bytes:
    partition, aborted = answer.partition, answer.aborted
    if version >= 5:
        head = _ANSWER_V5.pack(partition, answer.error, answer.end, answer.stable_end, answer.log_start, len(aborted))
    else:
        head = _ANSWER_V4.pack(partition, answer.error, answer.end, answer.stable_end, len(aborted))
    if aborted:
        head += b"".join(struct.pack(">qq", transaction.producer_id, transaction.first) for transaction in aborted)
    if version >= 11:
        head += _INT.pack(-1)
    return head + _INT.pack(len(answer.records))


def _by_topic(answers: list[T], topic_of: Callable[[T], str]) -> list[tuple[str, list[T]]]:
    groups: dict[str, list[T]] = {}
    for answer in answers:
        groups.setdefault(topic_of(answer), []).append(answer)
    return list(groups.items())


def _text(value: str) -> bytes:
    data = value.encode()
    return _SHORT.pack(len(data)) + data


def _framed(body: list[bytes]) -> bytes:
    joined = b"".join(body)
    return _INT.pack(len(joined)) + joined
