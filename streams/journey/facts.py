"""One order's facts: the figures of CONTRACT sections 2 to 5 as the JSON-normal content of a JourneyFact."""

from typing import Any

from msgspec.structs import asdict

from schemas.facts import ORDER_FIGURES
from streams.journey import entries as e
from streams.journey.entries import QuoteState
from streams.journey.first_time_fix import FirstTimeFix
from streams.journey.visit import (
    APPROVAL,
    BAY,
    DIAGNOSIS,
    PARTS,
    PICKUP,
    QUALITY,
    RECEPTION,
    REPAIR,
    Complaint,
    Part,
    PickupRun,
    Run,
    Survey,
    Visit,
)

Fact = dict[str, Any]

_STATUS = {None: "open", e.HANDOFF: "handed_off", e.CANCELLATION: "cancelled"}
_NO_TIMES: Fact = dict.fromkeys(name for name, figure in ORDER_FIGURES.items() if figure.kind == "duration")


def journey_fact(
    order_id: str, vehicle_id: str, visit: Visit, verdict: FirstTimeFix, version: int, now: int | None = None
) -> Fact:
    """The order's facts, in the shape of schemas.facts.JourneyFact.

    An open order's figures run to `now` (ms), or to its last event where `now` is None or before that.
    """
    last_at, _ = visit.last or (0, "")
    runs, ready = stages_of(visit)
    surveys, parts = visit.surveys, visit.parts
    return {
        "order_id": order_id,
        "vehicle_id": vehicle_id,
        "customer_id": visit.customer,
        "center_id": visit.center,
        "lane": visit.lane,
        "locale": visit.locale,
        "status": _STATUS[visit.closed_by],
        "activity": visit.activity,
        "activity_since": None if visit.activity is None else visit.since,
        "checked_in_at": visit.started_at,
        "ready_at": None if ready is None else ready.started_at,
        "closed_at": visit.closed_at,
        "promised_at": visit.promised_at if ready is None else ready.promised_at,
        **times_of(visit, runs, max(last_at, now or last_at)),
        "ftf": verdict.fixed,
        "ftf_cause": verdict.cause,
        "comeback_order_id": verdict.comeback_order_id,
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
        "quote": quote_fact(visit.quote),
        "quote_pending": visit.quote_pending,
        "promises": [[promise.told_at, promise.promised_at] for promise in visit.promises],
        "timeline": [[step.name, step.event_id, step.at] for step in visit.timeline],
        "stages": [{"activity": run.activity, "started_at": run.started_at, "ended_at": run.ended_at} for run in runs],
        "parts": [_part(request_id, part) for request_id, part in parts.items()],
        "surveys": [_survey(survey) for survey in surveys],
        "complaint_list": [_complaint(complaint) for complaint in visit.complaints],
    }


def stages_of(visit: Visit) -> tuple[list[Run], PickupRun | None]:
    """The visit's stretches of one activity, and the one in which it was ready for pickup.

    Only the last stretch of pickup is pickup, an earlier one that another activity ended was a wait for a bay.
    The end of the stretch that still runs is None.
    """
    runs = visit.runs
    if visit.activity is not None:
        runs = [*runs, _current_run(visit, visit.activity)]
    pickups = [run for run in runs if isinstance(run, PickupRun)]
    if not pickups:
        return runs, None
    ready = pickups[-1]
    return (_earlier_pickup_as_bay(runs, ready) if len(pickups) > 1 else runs), ready


def _current_run(visit: Visit, activity: str) -> Run:
    """The stretch that still runs."""
    if activity == PICKUP:
        return PickupRun(activity, visit.since, None, visit.promise_then)
    return Run(activity, visit.since, None)


def _earlier_pickup_as_bay(runs: list[Run], ready: PickupRun) -> list[Run]:
    merged: list[Run] = []
    for run in runs:
        kind = BAY if run.activity == PICKUP and run is not ready else run.activity
        if merged and merged[-1].activity == kind:
            merged[-1] = Run(kind, merged[-1].started_at, run.ended_at)
        else:
            merged.append(Run(kind, run.started_at, run.ended_at))
    return merged


def times_of(visit: Visit, runs: list[Run], until: int) -> Fact:
    """Seconds by activity, from check-in to close or `until` (ms); all None for an order without check-in."""
    if visit.started_at is None:
        return _NO_TIMES
    spent = {REPAIR: 0, DIAGNOSIS: 0, QUALITY: 0, PARTS: 0, APPROVAL: 0, PICKUP: 0, RECEPTION: 0, BAY: 0}
    for run in runs:
        spent[run.activity] += (until if run.ended_at is None else run.ended_at) - run.started_at
    wait = spent[RECEPTION] + spent[APPROVAL] + spent[PARTS] + spent[BAY]
    touch = spent[REPAIR] + spent[DIAGNOSIS] + spent[QUALITY]
    return {
        "lead_s": (wait + touch + spent[PICKUP]) / 1000,
        "wait_s": wait / 1000,
        "wait_reception_s": spent[RECEPTION] / 1000,
        "wait_approval_s": spent[APPROVAL] / 1000,
        "wait_parts_s": spent[PARTS] / 1000,
        "wait_bay_s": spent[BAY] / 1000,
        "pickup_s": spent[PICKUP] / 1000,
        "touch_s": touch / 1000,
        "repair_s": spent[REPAIR] / 1000,
        "diagnosis_s": spent[DIAGNOSIS] / 1000,
        "quality_s": spent[QUALITY] / 1000,
    }


def anomalies_of(visit: Visit) -> list[str]:
    """The kinds of anomaly that the order shows (CONTRACT section 5), sorted."""
    shown = {
        "activity_after_close": visit.late_activity,
        "center_changed": visit.center_changed,
        "missing_check_in": visit.started_at is None,
        "negative_gap": visit.negative_gap,
    }
    return [kind for kind, is_shown in shown.items() if is_shown]


def quote_fact(quote: QuoteState | None) -> Fact | None:
    """The itemised quote in the shape of schemas.facts.QuoteFact."""
    if quote is None:
        return None
    return {**asdict(quote), "parts": [asdict(part) for part in quote.parts]}


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
    }
