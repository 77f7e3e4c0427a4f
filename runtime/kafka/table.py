"""Compacted topics as tables in memory: the newest value of every key, as a GlobalKTable of Kafka Streams has it.

A table belongs to no consumer group: every process reads the whole topic from its beginning and goes on reading, so any
number of processes have the same table without a database. Everything runs on one event loop.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from runtime.clock import now_ms
from runtime.kafka.client import new_consumer, stop_client
from runtime.progress import Progress
from runtime.tasks import end_if_cancelled
from schemas.version import require_known

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
STALE_AFTER_S = 60.0
PAUSE_S = 2.0
STOP_LIMIT_S = 2.0
TOPICS_LIMIT_S = 20.0
WAIT_S = 0.05
RECORDS_AT_ONCE = 1000

Value = TypeVar("Value")


def _always_newer(value: Any, than: Any) -> bool:
    return True


def _never_expired(value: Any, now: int) -> bool:
    return False


class Table(Mapping[str, Value]):
    """The newest value of every key of one compacted topic; a tombstone removes its key.

    `parse` makes a value of a record's bytes; a record for which it raises ValueError, KeyError or TypeError is logged
    and skipped. `is_newer(value, than)` decides which of two values of a key counts, by default the later record's:
    after a crash of its writer a topic may have older versions once more. `is_expired(value, now)` (ms) is asked every
    few seconds for each value, and those that are expired are dropped. `key_of` gives the key by the value, for topics
    that have had other record keys.
    """

    def __init__(
        self,
        topic: str,
        parse: Callable[[bytes], Value],
        *,
        is_newer: Callable[[Value, Value], bool] = _always_newer,
        is_expired: Callable[[Value, int], bool] = _never_expired,
        key_of: Callable[[Value], str] | None = None,
    ) -> None:
        self.topic = topic
        # Set once all that was in the topic at the start has been applied.
        self.read = asyncio.Event()
        self._parse, self._is_newer, self._is_expired = parse, is_newer, is_expired
        self._key_of = key_of
        self._other_keys: dict[str, str] = {}  # by record key the key that its value has
        self._values: dict[str, Value] = {}
        self._followers: list[Callable[[str, Value | None, Value | None], object]] = []
        self._complete_at: float | None = None

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def is_current(self) -> bool:
        """Whether all that was in the topic a minute ago has been applied."""
        return self._complete_at is not None and time.monotonic() - self._complete_at < STALE_AFTER_S

    def complete_as_of(self, now: int) -> int | None:
        """The last instant (ms) of which all that was in the topic has been applied; None before the first."""
        if self._complete_at is None:
            return None
        return now - round(1000 * (time.monotonic() - self._complete_at))

    def on_change(self, follower: Callable[[str, Value | None, Value | None], object]) -> Callable[[], None]:
        """Call `follower` with key, value before and value after each change, in order; call the result to unsubscribe.

        None as the value before is a new key, None as the value after a removed one.
        """
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def apply(self, records: Iterable[Any]) -> None:
        """Apply records of the topic, in their order. Raises NewerSchemaError at one of a newer version of Fixtrail."""
        for record in records:
            if record.key is None:
                continue
            key = record.key.decode(errors="replace")
            if record.value is None:
                self.remove(self._other_keys.pop(key, key))
                continue
            require_known(self.topic, record.partition, record.offset, record.headers)
            try:
                value = self._parse(record.value)
            except (ValueError, KeyError, TypeError) as error:
                kind = type(error).__name__
                log.warning("%s %d:%d cannot be read: %s", self.topic, record.partition, record.offset, kind)
                continue
            if self._key_of is not None and (own_key := self._key_of(value)) != key:
                self._other_keys[key] = own_key
                key = own_key
            before = self._values.get(key)
            if before is None or self._is_newer(value, before):
                self.replace(key, value)

    def replace(self, key: str, value: Value) -> None:
        """Set the value of a key, whichever is newer."""
        before = self._values.get(key)
        self._values[key] = value
        self._notify(key, before, value)

    def remove(self, key: str) -> None:
        """Drop a key, if it is there."""
        before = self._values.pop(key, None)
        if before is not None:
            self._notify(key, before, None)

    def expire(self, now: int) -> None:
        """Drop the values that are expired at `now` (ms)."""
        for key in [key for key, value in self._values.items() if self._is_expired(value, now)]:
            self.remove(key)

    def note_complete(self, as_of: float) -> None:
        """All that was in the topic at an instant of the monotonic clock has been applied."""
        self._complete_at = as_of
        self.read.set()

    def _notify(self, key: str, before: Value | None, after: Value | None) -> None:
        for follower in list(self._followers):
            follower(key, before, after)


async def follow_tables(
    kafka: Mapping[str, Any], tables: Sequence[Table[Any]], progress: Progress | None = None
) -> None:
    """Keep the tables up to date until cancelled; one consumer reads the topics of all of them.

    They are `read` together, once all that stood in any of the topics has been applied. Whatever Kafka does, another
    consumer starts again from the beginning; meanwhile the tables stay as they are. `progress` counts the records.
    """
    topics = ", ".join(table.topic for table in tables)
    while True:
        consumer = new_consumer(
            **kafka,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            metadata_max_age_ms=30_000,
        )
        try:
            await consumer.start()
            await _follow(consumer, {table.topic: table for table in tables}, progress or Progress())
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("%s cannot be read: %s; again in %.0f s", topics, type(error).__name__, PAUSE_S)
        finally:
            await stop_client(consumer, STOP_LIMIT_S)
        end_if_cancelled()
        await asyncio.sleep(PAUSE_S)


async def _follow(consumer: Any, tables: Mapping[str, Table[Any]], progress: Progress) -> None:
    # Without a group all partitions are assigned, from their beginning.
    consumer.subscribe(list(tables))
    await _assigned(consumer, list(tables))
    partitions = sorted(consumer.assignment())
    ends: dict[Any, int] = {}
    asked_at = look_at = 0.0
    while True:
        if time.monotonic() >= look_at:
            look_at = time.monotonic() + LOOK_EVERY_S
            for table in tables.values():
                table.expire(now_ms())
            if not ends:
                asked_at = time.monotonic()
                ends = await consumer.end_offsets(partitions)
        if ends and all([await consumer.position(tp) >= end for tp, end in ends.items()]):
            ends = {}
            for table in tables.values():
                table.note_complete(asked_at)
        batches = await consumer.getmany(timeout_ms=100 if ends else 1000, max_records=RECORDS_AT_ONCE)
        for tp, records in batches.items():
            tables[tp.topic].apply(records)
            progress.count("records", tp.topic, len(records))
        # Others run in between, also while there is much to read.
        await asyncio.sleep(0)


async def _assigned(consumer: Any, topics: Sequence[str]) -> None:
    """Return once there are partitions of all topics; after a while without any but the first's."""
    deadline = time.monotonic() + TOPICS_LIMIT_S
    while missing := set(topics) - {tp.topic for tp in consumer.assignment()}:
        if topics[0] not in missing and time.monotonic() > deadline:
            log.warning("there is no topic %s: run `fixtrail migrate`", ", ".join(sorted(missing)))
            return
        await asyncio.sleep(WAIT_S)
