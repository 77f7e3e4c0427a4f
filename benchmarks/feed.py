"""What is measured with: simulated events of the default scenario, sent to a topic once."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario

SCENARIO = "owners-story"
START = datetime(2026, 1, 5, tzinfo=UTC)
EVENTS_A_CENTER = 10_000  # that a center of the scenario has at least, over its days
# A network: a million of its events are of 100,000 orders, and its first ones lie as far apart.
NETWORK_CENTERS = 100
IN_HAND = 10_000


def feed(events: int, seed: int = 1, centers: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of the first so many events, as they arrive; the same ones each time.

    At least so many `centers` are at work, or those of the scenario: the more, the more orders lie side by side.
    """
    scenario = load_scenario(SCENARIO)
    centers = max(centers, len(scenario.center), -(-events // EVENTS_A_CENTER))
    arrivals = simulate(scenario, seed, scenario.days, centers, START)
    for _, event in islice(arrivals, events):
        yield event["vehicle_id"].encode(), orjson.dumps(event)


async def send(kafka: dict[str, Any], records: Iterable[tuple[bytes, bytes]], *topics: str) -> int:
    """Send each record to the topics; how many there were. All are acknowledged when this returns."""
    producer = AIOKafkaProducer(**kafka, acks="all", linger_ms=20, max_batch_size=512 * 1024)
    await producer.start()
    waiting: list[Any] = []
    count = 0
    try:
        for key, value in records:
            count += 1
            for topic in topics:
                waiting.append(await producer.send(topic, value=value, key=key))
            if len(waiting) >= IN_HAND:
                for future in waiting:
                    await future
                waiting.clear()
        for future in waiting:
            await future
    finally:
        await producer.stop()
    return count
