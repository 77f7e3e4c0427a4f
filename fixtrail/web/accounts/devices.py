"""Devices: a signed cookie says in which accounts a browser has signed in before, so that attackers do not slow it."""

import hashlib
import secrets
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeTimedSerializer

DEVICE_S = 180 * 86_400
MOST_ACCOUNTS = 8


@dataclass(frozen=True, slots=True)
class Device:
    """A browser: its random id, and keyed hashes of the accounts that have signed in with it, the newest last."""

    id: str
    accounts: tuple[str, ...] = ()


class Devices:
    """Reads and writes the cookie. It is signed by the first key; those of the keys before it hold as well."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys
        self._signer = URLSafeTimedSerializer(
            list(reversed(keys)),  # the last one signs
            salt="fixtrail device",
            signer_kwargs={"digest_method": hashlib.sha256},
        )

    def read(self, cookie: str | None) -> Device:
        """The device of a cookie; a new one where there is no valid cookie."""
        try:
            content = self._signer.loads(cookie or "", max_age=DEVICE_S)
            return Device(content["id"], tuple(content["accounts"]))
        except (BadSignature, KeyError, TypeError):
            return Device(secrets.token_urlsafe(12))

    def id_for(self, cookie: str | None, name: str) -> str | None:
        """The device's id where the account has signed in with it before, else None."""
        device = self.read(cookie)
        return device.id if any(_hashed(key, name) in device.accounts for key in self._keys) else None

    def remember(self, cookie: str | None, name: str) -> str:
        """The cookie that names this account, too."""
        device = self.read(cookie)
        own = _hashed(self._keys[0], name)
        accounts = [hashed for hashed in device.accounts if hashed != own] + [own]
        sealed = self._signer.dumps({"id": device.id, "accounts": accounts[-MOST_ACCOUNTS:]})
        return sealed if isinstance(sealed, str) else sealed.decode()


def _hashed(key: bytes, name: str) -> str:
    return hashlib.blake2b(name.encode(), key=key[:64], digest_size=12, person=b"device").hexdigest()


_BROWSERS = {"Edg": "Edge", "MicroMessenger": "WeChat", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def device_name(user_agent: str | None) -> str:
    """What its owner knows a browser by: `Firefox, Windows`; empty where the browser does not say it."""
    text = user_agent or ""
    names = [next((name for sign, name in signs.items() if sign in text), "") for signs in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, names))
