"""Ending tasks: also those in which a cancellation got lost, and what they raised stays theirs."""

import asyncio
from typing import Any

import pytest

from runtime import tasks
from runtime.kafka import table as tables
from runtime.kafka.table import Table, follow_tables
from runtime.tasks import end_all


async def for_ever_but_for(lost: int) -> None:
    """Loses so many cancellations, as `asyncio.wait_for` of Python 3.11 does now and then."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if not lost:
                raise
            lost -= 1


async def test_a_cancellation_that_got_lost_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.05)
    running = [asyncio.create_task(for_ever_but_for(lost)) for lost in (0, 1, 3)]
    await asyncio.sleep(0)
    await asyncio.wait_for(end_all(*running), 5)

    assert all(task.cancelled() for task in running)


async def test_a_task_that_failed_keeps_its_error() -> None:
    async def fail() -> None:
        raise ValueError("a bug")

    failed = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await end_all(failed)

    assert isinstance(failed.exception(), ValueError)


async def test_a_table_ends_though_its_cancellation_met_a_refused_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both in one turn of the loop: what had ended counts, and the cancellation is lost."""
    starts = 0

    class Refused:
        def __init__(self, **options: Any) -> None:
            pass

        async def start(self) -> None:
            nonlocal starts
            starts += 1
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise OSError("connection refused") from None

        async def stop(self) -> None:
            pass

    monkeypatch.setattr(tables, "new_consumer", Refused)
    monkeypatch.setattr(tables, "PAUSE_S", 0.0)
    following = asyncio.create_task(follow_tables({}, [Table("centers", bytes)]))
    await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.wait({following}, timeout=5)

    assert following.cancelled() and starts == 1
