"""`fixtrail tracking`: issues and revokes links to customers' pages."""

import asyncio

import orjson

from fixtrail.configuration import public_url
from fixtrail.operations.topics import require_topic
from fixtrail.settings import KafkaSettings, TrackingSettings, client_options
from fixtrail.tracking_links import LIFE_DAYS, tracking_url
from runtime.clock import now_ms
from runtime.failure import NEGATIVE, ExitError
from runtime.kafka.producer import open_producer
from schemas.order_key import OrderKey
from schemas.topics import TRACKING_REVOCATIONS


def link_of(settings: TrackingSettings, order: OrderKey, vehicle_id: str, life_days: int = LIFE_DAYS) -> str:
    """A fresh link to an order's page. Raises ExitError where nobody says how customers reach the pages."""
    base = public_url(settings)
    if not base:
        raise ExitError("FIXTRAIL_PUBLIC_URL is not set, and no stack runs here that serves the pages", NEGATIVE)
    return tracking_url(base, settings.link_keys()[0], order, vehicle_id, now_ms(), life_days)


def revoke(settings: KafkaSettings, order: OrderKey) -> int:
    """Make every link of an order void that was issued up to now; that instant in ms, once Kafka has it."""
    now = now_ms()
    asyncio.run(_write(settings, order, now))
    return now


async def _write(settings: KafkaSettings, order: OrderKey, now: int) -> None:
    await require_topic(settings, TRACKING_REVOCATIONS)
    async with open_producer(client_options(settings)) as producer:
        value = orjson.dumps({"revoked_at": now})
        await producer.send_and_wait(TRACKING_REVOCATIONS, value, key=order.encode())
