"""Making aiokafka's consumers, and closing its clients safely, with a time limit."""

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from runtime.kafka.moved_brokers import follow_moved_brokers
from runtime.kafka.reading import read_anything

STOP_LIMIT_S = 20.0


def new_consumer(**options: Any) -> Any:
    """aiokafka's consumer, which reads whatever stands in a topic; its positions are committed by hand alone."""
    read_anything()
    follow_moved_brokers()
    return AIOKafkaConsumer(**options, enable_auto_commit=False)


async def stop_client(client: Any, limit_s: float = STOP_LIMIT_S) -> None:
    """Stop a consumer or a producer, or give up after the limit; it leaves its group if it can.

    A consumer's `stop` (aiokafka 0.14) awaits the fetches that it has cancelled itself, and where one was waiting for a
    broker that is away, raises its CancelledError and leaves its connections open. Raises CancelledError only where the
    calling task is cancelled.
    """
    task = asyncio.current_task()
    cancellations = task.cancelling() if task is not None else 0
    try:
        await asyncio.wait_for(client.stop(), limit_s)
    except (KafkaError, OSError, TimeoutError):
        pass
    except asyncio.CancelledError:
        if task is not None and task.cancelling() > cancellations:
            raise
        if (connections := getattr(client, "_client", None)) is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(connections.close(), limit_s)
