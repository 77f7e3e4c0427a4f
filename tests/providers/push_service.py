"""A push service and the browser behind it: checks VAPID, keeps one message a topic, decrypts as the browser would."""

import base64
import json
import os
import time
from typing import Any

import http_ece
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.providers.server import Provider


class PushService(Provider):
    """`accepted`: what was taken, decrypted. `waiting`: what an offline browser would still get, one each topic."""

    def __init__(self) -> None:
        super().__init__()
        self._browsers: dict[str, tuple[ec.EllipticCurvePrivateKey, bytes]] = {}
        self.waiting: dict[tuple[str, str], dict[str, Any]] = {}
        self.unsubscribed: set[str] = set()

    def subscribe(self) -> dict[str, Any]:
        """What a browser's PushSubscription.toJSON() gives."""
        name, secret = _base64(os.urandom(12)), os.urandom(16)
        key = ec.generate_private_key(ec.SECP256R1())
        self._browsers[name] = key, secret
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": f"{self.url}/push/{name}", "keys": {"p256dh": _base64(public), "auth": _base64(secret)}}

    async def take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        if name in self.unsubscribed:
            return web.Response(status=410)
        if name not in self._browsers:
            return web.Response(status=404)
        if not _is_signed(request.headers.get("Authorization", ""), self.url):
            return web.Response(status=403)
        if request.headers.get("Content-Encoding") != "aes128gcm" or not request.headers.get("TTL", "").isdigit():
            return web.Response(status=400)
        if len(request.headers.get("Topic", "")) > 32 or len(body) > 4096:
            return web.Response(status=413)
        key, secret = self._browsers[name]
        message = json.loads(http_ece.decrypt(body, private_key=key, auth_secret=secret, version="aes128gcm"))
        message["_headers"] = dict(request.headers)
        self.accepted.append(message)
        self.waiting[name, request.headers.get("Topic", message["id"])] = message
        return web.Response(status=201)


def _is_signed(header: str, audience: str) -> bool:
    """RFC 8292: `vapid t=JWT, k=PUBLIC KEY`, signed by that key for this service."""
    scheme, _, rest = header.partition(" ")
    fields = dict(field.strip().split("=", 1) for field in rest.split(",") if "=" in field)
    if scheme.lower() != "vapid" or not {"t", "k"} <= fields.keys():
        return False
    signed, _, signature = fields["t"].rpartition(".")
    claims = json.loads(_bytes(signed.split(".")[1]))
    raw = _bytes(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(fields["k"]))
    public.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    lasts = 0 < claims["exp"] - time.time() <= 24 * 3600
    return claims["aud"] == audience and lasts and claims["sub"].startswith(("mailto:", "https://"))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
