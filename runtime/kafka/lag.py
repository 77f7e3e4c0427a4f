"""The lag of a box, asked from the brokers over a connection of its own: a stuck consumer cannot hide it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from runtime.kafka.client import new_consumer, stop_client
from runtime.kafka.lost_records import LostRecords
from runtime.progress import Progress

log = logging.getLogger(__name__)

ASK_EVERY_S = 5.0
ANSWER_LIMIT_S = 10.0

# By assigned partition: the offset up to which all is done, None where nothing was committed yet.
Delivered = Mapping[TopicPartition, int | None]


async def show_lag(
    kafka: Mapping[str, Any], progress: Progress, delivered: Callable[[], Awaitable[Delivered]], lost: LostRecords
) -> None:
    """Keep the gauge `lag_records` by topic and partition up to date until cancelled, and count what is `lost`.

    While the brokers do not answer, the last known values stay, and after a while the box is not ready.
    """
    client: Any = None
    try:
        while True:
            try:
                async with asyncio.timeout(ANSWER_LIMIT_S):
                    if client is None:
                        client = await _connected(kafka)
                    lags = await _lags(client, await delivered(), lost)
                progress.answered_at = time.monotonic()
                progress.show("lag_records", {(tp.topic, str(tp.partition)): lag for tp, lag in lags.items()})
            except (KafkaError, OSError, TimeoutError):
                pass
            except Exception:
                # It only observes: no error here may end the box or hide another error.
                log.exception("the lag cannot be measured")
            await asyncio.sleep(ASK_EVERY_S)
    finally:
        if client is not None:
            await stop_client(client)


async def _connected(kafka: Mapping[str, Any]) -> Any:
    client = new_consumer(**kafka)
    try:
        await client.start()
    except BaseException:
        await stop_client(client)
        raise
    return client


async def _lags(client: Any, delivered: Delivered, lost: LostRecords) -> dict[TopicPartition, int]:
    if not delivered:
        return {}
    partitions = [TopicPartition(*tp) for tp in delivered]
    ends = await client.end_offsets(partitions)
    starts = await client.beginning_offsets(partitions)
    lost.note({tp: delivered[tp] for tp in partitions}, starts, ends)
    return {tp: max(0, ends[tp] - max(starts[tp], delivered[tp] or 0)) for tp in partitions}
