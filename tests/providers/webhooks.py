"""A receiver of webhooks, made with the Standard Webhooks library: it checks signatures and knows ids it has seen."""

import json
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.providers.server import Provider


class Webhooks(Provider):
    """`accepted`: each id once, with what it said. `deliveries`: how often each id came with a good signature."""

    def __init__(self, secret: str = "") -> None:
        super().__init__()
        self.secret = secret
        self.deliveries: dict[str, int] = {}
        self.forged = 0
        self.bodies: dict[str, set[bytes]] = {}

    async def take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        try:
            message: dict[str, Any] = Webhook(self.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.forged += 1
            return web.Response(status=401)
        message_id = request.headers["webhook-id"]
        self.deliveries[message_id] = self.deliveries.get(message_id, 0) + 1
        self.bodies.setdefault(message_id, set()).add(json.dumps(message, sort_keys=True).encode())
        if self.deliveries[message_id] == 1:
            self.accepted.append((message_id, message))
        return web.Response(status=204)
