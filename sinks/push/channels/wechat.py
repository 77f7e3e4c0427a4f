"""WeChat mini program: subscribe messages. One consent of the customer is one message.

Messages are forms that WeChat has approved; every field has its limits, and a field that breaks one is refused with
47003. https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html
"""

import asyncio
import re
import time
import unicodedata
from typing import Any
from urllib.parse import quote

import orjson

from sinks.push.channel import Accepted, Answer, ConsentNeeded, Message, NotSent, Rejected, Traits, Unclear
from sinks.push.channels.http import Http, Reply, failure_answer
from sinks.push.config import Form, WechatSection

CONCURRENCY, TIMEOUT_S = 8, 10.0
RENEW_BEFORE_S = 300
# A forced renewal is allowed 20 times a day, and not twice within half a minute.
FORCE_EVERY_S = 30.0

_BAD_TOKEN = frozenset({40001, 40014, 42001})
_BUSY = frozenset({-1, 45009, 45011})
_LATER_S = {-1: None, 45009: 3600.0, 45011: 60.0}
_CONFIG = frozenset({40013, 40125, 40164, 40243, 50002, 61024})
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_LENGTHS = {"thing": 20, "name": 20, "character_string": 32, "letter": 32, "number": 32, "symbol": 5, "phrase": 5}


class Wechat:
    name = "wechat"

    def __init__(self, section: WechatSection) -> None:
        self._section = section
        # What is configured is trusted: tests and proxies stand on private addresses.
        self._http = Http(public_only=False, keep_alive=False)
        self._token = _Token(section, self._http)
        self.traits = Traits(
            style="fields",
            digests=False,
            concurrency=section.concurrency or CONCURRENCY,
            a_second=section.a_second or 0.0,
            timeout_s=section.timeout_s or TIMEOUT_S,
        )

    def lane(self, address: str) -> str:
        return ""

    def consent(self, milestone: str) -> ConsentNeeded | None:
        form = self._section.forms.get(milestone)
        return ConsentNeeded(form.id, form.keep) if form else None

    async def send(self, message: Message) -> Answer:
        form = self._section.forms.get(message.milestone)
        if form is None:
            return Rejected("no form for this milestone")
        try:
            data = {name: {"value": fit(name, message.fields.get(value, ""))} for name, value in form.fields.items()}
        except ValueError as error:
            return Rejected(str(error))
        body = orjson.dumps(self._form(message, form, data))
        for _ in range(2):
            token = await self._token.get()
            if not isinstance(token, str):
                return token
            answer = await self._post(token, body)
            # A refused token means that nothing was taken, so once more is safe.
            if answer is not None:
                return answer
            await self._token.renew(token)
        return NotSent("WeChat refuses a fresh access token", 60.0)

    async def close(self) -> None:
        await self._http.close()

    def _form(self, message: Message, form: Form, data: dict[str, Any]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "touser": message.address,
            "template_id": form.id,
            "miniprogram_state": self._section.version,
            "lang": "en_US" if message.locale == "en" else "zh_CN",
            "data": data,
        }
        if self._section.page:
            page = self._section.page.replace("{order_id}", quote(message.order_id, safe=""))
            request["page"] = page.replace("{center_id}", quote(message.center_id, safe=""))
        return request

    async def _post(self, token: str, body: bytes) -> Answer | None:
        """WeChat's answer; None where it refuses the token."""
        url = f"{self._section.url}/cgi-bin/message/subscribe/send?access_token={token}"
        reply = await self._http.post(url, body, {"Content-Type": "application/json"}, self.traits.timeout_s)
        if not isinstance(reply, Reply):
            return reply
        if reply.status != 200:
            return failure_answer(reply)
        content = _parsed(reply)
        if content is None or not isinstance(code := content.get("errcode", 0), int):
            return Unclear(f"HTTP {reply.status} without an answer")
        if code in _BAD_TOKEN:
            return None
        return _answer_to_code(code, content)


class _Token:
    """The stable access token: kept until shortly before it ends, fetched by one call at a time."""

    def __init__(self, section: WechatSection, http: Http) -> None:
        self._section, self._http = section, http
        self._token, self._good_until, self._forced_at = "", 0.0, 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> str | Answer:
        async with self._lock:
            if time.monotonic() < self._good_until:
                return self._token
            return await self._fetch(force=False)

    async def renew(self, refused: str) -> None:
        """Forget a token that was refused; a forced fetch where an ordinary one would give the same again."""
        async with self._lock:
            if self._token != refused:
                return
            self._good_until = 0.0
            token = await self._fetch(force=False)
            if token == refused and time.monotonic() - self._forced_at >= FORCE_EVERY_S:
                self._forced_at = time.monotonic()
                await self._fetch(force=True)

    async def _fetch(self, *, force: bool) -> str | Answer:
        request = {
            "grant_type": "client_credential",
            "appid": self._section.app_id,
            "secret": self._section.secret,
            "force_refresh": force,
        }
        url = f"{self._section.url}/cgi-bin/stable_token"
        reply = await self._http.post(url, orjson.dumps(request), {"Content-Type": "application/json"}, TIMEOUT_S)
        # Whatever went wrong here, no message has been sent.
        if not isinstance(reply, Reply):
            return NotSent(f"no access token: {reply.reason}")
        content = _parsed(reply) or {}
        token = content.get("access_token")
        if not isinstance(token, str) or not token:
            code = content.get("errcode", f"HTTP {reply.status}")
            return NotSent(f"no access token: {code}", 60.0 if code in _CONFIG else reply.retry_after_s)
        self._token = token
        self._good_until = time.monotonic() + max(1.0, float(content.get("expires_in", 7200)) - RENEW_BEFORE_S)
        return token


def fit(field: str, value: str) -> str:
    """The value as this kind of field allows it. Raises ValueError where it cannot be: a wrong value helps nobody."""
    kind = field.rstrip("0123456789")
    if not value:
        raise ValueError(f"there is no value for field {field}")
    if kind == "phrase":
        value = "".join(_HAN.findall(value))
    elif kind in ("character_string", "letter", "number", "symbol"):
        plain = unicodedata.normalize("NFKC", value).replace("…", "")
        value = "".join(char for char in plain if " " < char < "\x7f")
    elif kind == "amount":
        value = _amount(value)
    elif kind in ("time", "date") and not re.match(r"\d{4}年\d{1,2}月\d{1,2}日", value):
        raise ValueError(f"the value for field {field} is no time")
    length = _LENGTHS.get(kind)
    if length is not None and len(value) > length:
        value = value[: length - 1] + "…" if kind in ("thing", "name") else value[:length]
    if not value:
        raise ValueError(f"nothing of the value fits field {field}")
    return value


def _amount(value: str) -> str:
    """At most ten digits before the point, as WeChat has it, behind one currency sign."""
    if not re.fullmatch(r"[^\d\s]\d{1,10}(\.\d{1,2})?", value):
        raise ValueError("an amount that no field can show")
    return value


def _answer_to_code(code: int, content: dict[str, Any]) -> Answer:
    if code == 0:
        return Accepted(str(content.get("msgid", "")))
    if code in _BUSY:
        return NotSent(f"WeChat: {code}", _LATER_S[code])
    if code in _CONFIG:
        return NotSent(f"WeChat refuses our credentials: {code}", 60.0)
    if code == 43101:
        return Rejected("WeChat: 43101, the customer has not agreed", no_consent=True)
    if code == 40003:
        return Rejected("WeChat: 40003, there is no such user", gone=True)
    if code == 47003:
        field = re.search(r"data\.([a-z_]+\d+)\.value", str(content.get("errmsg", "")))
        return Rejected(f"WeChat: 47003, field {field[1] if field else '?'} breaks a rule")
    return Rejected(f"WeChat: {code}")


def _parsed(reply: Reply) -> dict[str, Any] | None:
    try:
        content = orjson.loads(reply.body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
