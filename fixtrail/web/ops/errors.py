"""Addresses that there are not, as a page for people; interfaces and files keep their own answers."""

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.web.accounts.access import access_of, remember
from fixtrail.web.ops.page_frame import page


def show_errors(app: FastAPI) -> None:
    """Let unknown addresses and methods be answered with the page of the language that the reader prefers."""
    app.add_exception_handler(404, _not_found)
    app.add_exception_handler(405, _not_found)


async def _not_found(request: Request, error: Exception) -> Response:
    access = access_of(request)
    if access.sessions.records.read.is_set() and (session := access.session_of(request)) is not None:
        remember(request, access, session)
    status = error.status_code if isinstance(error, HTTPException) else 404
    response = page(request, "error.html", status=status, told=404)
    response.headers.update(getattr(error, "headers", None) or {})
    return response
