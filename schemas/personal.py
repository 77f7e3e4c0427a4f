"""Which fields of an event are personal, and what stands in their stead once they are sealed.

A sealed text is "sealed:KEY.CIPHERTEXT", encrypted with a key of its order alone: where the key is gone, nobody reads
it again. A customer is "c~HASH", the keyed hash by which analysts know the customer, and behind a dot the sealed id.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

SEALED = "sealed:"
SEALED_PATTERN = r"sealed:[A-Za-z0-9_-]{1,32}\.[A-Za-z0-9_-]+"
PSEUDONYM_PATTERN = r"c~[0-9a-f]{32}(\.sealed:[A-Za-z0-9_-]{1,32}\.[A-Za-z0-9_-]+)?"
# What nobody reads (unknown fields, optional ones that cannot be read), sealed as one JSON object.
EXTRAS = "sealed_extras"

CONTACT, CUSTOMER = "contact", "customer_id"
FREE_TEXT: Mapping[str, tuple[str, ...]] = {
    "check_in": ("vehicle_label", "advisor"),
    "survey": ("comment",),
    "cancellation": ("reason",),
    "complaint": ("resolution",),
}

_SEALED = re.compile(SEALED_PATTERN)
_PSEUDONYM = re.compile(PSEUDONYM_PATTERN)


def is_sealed(text: object) -> TypeGuard[str]:
    """Whether it is a sealed text."""
    return isinstance(text, str) and _SEALED.fullmatch(text) is not None


def key_id_of(sealed: str) -> str:
    """Which key a sealed text needs; empty for any other text."""
    return sealed.removeprefix(SEALED).partition(".")[0] if sealed.startswith(SEALED) else ""


def pseudonym(customer_key: str, sealed: str | None = None) -> str:
    """What stands for a customer: the keyed hash, and the sealed id as long as there is one."""
    return f"c~{customer_key}" if sealed is None else f"c~{customer_key}.{sealed}"


def is_pseudonym(customer_id: object) -> TypeGuard[str]:
    """Whether it stands for a customer whose id is sealed or erased."""
    return isinstance(customer_id, str) and _PSEUDONYM.fullmatch(customer_id) is not None


def customer_key_of(customer_id: str) -> str | None:
    """The keyed hash in a pseudonym, None for an id in clear."""
    return customer_id[2:34] if customer_id.startswith("c~") and is_pseudonym(customer_id) else None


def sealed_id_of(customer_id: str) -> str | None:
    """The sealed id in a pseudonym, None where there is none."""
    return customer_id.partition(".")[2] or None if is_pseudonym(customer_id) else None


def address_text(address: object) -> str:
    """The address as "channel:address", however it was given; empty where there is none."""
    if isinstance(address, str):
        return address
    if not isinstance(address, Mapping) or not {"channel", "address"} <= address.keys():
        return ""
    return f"{address['channel']}:{address['address']}"


def sealed_texts(event: Mapping[str, Any]) -> list[str]:
    """All sealed texts of an event."""
    contact = event.get(CONTACT)
    customer = event.get(CUSTOMER)
    texts = [*(contact if isinstance(contact, list) else ()), event.get(EXTRAS)]
    texts += [event.get(name) for names in FREE_TEXT.values() for name in names]
    texts.append(sealed_id_of(customer) if isinstance(customer, str) else None)
    return [text for text in texts if is_sealed(text)]
