"""The producers' state in one partition: sequence numbers, open and aborted transactions.

Follows ProducerStateManager and ProducerAppendInfo of Apache Kafka 4.1.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from fixtrail.local.broker.batch import BatchHeader
from fixtrail.local.broker.errors import ErrorCode
from schemas.times import DAY_S

REMEMBERED_BATCHES = 5
"""As many as an idempotent producer may have in flight."""

FORGET_AFTER_S = DAY_S
"""A producer that has been silent this long is forgotten (producer.id.expiration.ms)."""

LAST_SEQUENCE = 0x7FFFFFFF


@dataclass(slots=True)
class Producer:
    """The last batches of one producer id, as (first sequence, last sequence, base offset)."""

    epoch: int
    batches: list[tuple[int, int, int]] = field(default_factory=list)
    seen_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Aborted:
    """Records of `producer_id` from `first` to `last` (its marker) are not committed."""

    producer_id: int
    first: int
    last: int


def last_sequence(header: BatchHeader) -> int:
    """The sequence number of the batch's last record; the numbers wrap around after 2^31 - 1."""
    return (header.base_sequence + header.last_offset_delta) & LAST_SEQUENCE


class ProducerStates:
    def __init__(self) -> None:
        self._producers: dict[int, Producer] = {}
        self._open: dict[int, int] = {}
        self.aborted: list[Aborted] = []

    def check(self, header: BatchHeader) -> tuple[ErrorCode, int | None]:
        """Whether the batch may be appended.

        A duplicate of one of the last batches gives NONE and the offset it already has; a batch to append gives
        NONE and None.
        """
        producer = self._producers.get(header.producer_id)
        if producer is None:
            return ErrorCode.NONE, None
        if header.producer_epoch < producer.epoch:
            return ErrorCode.INVALID_PRODUCER_EPOCH, None
        if header.producer_epoch > producer.epoch:
            fresh = header.base_sequence == 0
            return (ErrorCode.NONE if fresh else ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER), None
        last = last_sequence(header)
        for first_kept, last_kept, offset in producer.batches:
            if first_kept == header.base_sequence and last_kept == last:
                return ErrorCode.NONE, offset
        before = producer.batches[-1][1] if producer.batches else LAST_SEQUENCE
        if header.base_sequence != (before + 1) & LAST_SEQUENCE:
            return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, None
        return ErrorCode.NONE, None

    def note(self, header: BatchHeader, offset: int) -> None:
        """Remember a batch that was appended at `offset`."""
        producer = self._producers.get(header.producer_id)
        if producer is None or producer.epoch != header.producer_epoch:
            producer = self._producers[header.producer_id] = Producer(header.producer_epoch)
        producer.batches.append((header.base_sequence, last_sequence(header), offset))
        if len(producer.batches) > REMEMBERED_BATCHES:
            del producer.batches[0]
        producer.seen_at = time.time()
        if header.is_transactional:
            self._open.setdefault(header.producer_id, offset)

    def note_marker(self, header: BatchHeader, offset: int, *, commit: bool) -> None:
        """Remember that the producer's transaction ended with the marker at `offset`."""
        first = self._open.pop(header.producer_id, None)
        if first is not None and not commit:
            self.aborted.append(Aborted(header.producer_id, first, offset))
        producer = self._producers.get(header.producer_id)
        if producer is None or producer.epoch < header.producer_epoch:
            producer = self._producers[header.producer_id] = Producer(header.producer_epoch)
        producer.seen_at = time.time()

    def stable_end(self, end: int) -> int:
        """The first offset that belongs to a transaction still open; `end` when none is."""
        return min(self._open.values(), default=end)

    def is_open(self, producer_id: int) -> bool:
        """Whether the producer has records here that neither a commit nor an abort has ended."""
        return producer_id in self._open

    def aborted_between(self, start: int, stop: int) -> list[Aborted]:
        """Aborted transactions with records in [start, stop), for read_committed consumers to skip."""
        return [transaction for transaction in self.aborted if transaction.last >= start and transaction.first < stop]

    def is_aborted(self, producer_id: int, offset: int) -> bool:
        """Whether the producer's record at `offset` was aborted."""
        return any(
            transaction.producer_id == producer_id and transaction.first <= offset <= transaction.last
            for transaction in self.aborted
        )

    def forget(self, before_offset: int) -> None:
        """Let go of silent producers, and of aborts that lie wholly before `before_offset`."""
        oldest = time.time() - FORGET_AFTER_S
        self._producers = {
            producer_id: producer
            for producer_id, producer in self._producers.items()
            if producer.seen_at >= oldest or producer_id in self._open
        }
        self.aborted = [transaction for transaction in self.aborted if transaction.last >= before_offset]

    def dump(self) -> dict[str, Any]:
        """All of it as JSON values, to be kept with a closed segment."""
        return {
            "producers": [
                [key, producer.epoch, producer.batches, producer.seen_at] for key, producer in self._producers.items()
            ],
            "open": list(self._open.items()),
            "aborted": [[transaction.producer_id, transaction.first, transaction.last] for transaction in self.aborted],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        self._producers = {
            key: Producer(epoch, [(first, last, offset) for first, last, offset in batches], seen_at)
            for key, epoch, batches, seen_at in saved["producers"]
        }
        self._open = dict(saved["open"])
        self.aborted = [Aborted(*fields) for fields in saved["aborted"]]
