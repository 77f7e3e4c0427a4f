"""The web application: which pages and interfaces there are."""

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI

from fixtrail.web.api.app import create_api
from fixtrail.web.context import Web
from fixtrail.web.ops.errors import show_errors
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
