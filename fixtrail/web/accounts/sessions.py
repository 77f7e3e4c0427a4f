"""Sessions in a signed cookie; the topic of their records says which of them were ended before their time."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from itsdangerous import BadSignature, URLSafeSerializer

from fixtrail.web.accounts.session_records import SessionRecord, SessionRecords
from fixtrail.web.accounts.users import ALL_CENTERS, Account, Directory, Person, Role, person_of

SCREEN_S = 30 * 86400
# How old a session's last use may be in its cookie before the cookie is written again.
RENEW_S = 60


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says: who, by which way, since when, and when it was last used (seconds since 1970).

    `stamp` is the password's for local accounts. For those of a provider it is the issuer, and `subject` the `sub`;
    their role and centers are as the provider told them at the beginning.
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
    subject: str = ""

    @property
    def person(self) -> Person:
        subject = (self.stamp, self.subject) if self.via == "oidc" else None
        return person_of(self.account, self.role, self.centers, subject)


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
        self.records = SessionRecords()

    def begin(self, account: Account, device: str = "") -> Session:
        """A session of a local account; `device` is what its owner knows it by."""
        person = person_of(account.name, account.role, account.centers)
        return self._begin(person, account.stamp, account.screen, device)

    def begin_provided(self, person: Person, device: str = "") -> Session:
        """A session of somebody whom the OIDC provider vouches for."""
        return self._begin(person, self._issuer or "", False, device)

    def _begin(self, person: Person, stamp: str, screen: bool, device: str) -> Session:
        now = int(self._clock())
        centers = tuple(sorted(person.centers)) if person.centers is not None else (ALL_CENTERS,)
        subject = person.subject[1] if person.subject else ""
        session = Session(
            secrets.token_urlsafe(18), person.name, person.via, stamp, now, now, person.role, centers, screen, subject
        )
        self.records.write(_session_key(session.id), self._record(session, device=device))
        return session

    def seal(self, session: Session) -> str:
        """The cookie's value."""
        cookie = self._signer.dumps({**asdict(session), "centers": list(session.centers)})
        return cookie if isinstance(cookie, str) else cookie.decode()

    def open(self, cookie: str | None) -> Session | None:
        """The session of a cookie with the role its account has today, or None where it is not to be honoured."""
        if not cookie:
            return None
        try:
            content = self._signer.loads(cookie)
            session = Session(**{**content, "centers": tuple(content["centers"])})
        except (BadSignature, TypeError, KeyError):
            return None
        now = int(self._clock())
        if now >= self.ends_at(session) or self._is_over(session.id, session.person.identity, session.began_at):
            return None
        if session.via == "oidc":
            return session if self._issuer and session.subject and session.stamp == self._issuer else None
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
        """End the session: no copy of its cookie is valid any more."""
        self.end_one(session.id, self.records.get(_session_key(session.id)) or self._record(session))

    def end_one(self, session_id: str, record: SessionRecord) -> None:
        self.records.write(_session_key(session_id), record.model_copy(update={"ended_at": int(self._clock())}))

    def end_all(self, identity: str) -> None:
        """End every session that this person has begun so far."""
        now = int(self._clock())
        until = now + max(self._absolute_s, SCREEN_S)
        self.records.write(_account_key(identity), SessionRecord(identity=identity, until=until, ended_at=now))

    def open_sessions(self, identity: str | None = None) -> dict[str, SessionRecord]:
        """The sessions of somebody, or of all, that are not over, by id, the newest first."""
        now = int(self._clock())
        records = {
            key.removeprefix(_session_key("")): record
            for key, record in self.records.items()
            if key.startswith(_session_key("")) and identity in (None, record.identity) and record.until > now
        }
        open_ones = {
            id_: record for id_, record in records.items() if not self._is_over(id_, record.identity, record.began_at)
        }
        return dict(sorted(open_ones.items(), key=lambda entry: -entry[1].began_at))

    def _is_over(self, session_id: str, identity: str, began_at: int) -> bool:
        of_session = self.records.get(_session_key(session_id))
        of_account = self.records.get(_account_key(identity))
        if of_session and of_session.ended_at is not None:
            return True
        return bool(of_account and of_account.ended_at is not None and began_at <= of_account.ended_at)

    def _record(self, session: Session, device: str = "") -> SessionRecord:
        person = session.person
        return SessionRecord(
            identity=person.identity,
            name=person.name,
            via=person.via,
            device=device,
            began_at=session.began_at,
            until=session.began_at + (SCREEN_S if session.screen else self._absolute_s),
        )

    def form_token(self, session: Session) -> str:
        """The token that every form of this session carries."""
        return _form_token(self._keys[0], session)

    def is_form_token(self, session: Session, token: str) -> bool:
        return any(hmac.compare_digest(_form_token(key, session).encode(), token.encode()) for key in self._keys)


def _form_token(key: bytes, session: Session) -> str:
    return hmac.new(key, f"form {session.id}".encode(), hashlib.sha256).hexdigest()


def _session_key(session_id: str) -> str:
    return f"session {session_id}"


def _account_key(identity: str) -> str:
    return f"account {identity}"
