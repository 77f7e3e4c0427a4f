"""An event with its personal fields sealed, or readable again. Plain functions over parsed JSON."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeGuard

import orjson

from schemas.decode import EventError, Headers, decode_with_extras, event_object
from schemas.events import EVENT_TYPES, TYPES_WITH_CONTACT, VEHICLE_CORRECTED, Event, Quote, QuotedLabour, QuotedPart
from schemas.personal import (
    CONTACT,
    CUSTOMER,
    EXTRAS,
    FREE_TEXT,
    address_text,
    is_pseudonym,
    is_sealed,
    pseudonym,
    sealed_id_of,
)
from schemas.topics import MAX_SENT_BYTES

Json = dict[str, Any]
# What turns a text into a sealed one; None gives nothing in its stead, as for what was erased.
Seal = Callable[[str], str | None]
Unseal = Callable[[str], str | None]

# More than that of what nobody reads is dropped: sealed, it would make a record too large that was not.
MOST_EXTRAS = 64 * 1024
# Of a record that is too large anyway so much goes on, and is refused: a topic takes no more.
MOST_OF_TOO_LARGE = 5 * 1024 * 1024
_LONGEST_ID = 64
_ENVELOPE = frozenset(Event.model_fields) | {"type"}
_FIELDS = {name: frozenset(model.model_fields) | {EXTRAS} for name, model in EVENT_TYPES.items()}
# Refused whatever they say; sealing would hide why.
_SEALABLE = frozenset({"missing_field", "invalid_field", "unknown_type"})
_QUOTE_PARTS = {"parts": frozenset(QuotedPart.model_fields), "labour": frozenset(QuotedLabour.model_fields)}


def personal_event(value: bytes | None, headers: Headers = ()) -> Json | None:
    """The event in a record's value, parsed, if it has something to seal; None where its bytes may go as they are.

    Of an event that would be refused, too; not of bytes that are no JSON object, in which nothing can be told apart.
    """
    try:
        event = event_object(value, headers, max_bytes=MAX_SENT_BYTES)
        if not _has_personal(event):
            return None
        _, ignored = decode_with_extras(value, headers, max_bytes=MAX_SENT_BYTES)
    except EventError as error:
        return _with_extras(event, _unknown(event)) if error.code in _SEALABLE else None
    return _with_extras(event, [*ignored, *_unknown(event)])


def _has_personal(event: Json) -> bool:
    kind = event.get("type")
    fields = _FIELDS.get(kind, _ENVELOPE) if isinstance(kind, str) else _ENVELOPE
    if not fields.issuperset(event) or event.get("quote") or EXTRAS in event:
        return True
    return any(event.get(name) for name in (CONTACT, CUSTOMER, *FREE_TEXT.get(str(kind), ())))


def _unknown(event: Json) -> list[str]:
    kind = event.get("type")
    fields = _FIELDS.get(kind, _ENVELOPE) if isinstance(kind, str) else _ENVELOPE
    # What only pretends to be sealed is one of them.
    return [name for name in event if name not in fields or name == EXTRAS]


def _with_extras(event: Json, ignored: list[str]) -> Json:
    """The event with what nobody reads moved into one object; the names stay, so that they are still counted."""
    moved = {
        name: event[name]
        for name in ignored
        if event.get(name) is not None and not (name == EXTRAS and is_sealed(event[name]))
    }
    remaining = {name: None if name in moved else item for name, item in event.items()}
    if isinstance(quote := remaining.get("quote"), dict) and (unknown := _quote_extras(quote)):
        moved["quote"] = unknown
        remaining["quote"] = _known_quote(quote)
    return {**remaining, EXTRAS: moved} if moved else remaining


def _quote_extras(quote: Json) -> Json:
    unknown = {name: item for name, item in quote.items() if name not in Quote.model_fields}
    for name, fields in _QUOTE_PARTS.items():
        lines = quote.get(name)
        strangers = [_others(line, fields) for line in lines] if isinstance(lines, list) else []
        if any(strangers):
            unknown[name] = strangers
    return unknown


def _others(line: Any, fields: frozenset[str]) -> Json:
    return {name: item for name, item in line.items() if name not in fields} if isinstance(line, dict) else {}


def _known_quote(quote: Json) -> Json:
    quote = {name: item for name, item in quote.items() if name in Quote.model_fields}
    for name, fields in _QUOTE_PARTS.items():
        if isinstance(lines := quote.get(name), list):
            quote[name] = [
                {key: item for key, item in line.items() if key in fields} if isinstance(line, dict) else line
                for line in lines
            ]
    return quote


def sealed_event(
    event: Json,
    seal: Seal,
    customer_key: Callable[[str], str],
    *,
    is_too_large: bool = False,
    is_own: Callable[[str], bool] = is_sealed,
) -> Json:
    """The event with every personal field sealed, a customer as pseudonym; `event` is of `personal_event`.

    One that is too large to be accepted stays so. `is_own`: whether a text is sealed already, by the order's own key;
    one that was sealed for another order is sealed as any text, and is read as no more than that.
    """

    def once(text: str) -> str | None:
        return text if is_own(text) else seal(text)

    kind = str(event.get("type"))
    sealed = dict(event)
    for name in FREE_TEXT.get(kind, ()):
        if isinstance(text := event.get(name), str) and text and text != VEHICLE_CORRECTED:
            sealed[name] = once(text)
    if kind in TYPES_WITH_CONTACT and isinstance(event.get(CONTACT), list):
        sealed[CONTACT] = _sealed_contact(event[CONTACT], once)
    if kind == "check_in" and _is_id(customer := event.get(CUSTOMER), is_own):
        sealed[CUSTOMER] = pseudonym(customer_key(customer), seal(customer))
    extras = event.get(EXTRAS)
    if isinstance(extras, str) and not is_own(extras):
        extras = {EXTRAS: extras}
    if isinstance(extras, dict):
        text = orjson.dumps(extras).decode()
        sealed[EXTRAS] = seal(text[:MOST_OF_TOO_LARGE]) if is_too_large or len(text) <= MOST_EXTRAS else None
    return {name: item for name, item in sealed.items() if item is not None or event.get(name) is None}


def _sealed_contact(contact: list[Any], once: Seal) -> list[str]:
    texts = [address_text(address) for address in contact]
    sealed = [once(text) for text in texts if text]
    return [text for text in sealed if text]


def _is_id(customer_id: object, is_own: Callable[[str], bool]) -> TypeGuard[str]:
    """Whether it is a customer's id as a sender has it, and not what stands for one in this order."""
    if not isinstance(customer_id, str) or not customer_id:
        return False
    if is_pseudonym(customer_id):
        sealed_id = sealed_id_of(customer_id)
        return sealed_id is not None and not is_own(sealed_id)
    return len(customer_id) <= _LONGEST_ID


def unsealed_event(event: Mapping[str, Any], unseal: Unseal) -> Json:
    """The event as it was sent; what cannot be read any more is left out."""
    plain = dict(event)
    for name in FREE_TEXT.get(str(event.get("type")), ()):
        if is_sealed(text := event.get(name)):
            plain[name] = unseal(text)
    if isinstance(contact := event.get(CONTACT), list):
        texts = [unseal(text) if is_sealed(text) else text for text in contact]
        plain[CONTACT] = [text for text in texts if text is not None]
    customer = event.get(CUSTOMER)
    if is_pseudonym(customer):
        sealed_id = sealed_id_of(customer)
        plain[CUSTOMER] = None if sealed_id is None else unseal(sealed_id)
    if is_sealed(extras := plain.pop(EXTRAS, None)) and (text := unseal(extras)) is not None:
        with suppress(orjson.JSONDecodeError):  # cut, as it was too large
            plain |= _merged(plain, orjson.loads(text))
    return {name: item for name, item in plain.items() if item is not None}


def _merged(event: Json, extras: Json) -> Json:
    """The fields that nobody read, with those of the quote where they were."""
    unread = extras.pop("quote", None) if isinstance(event.get("quote"), dict) else None
    if not isinstance(unread, dict):
        return extras
    quote = dict(event["quote"])
    for name, item in unread.items():
        lines = quote.get(name)
        if name in _QUOTE_PARTS and isinstance(lines, list):
            quote[name] = [{**line, **unread_fields} for line, unread_fields in zip(lines, item, strict=True)]
        else:
            quote[name] = item
    return {**extras, "quote": quote}
