"""Topics read from their beginning and followed, of no consumer group: every process that does so has all of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from runtime.kafka.client import stop_client

log = logging.getLogger(__name__)

PAUSE_S = 2.0
STOP_LIMIT_S = 15.0


async def from_the_beginning(kafka: Mapping[str, Any], what: str, follow: Callable[[Any], Awaitable[None]]) -> None:
    """Call `follow` with a started consumer that has no group and subscribes to nothing yet, until cancelled.

    Whatever Kafka does, `follow` is called again with a new one, which begins at the beginning; what is known stays.
    `what` names the topics in the log.
    """
    while True:
        consumer = AIOKafkaConsumer(
            **kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            metadata_max_age_ms=30_000,
        )
        try:
            await consumer.start()
            await follow(consumer)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("%s cannot be read: %s; again in %.0f s", what, type(error).__name__, PAUSE_S)
        finally:
            await stop_client(consumer, STOP_LIMIT_S)
        await asyncio.sleep(PAUSE_S)
