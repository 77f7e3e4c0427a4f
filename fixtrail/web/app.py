"""The web application: which pages and interfaces there are."""

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.web.accounts.access import access_of, remember
from fixtrail.web.api.app import create_api
from fixtrail.web.context import Web
from fixtrail.web.head import HeadAsGet
from fixtrail.web.ops.page_frame import page
from fixtrail.web.paths import match_any_path
from fixtrail.web.security import SecurityHeaders
from fixtrail.web.static import STATIC, PageFiles
from fixtrail.web.tracking.pages import Pages


def create_app(web: Web) -> FastAPI:
    """The application around parts that somebody else runs (fixtrail.web.server)."""
    match_any_path()
    app = FastAPI(title="Fixtrail", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = web
    beside = web.estimates.shown, web.calls.newest, web.queues.position_of
    app.state.tracking = Pages(web.config, web.journeys.checks, *beside)
    for router in _routers():
        app.include_router(router)
    app.mount("/v1", create_api(web.api))
    show_errors(app)
    for name, folder in STATIC.items():
        app.mount(f"/static/{name}", PageFiles(directory=folder), name=name)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SecurityHeaders, https=web.config.public_url.startswith("https:"))
    return app


def _routers() -> Iterator[APIRouter]:
    """One line a part; imported here, so that each part may import the shared ones."""
    from fixtrail.web.tracking.routes import router as tracking

    yield tracking
    from fixtrail.web.stories.route import router as story

    yield story
    from fixtrail.web.ops.routes import routers

    yield from routers()


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
