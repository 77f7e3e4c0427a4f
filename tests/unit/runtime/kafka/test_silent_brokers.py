"""A broker that is frozen refuses nothing; a box that hears nothing from it is not ready for as long."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiokafka import TopicPartition

from runtime import progress as progresses
from runtime.kafka import lag
from runtime.kafka.lost_records import LostRecords
from runtime.progress import Progress

PARTITION = TopicPartition("service-events", 0)


class Broker:
    """Answers, or says nothing at all while it is frozen."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        await self.answers.wait()
        return dict.fromkeys(partitions, 7)

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def stop(self) -> None:
        pass


async def becomes(progress: Progress, *, ready: bool) -> None:
    async with asyncio.timeout(5):
        while progress.ready is not ready:
            await asyncio.sleep(0.01)


async def test_a_box_is_not_ready_while_the_broker_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "ASK_EVERY_S", 0.01)
    monkeypatch.setattr(lag, "ANSWER_LIMIT_S", 0.05)
    monkeypatch.setattr(progresses, "SILENT_AFTER_S", 0.2)
    broker, progress = Broker(), Progress()

    async def connected(_: Any) -> Broker:
        return broker

    async def delivered() -> dict[TopicPartition, int | None]:
        return {PARTITION: 5}

    monkeypatch.setattr(lag, "_connected", connected)
    progress.ready = True
    asking = asyncio.create_task(lag.show_lag({}, progress, delivered, LostRecords(progress)))
    await becomes(progress, ready=True)
    while not progress.gauges:
        await asyncio.sleep(0.01)

    broker.answers.clear()
    await becomes(progress, ready=False)
    assert progress.gauges["lag_records", "service-events", "0"] == 2
    broker.answers.set()
    await becomes(progress, ready=True)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
