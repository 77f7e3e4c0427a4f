"""E-mail, text messages and chat bots through Apprise: one target a call.

Apprise says only whether it worked. Why it did not is read from what it logs meanwhile, and where that does not prove
that nothing was taken, the outcome is unclear: none of these services can be asked twice without telling twice.
The pause that a service asks for (`Retry-After`) is read from the HTTP answers below Apprise, which drops it; so is the
error of the chat robots that answer 200 whatever happened.
"""

import asyncio
import json
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sinks.push.channel import Accepted, Answer, ConsentNeeded, Message, NotSent, Rejected, Traits, Unclear
from sinks.push.channels.http import pause_asked_s
from sinks.push.config import AppriseSection

CONCURRENCY, TIMEOUT_S = 4, 20.0

# Addresses as services have them: with one of these, a service shows whether it has targets at all.
SAMPLES = ("+12025550123", "somebody@example.com", "somebody")

# Errors before anything was sent.
_NOT_REACHED = re.compile(
    r"Connection refused|Name or service not known|NameResolutionError|NewConnectionError|ConnectTimeoutError"
    r"|Temporary failure in name resolution|No route to host|Network is unreachable"
)
_SMTP_CODE = re.compile(r"(?:\(|refused: )([245]\d\d)[, ]+b['\"]")
_HTTP_CODE = re.compile(r"\berror=([345]\d\d)\b")
_NO_LOGIN = frozenset({530, 534, 535, 538})

# Where a robot's answer has its error code, 0 where there is none: Apprise reads the HTTP status alone.
_CODES_OF_ROBOTS = {
    "qyapi.weixin.qq.com": "errcode",
    "oapi.dingtalk.com": "errcode",
    "open.feishu.cn": "code",
    "open.larksuite.com": "code",
}
# Too many messages: WeCom 45009 and 45033, DingTalk 130101 and 410100, Feishu 9499 and 11232.
_TOO_MANY = frozenset({45009, 45033, 130101, 410100, 9499, 11232})
_BUSY = -1
ROBOT_PAUSE_S = 60.0


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
        self._log_capture = _capture_logs()
        _capture_answers()
        # Now, rather than within the first call's time: it loads all services, which takes a second.
        self._needs_target = any(_targets(self._service(sample)) for sample in SAMPLES)

    def lane(self, address: str) -> str:
        return ""

    def consent(self, milestone: str) -> ConsentNeeded | None:
        return None

    async def send(self, message: Message) -> Answer:
        texts = message.words
        if not _is_single(message.address):
            return Rejected("the address is not one address")
        content = (texts.title, texts.html) if self.traits.style == "mail" else ("", texts.short)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.traits.timeout_s):
                call = partial(self._call, message.address, *content, message.files)
                return await loop.run_in_executor(self._threads, call)
        except TimeoutError:
            return Unclear("no answer in time")

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _service(self, address: str) -> Any:
        """Apprise's object for one address; None where it does not fit."""
        from apprise import Apprise

        url = self._section.url.replace("{address}", quote(address, safe=""))
        return Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)

    def _call(self, address: str, title: str, body: str, files: tuple[Path, ...] = ()) -> Answer:
        """Blocks until the service has answered."""
        from apprise import NotifyFormat

        service = self._service(address)
        # With no target of its own, a service may fall back on another one, such as the sender.
        if not service or len(service) != 1 or (self._needs_target and not _targets(service)):
            return Rejected("the address does not fit the service")
        # Its own time-outs, well before ours: a call that we gave up still holds a thread.
        service.socket_connect_timeout = service.socket_read_timeout = self.traits.timeout_s / 2
        form = NotifyFormat.HTML if self.traits.style == "mail" else NotifyFormat.TEXT
        _LAST_ANSWER.pause_s = _LAST_ANSWER.robot_error = None
        with self._log_capture as lines:
            is_accepted = service.notify(body=body, title=title, body_format=form, attach=_attachment(files))
        if not is_accepted:
            return answer_from_log("\n".join(lines), _LAST_ANSWER.pause_s)
        return Accepted() if _LAST_ANSWER.robot_error is None else answer_of_robot(_LAST_ANSWER.robot_error)


def answer_from_log(log_text: str, retry_after_s: float | None = None) -> Answer:
    """The answer that a failure's log lines stand for; unclear unless it is certain."""
    if _NOT_REACHED.search(log_text):
        return NotSent("not reached")
    if codes := _SMTP_CODE.findall(log_text):
        code = int(codes[-1])
        if code in _NO_LOGIN:
            return NotSent(f"the mail server refuses our login: {code}", 60.0)
        return NotSent(f"SMTP {code}") if code < 500 else Rejected(f"SMTP {code}")
    if codes := _HTTP_CODE.findall(log_text):
        code = int(codes[-1])
        if code in (408, 425, 429):
            return NotSent(f"HTTP {code}", retry_after_s)
        if code in (401, 403):
            return NotSent(f"the service refuses our credentials: HTTP {code}", 60.0)
        return Unclear(f"HTTP {code}", retry_after_s) if code >= 500 else Rejected(f"HTTP {code}")
    return Unclear("the service did not say why")


def answer_of_robot(code: int) -> Answer:
    """The answer that a chat robot's error code stands for; nothing was posted under any but `busy`."""
    reason = f"error code {code}"
    if code == _BUSY:
        return Unclear(reason)
    return NotSent(reason, ROBOT_PAUSE_S) if code in _TOO_MANY else Rejected(reason)


def robot_error(url: str, content: bytes) -> int | None:
    """The error code in the answer of a chat robot; None without one, and for any other service."""
    name = _CODES_OF_ROBOTS.get(urlsplit(url).hostname or "")
    if name is None:
        return None
    try:
        code = json.loads(content).get(name, 0)
    except (ValueError, AttributeError):
        return None
    return code if isinstance(code, int) and code else None


def _targets(service: Any) -> bool:
    return bool(getattr(service, "targets", None))


def _is_single(address: str) -> bool:
    """Whether it is one address and nothing else: no list, no header, no control character."""
    return bool(address) and address.isprintable() and not any(char in ' ,;<>"' for char in address)


class _LogCapture(logging.Handler):
    """Captures what Apprise logs, for the calling thread only: it contains addresses."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._local = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        lines = getattr(self._local, "lines", None)
        if lines is not None:
            lines.append(record.getMessage())

    def __enter__(self) -> list[str]:
        self._local.lines = lines = list[str]()
        return lines

    def __exit__(self, *_: object) -> None:
        self._local.lines = None


_LOG_CAPTURE = _LogCapture()


def _capture_logs() -> _LogCapture:
    """Send Apprise's log to the capture and to no other log."""
    from apprise.logger import logger

    if _LOG_CAPTURE not in logger.handlers:
        logger.addHandler(_LOG_CAPTURE)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logging.getLogger("urllib3").setLevel(logging.WARNING)
    return _LOG_CAPTURE


class _LastAnswer(threading.local):
    """Of the calling thread's last HTTP answer: the pause that it asked for, and a robot's error code."""

    pause_s: float | None = None
    robot_error: int | None = None


_LAST_ANSWER = _LastAnswer()


@cache
def _capture_answers() -> None:
    """Note `Retry-After` and errors of all that this process gets through requests: Apprise has no hook of its own."""
    from requests import Session

    send = Session.send

    def noting_send(session: Session, request: Any, **options: Any) -> Any:
        answer = send(session, request, **options)
        _LAST_ANSWER.pause_s = pause_asked_s(answer.headers.get("Retry-After"))
        _LAST_ANSWER.robot_error = robot_error(answer.url, answer.content)
        return answer

    Session.send = noting_send  # type: ignore[assignment,method-assign]


def _attachment(files: tuple[Path, ...]) -> Any:
    """Apprise's attachment of these files; None without any."""
    if not files:
        return None
    from apprise import AppriseAttachment

    return AppriseAttachment([str(file) for file in files])


def _asset() -> Any:
    from apprise import AppriseAsset
    from apprise.common import PersistentStoreMode

    # Nothing on disk: what it would keep there is personal.
    return AppriseAsset(storage_mode=PersistentStoreMode.MEMORY, app_id="Fixtrail", app_desc="", app_url="")
