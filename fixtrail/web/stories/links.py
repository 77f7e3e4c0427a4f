"""Links to one order's anonymised story: a token that opens it for some hours, and nothing else.

A token is base64url of AES-SIV under a key of its own: when it was issued, when it ends, and the order. Nobody without
the key can read the order's number in it, change it, or make another one. Nothing is stored about any; a revocation of
the order's tracking links (topic `tracking-revocations`) ends the links to its story, too.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from fixtrail.tracking_links import decoded_token
from schemas.order_key import OrderKey
from schemas.times import HOUR_MS

PURPOSE = b"story-link"
USUAL_HOURS = 72
_TIME_BYTES = 6


@dataclass(frozen=True, slots=True)
class StoryLink:
    """What a token opens, from when to when (ms)."""

    order: OrderKey
    issued_at: int
    ends_at: int


class StoryLinks:
    """Issues tokens under the first secret, and opens those of all."""

    def __init__(self, *secrets: bytes) -> None:
        self._ciphers = [AESSIV(hashlib.blake2b(secret, digest_size=64, person=PURPOSE).digest()) for secret in secrets]

    def issue(self, order: OrderKey, now: int, hours: int = USUAL_HOURS) -> str:
        """A token that opens the order's story for so many hours from `now` (ms)."""
        times = now.to_bytes(_TIME_BYTES, "big") + (now + hours * HOUR_MS).to_bytes(_TIME_BYTES, "big")
        sealed = self._ciphers[0].encrypt(times + order.encode(), [PURPOSE])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def opens(self, token: str, now: int) -> StoryLink | None:
        """What the token opens now; None for one that is forged, changed or has ended."""
        sealed = decoded_token(token)
        links = [link for cipher in self._ciphers if (link := _opened(cipher, sealed)) is not None]
        return next((link for link in links if link.issued_at <= now < link.ends_at), None)


def _opened(cipher: AESSIV, sealed: bytes) -> StoryLink | None:
    try:
        text = cipher.decrypt(sealed, [PURPOSE])
        issued_at, ends_at = (int.from_bytes(text[at : at + _TIME_BYTES], "big") for at in (0, _TIME_BYTES))
        return StoryLink(OrderKey.decode(text[2 * _TIME_BYTES :]), issued_at, ends_at)
    except (InvalidTag, ValueError, TypeError):
        return None
