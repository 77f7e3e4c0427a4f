"""Closed journeys leave topic `journeys` after a while."""

import asyncio
import contextlib
import logging

import orjson

from fixtrail.operations.topics import require_topic
from fixtrail.settings import NoEndpointError, RetentionSettings, client_options
from runtime.clock import now_ms
from runtime.failure import ExitError
from runtime.kafka.producer import open_producer
from runtime.kafka.whole_topic import records_of
from schemas.times import DAY_MS, DAY_S
from schemas.topics import JOURNEYS

EVERY_S = DAY_S
AGAIN_S = 3600.0
FIRST_AFTER_S = 600.0
# So long ClickHouse's writer has had to read what was written, also in a replay of old events.
WRITTEN_BEFORE_MS = 7 * DAY_MS

log = logging.getLogger(__name__)


async def keep_retention(settings: RetentionSettings, stop: asyncio.Event) -> None:
    """Forget what is old once a day until `stop` is set; an hour later again where that did not work."""
    from aiokafka.errors import KafkaError

    pause_s = FIRST_AFTER_S
    while settings.journeys_days:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)
        if stop.is_set():
            return
        try:
            forgotten = await forget_old(settings, now_ms())
            log.info("closed journeys left the topic", extra={"journeys": forgotten})
            pause_s = EVERY_S
        except (KafkaError, OSError, TimeoutError, ExitError, NoEndpointError) as error:
            log.warning("closed journeys could not be looked through", extra={"error": type(error).__name__})
            pause_s = AGAIN_S


async def forget_old(settings: RetentionSettings, now_ms: int, *, dry_run: bool = False) -> int:
    """Delete closed journeys older than `journeys_days` from their topic; how many."""
    if not settings.journeys_days:
        return 0
    old = await old_journeys(settings, now_ms)
    if not dry_run:
        await _delete(settings, old)
    return len(old)


async def old_journeys(settings: RetentionSettings, now_ms: int) -> set[tuple[int, bytes]]:
    """Partition and key of the journeys that were closed and last heard of more than `journeys_days` ago."""
    old: set[tuple[int, bytes]] = set()
    partitions = await require_topic(settings, JOURNEYS)
    last_event_before = now_ms - settings.journeys_days * DAY_MS
    async for records in records_of(client_options(settings), JOURNEYS, partitions):
        for record in records:
            written_lately = record.timestamp > now_ms - WRITTEN_BEFORE_MS
            if record.value is None or written_lately or not _is_old(record.value, last_event_before):
                old.discard((record.partition, record.key))
            else:
                old.add((record.partition, record.key))
    return old


def _is_old(value: bytes, last_event_before: int) -> bool:
    fact = orjson.loads(value)
    return bool(fact["status"] != "open" and fact["last_event_at"] < last_event_before)


async def _delete(settings: RetentionSettings, keys: set[tuple[int, bytes]]) -> None:
    async with open_producer(client_options(settings), linger_ms=5) as producer:
        for start in range(0, len(keys), 1000):
            chunk = sorted(keys)[start : start + 1000]
            await asyncio.gather(
                *[await producer.send(JOURNEYS, None, key, partition=partition) for partition, key in chunk]
            )
