"""The secrets of second factors as the accounts' file holds them: sealed with a key that is not in the file.

A sealed secret is "sealed.MARK.CIPHERTEXT", bound to its account's name. The mark is a hash of the secret, which has
160 random bits, so that a session's stamp stays the same when the secret is sealed, or sealed anew.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

TOTP_PATTERN = r"^([A-Z2-7]{26,103}|sealed\.[0-9a-f]{16}\.[A-Za-z0-9_-]{40,200})$"
_HEAD = "sealed."
_PURPOSE = b"fixtrail second factor"


def totp_mark(stored: str | None) -> str:
    """A mark by which secrets differ, sealed or not; empty for none."""
    if stored is None:
        return ""
    return stored.split(".")[1] if stored.startswith(_HEAD) else hashlib.sha256(stored.encode()).hexdigest()[:16]


class TotpBox:
    """Seals with the first of the keys, opens with any. Without a key everything stays as it is."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._ciphers = [AESSIV(hmac.digest(key, _PURPOSE, "sha512")) for key in keys]

    def seal(self, name: str, stored: str) -> str:
        """The secret of an account as the file is to hold it; one that cannot be read stays as it is."""
        secret = self.open(name, stored)
        if not self._ciphers or secret is None:
            return stored
        ciphertext = base64.urlsafe_b64encode(self._ciphers[0].encrypt(secret.encode(), [name.encode()]))
        return f"{_HEAD}{totp_mark(secret)}.{ciphertext.decode().rstrip('=')}"

    def open(self, name: str, stored: str) -> str | None:
        """The secret itself; None where none of the keys opens it for this account."""
        if not stored.startswith(_HEAD):
            return stored
        text = stored.split(".")[2]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), [name.encode()]).decode()
            except (InvalidTag, binascii.Error, ValueError):
                continue
        return None

    def is_outdated(self, name: str, stored: str | None) -> bool:
        """Whether it is sealed with an older key, which cannot be dropped before it is sealed anew."""
        return stored is not None and stored.startswith(_HEAD) and self.seal(name, stored) != stored
