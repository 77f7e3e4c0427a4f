"""Webhooks signed after Standard Webhooks 1.0: the message's id is the idempotency key, each receiver has a secret."""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence

import orjson

from sinks.push.address import target_secret
from sinks.push.channel import Accepted, Answer, ConsentNeeded, Message, Rejected, Traits
from sinks.push.channels.http import Http, Reply, failure_answer, is_allowed, origin_of
from sinks.push.config import WebhookSection

CONCURRENCY, TIMEOUT_S = 64, 10.0


class Webhook:
    """`keys`: of each the secret of a receiver's origin (scheme, host and port) is derived, and each of them signs."""

    name = "webhook"

    def __init__(self, section: WebhookSection, keys: Sequence[bytes]) -> None:
        self._section = section
        self._keys = keys
        self._http = Http(public_only=not section.allow_private, keep_alive=True)
        self.traits = Traits(
            style="data",
            idempotent=True,
            interrupts=False,
            digests=False,
            concurrency=section.concurrency or CONCURRENCY,
            a_second=section.a_second or 0.0,
            timeout_s=section.timeout_s or TIMEOUT_S,
        )

    def lane(self, address: str) -> str:
        return origin_of(address) or ""

    def consent(self, milestone: str) -> ConsentNeeded | None:
        return None

    async def send(self, message: Message) -> Answer:
        url = message.address
        origin = origin_of(url)
        if origin is None or not is_allowed(url, self._section.hosts, allow_private=self._section.allow_private):
            return Rejected("the target is not one that may be called")
        body = orjson.dumps(message.data)
        sent_at = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "fixtrail",
            "webhook-id": message.id,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": self._signatures(origin, message.id, sent_at, body),
        }
        reply = await self._http.post(url, body, headers, self.traits.timeout_s)
        if not isinstance(reply, Reply):
            return reply
        if 200 <= reply.status < 300:
            return Accepted()
        if 300 <= reply.status < 400:
            return Rejected(f"HTTP {reply.status}: redirects are not followed")
        return failure_answer(reply)

    def _signatures(self, origin: str, message_id: str, sent_at: int, body: bytes) -> str:
        """One for each key, separated by spaces: a receiver may know the present secret or the one before."""
        return " ".join(signature(target_secret(key, origin), message_id, sent_at, body) for key in self._keys)

    async def close(self) -> None:
        await self._http.close()


def signature(secret: bytes, message_id: str, sent_at: int, body: bytes) -> str:
    """The header value that proves who sent the body, and when."""
    signed = hmac.digest(secret, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def encoded_secret(secret: bytes) -> str:
    """The secret as the receiver's library wants it."""
    return f"whsec_{base64.b64encode(secret).decode()}"
