"""An upstream system that writes in transactions: what it took back never counts, and its markers hold nothing up."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from tests import feed
from tests.compare import order_differences, summary_of
from tests.integration.conftest import MakeStack
from tests.stack import wait_for
from tests.truth import Truth


@pytest.mark.long
def test_what_a_transaction_took_back_never_counts_and_nothing_waits_for_its_markers(make_stack: MakeStack):
    stack = make_stack()
    events = feed.clean_feed(7, 300)
    half = len(events) // 2
    kafka = stack.facts["kafka"]

    asyncio.run(write(kafka, events[:half], commit=True))
    asyncio.run(write(kafka, feed.clean_feed(8, 100), commit=False))
    asyncio.run(write(kafka, events[half:], commit=True))
    asyncio.run(write(kafka, feed.clean_feed(9, 100), commit=False))
    stack.wait_idle()

    differences = order_differences(stack.ask, Truth(events))
    assert not differences, summary_of(differences)
    assert stack.ask("SELECT count() AS n FROM events") == [{"n": len(events)}]
    # Markers are no lag; a heartbeat on its way is some for a moment.
    wait_for(lambda: all(group["lag"] == 0 for group in stack.status()["groups"].values()), 60, "nothing is left to do")

    # Nothing but markers since: a worker that starts anew has nothing to do, and says so.
    stack.stop()
    stack.start()
    stack.wait_idle()
    assert order_differences(stack.ask, Truth(events)) == []


async def write(kafka: str, events: list[feed.Event], *, commit: bool) -> None:
    """One transaction of these events."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id="dms") as producer:
        await producer.begin_transaction()
        for event, line in zip(events, feed.lines(events), strict=True):
            await producer.send("service-events", line, key=event["vehicle_id"].encode())
        await (producer.commit_transaction() if commit else producer.abort_transaction())
