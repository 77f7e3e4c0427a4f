"""WeChat's server API as far as subscribe messages go: tokens that end, one consent a message, limits of each field."""

import json
import re
import time
from collections import Counter
from typing import Any

from aiohttp import web

from tests.providers.server import Provider

APP_ID, SECRET = "wx0123456789abcdef", "wechat-app-secret"

_RULES = {
    "thing": re.compile(r".{1,20}"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
    "character_string": re.compile(r"[\x21-\x7e]{1,32}"),
    "time": re.compile(r"\d{4}年\d{1,2}月\d{1,2}日( \d{1,2}:\d{2})?"),
    "amount": re.compile(r"[¥$]?\d{1,10}(\.\d{1,2})?元?"),
    "number": re.compile(r"\d{1,32}"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
}


class WechatServer(Provider):
    """`accepted`: the messages taken. `consents[openid, template]`: how many more that user lets through."""

    def __init__(self) -> None:
        super().__init__()
        self.consents: Counter[tuple[str, str]] = Counter()
        self.templates: set[str] = set()
        self.tokens = 0
        self.token = ""
        self.good_until = 0.0
        self.forced = 0
        self.life_s = 7200

    def counts(self, request: web.Request) -> bool:
        return request.path.endswith("/send")

    def forget_token(self) -> None:
        """The token ends before its time, as when somebody else fetches one."""
        self.token = "revoked"
        self.good_until = 0.0

    async def take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        request_body = json.loads(body)
        if request.path == "/cgi-bin/stable_token":
            return web.json_response(self._stable_token(request_body))
        if request.path == "/cgi-bin/message/subscribe/send":
            return web.json_response(self._send(request.query.get("access_token", ""), request_body))
        return web.Response(status=404)

    def _stable_token(self, request: dict[str, Any]) -> dict[str, Any]:
        if (request["grant_type"], request["appid"], request["secret"]) != ("client_credential", APP_ID, SECRET):
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        if request.get("force_refresh"):
            self.forced += 1
        if request.get("force_refresh") or time.monotonic() >= self.good_until:
            self.tokens += 1
            self.token, self.good_until = f"token-{self.tokens}", time.monotonic() + self.life_s
        return {"access_token": self.token, "expires_in": self.life_s}

    def _send(self, token: str, request: dict[str, Any]) -> dict[str, Any]:
        if token != self.token:
            return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"}
        if time.monotonic() >= self.good_until:
            return {"errcode": 42001, "errmsg": "access_token expired"}
        if request["template_id"] not in self.templates:
            return {"errcode": 40037, "errmsg": "invalid template_id"}
        for name, value in request["data"].items():
            rule = _RULES[name.rstrip("0123456789")]
            if not rule.fullmatch(value["value"]):
                return {"errcode": 47003, "errmsg": f"argument invalid! data.{name}.value invalid"}
        key = request["touser"], request["template_id"]
        if self.consents[key] <= 0:
            return {"errcode": 43101, "errmsg": "user refuse to accept the msg"}
        self.consents[key] -= 1
        self.accepted.append(request)
        return {"errcode": 0, "errmsg": "ok", "msgid": str(len(self.accepted))}
