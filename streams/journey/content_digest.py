"""A short digest of all that an event says, so that another content under its id is noticed whatever field differs.

It has eight characters: five for the fields that are no free text, one for how the free text stands there (in clear,
or sealed with which key), two for the text. Texts of two forms cannot be compared.
"""

from binascii import b2a_base64
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson
from pydantic import BaseModel

from schemas.events import EVENT_TYPES, TYPES_WITH_CONTACT, Event
from schemas.personal import CONTACT, CUSTOMER, FREE_TEXT, address_text, key_id_of
from schemas.times import to_ms

LENGTH = 8
# Of an event that an earlier version has taken.
UNKNOWN = " " * LENGTH
_FORM, _TEXT = 5, 6
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
_TEXTS = {kind: FREE_TEXT.get(kind, ()) for kind in {*FREE_TEXT, *TYPES_WITH_CONTACT}}
# An entry has these already, and knows what of a customer can be compared.
_LEFT_OUT = frozenset(
    {*Event.model_fields, CUSTOMER, CONTACT, *(name for names in FREE_TEXT.values() for name in names)}
)
_COMPARED = {
    kind: tuple(name for name in model.model_fields if name not in _LEFT_OUT) for kind, model in EVENT_TYPES.items()
}
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def content_digest(event: Event) -> str:
    """The digest of an event's content; the same for two that say the same in other words (9.0, 9; +08:00, Z)."""
    fields = event.__dict__
    kind = fields["type"]
    plain = {name: value for name in _COMPARED[kind] if (value := fields[name]) is not None}
    digest = _hashed(orjson.dumps(plain, _plain_value, _OPTIONS))
    texts = _texts(fields) if kind in _TEXTS else ()
    if not texts:
        return digest[:_FORM] + _NO_TEXT
    return digest[:_FORM] + _form(key_id_of(texts[0][1])) + _hashed(orjson.dumps(texts))[: LENGTH - _TEXT]


def is_other_content(digest: str, second_digest: str) -> bool:
    """Whether two events of one id say different things, as far as their digests can tell."""
    if UNKNOWN in (digest, second_digest):
        return False
    if digest[:_FORM] != second_digest[:_FORM]:
        return True
    return digest[_FORM] == second_digest[_FORM] and digest[_TEXT:] != second_digest[_TEXT:]


def _texts(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """The event's free texts by field, and the addresses of one that keeps none."""
    kind = fields["type"]
    texts = [(name, fields[name]) for name in _TEXTS[kind] if fields[name]]
    if kind in TYPES_WITH_CONTACT and kind != "check_in":
        texts += [(CONTACT, address_text(address)) for address in fields[CONTACT] or ()]
    return texts


def _plain_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return to_ms(value)
    if isinstance(value, BaseModel):
        return {name: item for name, item in value.__dict__.items() if item is not None}
    raise TypeError(f"no {type(value).__name__} in an event")


def _hashed(content: bytes) -> str:
    return b2a_base64(blake2b(content, digest_size=6).digest(), newline=False).translate(_URL_SAFE).decode()


@lru_cache(256)
def _form(key_id: str) -> str:
    """One character for how a text stands there: in clear, or sealed with the key of this id."""
    return _hashed(key_id.encode())[:1]


_NO_TEXT = _form("") + _hashed(b"[]")[: LENGTH - _TEXT]
