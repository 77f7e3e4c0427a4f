"""/story/TOKEN: one order's anonymised story, for whoever has the link, until it ends."""

import asyncio
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from fixtrail.settings import NoEndpointError
from fixtrail.tracking_links import OpenedLink
from fixtrail.web.context import Web, web_of
from fixtrail.web.notice_log import notice_log_of
from fixtrail.web.security import address_of
from fixtrail.web.staff.page_frame import locale_of
from fixtrail.web.stories.links import StoryLink, StoryLinks
from fixtrail.web.tracking.pages import no_page
from runtime.clock import now_ms
from runtime.failure import NEGATIVE, ExitError

router = APIRouter(include_in_schema=False)
START_S = 5


@router.get("/story/{token}")
async def story_page(request: Request, token: str) -> Response:
    """The story; 404 for every token that opens none, whatever is wrong with it."""
    web = web_of(request)
    if not web.gate.lets_in(f"address {address_of(request.scope)}", web.config.limits.requests_of_address):
        return HTMLResponse(no_page("busy"), 429, {"Retry-After": "60"})
    if not web.journeys.read.is_set():
        # What was revoked is not known yet.
        return HTMLResponse(no_page("starting", START_S), 503, {"Retry-After": str(START_S)})
    link = opened_story(web, token, now_ms())
    if link is None:
        return HTMLResponse(no_page("gone"), 404)
    if not web.gate.lets_in(f"story {link.order}", web.config.limits.requests_of_link):
        return HTMLResponse(no_page("busy"), 429, {"Retry-After": "60"})
    from fixtrail.web.stories.page import content_security_policy, render_story
    from fixtrail.web.stories.story import story_of

    log = await asyncio.to_thread(notice_log_of, web.config.settings, link.order)
    try:
        story = await asyncio.to_thread(story_of, web.ops.ask, link.order, log, web.ops.default_zone)
    except (ExitError, NoEndpointError) as error:
        if isinstance(error, ExitError) and error.exit_code == NEGATIVE and "there is no order" in str(error):
            return HTMLResponse(no_page("gone"), 404)
        return HTMLResponse(no_page("busy"), 503, {"Retry-After": "10"})
    ends = f"{datetime.fromtimestamp(link.ends_at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    text = await asyncio.to_thread(render_story, story, locale_of(request), ends)
    return HTMLResponse(text, headers={"Content-Security-Policy": content_security_policy()})


def opened_story(web: Web, token: str, now: int) -> StoryLink | None:
    """What the token opens; None where it has ended, was revoked with the order's other links, or is none."""
    link = StoryLinks(*web.config.settings.link_keys()).opens(token, now)
    if link is None or web.links.is_revoked(OpenedLink(link.order, None, link.issued_at), link.order):
        return None
    return link
