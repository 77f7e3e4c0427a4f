"""What CONTRACT.md says about a list of events, worked out slowly and from nothing but the text.

End-to-end tests compare the product's results with these. Nothing here is shared with the product, and nothing is
clever: at each instant the activity is asked for again, from the list of all that had happened by then.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import NormalDist, mean, median
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WAITS = ("reception", "approval", "parts", "bay")
TOUCHES = ("repair", "diagnosis", "quality")
DONE = ("pickup", "finishing")
# What counts after the close, too, and what is told before the check-in and needs none.
AFTERWARDS = ("survey", "complaint", "follow_up")
BEFOREHAND = ("appointment",)
TERMINAL = {"handoff": "handed_off", "cancellation": "cancelled"}
COMEBACK_MS = 30 * 24 * 3600 * 1000
COMEBACK_KM = 1000

Event = dict[str, Any]
Order = dict[str, Any]
Run = tuple[str, int, int]
Key = tuple[str, str]  # center and number: together they are an order


class Orders(dict[Key, Order]):
    """Orders by center and number; `orders["R1"]` is the only one with that number."""

    def __missing__(self, number: object) -> Order:
        keys = [key for key in self if key[1] == number]
        if len(keys) != 1:
            raise KeyError(number if not keys else f"{number} in {sorted(key[0] for key in keys)}")
        return self[keys[0]]


def orders_of(events: Iterable[Event], now: datetime) -> Orders:
    """Each order's row by center and number, named as in view `orders`, from the accepted events in order of arrival.

    Differs from the view: no `version`; vehicle_id and customer_id instead of their keyed hashes; in addition
    approved_amount, `stages` [(activity, start, end or None while running)], `parts`, `surveys`, `complaint_list`.
    Times are aware datetimes in whole milliseconds, durations float seconds, money Decimal. An open order's durations
    run to `now`, or to its last event where that is later: an early `now` asks for the figures as of the last event.
    """
    histories = _histories(events)
    orders = Orders({key: _order(history, _ms(now)) for key, history in histories.items()})
    handoffs = {key: _handoff_ms(history) for key, history in histories.items()}
    for key, order in orders.items():
        _judge(order, histories[key], handoffs[key], orders)
    return orders


def is_never_closed(order: Order, now: datetime) -> bool:
    """Open, and without any event for 30 days: a matter of the instant, so that facts do not have it."""
    return order["status"] == "open" and now - order["last_event_at"] > timedelta(days=30)


def _histories(events: Iterable[Event]) -> dict[Key, list[Event]]:
    """Each order's distinct events, sorted by time and then by event id. `ms` is the cut `occurred_at`."""
    seen: set[tuple[Key, str, str]] = set()
    histories: dict[Key, list[Event]] = {}
    for event in events:
        key = (event["center_id"], event["order_id"])
        identity = (key, event["vehicle_id"], event["event_id"])
        if identity in seen:
            continue
        seen.add(identity)
        histories.setdefault(key, []).append({**event, "ms": _ms(event["occurred_at"])})
    for key, history in histories.items():
        if len({event["vehicle_id"] for event in history}) > 1:
            raise ValueError(f"order {key} has events of more than one vehicle")
        history.sort(key=lambda event: (event["ms"], event["event_id"]))
    return histories


def _order(history: list[Event], now_ms: int) -> Order:
    """One order's row, except for what other orders of the vehicle say about it (`_judge`)."""
    check_in = next((event for event in history if event["type"] == "check_in"), None)
    counted, closing = _counted(history)
    order: Order = {
        "order_id": history[0]["order_id"],
        "vehicle_id": history[0]["vehicle_id"],
        "customer_id": check_in["customer_id"] if check_in else None,
        "center_id": history[0]["center_id"],
        "lane": check_in["lane"] if check_in else None,
        "odometer_km": check_in.get("odometer_km") if check_in else None,
        "status": TERMINAL[closing["type"]] if closing else "open",
    }
    order |= _no_times() if check_in is None else _times(counted, check_in, closing, now_ms)
    order["paused_for"] = pause_reasons(counted) if check_in is not None and closing is None else []
    order["is_visit"] = any(event["type"] not in AFTERWARDS + BEFOREHAND for event in history)
    order["checked"] = any(event["type"] in ("quality_check", "ready") for event in counted)
    order["closed_at"] = _at(closing["ms"]) if closing else None
    order |= _money(counted, closing)
    order |= _parts(counted)
    order |= _faults(counted)
    order |= _voices(history)
    order["event_count"] = len(history)
    order["last_event_at"] = _at(max(event["ms"] for event in history))
    order["anomalies"] = _anomalies(history, counted, check_in)
    return order


def _counted(history: list[Event]) -> tuple[list[Event], Event | None]:
    """The events up to and including the closing one, and that one; all events while none has come."""
    has_check_in = any(event["type"] == "check_in" for event in history)
    checked_in = not has_check_in
    for position, event in enumerate(history):
        checked_in = checked_in or event["type"] == "check_in"
        if checked_in and event["type"] in TERMINAL:
            return history[: position + 1], event
    return history, None


def _handoff_ms(history: list[Event]) -> int | None:
    """When the order was handed off; None for an order that was not."""
    closing = _counted(history)[1]
    return closing["ms"] if closing and closing["type"] == "handoff" else None


# Where the time goes


def activity_after(past: list[Event]) -> str:
    """The first of the activities of CONTRACT section 2 that holds when exactly these events have happened."""
    jobs = {event["job_id"]: event["phase"] for event in past if event["type"] == "repair"}
    diagnoses = [event for event in past if event["type"] == "diagnosis"]
    checks = [_phase_of_check(event) for event in past if event["type"] == "quality_check"]
    decisions = [event["approved"] for event in past if event["type"] == "quote_decision"]
    if any(phase in ("started", "resumed") for phase in jobs.values()):
        return "repair"
    if diagnoses and diagnoses[-1]["phase"] == "started":
        return "diagnosis"
    if checks and checks[-1] == "started":
        return "quality"
    if _open_requests(past):
        return "parts"
    if _quote_is_pending(past):
        return "approval"
    was_completed = any(event["type"] == "repair" and event["phase"] == "completed" for event in past)
    is_done = was_completed or (bool(decisions) and decisions[-1] is False)
    if is_done and "paused" not in jobs.values() and not _failed_check_is_unanswered(past):
        return "pickup" if _somebody_said_ready(past) else "finishing"
    if not diagnoses and not jobs:
        return "reception"
    return "bay"


def _somebody_said_ready(past: list[Event]) -> bool:
    """Whether a passed check, a `ready` or a refusal came after the last diagnosis or repair event."""
    worked = [position for position, event in enumerate(past) if event["type"] in ("diagnosis", "repair")]
    since = past[worked[-1] + 1 :] if worked else past
    return any(
        event["type"] == "ready"
        or (event["type"] == "quote_decision" and event["approved"] is False)
        or (event["type"] == "quality_check" and _phase_of_check(event) == "completed" and event["passed"] is True)
        for event in since
    )


def pause_reasons(past: list[Event]) -> list[str]:
    """Why jobs stand still when exactly these events have happened; a pause of which nobody said why has no reason."""
    jobs = {event["job_id"]: event for event in past if event["type"] == "repair"}
    return sorted({e["pause_reason"] for e in jobs.values() if e["phase"] == "paused" and e.get("pause_reason")})


def _phase_of_check(event: Event) -> str:
    return str(event.get("phase") or "completed")


def _open_requests(past: list[Event]) -> set[str]:
    """Ids of the part requests that are open. Fulfilled or cancelled once, a request stays so."""
    requests = [event for event in past if event["type"] == "part_request"]
    settled = {event["request_id"] for event in requests if event["phase"] in ("fulfilled", "cancelled")}
    return {event["request_id"] for event in requests} - settled


def _quote_is_pending(past: list[Event]) -> bool:
    pending = False
    for event in past:
        if _quote_in(event) is not None:
            pending = True
        elif event["type"] == "quote_decision":
            pending = False
    return pending


def _quote_in(event: Event) -> dict[str, Any] | None:
    return event.get("quote") if event["type"] == "diagnosis" and event["phase"] == "completed" else None


def _failed_check_is_unanswered(past: list[Event]) -> bool:
    unanswered = False
    for event in past:
        if _is_failed_check(event):
            unanswered = True
        elif event["type"] == "repair" and event["phase"] == "started":
            unanswered = False
    return unanswered


def _is_failed_check(event: Event) -> bool:
    return event["type"] == "quality_check" and _phase_of_check(event) == "completed" and event["passed"] is False


def _no_times() -> Order:
    """An order without a check-in has no visit: no durations, nothing going on, and no times but its close."""
    times = ("activity", "checked_in_at", "ready_at", "closed_at", "promised_at", "lead_s", "wait_s", "touch_s")
    waits = tuple(f"wait_{activity}_s" for activity in WAITS)
    others = ("repair_s", "diagnosis_s", "quality_s", "pickup_s", "finishing_s", "bay_expert_s", "bay_shift_end_s")
    return {**dict.fromkeys((*times, *waits, *others)), "stages": []}


def _times(counted: list[Event], check_in: Event, closing: Event | None, now_ms: int) -> Order:
    start = check_in["ms"]
    end = closing["ms"] if closing else max(now_ms, counted[-1]["ms"])
    before_close = counted if closing is None else counted[:-1]
    ending = activity_after(before_close)
    runs = _runs(before_close, start, end, ending, is_open=closing is None)
    ready_ms, said_ready = None, len(counted)
    if ending in DONE and (ending == "pickup" or closing is not None):
        ready_ms = runs[-1][1]
        said_ready = _ready_position(before_close, check_in, ready_ms, ending)
    elif closing is not None and closing["type"] == "handoff":
        ready_ms = end
    last = ("pickup" if closing is not None else ending, *runs[-1][1:]) if ending in DONE else None
    earlier = runs[:-1] if last else runs
    runs = _merged(("bay", *run[1:]) if run[0] in DONE else run for run in earlier) + ([last] if last else [])
    spent = dict.fromkeys((*WAITS, *TOUCHES, *DONE), 0)
    for activity, since, until in runs:
        spent[activity] += until - since
    stages: list[tuple[str, datetime, datetime | None]] = [
        (name, _at(since), _at(until)) for name, since, until in runs
    ]
    if closing is None:
        stages[-1] = (*stages[-1][:2], None)
    return {
        "activity": runs[-1][0] if closing is None else None,
        "checked_in_at": _at(start),
        "ready_at": None if ready_ms is None else _at(ready_ms),
        "closed_at": _at(end) if closing else None,
        "promised_at": _promise(counted[:said_ready]),
        "lead_s": (end - start) / 1000,
        "wait_s": sum(spent[activity] for activity in WAITS) / 1000,
        "touch_s": sum(spent[activity] for activity in TOUCHES) / 1000,
        **{f"wait_{activity}_s": spent[activity] / 1000 for activity in WAITS},
        **{f"{activity}_s": spent[activity] / 1000 for activity in (*TOUCHES, *DONE)},
        "bay_expert_s": _paused_ms(before_close, start, end, "expert") / 1000,
        "bay_shift_end_s": _paused_ms(before_close, start, end, "shift_end") / 1000,
        "stages": stages,
    }


def _paused_ms(past: list[Event], start: int, end: int, reason: str) -> int:
    """Of the wait for a bay what passed while a job was paused for this reason."""
    instants = sorted({event["ms"] for event in past if start <= event["ms"] <= end} | {end})
    return sum(
        until - since
        for since, until in pairwise(instants)
        if activity_after(_until(past, since)) == "bay" and reason in pause_reasons(_until(past, since))
    )


def _runs(past: list[Event], start: int, end: int, ending: str, *, is_open: bool) -> list[Run]:
    """The unbroken runs of one activity from start to end, pickup and finishing still as often as they came.

    No run is empty but, at the very end, one in which the work was done in the moment of closing, or what an open order
    has just begun.
    """
    instants = sorted({event["ms"] for event in past if start <= event["ms"] <= end} | {end})
    runs = _merged((activity_after(_until(past, since)), since, until) for since, until in pairwise(instants))
    if (is_open or ending in DONE) and (not runs or runs[-1][0] != ending):
        runs.append((ending, end, end))
    return runs


def _until(counted: list[Event], ms: int) -> list[Event]:
    return [event for event in counted if event["ms"] <= ms]


def _merged(runs: Iterable[Run]) -> list[Run]:
    merged: list[Run] = []
    for activity, since, until in runs:
        if merged and merged[-1][0] == activity:
            merged[-1] = (activity, merged[-1][1], until)
        else:
            merged.append((activity, since, until))
    return merged


def _ready_position(past: list[Event], check_in: Event, ready_ms: int, ending: str) -> int:
    """How many events came before the one from which on the car was ready, at `ready_ms`."""
    # Of the events in that millisecond, the first one from which on it was so.
    tied = [n for n, event in enumerate(past) if event["ms"] == ready_ms and n >= past.index(check_in)]
    before = len(past)
    for position in reversed(tied):
        if activity_after(past[: position + 1]) != ending:
            break
        # A check-in that finds the car ready brings its own promise.
        before = position + (past[position]["type"] == "check_in")
    return before


def _promise(events: list[Event]) -> datetime | None:
    """The last promise of these events."""
    promises = [event["promised_at"] for event in events if event.get("promised_at") is not None]
    return _at(_ms(promises[-1])) if promises else None


# Money, parts, faults, voices


def _money(counted: list[Event], closing: Event | None) -> Order:
    quoted = approved = None
    for event in counted:
        if (quote := _quote_in(event)) is not None:
            quoted = _total(quote)
        elif event["type"] == "quote_decision":
            amount = _decimal(event.get("amount"))
            approved = (quoted if amount is None else amount) if event["approved"] else None
    final = _decimal(closing.get("amount")) if closing and closing["type"] == "handoff" else None
    return {"quoted_amount": quoted, "approved_amount": approved, "final_amount": final}


def _total(quote: dict[str, Any]) -> Decimal:
    labour = Decimal(str(quote["labour_hours"])) * Decimal(str(quote["labour_rate"]))
    parts = (Decimal(str(part["quantity"])) * Decimal(str(part["unit_price"])) for part in quote["parts"])
    return labour + sum(parts, Decimal(0))


def _decimal(amount: object) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))


def _parts(counted: list[Event]) -> Order:
    requests: dict[str, list[Event]] = {}
    for event in counted:
        if event["type"] == "part_request":
            requests.setdefault(event["request_id"], []).append(event)
    parts = [_part(events) for events in requests.values()]
    return {
        "part_requests": len(parts),
        "stockouts": sum(part["backordered_at"] is not None for part in parts),
        "emergencies": sum(part["urgency"] == "emergency" for part in parts),
        "parts": parts,
    }


def _part(events: list[Event]) -> dict[str, Any]:
    """One part request: each phase's first time; part, quantity, price and expectation as last said."""

    def first(phase: str) -> datetime | None:
        return next((_at(event["ms"]) for event in events if event["phase"] == phase), None)

    expected = _last_said(events, "expected_at")
    return {
        "request_id": events[0]["request_id"],
        "part_no": events[-1]["part_no"],
        "quantity": Decimal(str(events[-1]["quantity"])),
        "urgency": "emergency"
        if any(e.get("urgency") == "emergency" for e in events)
        else _last_said(events, "urgency"),
        "requested_at": first("requested"),
        "backordered_at": first("backordered"),
        "fulfilled_at": first("fulfilled"),
        "cancelled_at": first("cancelled"),
        "expected_at": None if expected is None else _at(_ms(expected)),
        "unit_price": _decimal(_last_said(events, "unit_price")),
    }


def _last_said(events: list[Event], field: str) -> Any:
    said = [event[field] for event in events if event.get(field) is not None]
    return said[-1] if said else None


def _faults(counted: list[Event]) -> Order:
    completed = [event for event in counted if event["type"] == "diagnosis" and event["phase"] == "completed"]
    groups = {group for event in completed for group in event.get("fault_groups") or ()}
    return {"fault_groups": sorted(groups), "fault_origin": _last_said(completed, "fault_origin")}


def _voices(history: list[Event]) -> Order:
    surveys = [
        {
            "event_id": event["event_id"],
            "occurred_at": _at(event["ms"]),
            "score": event["score"],
            "reasons": list(event.get("reasons") or ()),
            "comment": event.get("comment"),
        }
        for event in history
        if event["type"] == "survey"
    ]
    complaints: dict[str, list[Event]] = {}
    for event in history:
        if event["type"] == "complaint":
            complaints.setdefault(event.get("complaint_id") or event["event_id"], []).append(event)
    return {
        "score": surveys[-1]["score"] if surveys else None,
        "survey_reasons": surveys[-1]["reasons"] if surveys else [],
        "surveys": surveys,
        "complaints": len(complaints),
        "complaint_list": [_complaint(complaint_id, events) for complaint_id, events in complaints.items()],
    }


def _complaint(complaint_id: str, events: list[Event]) -> dict[str, Any]:
    """One complaint: when and by which event it was first heard of, the rest as last said."""
    return {
        "complaint_id": complaint_id,
        "event_id": events[0]["event_id"],
        "occurred_at": _at(events[0]["ms"]),
        "category": events[-1]["category"],
        "severity": _last_said(events, "severity"),
        "phases": [event.get("phase") or "opened" for event in events],
        "reached_at": [_at(event["ms"]) for event in events],
    }


def _anomalies(history: list[Event], counted: list[Event], check_in: Event | None) -> list[str]:
    found = set()
    if check_in is None:
        if any(event["type"] not in BEFOREHAND for event in history):
            found.add("missing_check_in")
    elif any(event["ms"] < check_in["ms"] for event in history if event["type"] not in ("check_in", *BEFOREHAND)):
        found.add("negative_gap")
    if any(event["type"] not in AFTERWARDS for event in history[len(counted) :]):
        found.add("activity_after_close")
    return sorted(found)


# First-time fix


def _judge(order: Order, history: list[Event], handoff_ms: int | None, orders: dict[Key, Order]) -> None:
    """Fill in ftf, ftf_cause and which order came back."""
    order |= {"ftf": None, "ftf_cause": None, "comeback_order_id": None, "comeback_center_id": None}
    counted = _counted(history)[0]
    if handoff_ms is None or not any(event["type"] == "repair" for event in counted):
        return
    comebacks = [other for other in orders.values() if _comes_back(order, handoff_ms, other)]
    first = min(comebacks, key=lambda o: (o["checked_in_at"], o["center_id"], o["order_id"]), default=None)
    if _was_reworked(counted):
        order["ftf_cause"] = "rework"
    elif _open_requests(counted):
        order["ftf_cause"] = "open_part"
    elif _was_reopened(history[len(counted) :], handoff_ms):
        order["ftf_cause"] = "reopened"
    elif first:
        order["ftf_cause"] = "comeback"
    order["ftf"] = order["ftf_cause"] is None
    order["comeback_order_id"] = first["order_id"] if first else None
    order["comeback_center_id"] = first["center_id"] if first else None


def _was_reopened(afterwards: list[Event], handoff_ms: int) -> bool:
    return any(
        event["type"] == "repair" and event["phase"] == "started" and event["ms"] - handoff_ms <= COMEBACK_MS
        for event in afterwards
    )


def _was_reworked(counted: list[Event]) -> bool:
    completed: set[str] = set()
    for event in counted:
        if _is_failed_check(event):
            return True
        if event["type"] != "repair":
            continue
        if event["phase"] == "completed":
            completed.add(event["job_id"])
        elif event["phase"] == "started" and event["job_id"] in completed:
            return True
    return False


def _comes_back(order: Order, handoff_ms: int, other: Order) -> bool:
    if other["vehicle_id"] != order["vehicle_id"] or other is order or other["checked_in_at"] is None:
        return False
    if not 0 < _ms(other["checked_in_at"]) - handoff_ms <= COMEBACK_MS:
        return False
    if not set(order["fault_groups"]) & set(other["fault_groups"]):
        return False
    before, after = _decimal(order["odometer_km"]), _decimal(other["odometer_km"])
    return before is None or after is None or after - before <= COMEBACK_KM


# Figures over many orders


def center_hours_of(orders: dict[Key, Order]) -> dict[tuple[str, datetime], dict[str, Any]]:
    """Counts and sums of each center and UTC hour in which an order was checked in or closed there.

    Sums, voices, parts and promises are those of the orders handed off in that hour. `surveys` counts orders with a
    score (promoters 9 and 10, detractors 0 to 6 of them), `complaints` distinct complaints.
    """
    hours: dict[tuple[str, datetime], dict[str, Any]] = defaultdict(_empty_hour)
    for order in orders.values():
        if order["checked_in_at"] is None:
            continue
        hours[order["center_id"], _hour(order["checked_in_at"])]["check_ins"] += 1
        if order["closed_at"] is not None:
            hour = hours[order["center_id"], _hour(order["closed_at"])]
            hour["cancelled"] += order["status"] == "cancelled"
            if order["status"] == "handed_off":
                for name, amount in _handed_off_amounts(order).items():
                    # Whole milliseconds add up without an error that depends on the order of adding.
                    hour[name] = round(hour[name] + amount, 3)
    return dict(hours)


_HOUR_SUMS = ("lead_s", "wait_s", *(f"wait_{activity}_s" for activity in WAITS), "touch_s", "pickup_s")
_HOUR_COUNTS = (
    *("check_ins", "handed_off", "cancelled", "judged", "fixed_first_time"),
    *("part_requests", "stockouts", "emergencies", "surveys", "promoters", "detractors", "complaints"),
    *("quick_ready", "quick_in_time", "promise_both", "promise_kept"),
)


def _empty_hour() -> dict[str, Any]:
    return {**dict.fromkeys(_HOUR_COUNTS, 0), **dict.fromkeys(_HOUR_SUMS, 0.0)}


def _handed_off_amounts(order: Order) -> dict[str, Any]:
    return {
        **{name: order[name] for name in (*_HOUR_SUMS, "part_requests", "stockouts", "emergencies", "complaints")},
        "handed_off": 1,
        "judged": order["ftf"] is not None,
        "fixed_first_time": order["ftf"] is True,
        "surveys": order["score"] is not None,
        "promoters": order["score"] is not None and order["score"] >= 9,
        "detractors": order["score"] is not None and order["score"] <= 6,
        "quick_ready": _is_quick_and_ready(order),
        "quick_in_time": _is_quick_and_ready(order) and _is_quick_in_time(order),
        "promise_both": _has_promise_and_ready(order),
        "promise_kept": _has_promise_and_ready(order) and order["ready_at"] <= order["promised_at"],
    }


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _is_quick_and_ready(order: Order) -> bool:
    return order["lane"] == "quick" and order["ready_at"] is not None


def _is_quick_in_time(order: Order) -> bool:
    return bool(order["ready_at"] - order["checked_in_at"] <= timedelta(minutes=15))


def _has_promise_and_ready(order: Order) -> bool:
    return order["ready_at"] is not None and order["promised_at"] is not None


def figures_of(orders: dict[Key, Order]) -> dict[str, Any]:
    """The figures of CONTRACT section 4 over these orders; None where nothing is there to divide by.

    Rates are between 0 and 1, NPS between -100 and 100, waits seconds of handed-off orders (p90: linear between ranks).
    """
    rows = list(orders.values())
    handed_off = [order for order in rows if order["status"] == "handed_off"]
    judged = [order for order in rows if order["ftf"] is not None]
    quick = [order for order in rows if _is_quick_and_ready(order)]
    promised = [order for order in rows if _has_promise_and_ready(order)]
    quoted = [order for order in handed_off if None not in (order["final_amount"], order["approved_amount"])]
    requests = [part for order in rows for part in order["parts"]]
    emergencies = [part for part in requests if part["urgency"] == "emergency"]
    waits = [order["wait_s"] for order in handed_off if order["wait_s"] is not None]
    return {
        **_nps([order["score"] for order in rows if order["score"] is not None]),
        "stockout_rate": _rate(part["backordered_at"] is not None for part in requests),
        "emergency_parts_in_time": _rate(_is_fulfilled_in_time(part) for part in emergencies),
        "quick_in_time": _rate(_is_quick_in_time(order) for order in quick),
        "promise_kept": _rate(order["ready_at"] <= order["promised_at"] for order in promised),
        "quote_kept": _rate(
            abs(order["final_amount"] - order["approved_amount"]) * 100 <= order["approved_amount"] for order in quoted
        ),
        "complaints_per_100": 100 * mean(order["complaints"] for order in handed_off) if handed_off else None,
        "ftfr": _rate(order["ftf"] for order in judged),
        "wait_mean_s": mean(waits) if waits else None,
        "wait_median_s": median(waits) if waits else None,
        "wait_p90_s": _quantile(waits, 0.9),
    }


def _rate(held: Iterable[bool]) -> float | None:
    answers = list(held)
    return sum(answers) / len(answers) if answers else None


def _is_fulfilled_in_time(part: dict[str, Any]) -> bool:
    requested, fulfilled = part["requested_at"], part["fulfilled_at"]
    return None not in (requested, fulfilled) and fulfilled - requested <= timedelta(hours=2)


def _nps(scores: list[int]) -> dict[str, Any]:
    """NPS, n and the 95 % interval by normal approximation: variance of the values +1, 0, -1 over n."""
    if not scores:
        return {"nps": None, "nps_n": 0, "nps_low": None, "nps_high": None}
    promoters, detractors = _rate(s >= 9 for s in scores) or 0.0, _rate(s <= 6 for s in scores) or 0.0
    net = promoters - detractors
    half = NormalDist().inv_cdf(0.975) * math.sqrt((promoters + detractors - net**2) / len(scores))
    return {"nps": 100 * net, "nps_n": len(scores), "nps_low": 100 * (net - half), "nps_high": 100 * (net + half)}


def _quantile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    ranked, place = sorted(values), share * (len(values) - 1)
    low, high = ranked[math.floor(place)], ranked[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


# Time


def _ms(at: str | datetime) -> int:
    """Whole milliseconds since 1970, cut."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    if moment.tzinfo is None:
        raise ValueError("a time without offset")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def merged_stages(
    stages: Iterable[tuple[str, datetime, datetime | None]],
) -> Iterator[tuple[str, datetime, datetime | None]]:
    """The same stages, with neighbours of one activity joined and empty ones left out, for a comparison."""
    last: tuple[str, datetime, datetime | None] | None = None
    for activity, since, until in stages:
        if until == since:
            continue
        if last and (last[0], last[2]) == (activity, since):
            last = (activity, last[1], until)
            continue
        if last:
            yield last
        last = (activity, since, until)
    if last:
        yield last
