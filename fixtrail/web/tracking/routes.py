"""The customer's tracking page under /t/TOKEN: the page, its live part, its forms, notifications and messages.

The token is all there is: no cookie, so nothing that another site could make a browser send along.
"""

import asyncio
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from fixtrail.web.context import Web, web_of
from fixtrail.web.events import NotAcknowledgedError, event_id_key
from fixtrail.web.forms import BodyTooLongError, small_body
from fixtrail.web.head import is_read
from fixtrail.web.security import address_of
from fixtrail.web.static import static_url
from fixtrail.web.tracking import messages
from fixtrail.web.tracking.behind import behind_since
from fixtrail.web.tracking.calls import call_form
from fixtrail.web.tracking.decisions import decision_event, survey_event
from fixtrail.web.tracking.live import Live, last_seen
from fixtrail.web.tracking.names import visit_names
from fixtrail.web.tracking.notifications import NotSubscribedError, is_subscribed, subscribe, unsubscribe
from fixtrail.web.tracking.pages import REASONS, Pages, no_page
from fixtrail.web.tracking.quote_lines import quote_lines
from fixtrail.web.tracking.quote_page import QuoteChoice, is_confirmed
from fixtrail.web.tracking.view import Quoted, journey_view
from fixtrail.web.tracking.words import catalogue, chosen_locale
from runtime.clock import now_ms
from schemas.facts import JourneyFact

router = APIRouter()

MOST_BODY = 32 * 1024
# So long a form waits for the page to show what it changed.
SHOWN_WITHIN_S = 3.0
START_S = 5

Fields = dict[str, list[str]]


@router.get("/t/{token}")
async def show(request: Request, token: str) -> Response:
    """The page."""
    web, now = web_of(request), now_ms()
    fact = _order(request, token, now)
    if isinstance(fact, Response):
        return fact
    if is_read(request):
        web.progress.count("pages", "page")
    query = request.query_params
    choice = QuoteChoice(query.get("answer", ""), query.get("quote", ""), tuple(query.getlist("line")))
    names = await visit_names(web.api.vault, fact)
    behind, outcome = behind_since(web.freshness.ages(now), now), query.get("said")
    locale, pages = _locale(request, fact), _pages(request)
    return HTMLResponse(pages.page(token, fact, locale, now, outcome, names=names, choice=choice, behind=behind))


@router.get("/t/{token}/live")
async def live(request: Request, token: str) -> Response:
    """The page's live part as server-sent events."""
    web = web_of(request)
    fact = _order(request, token, now_ms())
    if isinstance(fact, Response):
        return fact
    keys = (address_of(request.scope), str(fact.order))
    if not web.gate.has_room(*keys):
        web.progress.count("refused", "stream")
        return _busy()
    seen_events = last_seen(request.headers.get("last-event-id"), request.query_params.get("after"))
    locale = _locale(request, fact)
    return Live(
        web, _pages(request), fact, locale, seen_events, keys, lambda: opened_fact(web, token, now_ms()) is not None
    )


@router.get("/t/{token}/app.webmanifest")
async def web_manifest(request: Request, token: str) -> Response:
    """What a phone needs to put the page on its home screen."""
    fact = _order(request, token, now_ms())
    if isinstance(fact, Response):
        return fact
    return JSONResponse(manifest(token, _locale(request, fact)), media_type="application/manifest+json")


@router.post("/t/{token}")
async def post_form(request: Request, token: str) -> Response:
    """A form of the page; leads back to the page, which says what came of it."""
    web, now = web_of(request), now_ms()
    fact = _sender(request, token, now, "")
    if isinstance(fact, Response):
        return fact
    fields = _fields(await _body(request))
    if _single_value(fields, "form") == "call":
        outcome = await call_form(web.calls, web.events, fact, _single_value(fields, "answer"), now)
        web.progress.count("forms", outcome)
        return _back(request, token, fact, outcome)
    event, outcome = _event_of(fact, fields, now, event_id_key(web.config.settings.secret()))
    if event is not None:
        try:
            await web.events.write_event(event)
        except NotAcknowledgedError:
            return _back(request, token, fact, "failed")
        web.progress.count("forms", event["type"])
        await _wait_until_shown(web, fact)
    return _back(request, token, fact, outcome)


@router.post("/t/{token}/push")
async def notify(request: Request, token: str) -> Response:
    """Send the order's notices to this browser, too."""
    return await _with_subscription(request, token, subscribe)


@router.post("/t/{token}/push/stop")
async def notify_no_more(request: Request, token: str) -> Response:
    """Send this browser nothing more."""
    return await _with_subscription(request, token, unsubscribe)


@router.post("/t/{token}/push/state")
async def is_notified(request: Request, token: str) -> Response:
    """Whether this browser is sent the order's notices. The subscription is in the body: it is nobody else's to see."""
    web = web_of(request)
    fact = _order(request, token, now_ms())
    if isinstance(fact, Response):
        return fact
    try:
        on = await asyncio.to_thread(is_subscribed, web.config, fact.order, await _body(request))
    except NotSubscribedError:
        on = False
    return JSONResponse({"on": on})


@router.get("/t/{token}/messages")
async def messages_page(request: Request, token: str) -> Response:
    """What was sent to the customer about this order, and why the rest was not."""
    web, now = web_of(request), now_ms()
    fact = _order(request, token, now)
    if isinstance(fact, Response):
        return fact
    order_messages = await asyncio.to_thread(messages.messages_about, web.config.settings, fact.order)
    outcome = request.query_params.get("said")
    return HTMLResponse(_pages(request).messages(token, fact, _locale(request, fact), now, order_messages, outcome))


@router.post("/t/{token}/messages")
async def choose_messages(request: Request, token: str) -> Response:
    """The customer wants to be sent nothing more, or again; leads back to the messages."""
    web, now = web_of(request), now_ms()
    fact = _sender(request, token, now, "/messages")
    if isinstance(fact, Response):
        return fact
    answer = _single_value(_fields(await _body(request)), "messages")
    if answer not in ("off", "on"):
        return _back(request, token, fact, "failed", "/messages")
    want = partial(messages.want_messages, web.config.settings, fact.order, are_wanted=answer == "on", now=now)
    is_stored = await asyncio.to_thread(want)
    web.progress.count("forms", "messages")
    return _back(request, token, fact, f"messages_{answer}" if is_stored else "failed", "/messages")


def _order(request: Request, token: str, now: int) -> JourneyFact | Response:
    """The order that the token opens, or the answer to give instead: the same one whatever is wrong with it."""
    web = web_of(request)
    limits = web.config.limits
    if not web.gate.lets_in(f"address {address_of(request.scope)}", limits.requests_of_address):
        web.progress.count("refused", "address")
        return _busy()
    if not web.journeys.read.is_set():
        # What was revoked is not known yet, and not every order.
        return HTMLResponse(no_page("starting", START_S), 503, {"Retry-After": str(START_S)})
    fact = opened_fact(web, token, now)
    if fact is None:
        web.progress.count("refused", "token")
        return HTMLResponse(no_page("gone"), 404)
    if not web.gate.lets_in(f"link {fact.order}", limits.requests_of_link):
        web.progress.count("refused", "link")
        return _busy()
    return fact


def opened_fact(web: Web, token: str, now: int) -> JourneyFact | None:
    """The order that the token opens; None where it opens none.

    One of an earlier version names the number alone: it opens the order only where no other center has one.
    """
    link = web.links.opens(token, now)
    if link is None:
        return None
    orders = [link.order] if link.vehicle is not None else web.journeys.numbered(link.order.order_id)
    if len(orders) != 1 or web.links.is_revoked(link, orders[0]):
        return None
    vehicles = [fact for fact in web.journeys.vehicles(orders[0]) if web.links.is_of(link, fact.vehicle_id)]
    newest = max(vehicles, key=lambda fact: fact.last_event_at, default=None)
    # A link of the wrong vehicle opens the order under the right one, once somebody has said which.
    return web.journeys.get(orders[0]) if newest is not None and newest.is_moved else newest


def _event_of(fact: JourneyFact, fields: Fields, now: int, key: bytes) -> tuple[dict[str, Any] | None, str]:
    """The event that a form means, and what the page says then; None where it means none."""
    view = journey_view(fact, now)
    if _single_value(fields, "form") == "decision":
        answer, quoted = _single_value(fields, "answer"), view.quoted
        if quoted is None or not quoted.is_open(now) or _single_value(fields, "quote") != quoted.key:
            return None, "outdated"
        if answer not in ("approve", "decline"):
            return None, "failed"
        return _decision_of(fact, quoted, fields, now, key, approved=answer == "approve")
    if _single_value(fields, "form") == "survey" and view.may_rate:
        score, answers = _single_value(fields, "score"), _single_value(fields, "answers")
        if score not in map(str, range(11)):
            return None, "incomplete"
        reasons = [reason for reason in REASONS if reason in fields.get("reason", ())]
        comment = " ".join(_single_value(fields, "comment").replace("\0", " ").split())
        number = int(answers) if answers.isascii() and answers.isdigit() and len(answers) < 6 else 0
        event = survey_event(fact, now, key, score=int(score), reasons=reasons, comment=comment, answers=number)
        return event, "rated"
    return None, "failed"


def _decision_of(
    fact: JourneyFact, quoted: Quoted, fields: Fields, now: int, key: bytes, *, approved: bool
) -> tuple[dict[str, Any] | None, str]:
    """The decision that a form confirms; none where the amount confirmed is not that of the lines."""
    lines, line_ids = quote_lines(quoted.quote), fields.get("line", [])
    # Nothing said of lines is all of them.
    chosen = line_ids or [line.line_id for line in lines if line.line_id]
    amount, number = _single_value(fields, "amount"), _single_value(fields, "number")
    if not is_confirmed(quoted, approved, chosen, amount, number):
        return None, "outdated"
    event = decision_event(fact, quoted, now, key, approved=approved, line_ids=chosen)
    return event, "approved" if approved else "declined"


async def _with_subscription(request: Request, token: str, then: Any) -> Response:
    web = web_of(request)
    fact = _sender(request, token, now_ms())
    if isinstance(fact, Response):
        return fact
    try:
        await asyncio.to_thread(then, web.config, fact.order, await _body(request))
    except NotSubscribedError:
        return Response(status_code=422)
    return Response(status_code=204)


async def _wait_until_shown(web: Web, fact: JourneyFact) -> None:
    """Wait a little until what was sent shows in the journey."""
    with web.journeys.subscribe(fact.order) as changes:
        if web.journeys.version(fact.order, fact.vehicle_id) == fact.version:
            await changes.wait(SHOWN_WITHIN_S)


async def _body(request: Request) -> bytes:
    """The body; empty, which is no form of ours, where it is longer than any."""
    try:
        return await small_body(request, MOST_BODY, web_of(request).config.limits.form_s)
    except BodyTooLongError:
        return b""


def _fields(body: bytes) -> Fields:
    """The fields of a form; none where it is no form of ours."""
    try:
        return parse_qs(body.decode(errors="replace"), max_num_fields=50)
    except ValueError:
        return {}


def _sender(request: Request, token: str, now: int, page: str | None = None) -> JourneyFact | Response:
    """The order whose page sends this, or why it may not: a form is led back to its page, a script gets a status."""
    fact, web = _order(request, token, now), web_of(request)
    if isinstance(fact, Response):
        return fact
    if not _is_own(request):
        return _refused()
    if web.gate.lets_in(f"form {fact.order}", web.config.limits.forms_of_link):
        return fact
    return _busy() if page is None else _back(request, token, fact, "busy", page)


def _is_own(request: Request) -> bool:
    """Whether one of our own pages sends this, as far as the browser tells."""
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _back(request: Request, token: str, fact: JourneyFact, outcome: str, page: str = "") -> Response:
    return RedirectResponse(f"/t/{token}{page}?lang={_locale(request, fact)}&said={outcome}", 303)


def _locale(request: Request, fact: JourneyFact) -> str:
    return chosen_locale(request.query_params.get("lang"), request.headers.get("accept-language", ""), fact.locale)


def _pages(request: Request) -> Pages:
    pages: Pages = request.app.state.tracking
    return pages


def _busy() -> Response:
    return HTMLResponse(no_page("busy"), 429, {"Retry-After": "60"})


def _refused() -> Response:
    return Response(status_code=403)


def _single_value(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0]


def manifest(token: str, locale: str) -> dict[str, Any]:
    """The manifest of one page. It holds the link, as every bookmark does, and nothing of the visit."""
    texts = catalogue()[locale]
    return {
        "id": f"/t/{token}",
        "name": texts["title"],
        "short_name": texts["title"],
        "lang": locale,
        "start_url": f"/t/{token}?lang={locale}",
        "scope": "/t/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#ffffff",
        "icons": [
            {"src": static_url("tracking", "icon-192.png"), "sizes": "192x192", "type": "image/png"},
            {"src": static_url("tracking", "icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        ],
    }
