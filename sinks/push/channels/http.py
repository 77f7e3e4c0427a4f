"""HTTP for channels: one POST without redirects or cookies, a bounded body, and the failure as an answer."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from sinks.push.channel import Answer, NotSent, Rejected, Unclear
from sinks.push.channels.guard import CheckedResolver, TargetRefusedError, checked_socket, is_public

READ_AT_MOST = 64 * 1024
CONNECT_LIMIT_S = 5.0
# Whoever asks for a longer pause is asked again after a day.
LONGEST_PAUSE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    retry_after_s: float | None


class Http:
    """Connections to providers. `public_only` keeps it off loopback and private networks.

    `keep_alive`: connections stay open between calls. Not for a channel that must not send twice: on an open connection
    that the other side closes just then, nobody knows whether the request was read.
    """

    def __init__(self, *, public_only: bool, keep_alive: bool) -> None:
        self._public_only = public_only
        self._keep_alive = keep_alive
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> "Reply | NotSent | Unclear | Rejected":
        """The provider's reply, or what to make of having none. No address or URL is in any reason."""
        try:
            target = _parsed(url)
        except ValueError:
            return Rejected("the target is no URL")
        try:
            async with self._open().post(
                target,
                data=aiohttp.BytesPayload(body),
                headers=headers,
                allow_redirects=False,
                timeout=_limits(timeout_s),
            ) as answer:
                return Reply(answer.status, await _read(answer), pause_asked_s(answer.headers.get("Retry-After")))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            if isinstance(getattr(error, "os_error", None), TargetRefusedError):
                return Rejected("the target is not on the public internet")
            return NotSent(f"not reached: {type(error).__name__}")
        except aiohttp.InvalidURL:
            return Rejected("the target is no URL")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Unclear(f"no answer: {type(error).__name__}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                resolver=CheckedResolver() if self._public_only else None,
                socket_factory=checked_socket if self._public_only else None,
                **({"keepalive_timeout": 15} if self._keep_alive else {"force_close": True}),
            )
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
            )
        return self._session


# The same few targets again and again.
_parsed = lru_cache(4096)(URL)


@lru_cache(64)
def _limits(timeout_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(timeout_s, sock_connect=min(timeout_s, CONNECT_LIMIT_S))


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body; empty where it breaks off: the status is enough."""
    body = b""
    try:
        while len(body) < READ_AT_MOST and (chunk := await answer.content.read(READ_AT_MOST - len(body))):
            body += chunk
    except (aiohttp.ClientError, TimeoutError, OSError):
        return b""
    return body


@lru_cache(4096)
def origin_of(url: str) -> str | None:
    """scheme://host:port of a URL that may be called; None for anything else, such as one with a login."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.fragment:
        return None
    if any(char.isspace() or not char.isprintable() for char in url) or "\\" in url:
        return None
    return f"{parts.scheme}://{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"


@lru_cache(4096)
def is_allowed(url: str, hosts: tuple[str, ...], *, allow_private: bool) -> bool:
    """Whether a URL may be called at all, before any name is resolved: https, and one of the hosts where there are."""
    origin = origin_of(url)
    if origin is None or (not allow_private and not origin.startswith("https://")):
        return False
    host = urlsplit(url).hostname or ""
    if hosts and host not in hosts:
        return False
    literal = host.replace(".", "").isdigit() or ":" in host
    return allow_private or not literal or is_public(host)


def failure_answer(reply: Reply) -> Answer:
    """What a status that is no success means: 429 and the like were surely not taken, 5xx nobody knows."""
    if reply.status in (408, 425, 429):
        return NotSent(f"HTTP {reply.status}", reply.retry_after_s)
    if reply.status >= 500:
        return Unclear(f"HTTP {reply.status}", reply.retry_after_s)
    return Rejected(f"HTTP {reply.status}", gone=reply.status in (404, 410))


def pause_asked_s(retry_after: str | None) -> float | None:
    """The seconds from now that a `Retry-After` header asks for, as a number or as an HTTP date; None without one."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_PAUSE_S)
    try:
        # RFC 9110, 10.2.3 and 5.6.7: GMT, and a date that has passed asks for nothing.
        until = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, until - time.time()), LONGEST_PAUSE_S)
