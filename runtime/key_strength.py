"""Keys of at least 32 bytes, made by the system's generator and named by an id that tells nothing of them."""

import hashlib
import secrets

from runtime.failure import REFUSED, ExitError

MIN_KEY_BYTES = 32


def new_key() -> str:
    """A fresh key of 256 bits, in 43 characters."""
    return secrets.token_urlsafe(32)


def key_id(key: bytes) -> str:
    """Eight characters that name a key in lists and logs; the key cannot be found from them."""
    return hashlib.blake2b(key, digest_size=4, person=b"key-id").hexdigest()


def strong_key(key: str, variable: str) -> bytes:
    """The key's bytes. Raises ExitError (78) for fewer than 32: one link would be enough to find it by guessing."""
    raw = key.encode()
    if len(raw) < MIN_KEY_BYTES:
        raise ExitError(
            f"{variable} has {len(raw)} bytes, at least {MIN_KEY_BYTES} are needed: make one with `fixtrail keys new` "
            "(docs/administrators.md, 'Keys', for an installation that has a shorter one)",
            REFUSED,
        )
    return raw
