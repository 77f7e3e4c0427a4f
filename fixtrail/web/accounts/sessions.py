"""Sessions in a signed cookie: no replica keeps anything but the few sessions that were ended before their time."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from itsdangerous import BadSignature, URLSafeSerializer

from fixtrail.web.accounts.users import Account, Directory, Person, Role, person_of

SCREEN_S = 30 * 86400
# How old a session's last use may be in its cookie before the cookie is written again.
RENEW_S = 60


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says: who, by which way, since when, and when it was last used (seconds since 1970).

    `stamp` is the password's for local accounts, and the issuer's for those of a provider, whose role and centers are
    as the provider told them at the beginning.
    """

    id: str
    account: str
    via: str
    stamp: str
    began_at: int
    seen_at: int
    role: Role
    centers: tuple[str, ...]
    screen: bool = False

    @property
    def person(self) -> Person:
        return person_of(self.account, self.role, self.centers)


class Sessions:
    """Begins, reads and ends sessions. `issuer` is that of the provider whose sessions hold, if any.

    Cookies are signed by `secret`; those that were by one of the keys before it, `older`, hold as well.
    """

    def __init__(
        self,
        secret: bytes,
        accounts: Directory,
        *,
        idle_s: int,
        absolute_s: int,
        issuer: str | None = None,
        clock: Callable[[], float] = time.time,
        older: Sequence[bytes] = (),
    ) -> None:
        self._keys = (secret, *older)
        self._signer = URLSafeSerializer(
            list(reversed(self._keys)),  # the last one signs
            salt="fixtrail session",
            signer_kwargs={"digest_method": hashlib.sha256},
        )
        self._accounts = accounts
        self._idle_s, self._absolute_s = idle_s, absolute_s
        self._issuer = issuer
        self._clock = clock
        self._ended: dict[str, int] = {}
        self._ended_before: dict[str, int] = {}

    def begin(self, account: Account) -> Session:
        """A session of a local account."""
        return self._begin(account.name, "password", account.stamp, account.role, account.centers, account.screen)

    def begin_provided(self, person: Person) -> Session:
        """A session of somebody whom the OIDC provider vouches for."""
        centers = tuple(sorted(person.centers)) if person.centers is not None else ("*",)
        return self._begin(person.name, "oidc", self._issuer or "", person.role, centers, False)

    def _begin(self, name: str, via: str, stamp: str, role: Role, centers: tuple[str, ...], screen: bool) -> Session:
        now = int(self._clock())
        return Session(secrets.token_urlsafe(18), name, via, stamp, now, now, role, centers, screen)

    def seal(self, session: Session) -> str:
        """The cookie's value."""
        said = self._signer.dumps({**asdict(session), "centers": list(session.centers)})
        return said if isinstance(said, str) else said.decode()

    def open(self, cookie: str | None) -> Session | None:
        """The session of a cookie with the role its account has today, or None where it is not to be honoured."""
        if not cookie:
            return None
        try:
            told = self._signer.loads(cookie)
            session = Session(**{**told, "centers": tuple(told["centers"])})
        except (BadSignature, TypeError, KeyError):
            return None
        now = int(self._clock())
        if now >= self.ends_at(session) or self._was_ended(session):
            return None
        if session.via == "oidc":
            return session if self._issuer and session.stamp == self._issuer else None
        account = self._accounts.get(session.account)
        if account is None or account.stamp != session.stamp:
            return None
        return replace(session, role=account.role, centers=account.centers, screen=account.screen)

    def ends_at(self, session: Session) -> int:
        """When the session is over unless it is used again before."""
        if session.screen:
            return session.began_at + SCREEN_S
        return min(session.began_at + self._absolute_s, session.seen_at + self._idle_s)

    def used(self, session: Session) -> Session | None:
        """The session as of now where its cookie should be written again, None where that can wait."""
        now = int(self._clock())
        return replace(session, seen_at=now) if now - session.seen_at >= RENEW_S else None

    def end(self, session: Session) -> None:
        """From now on no copy of its cookie holds here."""
        now = int(self._clock())
        self._ended = {id_: until for id_, until in self._ended.items() if until > now}
        self._ended[session.id] = now + max(self._absolute_s, SCREEN_S)

    def end_all(self, name: str) -> None:
        """End every session that the account has begun so far."""
        self._ended_before[name] = int(self._clock())

    def _was_ended(self, session: Session) -> bool:
        return session.id in self._ended or session.began_at <= self._ended_before.get(session.account, -1)

    def form_token(self, session: Session) -> str:
        """What every form of this session carries."""
        return _form_token(self._keys[0], session)

    def is_form_token(self, session: Session, told: str) -> bool:
        return any(hmac.compare_digest(_form_token(key, session).encode(), told.encode()) for key in self._keys)


def _form_token(key: bytes, session: Session) -> str:
    return hmac.new(key, f"form {session.id}".encode(), hashlib.sha256).hexdigest()
