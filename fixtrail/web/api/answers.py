"""Idempotency-Key: a request that is repeated with its key gets the first one's answer, and nothing is sent again."""

import re
import time
from collections import OrderedDict
from dataclasses import dataclass

from fixtrail.web.api.problems import ApiError
from schemas.times import DAY_S

KEPT_S = DAY_S
KEPT_BYTES = 64 * 1024 * 1024
_ENTRY_BYTES = 500

# A Structured Fields string (RFC 8941 3.3.3), or the bare value that most clients send.
_FORM = re.compile(r'"(?P<quoted>(?:[ !#-\[\]-~]|\\["\\])*)"|(?P<bare>[!#-\[\]-~]+)')


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer, as it was given."""

    status: int
    body: bytes
    media_type: str


@dataclass(slots=True)
class _StoredAnswer:
    fingerprint: bytes
    began: float
    answer: Answer | None = None

    @property
    def bytes(self) -> int:
        return _ENTRY_BYTES + (len(self.answer.body) if self.answer else 0)


class Answers:
    """The final answers of a day, as long as they fit; kept in memory, of each process for itself.

    A repeat that reaches another process, or comes after a restart, is done again. That changes nothing: an event that
    arrives twice under its id counts once.
    """

    def __init__(self, kept_s: float = KEPT_S, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_s, self._kept_bytes = kept_s, kept_bytes
        self._stored: OrderedDict[tuple[str, str], _StoredAnswer] = OrderedDict()
        self._bytes = 0

    def begin(self, owner: str, key: str, fingerprint: bytes) -> Answer | None:
        """The answer that this request got before; None where it is new, and then it is under way.

        Raises ApiError 422 where the key came with another request, 409 while the first one is still under way.
        """
        self._let_go(time.monotonic() - self._kept_s)
        stored = self._stored.get((owner, key))
        if stored is None:
            self._stored[owner, key] = _StoredAnswer(fingerprint, time.monotonic())
            self._bytes += _ENTRY_BYTES
            return None
        if stored.fingerprint != fingerprint:
            raise ApiError(
                422,
                "idempotency-key-reused",
                "This Idempotency-Key came before with another body or other headers. Nothing was accepted.",
            )
        if stored.answer is None:
            raise ApiError(
                409,
                "idempotency-key-in-use",
                "Ask again in a moment to get the answer of the first request.",
                headers={"Retry-After": "1"},
            )
        return stored.answer

    def end(self, owner: str, key: str, answer: Answer | None) -> None:
        """Keep the answer; None forgets the request, so that a repeat is done again."""
        stored = self._stored.get((owner, key))
        if stored is None:
            return
        if answer is None:
            self._forget((owner, key))
            return
        self._bytes -= stored.bytes
        stored.answer = answer
        self._bytes += stored.bytes
        self._let_go(time.monotonic() - self._kept_s)

    def _let_go(self, before: float) -> None:
        """Forget what is older, and the oldest while there is too much, up to one that is still under way."""
        while self._stored:
            stored_key, stored = next(iter(self._stored.items()))
            if stored.answer is None or (stored.began >= before and self._bytes <= self._kept_bytes):
                return
            self._forget(stored_key)

    def _forget(self, stored_key: tuple[str, str]) -> None:
        self._bytes -= self._stored.pop(stored_key).bytes


def parse_key(header: str | None) -> str | None:
    """The value of an Idempotency-Key header, at most 255 characters. Raises ApiError (400) for anything else."""
    if header is None:
        return None
    form = _FORM.fullmatch(header.strip())
    key = None if form is None else form["quoted"] or form["bare"]
    if not key or len(key) > 255:
        raise ApiError(
            400, "idempotency-key-invalid", "An Idempotency-Key is a string of 1 to 255 visible characters in quotes."
        )
    return key
