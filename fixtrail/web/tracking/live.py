"""Server-sent events of one open page. A reader resumes by Last-Event-ID without gap or repeat.

The id of an event is the number of the order's own events that it shows, as the version of the fact would tell when the
car is in another workshop. Every event shows the whole present state: who was away gets the newest one if it is another
than the last one seen, and who is slow skips those in between.
"""

import asyncio
import time
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from fixtrail.web.context import Web
from fixtrail.web.tracking.behind import behind_since
from fixtrail.web.tracking.pages import Beside, Pages, server_sent
from runtime.clock import now_ms
from schemas.facts import JourneyFact

HEARTBEAT_S = 20.0
# How often it looks around: how old the data are, who is before it.
LOOK_S = 5.0
# A reader that takes nothing for so long is gone.
SEND_LIMIT_S = 60.0
RETRY_MS = 2000
_START = b"retry: %d\n: here\n\n" % RETRY_MS
_BEAT = b": still here\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Live(Response):
    """The stream of one order to one reader; `seen_events` is how many events it shows already."""

    def __init__(
        self,
        web: Web,
        pages: Pages,
        fact: JourneyFact,
        locale: str,
        seen_events: int | None,
        keys: tuple[str, str],
        is_allowed: Callable[[], bool],
    ) -> None:
        self.background = None
        self.status_code = 200
        self._web, self._pages, self._locale = web, pages, locale
        self._order, self._vehicle_id = fact.order, fact.vehicle_id
        self._seen_events, self._keys, self._may = seen_events, keys, is_allowed
        self._behind: int | None = None
        self._shown_beside: Beside | None = pages.beside(fact, now_ms())
        # How many events there were when it was shown as ready by its center's setting.
        self._shown_ready: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._web.gate.stream(*self._keys), self._web.journeys.subscribe(self._order) as changes:
            disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
            disconnected.add_done_callback(lambda _: changes.close())
            began = time.monotonic()
            beat_at = began + HEARTBEAT_S
            try:
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                await _send(send, _START)
                while not changes.closed:
                    events = self._web.journeys.event_count(self._order, self._vehicle_id)
                    if events is None or not self._may():
                        await _send(send, server_sent("gone", {}))
                        break
                    changes.clear()
                    await self._tell_age(send)
                    ready_in_s = self._ready_in_s()
                    becomes_ready = ready_in_s is not None and ready_in_s <= 0 and self._shown_ready != events
                    beside = self._beside()
                    is_other = becomes_ready or beside != self._shown_beside
                    if is_other or self._is_news(events, time.monotonic() - began):
                        await _send(send, self._newest())
                        self._shown_beside = beside
                        self._seen_events = events
                        self._shown_ready = events if becomes_ready else None
                    wait_s = min(LOOK_S, HEARTBEAT_S)
                    if ready_in_s is not None and ready_in_s > 0:
                        wait_s = min(wait_s, ready_in_s)
                    is_changed = await changes.wait(wait_s)
                    if not is_changed and not changes.closed and time.monotonic() >= beat_at:
                        await _send(send, _BEAT)
                        beat_at = time.monotonic() + HEARTBEAT_S
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            except (TimeoutError, OSError):
                pass  # the reader is gone, or as good as
            finally:
                disconnected.cancel()

    async def _tell_age(self, send: Send) -> None:
        """Send the time of the data when they have become old, and again when they are current."""
        now = now_ms()
        behind = behind_since(self._web.freshness.ages(now), now)
        if behind != self._behind:
            self._behind = behind
            await _send(send, server_sent("behind", {"at": behind}))

    def _is_news(self, events: int, open_s: float) -> bool:
        """Whether the reader is to see the state after so many events.

        One that has seen more got them from another process, which is ahead of this one: the page does not go
        back. Where this one does not catch up within a heartbeat, the reader was wrong.
        """
        return (
            self._seen_events is None
            or events > self._seen_events
            or (events < self._seen_events and open_s >= HEARTBEAT_S)
        )

    def _ready_in_s(self) -> float | None:
        """Seconds until the page shows the car as ready without another event; None where it will not."""
        fact = self._web.journeys.get(self._order, self._vehicle_id)
        ready_in_ms = None if fact is None else self._pages.ready_in_ms(fact, now_ms())
        return None if ready_in_ms is None else ready_in_ms / 1000

    def _beside(self) -> Beside | None:
        fact = self._web.journeys.get(self._order, self._vehicle_id)
        return None if fact is None else self._pages.beside(fact, now_ms())

    def _newest(self) -> bytes:
        fact = self._web.journeys.get(self._order, self._vehicle_id)
        assert fact is not None
        return self._pages.live(fact, self._locale, now_ms())


async def _send(send: Send, body: bytes) -> None:
    message: Message = {"type": "http.response.body", "body": body, "more_body": True}
    async with asyncio.timeout(SEND_LIMIT_S):
        await send(message)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def last_seen(header: str | None, after: str | None) -> int | None:
    """How many events the reader has seen: by Last-Event-ID, else as its page says; None where neither is a number."""
    for text in (header, after):
        if text and text.isascii() and text.lstrip("-").isdigit() and len(text) < 20:
            return int(text)
    return None
