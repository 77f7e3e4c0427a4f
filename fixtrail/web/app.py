"""The web application: which pages and interfaces there are."""

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.web.accounts import own_page
from fixtrail.web.accounts import pages as sign_in_pages
from fixtrail.web.accounts.access import access_of, remember
from fixtrail.web.analysis import orders_page
from fixtrail.web.analysis import pages as report_pages
from fixtrail.web.api.app import create_api
from fixtrail.web.context import Web
from fixtrail.web.head import HeadAsGet
from fixtrail.web.ops import alive, calls_page, center_page, order_page, people, voices_page
from fixtrail.web.ops import pages as board_pages
from fixtrail.web.paths import match_any_path
from fixtrail.web.security import SecurityHeaders
from fixtrail.web.staff.page_frame import page
from fixtrail.web.static import STATIC, PageFiles
from fixtrail.web.stories import route as story_page
from fixtrail.web.tracking import routes as tracking_pages
from fixtrail.web.tracking.pages import Pages

# Each has a `router`; of two that match an address the first one answers.
PARTS = (
    tracking_pages,
    story_page,
    sign_in_pages,
    own_page,
    alive,
    board_pages,
    calls_page,
    order_page,
    center_page,
    voices_page,
    people,
    orders_page,
    report_pages,
)


def create_app(web: Web) -> FastAPI:
    """The application around parts that somebody else runs (fixtrail.web.server)."""
    match_any_path()
    app = FastAPI(title="Fixtrail", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = web
    beside = web.estimates.shown, web.calls.newest, web.queues.position_of
    app.state.tracking = Pages(web.config, web.journeys.checks, *beside)
    for part in PARTS:
        app.include_router(part.router)
    app.mount("/v1", create_api(web.api))
    show_errors(app)
    for name, folder in STATIC.items():
        app.mount(f"/static/{name}", PageFiles(directory=folder), name=name)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SecurityHeaders, https=web.config.public_url.startswith("https:"))
    return app


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
