"""`fixtrail pulse`: a heartbeat through every partition each few seconds, and every group's lag as the brokers know it.

Both are asked from outside: a worker or a writer that stands still, or is not there at all, still shows.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from fixtrail.operations.retention import keep_retention
from fixtrail.operations.status import LagSnapshot, Watcher
from fixtrail.settings import PulseSettings, client_options
from runtime.clock import now_ms
from runtime.failure import OK, ExitError
from runtime.kafka.producer import open_producer
from runtime.progress import Progress
from runtime.tasks import end_all
from schemas.heartbeat import heartbeat_headers, heartbeat_key
from schemas.topics import SERVICE_EVENTS

LOOK_EVERY_S = 5.0
ANSWER_LIMIT_S = 15.0

# A heartbeat is worth nothing later: an idempotent producer would never give up on it.
PRODUCER_OPTIONS = {"enable_idempotence": False, "request_timeout_ms": 10_000}

log = logging.getLogger(__name__)

ReportOutage = Callable[[str], object]


async def run_pulse(
    settings: PulseSettings, progress: Progress, stop: asyncio.Event, report: ReportOutage = log.warning
) -> int:
    """Send heartbeats and look at the lags until `stop` is set; the exit code 0.

    While Kafka is away or has no topics it tries again; `report` hears of it once each time.
    """
    retention = asyncio.create_task(keep_retention(settings, stop))
    try:
        return await _pulse(settings, progress, stop, report)
    finally:
        await end_all(retention)


async def _pulse(settings: PulseSettings, progress: Progress, stop: asyncio.Event, report_outage: ReportOutage) -> int:
    from aiokafka.errors import KafkaError

    while not stop.is_set():
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(ANSWER_LIMIT_S):
                    watcher = await stack.enter_async_context(Watcher(settings))
                    producer = await stack.enter_async_context(
                        open_producer(client_options(settings), **PRODUCER_OPTIONS)
                    )
                await _beat_and_look(settings, watcher, producer, progress, stop)
        except (KafkaError, OSError, TimeoutError, ExitError) as error:
            if progress.ready or not progress.counts["failures", ""]:
                report_outage(f"no heartbeats: {type(error).__name__} {error}".rstrip())
            progress.ready = False
            progress.counts["failures", ""] += 1
            await _wait(stop, LOOK_EVERY_S)
    return OK


async def _beat_and_look(
    settings: PulseSettings, watcher: Watcher, producer: Any, progress: Progress, stop: asyncio.Event
) -> None:
    """Beat and look in turn. Raises KafkaError, OSError or TimeoutError while Kafka does not answer."""
    next_beat = 0.0
    while not stop.is_set():
        async with asyncio.timeout(ANSWER_LIMIT_S):
            if settings.pulse_s and time.monotonic() >= next_beat:
                next_beat = time.monotonic() + settings.pulse_s
                await _beat(producer, watcher.partitions_of(SERVICE_EVENTS))
                progress.counts["heartbeats", ""] += 1
            show_look(progress, await watcher.look())
        progress.ready = True
        await _wait(stop, min(LOOK_EVERY_S, settings.pulse_s or LOOK_EVERY_S))


async def _beat(producer: Any, partitions: list[int]) -> None:
    """Send one heartbeat to every partition of `service-events`; returns once all are acknowledged."""
    sent_at = now_ms()
    futures = []
    for partition in partitions:
        batch = producer.create_batch()
        batch.append(timestamp=sent_at, key=heartbeat_key(partition), value=None, headers=heartbeat_headers(sent_at))
        futures.append(await producer.send_batch(batch, SERVICE_EVENTS, partition=partition))
    await asyncio.gather(*futures)


def show_look(progress: Progress, look: LagSnapshot) -> None:
    """Keep every lag, and how many dead letters there are, as gauges."""
    progress.show("group_lag_records", {(lag.group, lag.topic, str(lag.partition)): lag.lag for lag in look.lags})
    progress.gauges["dead_letter_records",] = look.dead_letters


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
