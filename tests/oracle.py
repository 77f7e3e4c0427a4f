"""What CONTRACT.md says about a list of events, worked out slowly and from nothing but the text.

End-to-end tests compare the product's results with these. Nothing here is shared with the product, and nothing is
clever: at each instant the activity is asked for again, from the list of all that had happened by then.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle_terms import Event, Key, Order, instant_of, ms_of
from tests.oracle_times import is_failed_check, no_times, open_requests, pause_reasons, quote_in, times_of

# What counts after the close, too, and what is told before the check-in and needs none.
AFTERWARDS = ("survey", "complaint", "follow_up")
BEFOREHAND = ("appointment",)
TERMINAL = {"handoff": "handed_off", "cancellation": "cancelled"}
COMEBACK_MS = 30 * 24 * 3600 * 1000
COMEBACK_KM = 1000


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
    approved_amount, `stages` [(activity, start, end or None while running)], `parts`, `surveys`, `complaint_list`,
    `follow_ups`.
    Times are aware datetimes in whole milliseconds, durations float seconds, money Decimal. An open order's durations
    run to `now`, or to its last event where that is later: an early `now` asks for the figures as of the last event.
    """
    histories = _histories(events)
    orders = Orders({key: _order(history, ms_of(now)) for key, history in histories.items()})
    handoffs = {key: _handoff_ms(history) for key, history in histories.items()}
    for key, order in orders.items():
        _judge(order, histories[key], handoffs[key], orders)
    return orders


def is_never_closed(order: Order, now: datetime) -> bool:
    """Open, and without any event for 30 days: a matter of the instant, so that facts do not have it."""
    return order["status"] == "open" and now - order["last_event_at"] > timedelta(days=30)


def _histories(events: Iterable[Event]) -> dict[Key, list[Event]]:
    """Each order's distinct events, sorted by time and then by event id. `ms` is the cut `occurred_at`."""
    keys: set[tuple[Key, str, str]] = set()
    histories: dict[Key, list[Event]] = {}
    for event in events:
        key = (event["center_id"], event["order_id"])
        identity = (key, event["vehicle_id"], event["event_id"])
        if identity in keys:
            continue
        keys.add(identity)
        histories.setdefault(key, []).append({**event, "ms": ms_of(event["occurred_at"])})
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
    order |= no_times() if check_in is None else times_of(counted, check_in, closing, now_ms)
    order["paused_for"] = pause_reasons(counted) if check_in is not None and closing is None else []
    order["is_visit"] = any(event["type"] not in AFTERWARDS + BEFOREHAND for event in history)
    order["checked"] = any(event["type"] in ("quality_check", "ready") for event in counted)
    order["passed_check"] = _passed_check(counted)
    order["closed_at"] = instant_of(closing["ms"]) if closing else None
    order |= _money(counted, closing)
    order |= _parts(counted)
    order |= _faults(counted)
    order |= _voices(history)
    order["event_count"] = len(history)
    order["last_event_at"] = instant_of(max(event["ms"] for event in history))
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


# Money, parts, faults, voices


def _passed_check(counted: list[Event]) -> bool | None:
    """Whether a check was passed since the last repair; None without a check-in."""
    types = [event["type"] for event in counted]
    if "check_in" not in types:
        return None
    passed = False
    for event in counted[types.index("check_in") :]:
        if event["type"] == "quality_check" and event.get("phase") in (None, "completed"):
            passed = event["passed"]
        elif event["type"] == "repair":
            passed = False
    return passed


def _money(counted: list[Event], closing: Event | None) -> Order:
    quoted = approved = None
    for event in counted:
        if (quote := quote_in(event)) is not None:
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
        return next((instant_of(event["ms"]) for event in events if event["phase"] == phase), None)

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
        "expected_at": None if expected is None else instant_of(ms_of(expected)),
        "unit_price": _decimal(_last_said(events, "unit_price")),
    }


def _last_said(events: list[Event], field: str) -> Any:
    values = [event[field] for event in events if event.get(field) is not None]
    return values[-1] if values else None


def _faults(counted: list[Event]) -> Order:
    completed = [event for event in counted if event["type"] == "diagnosis" and event["phase"] == "completed"]
    groups = {group for event in completed for group in event.get("fault_groups") or ()}
    return {"fault_groups": sorted(groups), "fault_origin": _last_said(completed, "fault_origin")}


def _voices(history: list[Event]) -> Order:
    surveys = [
        {
            "event_id": event["event_id"],
            "occurred_at": instant_of(event["ms"]),
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
        "follow_ups": [
            {**{name: event[name] for name in ("event_id", "of", "phase")}, "occurred_at": instant_of(event["ms"])}
            for event in history
            if event["type"] == "follow_up"
        ],
    }


def _complaint(complaint_id: str, events: list[Event]) -> dict[str, Any]:
    """One complaint: when and by which event it was first heard of, the rest as last said."""
    return {
        "complaint_id": complaint_id,
        "event_id": events[0]["event_id"],
        "occurred_at": instant_of(events[0]["ms"]),
        "category": events[-1]["category"],
        "severity": _last_said(events, "severity"),
        "phases": [event.get("phase") or "opened" for event in events],
        "reached_at": [instant_of(event["ms"]) for event in events],
    }


def _anomalies(history: list[Event], counted: list[Event], check_in: Event | None) -> list[str]:
    anomalies = set()
    if check_in is None:
        if any(event["type"] not in BEFOREHAND for event in history):
            anomalies.add("missing_check_in")
    elif any(event["ms"] < check_in["ms"] for event in history if event["type"] not in ("check_in", *BEFOREHAND)):
        anomalies.add("negative_gap")
    if any(event["type"] not in AFTERWARDS for event in history[len(counted) :]):
        anomalies.add("activity_after_close")
    return sorted(anomalies)


# First-time fix


def _judge(order: Order, history: list[Event], handoff_ms: int | None, orders: dict[Key, Order]) -> None:
    """Fill in ftf, ftf_cause and which order came back."""
    order |= {"ftf": None, "ftf_cause": None, "comeback_order_id": None, "comeback_center_id": None}
    counted = _counted(history)[0]
    if handoff_ms is None or not any(event["type"] == "repair" for event in counted):
        return
    comebacks = [later_order for later_order in orders.values() if _comes_back(order, handoff_ms, later_order)]
    first = min(comebacks, key=lambda o: (o["checked_in_at"], o["center_id"], o["order_id"]), default=None)
    if _was_reworked(counted):
        order["ftf_cause"] = "rework"
    elif open_requests(counted):
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
        if is_failed_check(event):
            return True
        if event["type"] != "repair":
            continue
        if event["phase"] == "completed":
            completed.add(event["job_id"])
        elif event["phase"] == "started" and event["job_id"] in completed:
            return True
    return False


def _comes_back(order: Order, handoff_ms: int, later_order: Order) -> bool:
    if later_order["vehicle_id"] != order["vehicle_id"] or later_order is order or later_order["checked_in_at"] is None:
        return False
    if not 0 < ms_of(later_order["checked_in_at"]) - handoff_ms <= COMEBACK_MS:
        return False
    if not set(order["fault_groups"]) & set(later_order["fault_groups"]):
        return False
    before, after = _decimal(order["odometer_km"]), _decimal(later_order["odometer_km"])
    return before is None or after is None or after - before <= COMEBACK_KM
