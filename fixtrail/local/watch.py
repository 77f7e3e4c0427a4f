"""The monitoring of an embedded stack: a health page, its children's restarts, heartbeats and lags."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from fixtrail.boxes import serve_health
from fixtrail.local.supervisor import Child
from fixtrail.operations.pulse import run_pulse
from fixtrail.settings import ProcessSettings, PulseSettings
from runtime.progress import Progress
from runtime.tasks import end_all


class StackWatch:
    """/healthz, /readyz (the whole stack is up) and /metrics of the supervisor, and the pulse of its topics."""

    def __init__(self) -> None:
        self.url: str | None = None
        self._stack, self._pulse = Progress(), Progress()
        self._beating: asyncio.Task[None] | None = None

    def serve(self, settings: ProcessSettings) -> None:
        """Start the health page. Raises ExitError where the configured port is in use."""
        self.url = serve_health(settings, stack=self._stack, pulse=self._pulse)

    def note(self, children: Iterable[Child], *, ready: bool) -> None:
        """Record the state of the children, once all of them have started."""
        self._stack.ready = ready
        for child in children if ready else ():
            self._stack.gauges["child_up", child.spec.name] = float(child.pid is not None)
            self._stack.counts["child_restarts", child.spec.name] = child.restarts

    def start_pulse(self, settings: PulseSettings, say: Callable[[str], object]) -> None:
        """Send heartbeats and look at the lags until `stop_pulse`."""
        # A broker that is restarted is told of by the supervisor already.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        self._beating = asyncio.create_task(self._beat(settings, say), name="pulse")

    async def stop_pulse(self) -> None:
        if self._beating is not None:
            await end_all(self._beating)

    async def _beat(self, settings: PulseSettings, say: Callable[[str], object]) -> None:
        try:
            await run_pulse(settings, self._pulse, asyncio.Event(), report=lambda _: None)
        except Exception as error:
            # Whatever is wrong with it must not end what it only watches.
            say(f"the heartbeats have stopped: {type(error).__name__} {error}")
