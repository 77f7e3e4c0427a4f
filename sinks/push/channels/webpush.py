"""Web Push (RFC 8030) with VAPID (RFC 8292), encrypted for the browser alone (RFC 8291, by pywebpush).

A `Topic` for each order lets a newer message take the place of one that the browser has not fetched yet.
"""

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import urlsplit

import orjson
from py_vapid import Vapid02  # type: ignore[import-untyped]
from pywebpush import WebPusher, WebPushException  # type: ignore[import-untyped]

from schemas.order_key import OrderKey
from sinks.push.channel import Accepted, Answer, ConsentNeeded, Message, NotSent, Rejected, Traits
from sinks.push.channels.http import Http, Reply, failure_answer, is_allowed, origin_of
from sinks.push.config import WebPushSection

CONCURRENCY, TIMEOUT_S = 16, 15.0
TOKEN_LIFE_S = 12 * 3600
URGENT = frozenset({"ready", "quote_ready"})


class WebPush:
    name = "webpush"

    def __init__(self, section: WebPushSection) -> None:
        self._section = section
        self._vapid = Vapid02.from_raw(section.private_key.encode())
        self._tokens: dict[str, tuple[float, str]] = {}
        self._http = Http(public_only=not section.allow_private, keep_alive=False)
        self.traits = Traits(
            style="line",
            concurrency=section.concurrency or CONCURRENCY,
            a_second=section.a_second or 0.0,
            timeout_s=section.timeout_s or TIMEOUT_S,
        )

    def lane(self, address: str) -> str:
        """The push service: one for each maker of browsers."""
        subscription = parse_subscription(address)
        return (origin_of(subscription["endpoint"]) or "") if subscription else ""

    def consent(self, milestone: str) -> ConsentNeeded | None:
        return None

    async def send(self, message: Message) -> Answer:
        subscription = parse_subscription(message.address)
        if subscription is None:
            return Rejected("the address is no push subscription")
        endpoint = subscription["endpoint"]
        if not is_allowed(endpoint, (), allow_private=self._section.allow_private):
            return Rejected("the target is not one that may be called")
        try:
            body = WebPusher(subscription).encode(_payload(message), "aes128gcm")["body"]
        except (WebPushException, ValueError, TypeError, IndexError):
            return Rejected("the subscription's keys are unusable")
        headers = {
            "Authorization": self._token(endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(0, message.expires_at // 1000 - int(time.time()))),
            "Topic": topic_of(OrderKey(message.center_id, message.order_id)),
            "Urgency": "high" if message.milestone in URGENT else "normal",
        }
        reply = await self._http.post(endpoint, body, headers, self.traits.timeout_s)
        if not isinstance(reply, Reply):
            return reply
        if reply.status in (200, 201, 202):
            return Accepted()
        if reply.status in (401, 403):
            return NotSent(f"the push service refuses our VAPID key: HTTP {reply.status}", 60.0)
        return failure_answer(reply)

    async def close(self) -> None:
        await self._http.close()

    def _token(self, endpoint: str) -> str:
        """The Authorization header for a push service; made anew when half of its life is over."""
        parts = urlsplit(endpoint)
        audience = f"{parts.scheme}://{parts.netloc}"
        renew_at, token = self._tokens.get(audience, (0.0, ""))
        now = time.time()
        if now >= renew_at:
            claims = {"aud": audience, "sub": self._section.contact, "exp": int(now) + TOKEN_LIFE_S}
            token = str(self._vapid.sign(claims)["Authorization"])
            self._tokens[audience] = (now + TOKEN_LIFE_S / 2, token)
        return token


def topic_of(order: OrderKey) -> str:
    """At most 32 characters of URL-safe base64 that stand for an order and do not tell it."""
    return base64.urlsafe_b64encode(hashlib.sha256(order.encode()).digest()[:18]).decode()


def public_key(private_key: str) -> str:
    """What a browser needs to subscribe (`applicationServerKey`): the public half, as raw base64url."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw = Vapid02.from_raw(private_key.encode()).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def new_private_key() -> str:
    """A fresh VAPID key, as raw base64url."""
    vapid = Vapid02()
    vapid.generate_keys()
    number = vapid.private_key.private_numbers().private_value
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


def parse_subscription(address: str) -> dict[str, Any] | None:
    """The subscription in an address, as a browser's PushSubscription.toJSON() gives it; None where it is none."""
    try:
        subscription = json.loads(address)
        keys = subscription["keys"]
        is_usable = all(isinstance(text, str) for text in (subscription["endpoint"], keys["p256dh"], keys["auth"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not is_usable:
        return None
    return {"endpoint": subscription["endpoint"], "keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]}}


def _payload(message: Message) -> bytes:
    """What the page's service worker shows; the tag lets the browser show one message an order."""
    words = message.words
    return orjson.dumps(
        {
            "id": message.id,
            "title": words.title,
            "body": words.short,
            "url": message.link,
            "tag": topic_of(OrderKey(message.center_id, message.order_id)),
            "lang": message.locale,
        }
    )
