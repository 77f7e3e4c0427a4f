"""Tracking links: a token that opens one order's page until it expires or is revoked, and nothing else.

A token is base64url of: 128 bits of a keyed hash (BLAKE2b) over the rest, when it was issued (ms, 6 bytes), for how
many days it holds (2 bytes), and the order's id. Nothing is stored about it. Revoking writes to the compacted topic
`tracking-revocations` that every link of an order issued up to an instant is void; a new one may be issued after it.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

import orjson

from runtime.kafka.table import Table
from schemas.times import DAY_MS
from schemas.topics import TRACKING_REVOCATIONS

TAG_BYTES = 16
_HEAD = TAG_BYTES + 8
MAX_TOKEN = 400
LIFE_DAYS = 90


class Links:
    """Issues tokens and tells what they open, as far as `revocations` have been read: instants (ms) by order.

    Tokens are issued by the key `secret`; those that were by `previous`, the key before it, still open.
    """

    def __init__(self, secret: bytes, previous: bytes | None = None) -> None:
        # A key of its own, so that no other use of the secret can be turned into a token.
        self._key = hashlib.blake2b(secret, digest_size=32, person=b"tracking-link").digest()
        older = secrets.token_bytes() if previous is None else previous
        self._older = hashlib.blake2b(older, digest_size=32, person=b"tracking-link").digest()
        self.revocations = Table(
            TRACKING_REVOCATIONS, lambda value: int(orjson.loads(value)["revoked_at"]), is_newer=int.__gt__
        )

    def issue(self, order_id: str, now: int, life_days: int = LIFE_DAYS) -> str:
        """A token for an order's page, good for so many days from `now` (ms)."""
        said = now.to_bytes(6, "big") + life_days.to_bytes(2, "big") + order_id.encode()
        return base64.urlsafe_b64encode(_tag(self._key, said) + said).rstrip(b"=").decode()

    def opens(self, token: str, now: int) -> str | None:
        """The id of the order whose page the token opens; None for one that is forged, expired or revoked.

        All checks are made whatever the first one says, so that the time tells nothing.
        """
        raw = _decoded(token)
        tag, said = raw[:TAG_BYTES], raw[TAG_BYTES:]
        authentic = hmac.compare_digest(tag, _tag(self._key, said)) | hmac.compare_digest(tag, _tag(self._older, said))
        issued_at = int.from_bytes(said[:6], "big")
        ends_at = issued_at + int.from_bytes(said[6:8], "big") * DAY_MS
        order_id = said[8:].decode(errors="replace")
        valid = authentic & (now < ends_at) & (issued_at > self.revocations.get(order_id, -1))
        return order_id if valid else None


def _tag(key: bytes, said: bytes) -> bytes:
    return hashlib.blake2b(said, digest_size=TAG_BYTES, key=key).digest()


def _decoded(token: str) -> bytes:
    """The bytes of a token; as many that open nothing for what is none."""
    if len(token) <= MAX_TOKEN:
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        # Several texts decode to the same bytes; only the one that was issued counts.
        if len(raw) > _HEAD and base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == token:
            return raw
    return bytes(_HEAD + 16)


def tracking_url(base: str, secret: bytes, order_id: str, now: int, life_days: int = LIFE_DAYS) -> str:
    """The address of an order's page; `base` is the public URL."""
    return f"{base}/t/{Links(secret).issue(order_id, now, life_days)}"
