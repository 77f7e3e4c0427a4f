"""A provider that listens on a real socket of this machine, and does on demand what providers do on bad days."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from types import TracebackType
from typing import Any, Literal

from aiohttp import web

# What happens to a request: answered as it should be, taken but the answer is lost, taken or not taken and never
# answered, the connection cut before it is read, or refused with an HTTP status.
Mood = Literal["ok", "lose", "hang", "cut"] | int


class Provider(ABC):
    """`with Webhooks() as provider: ...`; `accepted` is what it took, in order, once for each time.

    `met` counts the requests by the mood that they met.
    """

    def __init__(self) -> None:
        self.accepted: list[Any] = []
        self.requests = 0
        self.met: Counter[Mood] = Counter()
        self.moods: deque[Mood] = deque()
        self.always: Mood = "ok"
        self.hang_s = 30.0
        self.pause_s = 0.0  # before each answer
        self.retry_after = {429: "1"}  # by status, in the header's own form
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = 0

    def __enter__(self) -> Any:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def then(self, *moods: Mood) -> None:
        """The next requests meet these moods, one each."""
        self.moods.extend(moods)

    @abstractmethod
    async def take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Judge a request by the provider's own rules, note it in `accepted` if taken, and answer."""

    def counts(self, request: web.Request) -> bool:
        """Whether moods are about this request: a token endpoint has its own."""
        return True

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not self.counts(request):
            return await self.take(request, body)
        self.requests += 1
        mood = self.moods.popleft() if self.moods else self.always
        self.met[mood] += 1
        if isinstance(mood, int):
            retry_after = self.retry_after.get(mood)
            return web.Response(status=mood, headers={"Retry-After": retry_after} if retry_after else {})
        if mood == "cut":
            _cut(request)
        answer = await self.take(request, body)
        await asyncio.sleep(self.pause_s)
        if mood == "lose":
            _cut(request)
        if mood == "hang":
            await asyncio.sleep(self.hang_s)
        return answer

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]


def _cut(request: web.Request) -> None:
    """Break the connection: the caller never hears what became of its request."""
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError
