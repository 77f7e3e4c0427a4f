"""Authentication of staff: sessions of a process, and the role that a page requires."""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.settings import OidcSettings, SignInSettings
from fixtrail.web.accounts.devices import DEVICE_S, Devices
from fixtrail.web.accounts.oidc import OidcConfig, Provider
from fixtrail.web.accounts.passwords import Checker
from fixtrail.web.accounts.second_factor import SecondFactors
from fixtrail.web.accounts.sessions import Session, Sessions
from fixtrail.web.accounts.throttle import Attempt, Throttle
from fixtrail.web.accounts.totp_box import TotpBox
from fixtrail.web.accounts.users import Directory, Person, Role
from fixtrail.web.security import address_of
from fixtrail.web.staff.page_frame import BadFormError, path_of, small_form
from runtime.failure import REFUSED, ExitError, exit_on
from schemas.toml_file import TomlFileError

SESSION_COOKIE, FORM_COOKIE, PROVIDER_COOKIE = "fixtrail_session", "fixtrail_form", "fixtrail_oidc"
DEVICE_COOKIE, CODE_COOKIE = "fixtrail_device", "fixtrail_code"
ENROLMENT_PAGE = "/ops/account/second-factor"
START_S = 5
audit = logging.getLogger("fixtrail.audit")


@dataclass(frozen=True, slots=True)
class Access:
    """Accounts, sessions and the ways to sign in of one process."""

    secret: bytes
    accounts: Directory
    sessions: Sessions
    throttle: Throttle
    devices: Devices
    checker: Checker
    second: SecondFactors
    second_factor_roles: frozenset[Role]
    provider: Provider | None
    public_url: str

    def is_https(self, request: Request) -> bool:
        return request.url.scheme == "https" or self.public_url.startswith("https:")

    def cookie_name(self, request: Request, name: str) -> str:
        # The prefix makes browsers refuse a cookie that another host under the same domain has set.
        return f"__Host-{name}" if self.is_https(request) else name

    def cookie(self, request: Request, name: str) -> str | None:
        return request.cookies.get(self.cookie_name(request, name))

    def set_cookie(self, request: Request, response: Response, name: str, value: str, max_age: int) -> None:
        response.set_cookie(
            self.cookie_name(request, name),
            value,
            max_age=max_age,
            path="/",
            secure=self.is_https(request),
            httponly=True,
            samesite="lax",
        )

    def begin(self, request: Request, response: Response, session: Session) -> None:
        """Give the session to the browser."""
        max_age_s = self.sessions.ends_at(session) - session.seen_at
        self.set_cookie(request, response, SESSION_COOKIE, self.sessions.seal(session), max_age_s)

    def forget(self, request: Request, response: Response, name: str) -> None:
        self.set_cookie(request, response, name, "", 0)

    def session_of(self, request: Request) -> Session | None:
        """The session of the browser. Raises HTTPException (503) while it is not known yet which ones were ended."""
        if not self.sessions.records.read.is_set():
            raise HTTPException(503, headers={"Retry-After": str(START_S)})
        return self.sessions.open(self.cookie(request, SESSION_COOKIE))

    def must_enrol(self, session: Session) -> bool:
        """Whether nothing but setting up a second factor is open to this session."""
        if session.via != "password" or session.screen or session.role not in self.second_factor_roles:
            return False
        account = self.accounts.get(session.account)
        return account is None or account.totp is None

    def attempt(self, request: Request, name: str, *, is_code: bool = False) -> Attempt:
        """An attempt to sign in, as far as this browser is known."""
        device = self.devices.id_for(self.cookie(request, DEVICE_COOKIE), name)
        return Attempt(name, address_of(request.scope), device, is_code)

    def remember_device(self, request: Request, response: Response, name: str) -> None:
        sealed = self.devices.remember(self.cookie(request, DEVICE_COOKIE), name)
        self.set_cookie(request, response, DEVICE_COOKIE, sealed, DEVICE_S)

    def login_token(self, nonce: str) -> str:
        """What the form for signing in carries, for the browser that was given this cookie."""
        return hmac.new(self.secret, f"login {nonce}".encode(), hashlib.sha256).hexdigest()

    def is_login_token(self, nonce: str | None, token: str) -> bool:
        return bool(nonce) and hmac.compare_digest(self.login_token(str(nonce)).encode(), token.encode())


def make_access(settings: SignInSettings, public_url: str) -> Access:
    """The parts as the settings say. Raises ExitError (78) where the accounts or the provider are set up wrongly."""
    path = settings.users or settings.data / "users.toml"
    with exit_on(TomlFileError, code=REFUSED):
        secret, *older = settings.session_keys()
        box = TotpBox([secret, *older])
        accounts = Directory(path, settings.users_toml, box)
    accounts.seal_anew()
    provider = _provider(settings)
    return Access(
        secret=secret,
        accounts=accounts,
        sessions=Sessions(
            secret,
            accounts,
            idle_s=settings.session_idle_s,
            absolute_s=settings.session_s,
            issuer=settings.oidc_issuer,
            older=older,
        ),
        throttle=Throttle(),
        devices=Devices(secret, *older),
        checker=Checker(),
        second=SecondFactors(accounts, box=box),
        second_factor_roles=frozenset(settings.second_factor),
        provider=provider,
        public_url=public_url,
    )


def _provider(settings: OidcSettings) -> Provider | None:
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise ExitError("FIXTRAIL_OIDC_ISSUER is set, and FIXTRAIL_OIDC_CLIENT_ID is not", REFUSED)
    return Provider(
        OidcConfig(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            scope=settings.oidc_scope,
            name_claim=settings.oidc_name_claim,
            role_claim=settings.oidc_role_claim,
            roles=settings.oidc_roles,
            centers_claim=settings.oidc_centers_claim,
        )
    )


def access_of(request: Request) -> Access:
    """The parts, from any handler."""
    access: Access = request.app.state.web.ops.access
    return access


def required(role: Role = "viewer", *, enrolled: bool = True) -> Callable[[Request], Person]:
    """A dependency: the person signed in, who has this role; else the way to the sign-in page, or 403.

    Whoever must have a second factor and has none is led to its page, from all but those with `enrolled=False`.
    """

    def person(request: Request) -> Person:
        access = access_of(request)
        session = access.session_of(request)
        if session is None:
            path = path_of(request) + (f"?{request.url.query}" if request.url.query else "")
            raise HTTPException(303, headers={"Location": f"/login?next={quote(path, safe='')}"})
        remember(request, access, session)
        if enrolled and access.must_enrol(session):
            raise HTTPException(303, headers={"Location": ENROLMENT_PAGE})
        if not session.person.has(role):
            raise HTTPException(403)
        return session.person

    return person


# Who may ask for a page.
Viewer = Annotated[Person, Depends(required())]
Manager = Annotated[Person, Depends(required("manager"))]
# Also who has yet to set up the second factor that the role must have.
NotEnrolled = Annotated[Person, Depends(required(enrolled=False))]


def remember(request: Request, access: Access, session: Session) -> None:
    """Put person, form token and, where due, a renewed cookie of the session on the request."""
    request.state.session = session
    request.state.person = session.person
    request.state.form_token = access.sessions.form_token(session)
    if used := access.sessions.used(session):
        carrier = Response()
        access.begin(request, carrier, used)
        request.state.renewed_cookie = carrier.headers["set-cookie"]


async def posted(request: Request) -> dict[str, str]:
    """The fields of a form that this very session was shown. Raises 403 for any other, 400 for what is no form."""
    try:
        form = await small_form(request)
    except BadFormError:
        raise HTTPException(400) from None
    session: Any = getattr(request.state, "session", None)
    if session is None or not access_of(request).sessions.is_form_token(session, form.pop("form_token", "")):
        raise HTTPException(403)
    return form


def new_nonce() -> str:
    return secrets.token_urlsafe(18)
