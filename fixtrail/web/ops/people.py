"""Accounts for the administrator: who may sign in, and ending somebody's sessions."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.web.accounts.access import Access, access_of, audit, posted, required
from fixtrail.web.accounts.users import Person
from fixtrail.web.staff.page_frame import StaffRoute, go, page

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
# An issuer and a subject.
LONGEST_IDENTITY = 600
Admin = Annotated[Person, Depends(required("admin"))]


@router.get("/ops/accounts")
async def accounts_page(request: Request, person: Admin) -> Response:
    """The accounts of file and environment with role and centers; no password is shown, nor its hash."""
    access = access_of(request)
    return page(
        request,
        "accounts.html",
        accounts=sorted(access.accounts.all().values(), key=lambda account: account.name),
        issuer=access.provider.config.issuer if access.provider else None,
        provided=_provided(access),
        ended=request.query_params.get("ended"),
    )


@router.post("/ops/accounts/sign-out")
async def sign_out(request: Request, person: Admin) -> Response:
    """End all sessions of an account that were begun so far."""
    form = await posted(request)
    name = form.get("name", "")
    if not 0 < len(name) <= LONGEST_IDENTITY:
        raise HTTPException(400)
    sessions = access_of(request).sessions
    sessions.end_all(name)
    is_lasting = await sessions.records.flush()
    audit.info("sessions ended", extra={"account": person.identity, "of": name, "lasting": is_lasting})
    return go(request, "/ops/accounts?ended=1" if name != person.identity else "/login")


def _provided(access: Access) -> dict[str, str]:
    """Company accounts that have sessions now: name to show by identity."""
    records = access.sessions.open_sessions().values()
    return {record.identity: record.name for record in records if record.via == "oidc"}
