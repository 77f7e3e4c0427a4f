"""How far a box is behind, asked from the brokers over a connection of its own: a stuck consumer cannot hide it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime.kafka.client import stop_client
from runtime.progress import Progress

log = logging.getLogger(__name__)

ASK_EVERY_S = 5.0
ANSWER_LIMIT_S = 10.0

# By assigned partition: the offset up to which all is done, None where nothing was committed yet.
Done = Mapping[TopicPartition, int | None]


async def show_lag(kafka: Mapping[str, Any], progress: Progress, done: Callable[[], Awaitable[Done]]) -> None:
    """Keep the gauge `lag_records` by topic and partition up to date until cancelled.

    While the brokers do not answer, the last known values stay.
    """
    client: Any = None
    try:
        while True:
            try:
                async with asyncio.timeout(ANSWER_LIMIT_S):
                    if client is None:
                        client = await _connected(kafka)
                    lags = await _lags(client, await done())
                progress.show("lag_records", {(tp.topic, str(tp.partition)): lag for tp, lag in lags.items()})
            except (KafkaError, OSError, TimeoutError):
                pass
            except Exception:
                # It only looks on: nothing that goes wrong here may end or hide anything else.
                log.exception("the lag cannot be told")
            await asyncio.sleep(ASK_EVERY_S)
    finally:
        if client is not None:
            await stop_client(client)


async def _connected(kafka: Mapping[str, Any]) -> Any:
    client = AIOKafkaConsumer(**kafka, enable_auto_commit=False)
    try:
        await client.start()
    except BaseException:
        await stop_client(client)
        raise
    return client


async def _lags(client: Any, done: Done) -> dict[TopicPartition, int]:
    if not done:
        return {}
    partitions = [TopicPartition(*tp) for tp in done]
    ends = await client.end_offsets(partitions)
    new = [tp for tp in partitions if done[tp] is None]
    starts = await client.beginning_offsets(new) if new else {}
    return {tp: max(0, ends[tp] - (starts[tp] if tp in starts else done[tp] or 0)) for tp in partitions}
