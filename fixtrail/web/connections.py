"""Connections of the web server: how long a request may take to arrive, and how many one address may hold."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fixtrail.web.config import RequestLimits
from fixtrail.web.security import network_of
from runtime.progress import Progress

LONGEST_HEADERS = 16 * 1024
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"content-type: text/plain\r\ncontent-length: 20\r\nretry-after: 10\r\nconnection: close\r\n\r\n"
    b"too many connections"
)


@dataclass(slots=True)
class Connections:
    """The open connections of one server by address. Those of a trusted proxy are everybody's, and not limited.

    `most` is for all addresses together; `proxies` is FIXTRAIL_WEB_PROXIES.
    """

    limits: RequestLimits
    proxies: str
    most: int
    progress: Progress
    total: int = 0
    of_address: Counter[str] = field(default_factory=Counter)

    def add(self, host: str) -> bool:
        """Count a connection; whether there is room for it."""
        network = network_of(host)
        self.total += 1
        self.of_address[network] += 1
        fits = self.of_address[network] <= self.limits.connections_of_address or is_proxy(host, self.proxies)
        return fits and self.total <= self.most

    def remove(self, host: str) -> None:
        network = network_of(host)
        self.total -= 1
        self.of_address[network] -= 1
        if not self.of_address[network]:
            del self.of_address[network]


def is_proxy(host: str, proxies: str) -> bool:
    """Whether an address is one of a list of addresses and networks, separated by commas; `*` is all of them."""
    names = [name.strip() for name in proxies.split(",")]
    if "*" in names or host in names:
        return True
    try:
        address = ip_address(host)
        return any(address in ip_network(name, strict=False) for name in names if "/" in name)
    except ValueError:
        return False


class StrictConnection(h11.Connection):
    """HTTP/1.1 by h11; headers are limited also where they come at once, and a body has one length, not two."""

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            _check_request(event)
        return event


def _check_request(request: h11.Request) -> None:
    """Raises RemoteProtocolError, which is answered with 400."""
    size = len(request.target) + sum(len(name) + len(value) for name, value in request.headers)
    if size > LONGEST_HEADERS:
        raise h11.RemoteProtocolError("the headers are too long", error_status_hint=431)
    # RFC 9112 6.1: proxies that go by the other one of the two see another request than we do.
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in request.headers}:
        raise h11.RemoteProtocolError("a length and a transfer encoding")


class TimedProtocol(H11Protocol):
    """Closes connections whose request does not arrive in time, or whose reader takes nothing of the answer."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self.conn = StrictConnection(h11.SERVER, LONGEST_HEADERS)
        self._connections = connections
        self._limits = connections.limits
        self._host = ""
        self._refused = False
        self._request_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._host = str(self.client[0]) if self.client else ""
        self._refused = not self._connections.add(self._host)
        if self._refused:
            self._connections.progress.count("refused", "connection")
            transport.write(_FULL)
            transport.close()
        else:
            self._request_timer = self._close_after(self._limits.header_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self._host)
        self._stop_request_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)

    def handle_events(self) -> None:
        """Let the time run that fits how much of a request is there: its headers, its body, all of it."""
        state_before = self.conn.their_state
        super().handle_events()
        state = self.conn.their_state
        if state is h11.SEND_BODY and (state_before is not h11.SEND_BODY or self._request_timer is None):
            self._restart_request_timer(self._limits.request_s)
        elif state is h11.IDLE and self.conn.trailing_data[0]:
            if self._request_timer is None:
                self._restart_request_timer(self._limits.header_s)
        elif state is not h11.SEND_BODY:
            self._stop_request_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self._write_timer or self._close_after(self._limits.write_s)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer:
            self._write_timer.cancel()
            self._write_timer = None

    def _restart_request_timer(self, seconds: float) -> None:
        self._stop_request_timer()
        self._request_timer = self._close_after(seconds)

    def _stop_request_timer(self) -> None:
        if self._request_timer:
            self._request_timer.cancel()
            self._request_timer = None

    def _close_after(self, seconds: float) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, self._abort)

    def _abort(self) -> None:
        self._connections.progress.count("refused", "slow")
        self.transport.abort()


def timed_protocol(connections: Connections) -> Callable[..., TimedProtocol]:
    """The protocol class that uvicorn instantiates for each connection."""
    return partial(TimedProtocol, connections)
