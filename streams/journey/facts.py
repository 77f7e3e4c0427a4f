"""One order's facts: the figures of CONTRACT sections 2 to 5 as the JSON-normal content of a JourneyFact."""

from typing import Any

from msgspec.structs import asdict

from schemas.events import VEHICLE_CORRECTED
from schemas.facts import ORDER_FIGURES
from schemas.order_key import OrderKey
from streams.journey import entries as e
from streams.journey.entries import QuoteState
from streams.journey.first_time_fix import FirstTimeFix
from streams.journey.visit import (
    ACTIVITIES,
    APPROVAL,
    BAY,
    DIAGNOSIS,
    DONE,
    FINISHING,
    PARTS,
    PICKUP,
    QUALITY,
    RECEPTION,
    REPAIR,
    Visit,
)
from streams.journey.visit_state import Complaint, FollowUp, Part, Run, Survey

Fact = dict[str, Any]

_STATUS = {None: "open", e.HANDOFF: "handed_off", e.CANCELLATION: "cancelled"}
# What an order that was moved to its right vehicle leaves of itself under the wrong one.
_OF_NO_VEHICLE: Fact = {"stages": [], "parts": [], "surveys": [], "complaint_list": [], "follow_ups": []}
_NO_TIMES: Fact = dict.fromkeys(name for name, figure in ORDER_FIGURES.items() if figure.kind == "duration")


def journey_fact(
    order: OrderKey, vehicle_id: str, visit: Visit, verdict: FirstTimeFix, version: int, now: int | None = None
) -> Fact:
    """The order's facts, in the shape of schemas.facts.JourneyFact.

    An open order's figures run to `now` (ms), or to its last event where `now` is None or before that.
    """
    last_at, _ = visit.last or (0, "")
    runs = stages_of(visit)
    ready_at, promised_at = ready_of(visit, runs)
    surveys, parts = visit.surveys, visit.parts
    fact = {
        "order_id": order.order_id,
        "vehicle_id": vehicle_id,
        "customer_id": visit.customer,
        "center_id": order.center_id,
        "lane": visit.lane,
        "locale": visit.locale,
        "status": "cancelled" if visit.vehicle_corrected else _STATUS[visit.closed_by],
        "activity": visit.activity,
        "activity_since": None if visit.activity is None else runs[-1].started_at,
        "paused_for": [] if visit.activity is None else visit.pause_reasons(),
        "checked_in_at": visit.started_at,
        "ready_at": ready_at,
        "closed_at": visit.closed_at,
        "promised_at": promised_at,
        **times_of(visit, runs, max(last_at, now or last_at)),
        "ftf": verdict.fixed,
        "ftf_cause": verdict.cause,
        "comeback_order_id": verdict.comeback.order_id if verdict.comeback else None,
        "comeback_center_id": verdict.comeback.center_id if verdict.comeback else None,
        "part_requests": len(parts),
        "stockouts": sum(part.backordered is not None for part in parts.values()),
        "emergencies": sum(part.urgent for part in parts.values()),
        "quoted_amount": visit.quoted_amount(),
        "approved_amount": visit.approved_amount,
        "final_amount": visit.final_amount,
        "fault_groups": visit.fault_groups,
        "fault_origin": visit.fault_origin,
        "odometer_km": visit.odometer,
        "score": surveys[-1].score if surveys else None,
        "survey_reasons": surveys[-1].reasons if surveys else [],
        "complaints": len(visit.complaints),
        "event_count": visit.count,
        "anomalies": anomalies_of(visit),
        "version": version,
        "last_event_at": last_at,
        "is_visit": not visit.is_none,
        "checked": visit.checked,
        "passed_check": visit.passed_check,
        "quote": quote_fact(visit.quote),
        "quote_pending": visit.quote_pending,
        "vehicle_label": visit.vehicle_label,
        "advisor": visit.advisor,
        "decisions": [asdict(decision) for decision in visit.decisions],
        "promises": [[promise.told_at, promise.promised_at] for promise in visit.promises],
        "timeline": [[step.name, step.event_id, step.at] for step in visit.timeline],
        "stages": [{"activity": run.activity, "started_at": run.started_at, "ended_at": run.ended_at} for run in runs],
        "parts": [_part(request_id, part) for request_id, part in parts.items()],
        "surveys": [_survey(survey) for survey in surveys],
        "complaint_list": [_complaint(complaint) for complaint in visit.complaints],
        "follow_ups": [_follow_up(follow_up) for follow_up in visit.follow_ups],
    }
    return fact | _OF_NO_VEHICLE if visit.vehicle_corrected else fact


def stages_of(visit: Visit) -> list[Run]:
    """The visit's stretches of one activity; the end of the one that still runs is None.

    Pickup is what the visit ends in: an earlier stretch of it, or of finishing, was a wait for a bay. A closed visit
    that ends in finishing was ready: its close shows it.
    """
    runs = visit.runs
    if visit.activity is not None:
        runs = [*runs, _current_run(visit, visit.activity)]
    last = runs[-1] if runs and (visit.activity or visit.ended_in) in DONE else None
    if last is not None and last.activity == FINISHING and visit.closed_at is not None:
        last = _as_pickup(last)
        runs = [*runs[:-1], last]
    has_earlier = any(run.activity in DONE and run is not last for run in runs)
    return _earlier_done_as_bay(runs, last) if has_earlier else runs


def _current_run(visit: Visit, activity: str) -> Run:
    """The stretch that still runs."""
    return Run(activity, visit.since, None, visit.promise_then if activity in DONE else None)


def _as_pickup(run: Run) -> Run:
    return Run(PICKUP, run.started_at, run.ended_at, run.promised_at)


def _earlier_done_as_bay(runs: list[Run], last: Run | None) -> list[Run]:
    merged: list[Run] = []
    for run in runs:
        kind = BAY if run.activity in DONE and run is not last else run.activity
        if merged and merged[-1].activity == kind:
            merged[-1] = Run(kind, merged[-1].started_at, run.ended_at)
        else:
            merged.append(run if kind == run.activity else Run(kind, run.started_at, run.ended_at))
    return merged


def ready_of(visit: Visit, runs: list[Run]) -> tuple[int | None, int | None]:
    """When the car became ready, None while nobody can know; and the last promise before that (ms).

    A visit handed off from anything but pickup was ready when it was handed off.
    """
    last = runs[-1] if runs else None
    if last is not None and last.activity == PICKUP:
        return last.started_at, last.promised_at
    is_handed_off = visit.started_at is not None and visit.closed_by == e.HANDOFF
    return visit.closed_at if is_handed_off else None, visit.promised_at


def times_of(visit: Visit, runs: list[Run], until: int) -> Fact:
    """Seconds by activity, from check-in to close or `until` (ms); all None for an order without check-in."""
    if visit.started_at is None:
        return _NO_TIMES
    spent = dict.fromkeys(ACTIVITIES, 0)
    for run in runs:
        spent[run.activity] += (until if run.ended_at is None else run.ended_at) - run.started_at
    wait = spent[RECEPTION] + spent[APPROVAL] + spent[PARTS] + spent[BAY]
    touch = spent[REPAIR] + spent[DIAGNOSIS] + spent[QUALITY]
    return {
        "lead_s": (wait + touch + spent[PICKUP] + spent[FINISHING]) / 1000,
        "wait_s": wait / 1000,
        "wait_reception_s": spent[RECEPTION] / 1000,
        "wait_approval_s": spent[APPROVAL] / 1000,
        "wait_parts_s": spent[PARTS] / 1000,
        "wait_bay_s": spent[BAY] / 1000,
        **_paused_times(visit, until),
        "pickup_s": spent[PICKUP] / 1000,
        "finishing_s": spent[FINISHING] / 1000,
        "touch_s": touch / 1000,
        "repair_s": spent[REPAIR] / 1000,
        "diagnosis_s": spent[DIAGNOSIS] / 1000,
        "quality_s": spent[QUALITY] / 1000,
    }


def _paused_times(visit: Visit, until: int) -> Fact:
    """Of the wait for a bay what passed under a job paused for an expert or until the next shift."""
    running = until - visit.last[0] if visit.last is not None and visit.activity == BAY else 0
    reasons = visit.pause_reasons() if running > 0 else ()
    return {
        "bay_expert_s": (visit.bay_expert + running * ("expert" in reasons)) / 1000,
        "bay_shift_end_s": (visit.bay_shift_end + running * ("shift_end" in reasons)) / 1000,
    }


def is_of_no_vehicle(fact: Fact) -> bool:
    """Whether the order was moved to its right vehicle: as an order of this one it counts nowhere."""
    return VEHICLE_CORRECTED in fact.get("anomalies", ())


def anomalies_of(visit: Visit) -> list[str]:
    """The kinds of anomaly that the order shows (CONTRACT section 5), sorted; `vehicle_corrected` is none of them."""
    anomalies = {
        "activity_after_close": visit.late_activity,
        "missing_check_in": visit.started_at is None and visit.first_at is not None,
        "negative_gap": visit.negative_gap,
        VEHICLE_CORRECTED: visit.vehicle_corrected,
    }
    return [kind for kind, is_shown in anomalies.items() if is_shown]


def quote_fact(quote: QuoteState | None) -> Fact | None:
    """The itemised quote in the shape of schemas.facts.QuoteFact."""
    if quote is None:
        return None
    lines = {name: [asdict(line) for line in getattr(quote, name)] for name in ("parts", "labour")}
    return {**asdict(quote), **lines}


def _part(request_id: str, part: Part) -> Fact:
    return {
        "request_id": request_id,
        "part_no": part.part_no,
        "quantity": part.quantity,
        "emergency": part.urgent,
        "requested_at": part.requested,
        "backordered_at": part.backordered,
        "fulfilled_at": part.fulfilled,
        "cancelled_at": part.cancelled,
        "expected_at": part.expected,
        "unit_price": part.unit_price,
    }


def _survey(survey: Survey) -> Fact:
    return {
        "event_id": survey.event_id,
        "answered_at": survey.at,
        "score": survey.score,
        "reasons": survey.reasons,
    }


def _complaint(complaint: Complaint) -> Fact:
    return {
        "event_id": complaint.event_id,
        "complained_at": complaint.at,
        "category": complaint.category,
        "severity": complaint.severity,
        "complaint_id": complaint.complaint_id,
        "phases": [phase for phase, _ in complaint.phases],
        "reached_at": [at for _, at in complaint.phases],
    }


def _follow_up(follow_up: FollowUp) -> Fact:
    return {
        "event_id": follow_up.event_id,
        "followed_up_at": follow_up.at,
        "of": follow_up.of,
        "phase": follow_up.phase,
    }
