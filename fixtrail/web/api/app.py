"""The interface for other systems, version 1: an application of its own below `/v1` whose errors are problems."""

import asyncio
import time

from fastapi import FastAPI
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fixtrail.web.api import consents, estimates, events, figures, reading, reference_events, requests
from fixtrail.web.api.noted import Noted
from fixtrail.web.api.problems import speak_problems
from fixtrail.web.api.state import ApiState
from fixtrail.web.paths import match_any_path
from runtime.progress import Progress


def create_api(state: ApiState) -> FastAPI:
    """The API around parts that live as long as the process."""
    match_any_path()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.api = state
    app.include_router(events.router)
    app.include_router(reference_events.router)
    app.include_router(consents.router)
    app.include_router(reading.router)
    app.include_router(figures.router)
    app.include_router(estimates.router)
    app.include_router(requests.router)
    app.add_api_route("/openapi.json", _document, include_in_schema=False)
    app.add_api_route("/docs", _reference, include_in_schema=False)
    speak_problems(app)
    app.add_middleware(Noted, requests=state.requests)
    app.add_middleware(Counted, progress=state.progress)
    return app


async def _document() -> Response:
    from fixtrail.web.api.document import openapi

    return JSONResponse(openapi())


async def _reference() -> Response:
    from fixtrail.web.api.reference import reference_page

    return HTMLResponse(await asyncio.to_thread(reference_page))


class Counted:
    """Counts every answer by route and status; no id of a path is in a label."""

    def __init__(self, app: ASGIApp, progress: Progress) -> None:
        self._app, self._progress = app, progress

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path_format", "(none)")
                self._progress.counts["api_requests", route, str(message["status"])] += 1
                self._progress.observe(("api_seconds", route), [time.monotonic() - began])
            await send(message)

        await self._app(scope, receive, counting if scope["type"] == "http" else send)
