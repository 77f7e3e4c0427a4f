"""Passwords: argon2id hashes, checked in the same time whether or not there is such an account."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

LEAST_LENGTH, MOST_LENGTH = 10, 256
# The time to rate a password grows with the square of its length.
MOST_RATED = 64
OWN_WORDS = ("fixtrail", "workshop", "service")

# RFC 9106, second recommendation: 64 MiB, three passes.
_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

# Each check takes 64 MiB: guessers wait for one another, nothing else does.
_MOST_CHECKS = 2


class WeakPasswordError(ValueError):
    """The password is not accepted; the message says why."""


def hash_password(password: str, *names: str) -> str:
    """The argon2id hash of a password. Raises WeakPasswordError where it is too short, too long, or easily guessed.

    Easily guessed is what zxcvbn gives less than 3 of 4 points: common passwords in ten lists, names, dates, rows of
    keys, repeats and their usual disguises. `names` are those of the account.
    """
    if not LEAST_LENGTH <= len(password) <= MOST_LENGTH:
        raise WeakPasswordError(f"a password has {LEAST_LENGTH} to {MOST_LENGTH} characters")
    if is_easily_guessed(password, *names):
        raise WeakPasswordError(
            "the password is easily guessed: common passwords, names, dates and rows of keys are refused"
        )
    return _hasher.hash(password)


def is_easily_guessed(password: str, *names: str) -> bool:
    """Whether it takes fewer than 10^8 guesses to come upon it."""
    from zxcvbn import zxcvbn

    return int(zxcvbn(password[:MOST_RATED], user_inputs=[*names, *OWN_WORDS])["score"]) < 3


def new_password() -> str:
    """One that nobody guesses, 120 bit."""
    return secrets.token_urlsafe(15)


def matches(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


class Checker:
    """Checks passwords on threads, a few at once; without an account, against a hash that no password fits."""

    def __init__(self) -> None:
        self._nobody = _hasher.hash(secrets.token_urlsafe(32))
        self._turn = asyncio.Semaphore(_MOST_CHECKS)

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Whether the password fits; always False, in the same time, where `hashed` is None."""
        async with self._turn:
            # Beyond the limit no account has such a password; the work stays the same.
            fits = await asyncio.to_thread(matches, hashed or self._nobody, password[:MOST_LENGTH])
        return fits and hashed is not None and len(password) <= MOST_LENGTH
