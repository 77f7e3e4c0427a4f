"""A commit and a rebalance at once: what was read before one is not committed after it."""

import asyncio

import pytest
from aiokafka import TopicPartition

from runtime.kafka.group import Box, ConsumerGroup, Membership
from runtime.progress import Progress

TP = TopicPartition("notices", 0)


class Consumer:
    """Commits once `coordinator` is known, with whatever generation the group has by then, as aiokafka does."""

    def __init__(self) -> None:
        self.coordinator = asyncio.Event()
        self.commits: list[dict[TopicPartition, int]] = []

    async def commit(self, ends: dict[TopicPartition, int]) -> None:
        await self.coordinator.wait()
        self.commits.append(ends)


@pytest.fixture
def group() -> ConsumerGroup:
    member = ConsumerGroup(Membership({}, ("notices",), "test"), Box(), asyncio.Event(), Progress())
    member.consumer = Consumer()
    return member


async def test_a_commit_that_waits_for_its_broker_is_given_up_at_a_rebalance(group: ConsumerGroup) -> None:
    committing = asyncio.create_task(group.commit({TP: 7}))
    await asyncio.sleep(0)
    await group.on_partitions_revoked([TP])
    group.consumer.coordinator.set()
    await asyncio.wait_for(committing, 5)

    assert group.consumer.commits == [] and not group.delivered


async def test_a_commit_that_is_cancelled_is_cancelled(group: ConsumerGroup) -> None:
    committing = asyncio.create_task(group.commit({TP: 7}))
    await asyncio.sleep(0)
    committing.cancel()
    await asyncio.wait({committing})

    assert committing.cancelled() and group.consumer.commits == []


async def test_without_a_rebalance_it_is_committed(group: ConsumerGroup) -> None:
    group.consumer.coordinator.set()
    await group.commit({TP: 7})

    assert group.consumer.commits == [{TP: 7}] and group.delivered == {TP: 7}
