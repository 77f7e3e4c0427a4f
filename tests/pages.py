"""The web application on a real socket without Kafka: journeys are put in by hand, events that it sends are kept."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import uvicorn

from fixtrail.all_settings import Settings
from fixtrail.web.config import RequestLimits, web_config
from fixtrail.web.context import make_web
from fixtrail.web.events import NotAcknowledgedError
from fixtrail.web.server import server_config
from runtime.progress import Progress
from schemas.order_key import OrderKey, journey_key

WIDE = RequestLimits(
    requests_of_address=1_000_000, requests_of_link=1_000_000, forms_of_link=1_000, streams_of_link=1_000
)


class KeptEvents:
    """Takes events as Kafka does, or refuses them while `away`."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.away = False
        self.ready = True

    async def write(self, value: bytes, key: bytes, topic: str) -> None:
        """Take a record of a topic that carries no events: the page shows it from memory."""
        if self.away:
            raise NotAcknowledgedError("Kafka is away")

    async def write_event(self, event: Mapping[str, Any]) -> None:
        if self.away:
            raise NotAcknowledgedError("Kafka is away")
        self.events.append(dict(event))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class PageServer:
    """`with PageServer(folder) as pages:` serves; `pages.publish(fact)` is a new state of an order."""

    def __init__(self, folder: Path, *, limits: RequestLimits = WIDE, centers: str = "", **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if centers:
            (folder / "centers.toml").write_text(centers)
        self.settings = Settings(data=folder, kafka="127.0.0.1:1", hash_key="k" * 32, **settings)
        self.events = KeptEvents()
        self._limits = limits
        self._ready = threading.Event()

    def __enter__(self) -> "PageServer":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._server.should_exit = True
        self._loop.call_soon_threadsafe(self.web.journeys.close)
        self._thread.join(60)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        config = replace(web_config(self.settings), limits=self._limits)
        self.web = replace(make_web(config, Progress()), events=self.events)  # type: ignore[arg-type]
        self.web.journeys.read.set()
        self.web.ops.access.sessions.records.read.set()
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen(1000)
        self.port = listening.getsockname()[1]
        settings = server_config(self.web)
        settings.timeout_graceful_shutdown = 2
        self._server = uvicorn.Server(settings)
        self._server.capture_signals = _no_signals  # type: ignore[method-assign]
        self._ready.set()
        await self._server.serve(sockets=[listening])

    # What happens in the workshop

    def publish(self, *facts: Mapping[str, Any]) -> None:
        """New states of orders, as the topic brings them; returns once they are known."""
        records = [
            SimpleNamespace(
                key=journey_key(OrderKey.of(fact), fact["vehicle_id"]),
                value=orjson.dumps(fact),
                headers=(),
                offset=0,
                partition=0,
            )
            for fact in facts
        ]
        self.call(self.web.journeys.table.apply, records)

    def revoke(self, order_id: str, at: int, center_id: str | None = None) -> None:
        value, order = orjson.dumps({"revoked_at": at}), self._order(order_id, center_id)
        record = SimpleNamespace(key=order.encode(), value=value, headers=(), offset=0, partition=0)
        self.call(self.web.links.revocations.apply, [record])
        self.call(self.web.journeys.wake, order)

    def call(self, function: Any, *arguments: Any) -> Any:
        """Call a function on the server's own event loop; what it returns."""

        async def run() -> Any:
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(60)

    # What customers do

    def token(
        self,
        order_id: str,
        *,
        center_id: str | None = None,
        vehicle_id: str | None = None,
        days: int = 90,
        at: int | None = None,
    ) -> str:
        """A link to an order; center and vehicle are those of the only order with the number."""
        order = self._order(order_id, center_id)
        fact = self.web.journeys.get(order)
        vehicle_id = vehicle_id or (fact.vehicle_id if fact else "V1")
        return self.web.links.issue(order, vehicle_id, now_ms() if at is None else at, days)

    def _order(self, order_id: str, center_id: str | None) -> OrderKey:
        orders = self.web.journeys.numbered(order_id)
        return orders[0] if center_id is None and len(orders) == 1 else OrderKey(center_id or "C1", order_id)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: Mapping[str, Any] | bytes, **headers: str) -> Answer:
        """A form, or a body as it is; header names with _ for -."""
        if isinstance(fields, bytes):
            return self._ask("POST", path, fields, headers)
        body = urlencode(fields, doseq=True).encode()
        return self._ask("POST", path, body, {"Content_Type": "application/x-www-form-urlencoded", **headers})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def listen(self, path: str, **headers: str) -> "Stream":
        """The live part of a page, as a browser would hold it open."""
        return Stream(self.port, path, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event as a browser understands it."""

    id: str
    name: str
    data: str

    @property
    def html(self) -> str:
        html: str = json.loads(self.data)["html"]
        return html


class Stream:
    """Reads server-sent events by the rules of the HTML standard."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("GET", path, headers=headers)
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.comments: list[str] = []

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._connection.close()

    def events(self) -> Iterator[Event]:
        """Until the server ends it; waits at most a minute for each."""
        fields: dict[str, str] = {}
        while line := self._answer.readline():
            text = line.decode().rstrip("\r\n")
            if not text:
                if "data" in fields:
                    yield Event(fields.get("id", ""), fields.get("event", "message"), fields["data"])
                fields = {}
            elif text.startswith(":"):
                self.comments.append(text)
            else:
                name, _, value = text.partition(":")
                value = value.removeprefix(" ")
                fields[name] = f"{fields[name]}\n{value}" if name in fields and name == "data" else value

    def next(self) -> Event:
        return next(self.events())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class _no_signals:  # noqa: N801
    """In place of a server's handlers of signals: the thread that it runs on may not have any."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with PageServer(tmp_path_factory.mktemp("pages")) as serving:
        yield serving
