"""One's own account: /ops/account with password, second factor and sessions."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fixtrail.web.accounts.access import Access, NotEnrolled, Viewer, access_of, audit, posted, remember
from fixtrail.web.accounts.devices import device_name
from fixtrail.web.accounts.passwords import WeakPasswordError, hash_password
from fixtrail.web.accounts.second_factor import enrolment, new_recovery_codes, new_secret, recovery_hash
from fixtrail.web.accounts.sessions import Session
from fixtrail.web.accounts.users import Account
from fixtrail.web.staff.page_frame import StaffRoute, finish, page
from schemas.toml_file import TomlFileError

# Between showing the secret and entering its first code.
ENROLMENT_S = 900

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


class AccountError(Exception):
    """Why nothing was changed: a text of words.toml, group `account`."""

    def __init__(self, text: str, status: int = 400, wait_s: int = 0) -> None:
        super().__init__(text)
        self.text, self.status, self.wait_s = text, status, wait_s


@router.get("/ops/account")
async def account_page(request: Request, person: Viewer) -> Response:
    """Password, second factor and sessions of who is signed in."""
    done = request.query_params.get("done")
    return _page(request, done=done if done in ("password_changed", "second_removed", "session_ended") else None)


@router.post("/ops/account/password")
async def change_password(request: Request, person: NotEnrolled) -> Response:
    """Another password; every session but this one ends."""
    form = await posted(request)
    try:
        account = await _proven(request, form)
        if form.get("new", "") != form.get("again", ""):
            raise AccountError("password_differs")
        hashed = await asyncio.to_thread(_hashed, form.get("new", ""), account.name)
        changed = await _changed(request, account, lambda current: current.model_copy(update={"password": hashed}))
    except AccountError as trouble:
        return _page(request, trouble=trouble)
    audit.info("password changed", extra={"account": account.name})
    response = RedirectResponse("/ops/account?done=password_changed", 303)
    return _with_session(request, _begin_anew(request, changed), response)


@router.get("/ops/account/second-factor")
async def second_factor_page(request: Request, person: NotEnrolled) -> Response:
    """A new secret; nothing changes before its first code is entered."""
    return _enrolment_page(request, new_secret())


@router.post("/ops/account/second-factor")
async def turn_on(request: Request, person: NotEnrolled) -> Response:
    """Store the secret whose code was entered; shows the recovery codes, once."""
    form = await posted(request)
    access = access_of(request)
    try:
        secret = _opened(request, form.get("sealed", ""))
    except BadSignature:
        return _enrolment_page(request, new_secret(), AccountError("second_wrong"))
    codes = new_recovery_codes()
    second = {"totp": secret, "recovery": tuple(map(recovery_hash, codes))}
    try:
        account = await _proven(request, form)
        if access.second.step_of(secret, "".join(form.get("code", "").split())) is None:
            raise AccountError("second_wrong")
        changed = await _changed(request, account, lambda current: current.model_copy(update=second))
    except AccountError as trouble:
        return _enrolment_page(request, secret, trouble)
    # Whoever saw the code being typed shall not sign in with it.
    access.second.accepts(changed, form.get("code", ""))
    audit.info("second factor on", extra={"account": account.name})
    session = _begin_anew(request, changed)
    return _with_session(request, session, page(request, "recovery.html", codes=codes))


@router.post("/ops/account/second-factor/off")
async def turn_off(request: Request, person: Viewer) -> Response:
    """Sign in by the password alone again, where the role may."""
    form = await posted(request)
    if person.role in access_of(request).second_factor_roles:
        raise HTTPException(403)
    second = {"totp": None, "recovery": ()}
    try:
        account = await _proven(request, form)
        changed = await _changed(request, account, lambda current: current.model_copy(update=second))
    except AccountError as trouble:
        return _page(request, trouble=trouble)
    audit.info("second factor off", extra={"account": account.name})
    response = RedirectResponse("/ops/account?done=second_removed", 303)
    return _with_session(request, _begin_anew(request, changed), response)


@router.post("/ops/account/sessions")
async def end_sessions(request: Request, person: Viewer) -> Response:
    """End one of one's sessions, or all but this one."""
    form = await posted(request)
    sessions = access_of(request).sessions
    open_sessions = sessions.open_sessions(person.identity)
    session_ids = (
        [form["session"]] if "session" in form else [id_ for id_ in open_sessions if id_ != request.state.session.id]
    )
    if any(session_id not in open_sessions for session_id in session_ids):
        raise HTTPException(404)
    for session_id in session_ids:
        sessions.end_one(session_id, open_sessions[session_id])
    is_lasting = await sessions.records.flush()
    audit.info("sessions ended", extra={"account": person.identity, "of": person.identity, "lasting": is_lasting})
    return finish(request, RedirectResponse("/ops/account?done=session_ended", 303))


async def _proven(request: Request, form: dict[str, str]) -> Account:
    """The account of who has just proven to know its password. Raises AccountError."""
    access = access_of(request)
    account = _own_account(request)
    if account is None or not access.accounts.is_changeable(account.name):
        raise HTTPException(403)
    attempt = access.attempt(request, account.name)
    if wait_s := access.throttle.admit(attempt):
        raise AccountError("wait", 429, wait_s)
    if not await access.checker.matches(account.password, form.get("password", "")):
        audit.warning("password refused", extra={"account": account.name})
        raise AccountError("password_wrong", 403)
    access.throttle.succeeded(attempt)
    return account


def _own_account(request: Request) -> Account | None:
    """The local account of this session; None for a company account."""
    session = request.state.session
    return access_of(request).accounts.get(session.account) if session.via == "password" else None


def _hashed(password: str, name: str) -> str:
    try:
        return hash_password(password, name)
    except WeakPasswordError:
        raise AccountError("password_weak") from None


async def _changed(request: Request, account: Account, change: Callable[[Account], Account]) -> Account:
    """The account as it is in the file now. Raises AccountError where it cannot be written."""
    try:
        return await asyncio.to_thread(access_of(request).accounts.change, account.name, change)
    except (OSError, KeyError, TomlFileError) as error:
        audit.error("account not written", extra={"account": account.name, "reason": type(error).__name__})
        raise AccountError("not_written", 503) from None


def _begin_anew(request: Request, account: Account) -> Session:
    """A session of the changed account, whose forms the next page has; with the change all earlier ones are over."""
    access = access_of(request)
    access.sessions.end(request.state.session)
    session = access.sessions.begin(account, device_name(request.headers.get("user-agent")))
    remember(request, access, session)
    request.state.renewed_cookie = None
    return session


def _with_session(request: Request, session: Session, response: Response) -> Response:
    access = access_of(request)
    access.begin(request, response, session)
    access.remember_device(request, response, session.account)
    return response


def _page(request: Request, *, done: str | None = None, trouble: AccountError | None = None) -> Response:
    access, account, session = access_of(request), _own_account(request), request.state.session
    return page(
        request,
        "account.html",
        account=account,
        is_changeable=account is not None and access.accounts.is_changeable(account.name),
        is_required=session.role in access.second_factor_roles,
        sessions=access.sessions.open_sessions(session.person.identity),
        this=session.id,
        done=done,
        **_trouble_values(trouble),
    )


def _enrolment_page(request: Request, secret: str, trouble: AccountError | None = None) -> Response:
    access, account = access_of(request), _own_account(request)
    if account is None:
        raise HTTPException(404)
    return page(
        request,
        "second_factor.html",
        enrolment=enrolment(secret, account.name),
        sealed=_sealer(access).dumps({"secret": secret, "session": request.state.session.id}),
        is_changeable=access.accounts.is_changeable(account.name),
        is_required=access.must_enrol(request.state.session),
        **_trouble_values(trouble),
    )


def _trouble_values(trouble: AccountError | None) -> dict[str, Any]:
    """The part of a page's values that says what went wrong."""
    if trouble is None:
        return {"trouble": None, "wait_s": 0}
    return {"trouble": trouble.text, "wait_s": trouble.wait_s, "status": trouble.status}


def _opened(request: Request, sealed: str) -> str:
    """The secret that this session was shown. Raises BadSignature for any other."""
    content = _sealer(access_of(request)).loads(sealed, max_age=ENROLMENT_S)
    if content["session"] != request.state.session.id:
        raise BadSignature("another session's")
    return str(content["secret"])


def _sealer(access: Access) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(access.secret, salt="fixtrail second factor")
