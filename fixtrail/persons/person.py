"""The person of a request, and matching of events and journeys with them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from runtime.failure import USAGE, ExitError
from runtime.personal.vault import OrderKeys
from schemas.personal import CONTACT, CUSTOMER, address_text, customer_key_of, is_sealed
from sinks.push.address import AddressKeys, parse_recipient

Kind = Literal["vehicle", "customer", "contact"]
# A shorter text stands in many records that are about somebody else.
_LEAST_ADDRESS = 6


class OrderRef(NamedTuple):
    """One order of one vehicle at one center, as its events name it."""

    center_id: str
    order_id: str
    vehicle_id: str


def order_of(event: Mapping[str, Any]) -> OrderRef:
    """The order that an event or a journey belongs to."""
    return OrderRef(*(str(event.get(name) or "") for name in OrderRef._fields))


@dataclass(frozen=True, slots=True)
class PersonKey:
    """Whoever has this vehicle, is this customer, or is reached at this address."""

    kind: Kind
    value: str = field(repr=False)


def person_of(vehicle: str | None, customer: str | None, contact: str | None) -> PersonKey:
    """The one person that is named. Raises ExitError where none is, or several are."""
    options: tuple[tuple[Kind, str | None], ...] = (("vehicle", vehicle), ("customer", customer), ("contact", contact))
    persons = [PersonKey(kind, value) for kind, value in options if value is not None]
    if len(persons) != 1:
        raise ExitError("name one person, by --vehicle, --customer or --contact", USAGE)
    return persons[0]


class Matcher:
    """Says which events are about a person. `secret` makes the keyed hashes in pseudonyms and of addresses."""

    def __init__(self, person: PersonKey, secret: bytes) -> None:
        self._person = person
        self._order_keys, self._address_keys = OrderKeys(secret), AddressKeys(secret)
        self.customer_key = self._order_keys.customer(person.value) if person.kind == "customer" else None
        self.address_key = self.person_of(person.value) if person.kind == "contact" else None
        self._needles = _needles(person)

    def matches(self, event: Mapping[str, Any], unsealed: Mapping[str, str | None]) -> bool:
        """Whether it is about the person; `unsealed` has the sealed addresses that could be read."""
        if self._person.kind == "vehicle":
            return event.get("vehicle_id") == self._person.value
        if self._person.kind == "customer":
            return self._is_customer(event.get(CUSTOMER))
        texts = (unsealed.get(text) if is_sealed(text) else text for text in contacts_of(event))
        return any(self.person_of(text) == self.address_key for text in texts if text)

    def needs(self, event: Mapping[str, Any]) -> list[str]:
        """The sealed addresses that have to be read to tell."""
        return [text for text in contacts_of(event) if is_sealed(text)] if self._person.kind == "contact" else []

    def is_named_in(self, value: bytes | None) -> bool:
        """Whether bytes, which may be no event at all, hold the customer's id as a text of JSON, or the address."""
        return value is not None and any(needle in value for needle in self._needles)

    def person_of(self, address: str) -> str | None:
        """The keyed hash under which the ledger knows an address; None for what is none."""
        try:
            return self._address_keys.person(parse_recipient(address))
        except ValueError:
            return None

    def _is_customer(self, customer_id: object) -> bool:
        if not isinstance(customer_id, str):
            return False
        return customer_id == self._person.value or customer_key_of(customer_id) == self.customer_key


def _needles(person: PersonKey) -> frozenset[bytes]:
    """How JSON may write what names the person; nothing for a vehicle, whose id stays as its records' key."""
    if person.kind == "vehicle":
        return frozenset()
    text = person.value if person.kind == "customer" else person.value.partition(":")[2].strip()
    if person.kind == "contact" and len(text) < _LEAST_ADDRESS:
        return frozenset()
    quoted = {json.dumps(text).encode(), json.dumps(text, ensure_ascii=False).encode()}
    return frozenset(quoted if person.kind == "customer" else (form[1:-1] for form in quoted))


def contacts_of(event: Mapping[str, Any]) -> Iterable[str]:
    """The addresses that an event names, sealed or not."""
    contact = event.get(CONTACT)
    return [text for text in map(address_text, contact) if text] if isinstance(contact, list) else []
