"""Admin clients: topics and groups asked about and changed."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def admin_client(kafka: Mapping[str, Any]) -> AsyncIterator[Any]:
    """A started admin client. Raises KafkaError where Kafka is away."""
    # Slow to import, and commands that ask nothing of Kafka come by here, too.
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(**kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
