"""Tracking links: a token that opens one order's page until it expires or is revoked, and nothing else.

A token is base64url of: 128 bits of a keyed hash (BLAKE2b) over the rest, when it was issued (ms, 6 bytes), for how
many days it holds (2 bytes), a byte 1, 64 bits of a keyed hash of the vehicle, and the order's center and number. After
the times, tokens of earlier versions have the number alone. Nothing is stored about any. Revoking writes to the
compacted topic `tracking-revocations` that every link of an order issued up to an instant is void.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Self

import orjson

from runtime.kafka.table import Table
from schemas.order_key import OrderKey
from schemas.times import DAY_MS
from schemas.topics import TRACKING_REVOCATIONS

TAG_BYTES = 16
_HEAD = TAG_BYTES + 8
# No order number of an earlier version's token begins like this.
_MARK = b"\x01"
_VEHICLE_BYTES = 8
MAX_TOKEN = 800
LIFE_DAYS = 90


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """What a valid token opens. Without `vehicle` it is one of an earlier version, and names no center either."""

    order: OrderKey
    vehicle: bytes | None
    issued_at: int


class Links:
    """Issues tokens and tells what they open, as far as `revocations` have been read: instants (ms) by order.

    Tokens are issued by the key `secret`; those that were by `previous`, the key before it, still open.
    """

    def __init__(self, secret: bytes, previous: bytes | None = None) -> None:
        self._keys = _LinkKeys.of(secret)
        self._older = _LinkKeys.of(secrets.token_bytes() if previous is None else previous)
        self.revocations = Table(
            TRACKING_REVOCATIONS, lambda value: int(orjson.loads(value)["revoked_at"]), is_newer=int.__gt__
        )

    def issue(self, order: OrderKey, vehicle_id: str, now: int, life_days: int = LIFE_DAYS) -> str:
        """A token for an order's page, good for so many days from `now` (ms)."""
        head = now.to_bytes(6, "big") + life_days.to_bytes(2, "big")
        signed = head + _MARK + self._keys.vehicle_tag(vehicle_id) + order.encode()
        return base64.urlsafe_b64encode(self._keys.tag(signed) + signed).rstrip(b"=").decode()

    def opens(self, token: str, now: int) -> OpenedLink | None:
        """The link that the token opens; None for one that is forged, expired or revoked.

        All checks are made whatever the first one says, so that the time tells nothing.
        """
        raw = decoded_token(token)
        tag, signed = raw[:TAG_BYTES], raw[TAG_BYTES:]
        authentic = hmac.compare_digest(tag, self._keys.tag(signed)) | hmac.compare_digest(tag, self._older.tag(signed))
        issued_at = int.from_bytes(signed[:6], "big")
        ends_at = issued_at + int.from_bytes(signed[6:8], "big") * DAY_MS
        link = _link(signed[8:], issued_at)
        valid = authentic & (now < ends_at) & (link is not None and not self.is_revoked(link, link.order))
        return link if valid else None

    def is_revoked(self, link: OpenedLink, order: OrderKey) -> bool:
        """Whether the order's links were made void after this one was issued."""
        # What an earlier version revoked stands under the number alone.
        instants = (self.revocations.get(key, -1) for key in (order.encode().decode(), order.order_id))
        return link.issued_at <= max(instants)

    def is_of(self, link: OpenedLink, vehicle_id: str) -> bool:
        """Whether the link was issued for the order of this vehicle; an earlier version's is for any."""
        if link.vehicle is None:
            return True
        return link.vehicle in (self._keys.vehicle_tag(vehicle_id), self._older.vehicle_tag(vehicle_id))


@dataclass(frozen=True, slots=True)
class _LinkKeys:
    """What one secret makes: keys of their own, so that no other use of it can be turned into a token."""

    token: bytes
    vehicle: bytes

    @classmethod
    def of(cls, secret: bytes) -> Self:
        token = hashlib.blake2b(secret, digest_size=32, person=b"tracking-link").digest()
        return cls(token, hashlib.blake2b(secret, digest_size=32, person=b"link-vehicle").digest())

    def tag(self, signed: bytes) -> bytes:
        return hashlib.blake2b(signed, digest_size=TAG_BYTES, key=self.token).digest()

    def vehicle_tag(self, vehicle_id: str) -> bytes:
        return hashlib.blake2b(vehicle_id.encode(), digest_size=_VEHICLE_BYTES, key=self.vehicle).digest()


def _link(named: bytes, issued_at: int) -> OpenedLink | None:
    """What the part of a token behind its times names; None where it names no order."""
    if named[:1] != _MARK:
        return OpenedLink(OrderKey("", named.decode(errors="replace")), None, issued_at)
    vehicle, order = named[1 : 1 + _VEHICLE_BYTES], named[1 + _VEHICLE_BYTES :]
    try:
        return OpenedLink(OrderKey.decode(order), vehicle, issued_at)
    except (ValueError, TypeError):
        return None


def decoded_token(token: str) -> bytes:
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


def tracking_url(
    base: str, secret: bytes, order: OrderKey, vehicle_id: str, now: int, life_days: int = LIFE_DAYS
) -> str:
    """The address of an order's page; `base` is the public URL."""
    return f"{base}/t/{Links(secret).issue(order, vehicle_id, now, life_days)}"
