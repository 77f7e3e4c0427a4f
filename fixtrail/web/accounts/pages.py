"""Signing in and out: /login, /logout, and the way to an OpenID Connect provider and back."""

import asyncio
from typing import Any

from fastapi import APIRouter
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fixtrail.web.accounts.access import (
    CODE_COOKIE,
    FORM_COOKIE,
    PROVIDER_COOKIE,
    SESSION_COOKIE,
    Access,
    NotEnrolled,
    access_of,
    audit,
    new_nonce,
    posted,
)
from fixtrail.web.accounts.devices import device_name
from fixtrail.web.accounts.oidc import OidcError
from fixtrail.web.accounts.throttle import Attempt
from fixtrail.web.accounts.users import Account
from fixtrail.web.staff.page_frame import BadFormError, StaffRoute, local_path, page, small_form

# Between opening the form, or leaving for the provider, and coming back.
FORM_S = 3600
AWAY_S = 600
CODE_S = 300

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


@router.get("/login")
async def login_page(request: Request) -> Response:
    """The form; whoever is signed in already goes on."""
    access = access_of(request)
    next_path = local_path(request.query_params.get("next"))
    if access.session_of(request) is not None:
        return RedirectResponse(next_path, status_code=303)
    return _form(request, access, next_path)


@router.post("/login")
async def login(request: Request) -> Response:
    """Begin a session for an account and its password; every failure looks the same and takes the same time."""
    access = access_of(request)
    try:
        form = await small_form(request)
    except BadFormError:
        return _form(request, access, "/ops", trouble="login.again", status=400)
    next_path = local_path(form.get("next"))
    if not access.is_login_token(access.cookie(request, FORM_COOKIE), form.get("form_token", "")):
        return _form(request, access, next_path, trouble="login.again", status=403)
    name = form.get("name", "").strip().lower()[:256]
    attempt = access.attempt(request, name)
    if wait_s := access.throttle.admit(attempt):
        audit.warning(
            "login", extra={"outcome": "throttled", "account": _known_account(access, name), "via": "password"}
        )
        return _form(request, access, next_path, trouble="login.wait", status=429, wait_s=wait_s)
    account = access.accounts.get(name)
    fits = await access.checker.matches(account.password if account else None, form.get("password", ""))
    if account is None or not fits:
        audit.warning("login", extra={"outcome": "refused", "account": _known_account(access, name), "via": "password"})
        return _form(request, access, next_path, trouble="login.refused", status=401)
    if account.totp:
        return _ask_code(request, access, account, next_path)
    return _signed_in(request, access, account, next_path, [attempt])


@router.post("/login/code")
async def login_code(request: Request) -> Response:
    """The second step, for who gave the right password in this browser a moment ago."""
    access = access_of(request)
    try:
        form = await small_form(request)
        step = _code_sealer(access).loads(access.cookie(request, CODE_COOKIE) or "", max_age=CODE_S)
    except (BadFormError, BadSignature):
        return _form(request, access, "/ops", trouble="login.again", status=400)
    next_path, account = local_path(step["next"]), access.accounts.get(step["account"])
    is_ours = access.is_login_token(access.cookie(request, FORM_COOKIE), form.get("form_token", ""))
    if account is None or account.stamp != step["stamp"] or not is_ours:
        return _form(request, access, next_path, trouble="login.again", status=403)
    attempt = access.attempt(request, account.name, is_code=True)
    if wait_s := access.throttle.admit(attempt):
        audit.warning("login", extra={"outcome": "throttled", "account": account.name, "via": "code"})
        return _code_form(request, access, trouble="login.wait", status=429, wait_s=wait_s)
    if not await asyncio.to_thread(access.second.accepts, account, form.get("code", "")[:64]):
        audit.warning("login", extra={"outcome": "refused", "account": account.name, "via": "code"})
        return _code_form(request, access, trouble="login.code_refused", status=401)
    response = _signed_in(request, access, account, next_path, [attempt, access.attempt(request, account.name)])
    access.forget(request, response, CODE_COOKIE)
    return response


def _signed_in(request: Request, access: Access, account: Account, next_path: str, attempts: list[Attempt]) -> Response:
    for attempt in attempts:
        access.throttle.succeeded(attempt)
    audit.info("login", extra={"outcome": "ok", "account": account.name, "role": account.role, "via": "password"})
    response = RedirectResponse(next_path, status_code=303)
    access.begin(request, response, access.sessions.begin(account, device_name(request.headers.get("user-agent"))))
    access.remember_device(request, response, account.name)
    access.forget(request, response, FORM_COOKIE)
    return response


def _ask_code(request: Request, access: Access, account: Account, next_path: str) -> Response:
    response = _code_form(request, access)
    sealed = _code_sealer(access).dumps({"account": account.name, "stamp": account.stamp, "next": next_path})
    access.set_cookie(request, response, CODE_COOKIE, str(sealed), CODE_S)
    return response


def _code_form(
    request: Request, access: Access, *, trouble: str | None = None, status: int = 200, wait_s: int = 0
) -> Response:
    token = access.login_token(access.cookie(request, FORM_COOKIE) or "")
    response = page(request, "code.html", status=status, trouble=trouble, wait_s=wait_s, login_token=token)
    if wait_s:
        response.headers["Retry-After"] = str(wait_s)
    return response


def _code_sealer(access: Access) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(access.secret, salt="fixtrail code")


@router.post("/logout")
async def logout(request: Request, person: NotEnrolled) -> Response:
    """End the session, for every copy of its cookie and every process."""
    await posted(request)
    access = access_of(request)
    access.sessions.end(request.state.session)
    is_lasting = await access.sessions.records.flush()
    audit.info("logout", extra={"account": person.identity, "lasting": is_lasting})
    response = RedirectResponse("/login", status_code=303)
    access.forget(request, response, SESSION_COOKIE)
    return response


@router.get("/login/oidc")
async def to_provider(request: Request) -> Response:
    """Leave for the provider."""
    access = access_of(request)
    if access.provider is None:
        return RedirectResponse("/login", status_code=303)
    flow_state: dict[str, Any] = {}
    try:
        response = await access.provider.redirect_to_provider(request, _way_back(request, access), flow_state)
    except OidcError as error:
        return _provider_failure(request, access, error)
    sealed = _sealer(access).dumps({"next": local_path(request.query_params.get("next")), "kept": flow_state})
    access.set_cookie(request, response, PROVIDER_COOKIE, str(sealed), AWAY_S)
    return response


@router.get("/login/oidc/callback")
async def from_provider(request: Request) -> Response:
    """Begin a session for whom the provider vouches for, in the browser that had left for it."""
    access = access_of(request)
    if access.provider is None:
        return RedirectResponse("/login", status_code=303)
    try:
        flow = _sealer(access).loads(access.cookie(request, PROVIDER_COOKIE) or "", max_age=AWAY_S)
        person = await access.provider.person_from_redirect(request, flow["kept"])
    except BadSignature:
        return _provider_failure(request, access, OidcError("another browser, or too late"))
    except OidcError as error:
        return _provider_failure(request, access, error)
    audit.info("login", extra={"outcome": "ok", "account": person.identity, "role": person.role, "via": "oidc"})
    response = RedirectResponse(local_path(flow["next"]), status_code=303)
    device = device_name(request.headers.get("user-agent"))
    access.begin(request, response, access.sessions.begin_provided(person, device))
    access.forget(request, response, PROVIDER_COOKIE)
    return response


def _way_back(request: Request, access: Access) -> str:
    return f"{access.public_url or str(request.base_url).rstrip('/')}/login/oidc/callback"


def _sealer(access: Access) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(access.secret, salt="fixtrail oidc")


def _provider_failure(request: Request, access: Access, error: OidcError) -> Response:
    audit.warning("login", extra={"outcome": "refused", "account": None, "via": "oidc", "reason": str(error)})
    response = _form(request, access, "/ops", trouble="login.provider_refused", status=401)
    access.forget(request, response, PROVIDER_COOKIE)
    return response


def _known_account(access: Access, name: str) -> str | None:
    """The name where there is such an account: what else was typed may be a password in the wrong field."""
    return name if access.accounts.get(name) else None


def _form(
    request: Request, access: Access, next_path: str, *, trouble: str | None = None, status: int = 200, wait_s: int = 0
) -> Response:
    nonce = access.cookie(request, FORM_COOKIE) or new_nonce()
    response = page(
        request,
        "login.html",
        status=status,
        trouble=trouble,
        wait_s=wait_s,
        there=next_path,
        login_token=access.login_token(nonce),
        by_provider=access.provider is not None,
        by_password=bool(access.accounts.all()),
    )
    access.set_cookie(request, response, FORM_COOKIE, nonce, FORM_S)
    if wait_s:
        response.headers["Retry-After"] = str(wait_s)
    return response
