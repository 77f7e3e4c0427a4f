"""Ending asyncio tasks so that they end."""

import asyncio
from typing import Any

AGAIN_AFTER_S = 2.0


async def end_all(*tasks: asyncio.Task[Any] | asyncio.Future[Any]) -> None:
    """Cancel the tasks, and return once all have ended; what they raised stays in them.

    A cancellation can get lost: `asyncio.wait_for` of Python 3.11 gives the result of what ended in the same turn of
    the loop and drops it, also within aiokafka. So a task that has not ended after a while is cancelled once more.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        ended, running = await asyncio.wait(running, timeout=AGAIN_AFTER_S)
        for task in ended:
            # Asked for once, or asyncio logs it as nobody's.
            _ = task.cancelled() or task.exception()


def end_if_cancelled() -> None:
    """Raise CancelledError where a cancellation of the calling task got lost; for loops that go on after errors."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
