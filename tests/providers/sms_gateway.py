"""An SMS gateway that Apprise knows (SMSEagle's JSON-RPC) and a chat server (Mattermost's incoming webhooks)."""

import json

from aiohttp import web

from tests.providers.server import Provider

TOKEN = "sms-gateway-token"


class SmsGateway(Provider):
    """`accepted`: (number, text) of every message taken."""

    async def take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        request_body = json.loads(body)
        params = request_body["params"]
        if request.path != "/jsonrpc/sms" or params["access_token"] != TOKEN:
            return web.json_response({"result": "Invalid login"}, status=403)
        if "to" not in params:
            return web.json_response({"result": "Wrong number"}, status=400)
        self.accepted.append((params["to"], params["message"]))
        return web.json_response({"result": {"message_id": str(len(self.accepted)), "status": "ok"}})


class ChatServer(Provider):
    """`accepted`: (hook, text) of every message taken."""

    async def take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        self.accepted.append((request.path.rpartition("/")[2], json.loads(body)["text"]))
        return web.Response(text="ok")
