"""The board: /ops, its live changes, and taking care of an alert."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import orjson
from fastapi import APIRouter, HTTPException
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from fixtrail.web.accounts.access import Viewer, audit, posted, remember
from fixtrail.web.accounts.sessions import Session
from fixtrail.web.accounts.users import Person
from fixtrail.web.board.board_filter import filter_of
from fixtrail.web.board.boards import TOKEN_MARK, BoardView, without_ticks
from fixtrail.web.context import Web, web_of
from fixtrail.web.events import NotAcknowledgedError
from fixtrail.web.security import address_of
from fixtrail.web.staff.page_frame import StaffRoute, go, locale_of, page
from schemas.facts import Acknowledgement, Alert

# At most so often a board changes, and at least so often it looks at the clock.
from schemas.order_key import OrderKey
from schemas.topics import ALERT_ACKS

LEAST_S, LOOK_EVERY_S = 1.0, 5.0
HEARTBEAT_S = 15.0
LONGEST_NOTE = 200
# Begins the names of the boxes that are ticked; their values are ids of alerts.
TICKED = "alerts."

router = APIRouter(include_in_schema=False, route_class=StaffRoute)


@router.get("/ops")
async def board_page(request: Request, person: Viewer) -> Response:
    """All centers at a glance; complete without a script, then as of when it was loaded."""
    web, view = web_of(request), _view(request, person)
    pieces = await web.boards.pieces(web.ops, view)
    visible_centers = [center for center in web.config.centers.all().values() if person.may_see(center.id)]
    token = request.state.form_token
    return page(
        request,
        "board.html",
        choice=view.choice,
        pieces={name: Markup(piece.replace(TOKEN_MARK, token)) for name, piece in pieces.items()},
        nowhere=view.choice.picks_centers
        and not any(view.choice.matches(center, center.id) for center in visible_centers),
        regions=sorted({center.region for center in visible_centers}),
        waves=sorted({center.wave for center in visible_centers if center.wave}),
        centers=visible_centers,
        now=web.ops.clock(),
        not_sent=request.query_params.get("trouble") == "not_sent",
    )


@router.get("/ops/stream")
async def board_stream(request: Request) -> Response:
    """The pieces of the board that changed, as server-sent events; 401 without a session."""
    web = web_of(request)
    session = web.ops.access.session_of(request)
    if session is None or web.ops.access.must_enrol(session):
        return PlainTextResponse("sign in", 401)
    remember(request, web.ops.access, session)
    address = address_of(request.scope)
    if not web.gate.has_room(address, f"ops {session.id}"):
        return PlainTextResponse("too many streams", 429)
    events = _events(request, web, session, address)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _events(request: Request, web: Web, session: Session, address: str) -> AsyncIterator[bytes]:
    sent_pieces: dict[str, str] = {}
    beat_at = 0.0
    with web.gate.stream(address, f"ops {session.id}"), web.journeys.subscribe_all() as changes:
        leave = [table.on_change(lambda *_: changes.note(OrderKey("", ""))) for table in (web.ops.alerts, web.calls)]
        try:
            while not changes.closed:
                # The account may have changed, or have gone, since the stream began.
                person = still_there(web, session)
                if person is None:
                    yield b"event: bye\ndata: {}\n\n"
                    return
                changed = await _changed(web, _view(request, person), sent_pieces, request.state.form_token)
                if changed:
                    yield b"event: board\ndata: " + orjson.dumps({"now": web.ops.clock(), "pieces": changed}) + b"\n\n"
                    beat_at = time.monotonic() + HEARTBEAT_S
                elif time.monotonic() >= beat_at:
                    yield b"event: beat\ndata: " + orjson.dumps({"now": web.ops.clock()}) + b"\n\n"
                    beat_at = time.monotonic() + HEARTBEAT_S
                await asyncio.sleep(LEAST_S)
                await changes.wait(LOOK_EVERY_S)
                changes.clear()
        finally:
            for unsubscribe in leave:
                unsubscribe()


def still_there(web: Web, session: Session) -> Person | None:
    """The session's person as the account is now, None once the session is over."""
    sessions = web.ops.access.sessions
    current = sessions.open(sessions.seal(session))
    return current.person if current else None


async def _changed(web: Web, view: BoardView, sent_pieces: dict[str, str], token: str) -> dict[str, str]:
    """The pieces that differ from what was sent, which they become."""
    changed = {}
    for name, piece in (await web.boards.pieces(web.ops, view)).items():
        if sent_pieces.get(name) != (stable_piece := without_ticks(piece)):
            sent_pieces[name] = stable_piece
            changed[name] = piece.replace(TOKEN_MARK, token)
    return changed


@router.post("/ops/alerts/{alert_id}/acknowledge")
async def acknowledge(request: Request, alert_id: str, person: Viewer) -> Response:
    """Say that one takes care of an alert: it goes to `alert-acks`, and the watch box closes the alert."""
    form = await posted(request)
    alert = web_of(request).ops.alerts.get(alert_id)
    if alert is None or not person.may_see(alert.center_id):
        raise HTTPException(404)
    if not person.may_acknowledge(alert.kind):
        raise HTTPException(403)
    return await _take_care(request, person, [alert], form)


@router.post("/ops/alerts/acknowledge")
async def acknowledge_many(request: Request, person: Viewer) -> Response:
    """Say that one takes care of all alerts that were ticked; those that one may not see, or that are gone, are not."""
    if not (person.has("manager") or person.has("quality")):
        raise HTTPException(403)
    form = await posted(request)
    ids = [alert_id for name, value in form.items() if name.startswith(TICKED) for alert_id in value.split()]
    alerts = [alert for alert_id in ids if (alert := web_of(request).ops.alerts.get(alert_id)) is not None]
    return await _take_care(request, person, [alert for alert in alerts if _may_take_care(person, alert)], form)


def _may_take_care(person: Person, alert: Alert) -> bool:
    return person.may_see(alert.center_id) and person.may_acknowledge(alert.kind)


async def _take_care(request: Request, person: Person, alerts: list[Alert], form: Mapping[str, str]) -> Response:
    note = " ".join(form.get("note", "").split())[:LONGEST_NOTE] or None
    try:
        for alert in alerts:
            if alert.state == "open":
                await _acknowledge(web_of(request), person, alert, note)
    except NotAcknowledgedError:
        return go(request, "/ops?trouble=not_sent")
    return go(request, form.get("back", "/ops"))


async def _acknowledge(web: Web, person: Person, alert: Alert, note: str | None) -> None:
    acknowledgement = Acknowledgement(
        alert_id=alert.alert_id,
        acknowledged_at=web.ops.clock(),
        acknowledged_by=person.label,
        identity=person.identity,
        via=person.via,
        note=note,
    )
    await web.events.write(acknowledgement.model_dump_json().encode(), alert.alert_id.encode(), topic=ALERT_ACKS)
    audit.info(
        "alert acknowledged",
        extra={"account": person.identity, "via": person.via, "alert": alert.alert_id, "rule": alert.rule},
    )
    web.ops.alerts.expect(alert.alert_id, person.label, acknowledgement.acknowledged_at)
    web.boards.forget()


@router.get("/")
async def root(request: Request) -> Response:
    """The address without a path leads to the board."""
    return RedirectResponse("/ops", status_code=303)


def _view(request: Request, person: Person) -> BoardView:
    # Without the name: what several people see alike is made once for all of them.
    nameless = Person("", person.role, person.centers)
    return BoardView(nameless, filter_of(request.query_params), locale_of(request))
