"""Stops the boxes of a running embedded stack for a while; its broker and its ClickHouse go on."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fixtrail.settings import STACK_FILE, KafkaSettings
from runtime.failure import ExitError

STOPPED_WITHIN_S = 180.0
RUNNING_WITHIN_S = 240.0
STOP_BOXES, START_BOXES = signal.SIGUSR1, signal.SIGUSR2


def is_embedded(settings: KafkaSettings) -> bool:
    """Whether the brokers are those of `fixtrail up`."""
    return settings.kafka is None


async def _nothing() -> None:
    return None


@asynccontextmanager
async def boxes_away(
    settings: KafkaSettings, say: Callable[[str], object], is_unfinished: Callable[[], Awaitable[Any]] = _nothing
) -> AsyncIterator[None]:
    """Have `fixtrail up` stop its boxes, and start them again afterwards, with as many partitions as were recorded.

    After a failure they start only where nothing is unfinished. Of other brokers' boxes nothing is known here.
    """
    if not is_embedded(settings):
        yield
        return
    await _ask(settings, STOP_BOXES, "stopped", STOPPED_WITHIN_S)
    say("the boxes of this stack are stopped")
    try:
        yield
    except BaseException:
        if await is_unfinished() is None:
            await _ask(settings, START_BOXES, "running", RUNNING_WITHIN_S)
        raise
    await _ask(settings, START_BOXES, "running", RUNNING_WITHIN_S)
    say("the boxes of this stack run again")


async def _ask(settings: KafkaSettings, number: signal.Signals, state: str, limit_s: float) -> None:
    path = settings.data / STACK_FILE
    try:
        if json.loads(path.read_text())["boxes"] == state:
            return
        os.kill(settings.stack["pid"], number)
        for _ in range(round(limit_s / 0.2)):
            if json.loads(path.read_text())["boxes"] == state:
                return
            await asyncio.sleep(0.2)
    except (OSError, KeyError, ValueError) as error:
        raise ExitError(f"the stack of {settings.data} does not answer: {type(error).__name__}") from None
    raise ExitError(f"the boxes of {settings.data} are not {state} after {limit_s:.0f} s: see its logs")
