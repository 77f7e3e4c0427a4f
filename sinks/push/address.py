"""Recipients as they stand in notices ("sms:+86…", "mailto:a@b"), and the ids and keys made of them."""

import hashlib
from dataclasses import dataclass, field

from runtime.personal.keyed_hash import hash_key, keyed_hash

_READABLE = dict.fromkeys(map(ord, " -()./"))


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address of one channel. The address is personal, the person key is not."""

    channel: str
    address: str = field(repr=False)


def parse_recipient(text: str) -> Recipient:
    """The recipient that "scheme:rest" names; telephone numbers lose the signs that only help to read them.

    Raises ValueError for anything else, without saying what it was.
    """
    scheme, colon, address = text.strip().partition(":")
    scheme = scheme.lower()
    if not colon or not scheme.replace("-", "").replace("_", "").isalnum() or not scheme.isascii():
        raise ValueError("a recipient is no scheme:address")
    address = address.strip()
    return Recipient(scheme, address.translate(_READABLE) if scheme == "sms" else address)


class AddressKeys:
    """Keyed hashes: without the secret nobody can find a telephone number by trying all numbers.

    Raises ValueError for an empty secret.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hash_key(secret)

    def person(self, recipient: Recipient) -> str:
        """The key of the person behind an address: the same address has the same key."""
        # Nobody's mailbox differs from another one's in capitals alone.
        address = recipient.address.casefold() if recipient.channel == "mailto" else recipient.address
        return keyed_hash(self._key, b"person", f"{recipient.channel}:{address}")

    def send_id(self, notice_id: str, recipient: Recipient) -> str:
        """The id of one notice to one recipient; it is the same whenever it is made."""
        return keyed_hash(self._key, b"send", f"{notice_id}\x1f{recipient.channel}\x1f{recipient.address}")

    def lane(self, channel: str, part: str) -> str:
        """The name of a lane of the channel; it does not tell what the part is."""
        return channel if not part else f"{channel}:{keyed_hash(self._key, b'lane', part)[:12]}"


def target_secret(key: bytes, origin: str) -> bytes:
    """The secret that signs for one receiver alone, of the webhooks' key: no receiver can sign for another one."""
    return hashlib.blake2b(origin.encode(), digest_size=32, key=hash_key(key), person=b"webhook").digest()
