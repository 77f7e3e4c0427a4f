"""E-mail, text messages and chat bots through Apprise: one target a call.

Apprise says only whether it worked. Why it did not is read from what it logs meanwhile, and where that does not prove
that nothing was taken, the outcome is unclear: none of these services can be asked twice without telling twice.
"""

import asyncio
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote

from sinks.push.channels.channel import Accepted, Answer, ConsentNeeded, Message, NotSent, Rejected, Traits, Unclear
from sinks.push.config import AppriseSection

CONCURRENCY, TIMEOUT_S = 4, 20.0

# Addresses as services have them: with one of these, a service shows whether it has targets at all.
SAMPLES = ("+12025550123", "somebody@example.com", "somebody")

# Surely before anything was said.
_NOT_REACHED = re.compile(
    r"Connection refused|Name or service not known|NameResolutionError|NewConnectionError|ConnectTimeoutError"
    r"|Temporary failure in name resolution|No route to host|Network is unreachable"
)
_SMTP_CODE = re.compile(r"(?:\(|refused: )([245]\d\d)[, ]+b['\"]")
_HTTP_CODE = re.compile(r"\berror=([345]\d\d)\b")
_NO_LOGIN = frozenset({530, 534, 535, 538})


class ByApprise:
    """One service that Apprise knows, under the scheme that the configuration gives it."""

    def __init__(self, name: str, section: AppriseSection) -> None:
        self.name = name
        self._section = section
        self.traits = Traits(
            style=section.style,
            concurrency=section.concurrency or CONCURRENCY,
            a_second=section.a_second or 0.0,
            timeout_s=section.timeout_s or TIMEOUT_S,
        )
        self._threads = ThreadPoolExecutor(self.traits.concurrency, thread_name_prefix=f"apprise-{name}")
        self._heard = _listen()
        # Now, rather than within the first call's time: it loads all services, which takes a second.
        self._needs_target = any(_targets(self._service(sample)) for sample in SAMPLES)

    def lane(self, address: str) -> str:
        return ""

    def consent(self, milestone: str) -> ConsentNeeded | None:
        return None

    async def send(self, message: Message) -> Answer:
        words = message.words
        if not _is_single(message.address):
            return Rejected("the address is not one address")
        content = (words.title, words.html) if self.traits.style == "mail" else ("", words.short)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.traits.timeout_s):
                return await loop.run_in_executor(self._threads, partial(self._call, message.address, *content))
        except TimeoutError:
            return Unclear("no answer in time")

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _service(self, address: str) -> Any:
        """Apprise's object for one address; None where it does not fit."""
        from apprise import Apprise

        url = self._section.url.replace("{address}", quote(address, safe=""))
        return Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)

    def _call(self, address: str, title: str, body: str) -> Answer:
        """Blocks until the service has answered."""
        from apprise import NotifyFormat

        service = self._service(address)
        # With no target of its own, a service may fall back on another one, such as the sender.
        if not service or len(service) != 1 or (self._needs_target and not _targets(service)):
            return Rejected("the address does not fit the service")
        # Its own time-outs, well before ours: a call that we gave up still holds a thread.
        service.socket_connect_timeout = service.socket_read_timeout = self.traits.timeout_s / 2
        form = NotifyFormat.HTML if self.traits.style == "mail" else NotifyFormat.TEXT
        with self._heard as said:
            taken = service.notify(body=body, title=title, body_format=form)
        return Accepted() if taken else meaning("\n".join(said))


def meaning(said: str) -> Answer:
    """What a failure that was logged like this means; unclear unless it is certain."""
    if _NOT_REACHED.search(said):
        return NotSent("not reached")
    if found := _SMTP_CODE.findall(said):
        code = int(found[-1])
        if code in _NO_LOGIN:
            return NotSent(f"the mail server refuses our login: {code}", 60.0)
        return NotSent(f"SMTP {code}") if code < 500 else Rejected(f"SMTP {code}")
    if found := _HTTP_CODE.findall(said):
        code = int(found[-1])
        if code in (408, 425, 429):
            return NotSent(f"HTTP {code}")
        if code in (401, 403):
            return NotSent(f"the service refuses our credentials: HTTP {code}", 60.0)
        return Unclear(f"HTTP {code}") if code >= 500 else Rejected(f"HTTP {code}")
    return Unclear("the service did not say why")


def _targets(service: Any) -> bool:
    return bool(getattr(service, "targets", None))


def _is_single(address: str) -> bool:
    """Whether it is one address and nothing else: no list, no header, no control character."""
    return bool(address) and address.isprintable() and not any(char in ' ,;<>"' for char in address)


class _Heard(logging.Handler):
    """What Apprise logs, kept for the thread that made it say so and for nobody else: it contains addresses."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._said = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        said = getattr(self._said, "lines", None)
        if said is not None:
            said.append(record.getMessage())

    def __enter__(self) -> list[str]:
        self._said.lines = lines = list[str]()
        return lines

    def __exit__(self, *_: object) -> None:
        self._said.lines = None


_HEARD = _Heard()


def _listen() -> _Heard:
    """Take what Apprise logs away from all other logs."""
    from apprise.logger import logger

    if _HEARD not in logger.handlers:
        logger.addHandler(_HEARD)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logging.getLogger("urllib3").setLevel(logging.WARNING)
    return _HEARD


def _asset() -> Any:
    from apprise import AppriseAsset
    from apprise.common import PersistentStoreMode

    # Nothing on disk: what it would keep there is personal.
    return AppriseAsset(storage_mode=PersistentStoreMode.MEMORY, app_id="Fixtrail", app_desc="", app_url="")
