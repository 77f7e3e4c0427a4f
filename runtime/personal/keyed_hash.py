"""Keyed hashes: the same text gives the same key, and only the secret's holder can find the text again by trying."""

import hashlib


def hash_key(secret: bytes) -> bytes:
    """The key of a secret, at most 64 bytes. Raises ValueError for an empty one, with which everybody could try."""
    if not secret:
        raise ValueError("the secret of the keyed hash is empty")
    return secret if len(secret) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(secret).digest()


def keyed_hash(key: bytes, domain: bytes, text: str) -> str:
    """32 hex digits (128 bits of keyed BLAKE2b); those of two domains never agree."""
    return hashlib.blake2b(text.encode(), digest_size=16, key=key, person=domain).hexdigest()
