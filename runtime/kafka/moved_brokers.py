"""Lets aiokafka find brokers that have moved to other addresses while a process runs.

aiokafka (0.14) asks the bootstrap servers once. Where no broker answers at the addresses that it was told then, as
after all of them have got new ones, its clients try these for ever.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

ASK_EVERY_S = 5.0
ANSWER_LIMIT_S = 10.0

_usual_update = AIOKafkaClient._metadata_update


def follow_moved_brokers() -> None:
    """Let all clients of this process ask the bootstrap servers again where nobody else answers."""
    AIOKafkaClient._metadata_update = _metadata_update


async def _metadata_update(client: Any, cluster: Any, topics: Any) -> bool:
    if await _usual_update(client, cluster, topics):
        return True
    now = time.monotonic()
    if now - getattr(client, "bootstrapped_at", 0.0) < ASK_EVERY_S:
        return False
    client.bootstrapped_at = now
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_LIMIT_S):
            await client.bootstrap()
            return bool(await _usual_update(client, cluster, topics))
    return False
