"""The second factor of local accounts: time-based codes (RFC 6238) by pyotp, and recovery codes that work once."""

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pyotp
import segno
from markupsafe import Markup

from fixtrail.web.accounts.totp_box import TotpBox
from fixtrail.web.accounts.users import Account, Directory

log = logging.getLogger(__name__)

ISSUER = "Fixtrail"
RECOVERY_CODES = 10
# 80 bits each: nobody guesses one, so an unsalted hash is enough.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 4


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A new secret as a person takes it over: typed, or as a picture of its address."""

    secret: str
    address: str
    picture: Markup


def new_secret() -> str:
    return pyotp.random_base32()


def enrolment(secret: str, name: str) -> Enrolment:
    """What an authenticator app needs of a secret."""
    address = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
    picture = segno.make(address, error="m", micro=False).svg_inline(scale=5, border=4, light="#fff")
    return Enrolment(secret, address, Markup(picture))


def new_recovery_codes() -> list[str]:
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    ]


def recovery_hash(code: str) -> str:
    """What is stored of a recovery code, however it was typed."""
    return hashlib.sha256("".join(code.lower().split()).replace("-", "").encode()).hexdigest()


class SecondFactors:
    """Checks codes; each counts once, and a clock may be half a minute off."""

    def __init__(self, accounts: Directory, clock: Callable[[], float] = time.time, box: TotpBox | None = None) -> None:
        self._accounts = accounts
        self._box = box or TotpBox()
        self._clock = clock
        self._last_step: dict[str, int] = {}
        # Codes are checked on threads, and two of them may have the same one.
        self._turn = threading.Lock()

    def accepts(self, account: Account, code: str) -> bool:
        """Whether it is the account's code of now, or a recovery code, which is used up by it."""
        digits = "".join(code.split())
        if account.totp and len(digits) == 6 and digits.isascii() and digits.isdigit():
            secret = self._box.open(account.name, account.totp)
            if secret is None:
                log.error(
                    "the second factor of an account cannot be read: its key is gone", extra={"account": account.name}
                )
                return False
            return self._is_new_step(account.name, self.step_of(secret, digits))
        return self._use_recovery(account, code)

    def step_of(self, secret: str, digits: str) -> int | None:
        """The half minute that a code belongs to: the one before, this one or the next one; else None."""
        if not digits.isascii():
            return None
        totp = pyotp.TOTP(secret)
        now = int(self._clock() // totp.interval)
        fits = {step: hmac.compare_digest(totp.generate_otp(step), digits) for step in (now - 1, now, now + 1)}
        return max((step for step, is_right in fits.items() if is_right), default=None)

    def _is_new_step(self, name: str, step: int | None) -> bool:
        with self._turn:
            if step is None or step <= self._last_step.get(name, -1):
                return False
            self._last_step[name] = step
            return True

    def _use_recovery(self, account: Account, code: str) -> bool:
        hashed = recovery_hash(code)
        if hashed not in account.recovery or not self._accounts.is_changeable(account.name):
            return False
        try:
            self._accounts.change(account.name, partial(_without, hashed))
        except (KeyError, OSError):
            return False
        return True


def _without(hashed: str, account: Account) -> Account:
    """The account without a recovery code. Raises KeyError where another sign-in has just used it."""
    if hashed not in account.recovery:
        raise KeyError(hashed)
    return account.model_copy(update={"recovery": tuple(code for code in account.recovery if code != hashed)})
