"""Personal ids as keyed hashes: the same id gives the same key, and only the secret's holder can find the id again."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from schemas.personal import customer_key_of

CACHE_SIZE = 200_000


class Keyed(Protocol):
    """Turns a personal id into the key that stands for it."""

    def vehicle(self, personal_id: str, /) -> str: ...
    def customer(self, personal_id: str, /) -> str: ...


class KeyedHash:
    """`vehicle` and `customer` turn an id into 32 hex digits (128 bits of keyed BLAKE2b); the two never agree.

    Raises ValueError for an empty secret: everybody could hash a list of VINs.
    """

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("the secret of the keyed hash is empty")
        # BLAKE2b takes keys of at most 64 bytes.
        key = secret if len(secret) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(secret).digest()
        self.vehicle: Callable[[str], str] = _hasher(key, b"vehicle")
        hashed = _hasher(key, b"customer")
        # A pseudonym is the key already, made where the event came in.
        self.customer: Callable[[str], str] = lambda customer_id: customer_key_of(customer_id) or hashed(customer_id)
        self._staff = _hasher(key, b"staff")
        self._respondent = _hasher(key, b"respondent")

    def staff(self, center_id: str, staff_id: str) -> str:
        """A pseudonym of an employee of a center: short, as it is shown in tables of a few dozen."""
        return f"s-{self._staff(f'{center_id}{chr(31)}{staff_id}')[:10]}"

    def respondent(self, center_id: str, respondent_key: str) -> str:
        """What stands for who answered a survey of the staff; it says nothing of the same person's work."""
        return self._respondent(f"{center_id}{chr(31)}{respondent_key}")


def _hasher(key: bytes, domain: bytes) -> Callable[[str], str]:
    blake2b = hashlib.blake2b

    @lru_cache(maxsize=CACHE_SIZE)
    def hashed(personal_id: str) -> str:
        return blake2b(personal_id.encode(), digest_size=16, key=key, person=domain).hexdigest()

    return hashed
