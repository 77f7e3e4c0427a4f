"""Complaints and bad scores for the staff: the list, one case with its evidence, and recording what was done."""

import asyncio
from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fixtrail.voices.case_url import case_url
from fixtrail.voices.cases import VoiceCase
from fixtrail.web.accounts.access import Manager, Viewer, audit, posted
from fixtrail.web.accounts.users import Person
from fixtrail.web.board.boards import name_of
from fixtrail.web.board.live import times_at
from fixtrail.web.context import Web, web_of
from fixtrail.web.events import NotAcknowledgedError, event_id_key
from fixtrail.web.notice_log import notice_log_of
from fixtrail.web.ops.notice_rows import notice_rows
from fixtrail.web.ops.voices import RECORDED, SHOWN, VoiceItem, follow_up_event, is_shown, sorted_items, voice_item
from fixtrail.web.staff import charts
from fixtrail.web.staff.page_frame import StaffRoute, go, locale_of, page, with_query, words
from schemas.facts import WAITS, JourneyFact
from schemas.order_key import OrderKey

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
MOST_ITEMS = 60
# So long a recorded step may take to come back through the workers.
SHOWN_WITHIN_S = 3.0


@router.get("/ops/voices")
async def voices_page(request: Request, person: Viewer) -> Response:
    """The cases of the centers that one may see: open ones, only those that wait for a contact, or those done."""
    web, locale = web_of(request), locale_of(request)
    show = next((name for name in SHOWN if name == request.query_params.get("show")), SHOWN[0])
    center_id = request.query_params.get("center") or None
    everything = [item for item in _items(web) if person.may_see(item.order.center_id)]
    items = [item for item in everything if center_id in (None, item.order.center_id)]
    chosen = sorted_items(item for item in items if is_shown(item, show))
    centers = web.config.centers.all()
    names = {item.order.center_id: name_of(item.order.center_id, centers, locale) for item in everything}
    return page(
        request,
        "voices.html",
        items=[_row(web, item) for item in chosen[:MOST_ITEMS]],
        number=len(chosen),
        counts={name: sum(is_shown(item, name) for item in items) for name in SHOWN},
        show=show,
        shows=[(name, with_query(request, show=name, outcome=None)) for name in SHOWN],
        names=names,
        center_id=center_id,
        recorded=RECORDED,
        outcome=_outcome(request),
        back=with_query(request, outcome=None),
        now=web.ops.clock(),
    )


@router.get("/ops/voices/case")
async def case_page(request: Request, person: Viewer, center_id: str, order_id: str, case_id: str) -> Response:
    """One case: what happened, where the time went, what the customer was told. 404 for what one may not see."""
    web, locale, order = web_of(request), locale_of(request), OrderKey(center_id, order_id)
    item, fact = _item(web, person, order, case_id)
    centers, now = web.config.centers, web.ops.clock()
    center = centers.get(center_id)
    notices = await asyncio.to_thread(notice_log_of, web.config.settings, order)
    return page(
        request,
        "voice.html",
        now=now,
        item=item,
        case=item.case,
        fact=fact,
        steps=_steps(item.case, fact),
        reasons=fact.survey_reasons if item.case.kind == "detractor" else (),
        times=times_at(fact, now),
        waits=WAITS,
        stages=[(stage.activity, stage.started_at, stage.ended_at or now) for stage in fact.stages],
        late_s=_late_s(fact),
        stockouts=[part for part in fact.parts if part.backordered_at is not None],
        notices=None if notices is None else notice_rows(notices, words(locale)),
        url=case_url(web.config.settings.case_url, order, case_id),
        name=name_of(center_id, centers.all(), locale),
        zone=center.time_zone if center else web.ops.default_zone,
        recorded=RECORDED,
        outcome=_outcome(request),
        back=with_query(request, outcome=None),
        charts=charts,
    )


@router.post("/ops/voices/record")
async def record(request: Request, person: Manager) -> Response:
    """Record that the customer was called, in vain or not, or that it is resolved: an event `follow_up`."""
    web, form = web_of(request), await posted(request)
    order, phase = OrderKey(form.get("center_id", ""), form.get("order_id", "")), form.get("phase", "")
    if phase not in RECORDED:
        raise HTTPException(400)
    item, fact = _item(web, person, order, form.get("case_id", ""))
    back = form.get("back", "/ops/voices")
    if form.get("steps") != str(item.steps):
        # Somebody was quicker, or pressed twice.
        return go(request, _with_outcome(back, "changed"))
    key = event_id_key(web.config.settings.secret())
    event = follow_up_event(item, fact.vehicle_id, phase, person.identity, web.ops.clock(), key)
    try:
        with web.journeys.subscribe(order) as changes:
            await web.events.write_event(event)
            await changes.wait(SHOWN_WITHIN_S)
    except NotAcknowledgedError:
        return go(request, _with_outcome(back, "not_sent"))
    audit.info(
        "follow-up recorded",
        extra={"account": person.identity, "via": person.via, "case": item.case.case_id, "phase": phase},
    )
    return go(request, _with_outcome(back, "recorded"))


def _items(web: Web) -> list[VoiceItem]:
    limits, centers, now = web.ops.voice_limits, web.config.centers.all(), web.ops.clock()
    return [voice_item(order, case, limits, centers, now) for order, cases in web.journeys.cases() for case in cases]


def _item(web: Web, person: Person, order: OrderKey, case_id: str) -> tuple[VoiceItem, JourneyFact]:
    """The case and its order's fact. Raises HTTPException (404)."""
    fact = web.journeys.get(order)
    if fact is None or not person.may_see(order.center_id):
        raise HTTPException(404)
    for case in web.journeys.cases_of(order):
        if case.case_id == case_id:
            limits, centers = web.ops.voice_limits, web.config.centers.all()
            return voice_item(order, case, limits, centers, web.ops.clock()), fact
    raise HTTPException(404)


def _row(web: Web, item: VoiceItem) -> dict[str, Any]:
    """What the list shows of a case: the item, the wait that was the longest, and the zone of its times."""
    fact, center = web.journeys.get(item.order), web.config.centers.get(item.order.center_id)
    times = times_at(fact, web.ops.clock()) if fact else {}
    waits = {name: times.get(f"wait_{name}_s") or 0.0 for name in WAITS}
    longest = max(WAITS, key=waits.__getitem__)
    return {
        "item": item,
        "wait_s": times.get("wait_s"),
        "longest": longest if waits[longest] > 0 else None,
        "longest_s": waits[longest],
        "ftf_cause": fact.ftf_cause if fact else None,
        "url": case_url(web.config.settings.case_url, item.order, item.case.case_id),
        "zone": center.time_zone if center else web.ops.default_zone,
    }


def _steps(case: VoiceCase, fact: JourneyFact) -> list[tuple[str, int]]:
    """What happened to the case, calls without an answer among it."""
    unanswered = [
        ("no_answer", call.followed_up_at)
        for call in fact.follow_ups
        if call.phase == "no_answer" and call.of == case.case_id
    ]
    opened = [] if any(phase == "opened" for phase, _ in case.phases) else [("opened", case.opened_at)]
    return sorted([*opened, *case.phases, *unanswered], key=lambda step: step[1])


def _late_s(fact: JourneyFact) -> float | None:
    """How long after its promise the car was ready; None where nobody knows both."""
    if fact.ready_at is None or fact.promised_at is None:
        return None
    return (fact.ready_at - fact.promised_at) / 1000


def _outcome(request: Request) -> str | None:
    outcome = request.query_params.get("outcome")
    return outcome if outcome in ("recorded", "changed", "not_sent") else None


def _with_outcome(back: str, outcome: str) -> str:
    return f"{back}{'&' if '?' in back else '?'}outcome={outcome}"
