"""Text sealed with a key of its order: AES-SIV (RFC 5297), so that the same text gives the same sealed text.

An event that is sent twice has to have the same content twice. AES-SIV needs no nonce for that, as AES-GCM would.
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from schemas.personal import SEALED

KEY_BITS = 512
_ASSOCIATED = [b"fixtrail"]


@dataclass(frozen=True, slots=True)
class Key:
    """The key of one order; the id stands in everything that is sealed with it."""

    id: str
    secret: bytes = field(repr=False)


def new_key() -> Key:
    """A fresh key under a fresh id."""
    return Key(secrets.token_urlsafe(12), AESSIV.generate_key(KEY_BITS))


def sealer(key: Key) -> Callable[[str], str]:
    """A function that seals a text with the key."""
    encrypt, head = AESSIV(key.secret).encrypt, f"{SEALED}{key.id}."
    return lambda text: head + _text_of(encrypt(text.encode(), _ASSOCIATED))


def unseal(key: Key, sealed: str) -> str | None:
    """The text again; None where it was not sealed with this key, or is damaged."""
    ciphertext = sealed.partition(".")[2]
    try:
        return AESSIV(key.secret).decrypt(_bytes_of(ciphertext), _ASSOCIATED).decode()
    except (InvalidTag, binascii.Error, ValueError):
        return None


def _text_of(ciphertext: bytes) -> str:
    return base64.urlsafe_b64encode(ciphertext).rstrip(b"=").decode()


def _bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
