"""Security headers of every answer, and limits per address, per link and in all."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv6Address, IPv6Network

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fixtrail.web.config import RequestLimits
from fixtrail.web.windows import SlidingWindow
from schemas.times import MINUTE_S

# Nothing inline, nothing from elsewhere: also what a template would let through by mistake stays inert.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
# Files whose address has a hash of their content (fixtrail.web.static).
UNCHANGING = "public, max-age=31536000, immutable"
HSTS = "max-age=31536000"


class SecurityHeaders:
    """Adds the headers to every answer that does not set its own."""

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": HSTS} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_named_by_content = scope["path"].startswith("/static/") and scope["query_string"].startswith(b"v=")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if message["status"] == 200 and is_named_by_content:
                    headers["Cache-Control"] = UNCHANGING
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        # Whoever goes away in the middle of a body is no fault of ours: no answer, and nothing in the log.
        with suppress(ClientDisconnect):
            await self._app(scope, receive, send_with_headers)


class Gate:
    """Counts in memory: requests of the last minute by whatever key, and streams that are open."""

    def __init__(self, limits: RequestLimits) -> None:
        self.limits = limits
        self._requests = SlidingWindow(MINUTE_S)
        self._streams: Counter[str] = Counter()
        self.open_streams = 0

    def lets_in(self, key: str, a_minute: int, now: float | None = None) -> bool:
        """Count a request under a key; False where there were `a_minute` of them within the last minute."""
        now = time.monotonic() if now is None else now
        if self._requests.wait_s(key, a_minute, now):
            return False
        self._requests.add(key, now)
        return True

    def has_room(self, address: str, link: str) -> bool:
        """Whether one more stream may be opened."""
        return (
            self.open_streams < self.limits.streams
            and self._streams[f"address {address}"] < self.limits.streams_of_address
            and self._streams[f"link {link}"] < self.limits.streams_of_link
        )

    @contextmanager
    def stream(self, address: str, link: str) -> Iterator[None]:
        """Counts a stream as long as it lasts."""
        keys = (f"address {address}", f"link {link}")
        self.open_streams += 1
        self._streams.update(keys)
        try:
            yield
        finally:
            self.open_streams -= 1
            for key in keys:
                self._streams[key] -= 1
                if not self._streams[key]:
                    del self._streams[key]


def address_of(scope: Scope) -> str:
    """Who asks: the address of the connection, or what a trusted proxy says; of an IPv6 address the network."""
    client = scope.get("client")
    return network_of(str(client[0]) if client else "")


def network_of(host: str) -> str:
    """The address that counts: of an IPv6 address the network, as whoever has one has 2^64 of them."""
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), 64), strict=False))
