"""Personal ids as keyed hashes: the same id gives the same key, and only the secret's holder can find the id again."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Protocol

from runtime.personal.keyed_hash import hash_key, keyed_hash
from schemas.personal import customer_key_of

CACHE_SIZE = 200_000


class Keyed(Protocol):
    """Turns a personal id into the key that stands for it."""

    def vehicle(self, text: str, /) -> str: ...
    def customer(self, text: str, /) -> str: ...


class KeyedHash:
    """`vehicle` and `customer` turn an id into 32 hex digits (128 bits of keyed BLAKE2b); the two never agree.

    Raises ValueError for an empty secret: everybody could hash a list of VINs.
    """

    def __init__(self, secret: bytes) -> None:
        key = hash_key(secret)
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
    return lru_cache(CACHE_SIZE)(partial(keyed_hash, key, domain))
