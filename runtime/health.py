"""The health page of a box: /healthz, /readyz and /metrics, served by a thread of its own."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any, Literal

State = Literal["starting", "ready", "not ready"]


class HealthPage:
    """/healthz (alive), /readyz (doing its work) and /metrics (Prometheus) of one process, served by its own thread.

    The own thread keeps it answering while the box's event loop is busy. One that is stuck is the watchdog's to end.
    """

    def __init__(
        self,
        box: str,
        state: Callable[[], State],
        host: str = "127.0.0.1",
        port: int = 0,
        problems: Callable[[], list[str]] = list,
    ) -> None:
        self.port = port
        self._box = box
        self._state = state
        self._problems = problems
        self._host = host
        self._served = threading.Event()
        self._failed: OSError | None = None

    def start(self) -> int:
        """The port it answers on. Raises OSError where the port is taken."""
        threading.Thread(target=lambda: asyncio.run(self._serve()), name="health", daemon=True).start()
        self._served.wait()
        if self._failed:
            raise self._failed
        return self.port

    async def _serve(self) -> None:
        from aiohttp import web

        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", _metrics)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self.port)
        try:
            await site.start()
            self.port = runner.addresses[0][1]
        except OSError as error:
            self._failed = error
            return
        finally:
            self._served.set()
        await asyncio.Event().wait()

    async def _healthz(self, _: Any) -> Any:
        return self._answer(lambda state: True)

    async def _readyz(self, _: Any) -> Any:
        return self._answer(lambda state: state == "ready")

    def _answer(self, is_well: Callable[[State], bool]) -> Any:
        from aiohttp import web

        state = self._state()
        body: dict[str, Any] = {"box": self._box, "state": state, "pid": os.getpid()}
        if problems := self._problems():
            body["problems"] = problems
        return web.json_response(body, status=200 if is_well(state) else 503)


async def _metrics(_: Any) -> Any:
    from aiohttp import web
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
